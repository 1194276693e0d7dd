// Known answers for every primitive, checked at start on the implementations that this process will use: a broken
// kernel or add-on stops the node before it touches a chain, and the answer names the implementations, so that a slow
// fallback is seen. Answers are from the primitives' own documents or were computed with an independent library.

import { bytesEqual, utf8 } from "#base/bytes.ts";
import { fromHex, toHex } from "#base/hex.ts";
import { lz4Compress, lz4Decompress } from "#base/lz4.ts";
import { BLAKE3_BACKEND, Blake3Hasher, blake3 } from "./blake3.ts";
import { KECCAK_BACKEND, keccak256 } from "./keccak256.ts";
import {
  addressFromPrivateKey,
  encodeSignature,
  RECOVERY_BACKEND,
  recoverAddress,
  recoverPublicKey,
  SECP256K1_BACKEND,
  sign,
} from "./secp256k1.ts";
import { sha256 } from "./sha256.ts";

/** The operations under test; the parameter of `runCryptoSelfTest` exists so that a test can break one. */
export type CryptoOperations = {
  keccak256: typeof keccak256;
  blake3: typeof blake3;
  sha256: typeof sha256;
  sign: typeof sign;
  recoverAddress: typeof recoverAddress;
  recoverPublicKey: typeof recoverPublicKey;
  addressFromPrivateKey: typeof addressFromPrivateKey;
  lz4Compress: typeof lz4Compress;
  lz4Decompress: typeof lz4Decompress;
};

/** Which implementation each primitive runs on. */
export type CryptoBackends = {
  keccak: "wasm" | "noble";
  secp256k1: "native" | "noble";
  recovery: "wasm" | "native" | "noble";
  blake3: "native" | "noble";
  lz4: "native";
};

/** A primitive gave a wrong answer: nothing this process computes can be trusted. */
export class CryptoSelfTestError extends Error {
  override readonly name = "CryptoSelfTestError";
  /** For machines. */
  readonly code = "CRYPTO_SELF_TEST_FAILED";
}

const OPERATIONS: CryptoOperations = {
  keccak256,
  blake3,
  sha256,
  sign,
  recoverAddress,
  recoverPublicKey,
  addressFromPrivateKey,
  lz4Compress,
  lz4Decompress,
};

/**
 * Checks every primitive against known answers; takes a few milliseconds.
 * @returns the implementations in use
 * @throws {CryptoSelfTestError} naming the first primitive that answers wrongly
 */
export function runCryptoSelfTest(operations: CryptoOperations = OPERATIONS): CryptoBackends {
  checkKeccak(operations);
  checkBlake3(operations);
  checkSha256(operations);
  checkSecp256k1(operations);
  checkLz4(operations);
  return {
    keccak: KECCAK_BACKEND,
    secp256k1: SECP256K1_BACKEND,
    recovery: RECOVERY_BACKEND,
    blake3: BLAKE3_BACKEND,
    lz4: "native",
  };
}

function expectBytes(what: string, actual: Uint8Array | null, expected: string): void {
  if (actual !== null && bytesEqual(actual, fromHex(expected))) return;
  throw new CryptoSelfTestError(`${what}: expected ${expected}, got ${actual === null ? "nothing" : toHex(actual)}`);
}

// 0, 1, 2 … 250, 0, 1 …: the input pattern of the BLAKE3 test vectors.
function patternBytes(size: number): Uint8Array {
  return new Uint8Array(size).map((_, i) => i % 251);
}

function checkKeccak(ops: CryptoOperations): void {
  for (const [size, expected] of KECCAK_ANSWERS) {
    expectBytes(`keccak256 of ${size} bytes`, ops.keccak256(patternBytes(size)), expected);
  }
}

function checkBlake3(ops: CryptoOperations): void {
  for (const [size, expected] of BLAKE3_ANSWERS) {
    expectBytes(`blake3 of ${size} bytes`, ops.blake3(patternBytes(size)), expected);
  }
  const [size, expected] = BLAKE3_ANSWERS.at(-1)!;
  const pattern = patternBytes(size);
  const incremental = new Blake3Hasher().update(pattern.subarray(0, 1000)).update(pattern.subarray(1000)).digest();
  expectBytes("incremental blake3", incremental, expected);
}

function checkSha256(ops: CryptoOperations): void {
  expectBytes("sha256 of abc", ops.sha256(utf8("abc")), SHA256_ABC);
}

function checkSecp256k1(ops: CryptoOperations): void {
  const privateKey = fromHex(SIGNING.privateKey);
  const hash = fromHex(SIGNING.hash);
  expectBytes("secp256k1 address", ops.addressFromPrivateKey(privateKey), SIGNING.address);
  const signature = ops.sign(hash, privateKey);
  expectBytes("secp256k1 signature", encodeSignature(signature), SIGNING.signature);
  const { r, s, yParity } = signature;
  expectBytes("secp256k1 recovery", ops.recoverAddress(hash, r, s, yParity), SIGNING.address);
  const other = ops.recoverAddress(hash, r, s, yParity === 0 ? 1 : 0);
  expectBytes("secp256k1 recovery with the other parity", other, SIGNING.otherParityAddress);
  if (ops.recoverPublicKey(hash, fromHex(SIGNING.rWithoutPoint), s, 0) !== null) {
    throw new CryptoSelfTestError("secp256k1 recovery: found a key for an x without a point");
  }
}

function checkLz4(ops: CryptoOperations): void {
  const raw = patternBytes(5000);
  expectBytes("lz4 known block", ops.lz4Decompress(fromHex(LZ4_BLOCK), 20), LZ4_RAW);
  const restored = ops.lz4Decompress(ops.lz4Compress(raw), raw.length);
  if (!bytesEqual(restored, raw)) throw new CryptoSelfTestError("lz4: a block does not restore its input");
}

const KECCAK_ANSWERS: readonly (readonly [size: number, hash: string])[] = [
  [0, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"],
  [1, "bc36789e7a1e281436464229828f817d6612f7b477d66591ff96a9e064bcc98a"],
  [135, "cbdfd9dee5faad3818d6b06f95a219fd290b0e1706f6a82e5a595b9ce9faca62"],
  [136, "7ce759f1ab7f9ce437719970c26b0a66ff11fe3e38e17df89cf5d29c7d7f807e"],
  [137, "ac73d4fae68b8453f764007c1a20ce95994187861f0c3227a3a8e99a73a3b1db"],
  [1000, "af692982e84a5a9688359025660a7857cd28ee7c8d867cfa1677baf2e6d1f63b"],
];

// @see https://github.com/BLAKE3-team/BLAKE3/blob/master/test_vectors/test_vectors.json
const BLAKE3_ANSWERS: readonly (readonly [size: number, hash: string])[] = [
  [0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"],
  [1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"],
  [1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"],
  [1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"],
  [1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"],
  [2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"],
];

// @see FIPS 180-4 example, "abc"
const SHA256_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

const SIGNING = {
  privateKey: "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
  hash: "8b76eb1ca5bd24b9b1f628a8fb6bc3653a7870d300db00d87df373c6a14feefd",
  address: "6370ef2f4db3611d657b90667de398a2cc2a370c",
  signature: [
    "c6c5ef7bf9c55d6725088aa3bb5eecd70a61b2d35169619ef435160ce638fbaa",
    "4944fc19c5a3e1bb84eaf896ae4eab7582c910743c6da0d0e1be4a8a6fcf742b",
    "01",
  ].join(""),
  otherParityAddress: "0f5a67a8964c0e627c88dd6b713abe691de1b421",
  rWithoutPoint: "0000000000000000000000000000000000000000000000000000000000000005",
};

// Literals "ab", 13 bytes copied from distance 2, literals "hello".
const LZ4_BLOCK = "29616202005068656c6c6f";
const LZ4_RAW = "61626162616261626162616261626168656c6c6f";
