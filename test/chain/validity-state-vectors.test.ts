// The transactions of the official state tests: those that must run pass every stateless rule of their fork, those that must
// not, for a reason that needs no state, are refused for that reason.

import { describe, expect, test } from "bun:test";
import { fromHex } from "#base/hex.ts";
import { forksFromGenesis } from "#chain/chain-config.ts";
import type { ChainSpec } from "#chain/chain-spec.ts";
import { parseGenesis } from "#chain/genesis.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import type { RejectCode } from "#chain/reject.ts";
import { decodeTransaction, recoverSender, TransactionDecodeError } from "#chain/transaction.ts";
import { checkStateless } from "#chain/validity.ts";
import { VECTOR_FORKS, vectorsFolder } from "#test/vectors.ts";
import { vectorFiles } from "./vectors.ts";

type Post = { readonly txbytes?: string; readonly expectException?: string };
type StateTest = {
  readonly env: { readonly currentGasLimit: string };
  readonly post: Readonly<Record<string, readonly Post[]>>;
};

/** What each exception may be called here; null: no signed transaction at all. Those that need state are not listed. */
const EXPECTED: Readonly<Record<string, readonly (RejectCode | null)[]>> = {
  INTRINSIC_GAS_TOO_LOW: ["intrinsic gas too low", "insufficient gas for floor data gas cost"],
  INTRINSIC_GAS_BELOW_FLOOR_GAS_COST: ["insufficient gas for floor data gas cost", "intrinsic gas too low"],
  TYPE_3_TX_INVALID_BLOB_VERSIONED_HASH: ["blob has invalid hash version"],
  INITCODE_SIZE_EXCEEDED: ["max initcode size exceeded"],
  TYPE_3_TX_ZERO_BLOBS: ["blob transaction missing blob hashes", "transaction type not supported"],
  NONCE_IS_MAX: ["nonce has max value"],
  GAS_LIMIT_EXCEEDS_MAXIMUM: ["transaction gas limit too high"],
  PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS: ["max priority fee per gas higher than max fee per gas"],
  TYPE_1_TX_PRE_FORK: ["transaction type not supported"],
  TYPE_2_TX_PRE_FORK: ["transaction type not supported"],
  TYPE_3_TX_PRE_FORK: ["transaction type not supported"],
  TYPE_4_TX_PRE_FORK: ["transaction type not supported"],
  GAS_ALLOWANCE_EXCEEDED: ["exceeds block gas limit"],
  TYPE_3_TX_CONTRACT_CREATION: [null],
  TYPE_4_TX_CONTRACT_CREATION: [null],
  TYPE_4_EMPTY_AUTHORIZATION_LIST: ["set code tx must have at least one authorization tuple"],
  TYPE_3_TX_BLOB_COUNT_EXCEEDED: ["too many blobs in transaction"],
  TYPE_3_TX_MAX_BLOB_GAS_ALLOWANCE_EXCEEDED: ["too many blobs in transaction"],
};

const folder = vectorsFolder("state-tests");
const specs = new Map<string, ChainSpec>();

describe.skipIf(folder === null)("official state tests", () => {
  test("are let in or refused as they say", async () => {
    const wrong: string[] = [];
    let [passed, refused] = [0, 0];
    for await (const { file, json } of vectorFiles<Readonly<Record<string, StateTest>>>(`${folder}/eest`)) {
      for (const { env, post } of Object.values(json)) {
        for (const [forkName, cases] of Object.entries(post)) {
          for (const { txbytes, expectException } of cases) {
            const fork = VECTOR_FORKS[forkName];
            if (fork === undefined || txbytes === undefined) continue;
            const actual = codeOf(txbytes, fork, BigInt(env.currentGasLimit));
            const expected = expectedCodes(expectException);
            if (expected === null) continue;
            if (!expected.includes(actual))
              wrong.push(`${file} ${forkName}: ${actual} for ${expectException ?? "a valid one"}`);
            if (expectException === undefined) passed++;
            else refused++;
          }
        }
      }
    }
    expect(wrong).toEqual([]);
    expect([passed > 0, refused > 0]).toEqual([true, true]);
  }, 120_000);
});

/** Codes that fit; null when the state decides. "valid": it must pass. */
function expectedCodes(exception: string | undefined): readonly string[] | null {
  if (exception === undefined) return ["valid"];
  const codes = exception.split("|").map((name) => EXPECTED[name.replace("TransactionException.", "")]);
  return codes.includes(undefined) ? null : codes.flatMap((list) => (list ?? []).map(String));
}

function codeOf(txbytes: string, fork: Hardfork, blockGasLimit: bigint): string {
  try {
    const transaction = decodeTransaction(fromHex(txbytes));
    const rejected = checkStateless(transaction, specOf(fork), fork, { blockGasLimit, timestamp: 0 });
    if (rejected !== null) return rejected.code;
    return recoverSender(transaction) === null ? "invalid sender" : "valid";
  } catch (error) {
    if (error instanceof TransactionDecodeError) return String(null);
    throw error;
  }
}

function specOf(fork: Hardfork): ChainSpec {
  const known = specs.get(fork);
  if (known !== undefined) return known;
  const { spec } = parseGenesis({ config: { chainId: 1, ...forksFromGenesis(fork) }, alloc: {} });
  specs.set(fork, spec);
  return spec;
}
