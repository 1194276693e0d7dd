// Stateless rules: each broken once, and none by the transactions of official blocks that are valid.

import { describe, expect, test } from "bun:test";
import { bigintToBytes } from "#base/bytes.ts";
import { decodeBlock } from "#chain/block.ts";
import { developmentGenesis, parseGenesis } from "#chain/genesis.ts";
import { HARDFORKS, type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import { UINT64_MAX, UINT256_MAX } from "#chain/primitives.ts";
import type { RejectCode } from "#chain/reject.ts";
import { signTransaction, type Transaction, TransactionDecodeError, type TransactionType } from "#chain/transaction.ts";
import {
  checkStateless,
  floorDataGas,
  INIT_CODE_SIZE_MAX,
  intrinsicGas,
  type StatelessContext,
  TRANSACTION_SIZE_MAX,
} from "#chain/validity.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { SECP256K1_N } from "#crypto/secp256k1.ts";
import { vectorsFolder } from "#test/vectors.ts";
import { vectorChains } from "./blockchain-vectors.ts";

const KEY = keccak256(new Uint8Array(3));
const spec = parseGenesis({ config: { chainId: 1, megaeth: {} }, alloc: {} }).spec;
const folder = vectorsFolder("blockchain-tests");

/** Exceptions of the blockchain tests that need no state to be seen. */
const STATELESS: Readonly<Record<string, RejectCode>> = {
  "TransactionException.GAS_LIMIT_EXCEEDS_MAXIMUM": "transaction gas limit too high",
  "TransactionException.TYPE_3_TX_BLOB_COUNT_EXCEEDED": "too many blobs in transaction",
  "TransactionException.TYPE_4_EMPTY_AUTHORIZATION_LIST": "set code tx must have at least one authorization tuple",
  "TransactionException.TYPE_4_TX_PRE_FORK": "transaction type not supported",
  "TransactionException.PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS": "max priority fee per gas higher than max fee per gas",
};

describe.skipIf(folder === null)("official blockchain tests", () => {
  test("transactions of valid blocks pass, those of blocks that say why they are not do not", async () => {
    let passed = 0;
    for await (const chain of vectorChains(folder as string)) {
      for (const { bytes, exception } of chain.blocks) {
        const wanted = exception === null ? null : STATELESS[exception];
        if (wanted === undefined) continue;
        const { header, transactions } = decodeBlock(bytes);
        const fork = chain.spec.hardforkAt(header.number, header.timestamp);
        const context = { blockGasLimit: header.gasLimit, timestamp: header.timestamp };
        const codes = transactions.map((transaction) => checkStateless(transaction, chain.spec, fork, context)?.code);
        if (wanted === null)
          expect(
            codes.filter((code) => code !== undefined),
            chain.name,
          ).toEqual([]);
        else expect(codes, chain.name).toContain(wanted);
        passed += wanted === null ? transactions.length : 0;
      }
    }
    expect(passed).toBeGreaterThan(0);
  }, 60_000);
});

describe("every rule, in geth's words", () => {
  const long = new Uint8Array(INIT_CODE_SIZE_MAX + 1);
  const authorization = { chainId: 1n, address: new Uint8Array(20), nonce: 0n, yParity: 0, r: KEY, s: KEY };
  const blob = Uint8Array.from(KEY).fill(1, 0, 1);
  const cases: readonly (readonly [string, Partial<Transaction>, string, { fork?: Hardfork } & StatelessContext])[] = [
    [
      "unprotected",
      { chainId: null },
      "only replay-protected (EIP-155) transactions allowed over RPC",
      { replayProtectedOnly: true },
    ],
    [
      "blobs refused",
      { type: 3 },
      "transaction type not supported: tx type 3 not supported by this pool",
      { blobsRefused: true },
    ],
    [
      "size",
      {},
      "oversized data: transaction size 131073, limit 131072",
      { encodedSizeBytes: TRANSACTION_SIZE_MAX + 1 },
    ],
    [
      "type 1 early",
      { type: 1 },
      "transaction type not supported: type 1 rejected, pool not yet in Berlin",
      { fork: "istanbul" },
    ],
    [
      "type 2 very early",
      { type: 2 },
      "transaction type not supported: type 2 rejected, pool not yet in Berlin",
      { fork: "istanbul" },
    ],
    [
      "type 2 early",
      { type: 2 },
      "transaction type not supported: type 2 rejected, pool not yet in London",
      { fork: "berlin" },
    ],
    [
      "type 3 early",
      { type: 3 },
      "transaction type not supported: type 3 rejected, pool not yet in Cancun",
      { fork: "shanghai" },
    ],
    [
      "type 4 early",
      { type: 4 },
      "transaction type not supported: type 4 rejected, pool not yet in Prague",
      { fork: "cancun" },
    ],
    ["init code", { to: null, data: long }, "max initcode size exceeded: code size 49153, limit 49152", {}],
    ["gas cap", { gasLimit: 2n ** 24n + 1n }, "transaction gas limit too high (cap: 16777216, tx: 16777217)", {}],
    ["block gas", { gasLimit: 30_001n }, "exceeds block gas limit", { blockGasLimit: 30_000n }],
    ["value", { value: UINT256_MAX + 1n }, "value exceeds 256 bits", {}],
    ["fee cap", { maxFeePerGas: UINT256_MAX + 1n }, "max fee per gas higher than 2^256-1", {}],
    ["tip cap", { maxPriorityFeePerGas: UINT256_MAX + 1n }, "max priority fee per gas higher than 2^256-1", {}],
    [
      "tip above cap",
      { type: 2, maxPriorityFeePerGas: 101n },
      "max priority fee per gas higher than max fee per gas",
      {},
    ],
    ["gas × price", { maxFeePerGas: UINT256_MAX }, "gas * gasPrice exceeds 256 bits", {}],
    ["chain id", { chainId: 5n }, "invalid sender: invalid chain id for signer: have 5 want 1", {}],
    ["EIP-155 early", {}, "invalid sender: invalid transaction v, r, s values", { fork: "tangerineWhistle" }],
    ["r of zero", { r: new Uint8Array(32) }, "invalid sender: invalid transaction v, r, s values", {}],
    ["s of n", { s: bigintToBytes(SECP256K1_N, 32) }, "invalid sender: invalid transaction v, r, s values", {}],
    [
      "high s",
      { s: bigintToBytes(SECP256K1_N / 2n + 1n, 32) },
      "invalid sender: invalid transaction v, r, s values",
      {},
    ],
    ["nonce", { nonce: UINT64_MAX }, "nonce has max value", {}],
    ["intrinsic gas", { gasLimit: 20_000n }, "intrinsic gas too low: gas 20000, minimum needed 21000", {}],
    [
      "floor",
      { data: new Uint8Array(1000).fill(1), gasLimit: 60_000n },
      "insufficient gas for floor data gas cost: gas 60000, minimum needed 61000",
      {},
    ],
    ["blob create", { type: 3, to: null, blobVersionedHashes: [blob] }, "blob transaction of type create", {}],
    ["no blobs", { type: 3 }, "blob transaction missing blob hashes", {}],
    [
      "7 blobs",
      { type: 3, blobVersionedHashes: Array(7).fill(blob) },
      "too many blobs in transaction: have 7, permitted 6",
      {},
    ],
    [
      "10 blobs in Prague",
      { type: 3, blobVersionedHashes: Array(10).fill(blob) },
      "too many blobs in transaction: have 10, permitted 9",
      { fork: "prague", timestamp: 0 },
    ],
    [
      "blob version",
      { type: 3, blobVersionedHashes: [blob, KEY.slice().fill(2, 0, 1)] },
      "blob 1 has invalid hash version",
      {},
    ],
    [
      "set code create",
      { type: 4, to: null, authorizationList: [authorization] },
      "EIP-7702 transaction cannot be used to create contract",
      {},
    ],
    ["set code nothing", { type: 4 }, "set code tx must have at least one authorization tuple", {}],
  ];
  for (const [what, change, message, { fork = "osaka", ...context }] of cases) {
    test(what, () => {
      const rejected = checkStateless({ ...example(change.type ?? 0), ...change }, spec, fork, context);
      expect(rejected?.message).toBe(message);
      expect(message.startsWith(rejected?.code.slice(0, 4) as string)).toBe(true);
    });
  }

  test("good ones of every type pass", () => {
    const context = { blockGasLimit: 10n ** 8n, timestamp: 0, encodedSizeBytes: 1000, replayProtectedOnly: true };
    for (const type of [0, 1, 2, 3, 4] as const) {
      const lists = {
        blobVersionedHashes: type === 3 ? [blob] : [],
        authorizationList: type === 4 ? [authorization] : [],
      };
      expect(checkStateless({ ...example(type), ...lists }, spec, "osaka", context)).toBeNull();
    }
    expect(checkStateless({ ...example(0), chainId: null }, spec, "osaka")).toBeNull();
    expect(
      checkStateless({ ...example(0), chainId: null, s: bigintToBytes(SECP256K1_N - 1n, 32) }, spec, "frontier"),
    ).toBeNull();
  });

  test("the gas cap is off before Osaka and on development chains", () => {
    const big = { ...example(0), gasLimit: 10n ** 9n };
    expect(checkStateless(big, spec, "prague")).toBeNull();
    const development = developmentGenesis({ chainId: 1n, timestamp: 0n }).spec;
    expect(checkStateless(big, development, "osaka")).toBeNull();
  });
});

describe("intrinsic gas by fork", () => {
  const data = Uint8Array.of(0, 1, 2, 0, 0);
  const gas = (change: Partial<Transaction>, fork: Hardfork) => intrinsicGas({ ...example(0), ...change }, fork);

  test("calldata, creation, lists", () => {
    expect([gas({ data }, "petersburg"), gas({ data }, "istanbul")]).toEqual([21_148n, 21_044n]);
    expect([gas({ to: null }, "frontier"), gas({ to: null }, "homestead")]).toEqual([21_000n, 53_000n]);
    expect([gas({ to: null, data }, "paris"), gas({ to: null, data }, "shanghai")]).toEqual([53_044n, 53_046n]);
    const accessList = [{ address: KEY.slice(12), storageKeys: [KEY, KEY] }];
    expect(gas({ accessList }, "berlin")).toBe(21_000n + 2_400n + 2n * 1_900n);
    const authorization = { chainId: 1n, address: KEY.slice(12), nonce: 0n, yParity: 0, r: KEY, s: KEY };
    expect(gas({ authorizationList: [authorization, authorization] }, "prague")).toBe(71_000n);
  });

  test("the calldata floor starts with Prague", () => {
    const transaction = { ...example(0), data };
    expect(HARDFORKS.map((fork) => floorDataGas(transaction, fork) > 0n)).toEqual(
      HARDFORKS.map((fork) => isAtLeast(fork, "prague")),
    );
    expect(floorDataGas(transaction, "prague")).toBe(21_000n + 10n * (3n + 2n * 4n));
  });
});

test("a decode error is an error with a code", () => {
  expect(new TransactionDecodeError("x").code).toBe("TRANSACTION_INVALID");
});

function example(type: TransactionType): Transaction {
  return signTransaction(
    {
      type,
      chainId: 1n,
      nonce: 0n,
      gasPrice: 100n,
      maxFeePerGas: 100n,
      maxPriorityFeePerGas: type < 2 ? 100n : 1n,
      gasLimit: 2_000_000n,
      to: KEY.slice(12),
      value: 0n,
      data: new Uint8Array(0),
      accessList: [],
      authorizationList: [],
      maxFeePerBlobGas: 0n,
      blobVersionedHashes: [],
    },
    KEY,
  );
}
