// Transactions of all types against viem and @ethereumjs/tx, on random ones; refusals in geth's words.

import { describe, expect, test } from "bun:test";
import { Common, Hardfork, Mainnet } from "@ethereumjs/common";
import { createTxFromRLP } from "@ethereumjs/tx";
import {
  getContractAddress,
  getCreate2Address,
  type Hex,
  parseTransaction,
  recoverTransactionAddress,
  keccak256 as viemKeccak,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { recoverAuthorizationAddress } from "viem/utils";
import { concatBytes } from "#base/bytes.ts";
import { fromHex, toHex } from "#base/hex.ts";
import type { SeededRandom } from "#base/random.ts";
import { decodeRlp, encodeRlp, type RlpItem } from "#chain/rlp.ts";
import { signingHashInto } from "#chain/signing-payload.ts";
import {
  authorizationHash,
  contractAddress,
  create2Address,
  decodeTransaction,
  effectiveGasPrice,
  effectiveTip,
  encodeTransaction,
  recoverAuthority,
  recoverSender,
  signingHash,
  signTransaction,
  type Transaction,
  TransactionDecodeError,
  type TransactionType,
  transactionHash,
  type UnsignedTransaction,
} from "#chain/transaction.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { addressFromPrivateKey, sign } from "#crypto/secp256k1.ts";
import { describeTransaction, randomInteger, randomUnsigned, testSeed, withSeed } from "./random-values.ts";

const TYPES: readonly TransactionType[] = [0, 1, 2, 3, 4];
const KEY = keccak256(new Uint8Array(1));
const SENDER = addressFromPrivateKey(KEY);
const account = privateKeyToAccount(toHex(KEY));

describe("random transactions of each type", () => {
  for (const type of TYPES) {
    test(`type ${type}: encode, decode, hashes and sender agree with viem`, async () => {
      await withSeed(testSeed(100 + type), async (random) => {
        for (let i = 0; i < 40; i++) await compareWithViem(randomUnsigned(random, type));
      });
    });

    test(`type ${type}: agrees with @ethereumjs/tx`, async () => {
      await withSeed(testSeed(200 + type), (random) => {
        for (let i = 0; i < 40; i++) compareWithEthereumjs(randomUnsigned(random, type));
      });
    });
  }

  test("the signing hash from bytes is the one from the object, for chain ids of every size", async () => {
    await withSeed(testSeed(300), (random) => {
      const fromBytes = new Uint8Array(32);
      for (let i = 0; i < 1000; i++) {
        const base = randomUnsigned(random, random.pick(TYPES));
        const unsigned = base.chainId === null ? base : { ...base, chainId: randomInteger(random, 31) };
        const signature = { r: random.bytes(32), s: random.bytes(32), yParity: random.pick([0, 1] as const) };
        signingHashInto(encodeTransaction({ ...unsigned, ...signature }), fromBytes, 0);
        expect(toHex(fromBytes)).toBe(toHex(signingHash(unsigned)));
      }
    });
  });

  test("what decodes from damaged bytes encodes to the same bytes", async () => {
    await withSeed(testSeed(400), (random) => {
      let accepted = 0;
      for (let i = 0; i < 10_000; i++) {
        const signed = signTransactionCheaply(random, randomUnsigned(random, random.pick(TYPES)));
        const bytes = encodeTransaction(signed);
        for (let flips = random.below(3); flips > 0; flips--) bytes[random.below(bytes.length)] = random.below(256);
        try {
          expect(toHex(encodeTransaction(decodeTransaction(bytes)))).toBe(toHex(bytes));
          accepted++;
        } catch (error) {
          if (!(error instanceof TransactionDecodeError)) throw error;
        }
      }
      expect(accepted).toBeGreaterThan(1000);
    });
  });
});

describe("decoding refuses in geth's words", () => {
  const legacy: readonly RlpItem[] = decodeRlp(encodeTransaction(signedExample(0))) as RlpItem[];
  const setCode: readonly RlpItem[] = decodeRlp(encodeTransaction(signedExample(4)).subarray(1)) as RlpItem[];
  const replaced = (fields: readonly RlpItem[], index: number, item: RlpItem) =>
    encodeRlp(fields.map((field, i) => (i === index ? item : field)));
  const typed = (type: number, list: Uint8Array) => concatBytes(Uint8Array.of(type), list);

  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ["nothing", new Uint8Array(0), "typed transaction too short"],
    ["a type byte alone", Uint8Array.of(2), "typed transaction too short"],
    ["an unknown type", fromHex("05c0"), "transaction type not supported"],
    ["type 0 as an envelope", typed(0, encodeRlp(legacy)), "transaction type not supported"],
    ["too few fields", encodeRlp(legacy.slice(0, 8)), "rlp: too few elements for types.LegacyTx"],
    [
      "too many fields",
      encodeRlp([...legacy, Uint8Array.of(1)]),
      "rlp: input list has too many elements for types.LegacyTx",
    ],
    ["bytes behind it", concatBytes(encodeRlp(legacy), Uint8Array.of(1)), "rlp: input contains more than one value"],
    [
      "a nonce above 64 bits",
      replaced(legacy, 0, new Uint8Array(9).fill(1)),
      "rlp: input string too long for uint64, decoding into (types.LegacyTx).Nonce",
    ],
    [
      "a price with a leading zero",
      replaced(legacy, 1, fromHex("0001")),
      "rlp: non-canonical integer (leading zero bytes) for *big.Int, decoding into (types.LegacyTx).GasPrice",
    ],
    [
      "an address of 19 bytes",
      replaced(legacy, 3, new Uint8Array(19)),
      "rlp: input string too short for common.Address, decoding into (types.LegacyTx).To",
    ],
    [
      "data that is a list",
      replaced(legacy, 5, []),
      "rlp: expected input string or byte for []uint8, decoding into (types.LegacyTx).Data",
    ],
    ["v of 26", replaced(legacy, 6, Uint8Array.of(26)), "invalid transaction v, r, s values"],
    ["v of 34", replaced(legacy, 6, Uint8Array.of(34)), "invalid transaction v, r, s values"],
    ["a parity of 2", typed(4, replaced(setCode, 10, Uint8Array.of(2))), "invalid transaction v, r, s values"],
    [
      "type 4 without a recipient",
      typed(4, replaced(setCode, 5, new Uint8Array(0))),
      "rlp: input string too short for common.Address, decoding into (types.SetCodeTx).To",
    ],
    [
      "a storage key of 31 bytes",
      typed(4, replaced(setCode, 8, [[new Uint8Array(20), [new Uint8Array(31)]]])),
      "rlp: input string too short for common.Hash, decoding into (types.SetCodeTx).AccessList[0].StorageKeys",
    ],
    [
      "an authorization whose parity needs two bytes",
      typed(4, replaced(setCode, 9, [[Uint8Array.of(1), new Uint8Array(20), new Uint8Array(0), fromHex("0100")]])),
      "rlp: input string too long for uint8, decoding into (types.SetCodeTx).AuthList[0].V",
    ],
    [
      "the network form of a blob transaction",
      typed(3, encodeRlp([decodeRlp(encodeTransaction(signedExample(3)).subarray(1)), [], [], []])),
      "unexpected blob sidecar in transaction",
    ],
  ];
  for (const [what, bytes, message] of cases) {
    test(what, () => expect(() => decodeTransaction(bytes)).toThrow(new TransactionDecodeError(message)));
  }
});

describe("signing and addresses", () => {
  test("an authorization speaks for its signer, and an invalid one for nobody", async () => {
    const given = { chainId: 1n, address: new Uint8Array(20).fill(7), nonce: 5n };
    const authorization = { ...given, ...sign(authorizationHash(given), KEY) };
    expect(toHex(recoverAuthority(authorization) as Uint8Array)).toBe(toHex(SENDER));
    const oracle = await recoverAuthorizationAddress({
      authorization: { chainId: 1, address: toHex(given.address), nonce: 5 },
      signature: { r: toHex(authorization.r), s: toHex(authorization.s), yParity: authorization.yParity },
    });
    expect(oracle.toLowerCase()).toBe(toHex(SENDER));
    expect(recoverAuthority({ ...authorization, yParity: 2 })).toBeNull();
    expect(recoverAuthority({ ...authorization, s: new Uint8Array(32).fill(0xf0) })).toBeNull();
    expect(recoverAuthority({ ...authorization, r: new Uint8Array(32) })).toBeNull();
  });

  test("contract addresses", async () => {
    await withSeed(testSeed(500), (random) => {
      for (let i = 0; i < 50; i++) {
        const from = random.bytes(20);
        const nonce = randomInteger(random, 6);
        const [salt, initCode] = [random.bytes(32), random.bytes(random.below(100))];
        const created = getContractAddress({ from: toHex(from), nonce });
        expect(toHex(contractAddress(from, nonce))).toBe(created.toLowerCase() as Hex);
        const created2 = getCreate2Address({ from: toHex(from), salt: toHex(salt), bytecode: toHex(initCode) });
        expect(toHex(create2Address(from, salt, keccak256(initCode)))).toBe(created2.toLowerCase() as Hex);
      }
    });
  });

  test("what is paid per gas, and what of it is the tip", () => {
    const dynamic = { ...signedExample(2), maxFeePerGas: 100n, maxPriorityFeePerGas: 3n };
    expect([effectiveGasPrice(dynamic, 50n), effectiveTip(dynamic, 50n)]).toEqual([53n, 3n]);
    expect([effectiveGasPrice(dynamic, 99n), effectiveTip(dynamic, 99n)]).toEqual([100n, 1n]);
    expect(effectiveTip(dynamic, 101n)).toBe(-1n);
    const legacy = { ...signedExample(0), gasPrice: 100n, maxFeePerGas: 100n, maxPriorityFeePerGas: 100n };
    expect([effectiveGasPrice(legacy, 50n), effectiveTip(legacy, 50n)]).toEqual([100n, 50n]);
  });
});

async function compareWithViem(unsigned: UnsignedTransaction): Promise<void> {
  const signed = signTransaction(unsigned, KEY);
  const bytes = encodeTransaction(signed);
  const serialized = await account.signTransaction(viemTransaction(unsigned) as never);
  expect(toHex(bytes)).toBe(serialized);
  expect(toHex(transactionHash(bytes))).toBe(viemKeccak(serialized));
  expect(describeTransaction(decodeTransaction(bytes))).toBe(describeTransaction(signed));
  const recovered = recoverSender(signed) as Uint8Array;
  expect(toHex(recovered)).toBe(toHex(SENDER));
  expect((await recoverTransactionAddress({ serializedTransaction: serialized as never })).toLowerCase()).toBe(
    toHex(recovered),
  );
  const parsed = parseTransaction(serialized as Hex);
  expect(BigInt(parsed.nonce ?? 0)).toBe(unsigned.nonce);
  expect(BigInt(parsed.gas ?? 0)).toBe(unsigned.gasLimit);
  expect((parsed.value ?? 0n) as bigint).toBe(unsigned.value);
}

function viemTransaction(unsigned: UnsignedTransaction): Record<string, unknown> {
  const { type, chainId, to } = unsigned;
  const fees =
    type < 2
      ? { gasPrice: unsigned.gasPrice }
      : { maxFeePerGas: unsigned.maxFeePerGas, maxPriorityFeePerGas: unsigned.maxPriorityFeePerGas };
  return {
    type: ["legacy", "eip2930", "eip1559", "eip4844", "eip7702"][type],
    ...(chainId === null ? {} : { chainId: Number(chainId) }),
    nonce: Number(unsigned.nonce),
    gas: unsigned.gasLimit,
    to: to === null ? undefined : toHex(to),
    value: unsigned.value,
    data: toHex(unsigned.data),
    ...fees,
    ...(type === 0
      ? {}
      : {
          accessList: unsigned.accessList.map((entry) => ({
            address: toHex(entry.address),
            storageKeys: entry.storageKeys.map(toHex),
          })),
        }),
    ...(type === 3
      ? { maxFeePerBlobGas: unsigned.maxFeePerBlobGas, blobVersionedHashes: unsigned.blobVersionedHashes.map(toHex) }
      : {}),
    ...(type === 4
      ? {
          authorizationList: unsigned.authorizationList.map((entry) => ({
            chainId: Number(entry.chainId),
            address: toHex(entry.address),
            nonce: Number(entry.nonce),
            yParity: entry.yParity,
            r: toHex(entry.r),
            s: toHex(entry.s),
          })),
        }
      : {}),
  };
}

function compareWithEthereumjs(random: UnsignedTransaction): void {
  const chainId = random.chainId ?? 1n;
  const unsigned = {
    ...random,
    chainId: random.chainId === null ? null : chainId,
    gasLimit: random.gasLimit + 10n ** 7n,
  };
  const bytes = encodeTransaction(signTransaction(unsigned, KEY));
  // Blob transactions ask for a proof library to be there, though encoding never calls it.
  const customCrypto = { kzg: {} as never };
  const common = new Common({
    chain: { ...Mainnet, chainId: Number(chainId) },
    hardfork: Hardfork.Prague,
    customCrypto,
  });
  const oracle = createTxFromRLP(bytes, { common, allowUnlimitedInitCodeSize: true } as never);
  expect(toHex(oracle.serialize())).toBe(toHex(bytes));
  expect(toHex(oracle.hash())).toBe(toHex(transactionHash(bytes)));
  expect(toHex(oracle.getSenderAddress().bytes)).toBe(toHex(SENDER));
  expect(toHex(oracle.getHashedMessageToSign())).toBe(toHex(signingHash(unsigned)));
}

function signedExample(type: TransactionType): Transaction {
  return signTransaction(
    {
      type,
      chainId: 1n,
      nonce: 1n,
      gasPrice: 5n,
      maxFeePerGas: 5n,
      maxPriorityFeePerGas: type < 2 ? 5n : 1n,
      gasLimit: 21_000n,
      to: new Uint8Array(20).fill(1),
      value: 1n,
      data: new Uint8Array(0),
      accessList: [],
      authorizationList: [],
      maxFeePerBlobGas: 0n,
      blobVersionedHashes: [],
    },
    KEY,
  );
}

function signTransactionCheaply(random: SeededRandom, unsigned: UnsignedTransaction): Transaction {
  return { ...unsigned, r: random.bytes(32), s: random.bytes(32), yParity: random.pick([0, 1] as const) };
}
