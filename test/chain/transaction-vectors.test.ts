// The official transaction tests: for every fork in every file, whether the transaction is valid, and then its hash, sender
// and intrinsic gas.

import { describe, expect, test } from "bun:test";
import { fromHex, toHex, toQuantity } from "#base/hex.ts";
import { OSAKA_TRANSACTION_GAS_CAP } from "#chain/chain-spec.ts";
import { parseGenesis } from "#chain/genesis.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { decodeTransaction, recoverSender, TransactionDecodeError, transactionHash } from "#chain/transaction.ts";
import { checkStateless, intrinsicGas } from "#chain/validity.ts";
import { VECTOR_FORKS, vectorsFolder } from "#test/vectors.ts";
import { vectorFiles } from "./vectors.ts";

type Outcome = {
  readonly exception?: string;
  readonly hash?: string;
  readonly sender?: string;
  readonly intrinsicGas?: string;
};
type TransactionVectors = Readonly<
  Record<string, { readonly txbytes: string; readonly result: Readonly<Record<string, Outcome>> }>
>;

const spec = parseGenesis({ config: { chainId: 1 }, alloc: {} }).spec;
const folder = vectorsFolder("transaction-tests");

describe.skipIf(folder === null)("transaction-tests", () => {
  test("validity, hash, sender and intrinsic gas for every fork", async () => {
    expect(spec.transactionGasCap).toBe(OSAKA_TRANSACTION_GAS_CAP);
    const wrong: string[] = [];
    let count = 0;
    for await (const { file, json } of vectorFiles<TransactionVectors>(folder as string)) {
      for (const [name, vector] of Object.entries(json)) {
        for (const [forkName, expected] of Object.entries(vector.result)) {
          const fork = VECTOR_FORKS[forkName];
          if (fork === undefined) throw new Error(`${file}: unknown fork ${forkName}`);
          count++;
          const actual = outcomeOf(vector.txbytes, fork);
          const agrees =
            expected.exception === undefined
              ? JSON.stringify(actual) === JSON.stringify(normalise(expected))
              : actual.exception !== undefined;
          if (!agrees)
            wrong.push(`${file} ${name} ${forkName}: ${JSON.stringify(actual)} ≠ ${JSON.stringify(expected)}`);
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(0);
  });
});

function outcomeOf(text: string, fork: Hardfork): Outcome {
  const bytes = fromHex(text);
  try {
    const transaction = decodeTransaction(bytes);
    const rejected = checkStateless(transaction, spec, fork);
    if (rejected !== null) return { exception: rejected.message };
    const sender = recoverSender(transaction);
    if (sender === null) return { exception: "invalid sender" };
    return {
      hash: toHex(transactionHash(bytes)),
      sender: toHex(sender),
      intrinsicGas: toQuantity(intrinsicGas(transaction, fork)),
    };
  } catch (error) {
    if (error instanceof TransactionDecodeError) return { exception: error.message };
    throw error;
  }
}

function normalise(expected: Outcome): Outcome {
  return {
    hash: String(expected.hash),
    sender: String(expected.sender).toLowerCase(),
    intrinsicGas: toQuantity(BigInt(expected.intrinsicGas ?? 0)),
  };
}
