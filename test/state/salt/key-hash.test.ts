// The hash of plain keys against known answers of the original software, and against the same rule written with
// BigInts on random inputs of every length.

import { describe, expect, test } from "bun:test";
import { concatBytes, utf8 } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { bucketOfKey, hashBytes, hashWithNonce, homeSlot } from "#state/salt/key-hash.ts";

const SEED = 0x5a17;
const MASK = (1n << 64n) - 1n;
const KEYS = [
  0x452821e638d01377n ^ 0x921321f4n,
  0xbe5466cf34e90c6cn ^ 0x2ccb667en,
  0xc0ac29b7c97c50ddn ^ 0x60d68842n,
  0x3f84d5b5b5470917n ^ 0x077ada9dn,
] as const;

function rotate(value: bigint, turns: bigint): bigint {
  return ((value << turns) | (value >> (64n - turns))) & MASK;
}

function fold(a: bigint, b: bigint): bigint {
  const product = a * b;
  return (product & MASK) ^ (product >> 64n);
}

function littleEndian(data: Uint8Array): bigint {
  return data.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** The rule of the specification, read literally. */
function plainHash(data: Uint8Array): bigint {
  const size = data.length;
  let buffer = ((KEYS[1] + BigInt(size)) * 0x5851f42d4c957f2dn) & MASK;
  const absorb = (low: Uint8Array, high: Uint8Array) => {
    const mixed = fold(littleEndian(low) ^ KEYS[2], littleEndian(high) ^ KEYS[3]);
    buffer = rotate(((buffer + KEYS[0]) & MASK) ^ mixed, 23n);
  };
  if (size > 16) {
    absorb(data.slice(-16, -8), data.slice(-8));
    for (let at = 0; size - at > 16; at += 16) absorb(data.slice(at, at + 8), data.slice(at + 8, at + 16));
  } else if (size > 8) absorb(data.slice(0, 8), data.slice(-8));
  else if (size >= 4) absorb(data.slice(0, 4), data.slice(-4));
  else if (size >= 2) absorb(data.slice(0, 2), data.slice(-1));
  else absorb(data, data);
  return rotate(fold(buffer, KEYS[0]), buffer & 63n);
}

const counting = (size: number) => Uint8Array.from({ length: size }, (_, i) => i);

describe("known answers", () => {
  test.each([
    ["hello", 1027176506268606463n],
    ["world", 2337896903564117184n],
    ["hash test", 2116618212096523432n],
  ])("%s", (text, expected) => expect(hashBytes(utf8(text))).toBe(expected));

  test.each([
    [0, 4972614686478438145n],
    [1, 4496987394587359887n],
    [2, 1215112587451856460n],
    [3, 16219421332863341888n],
    [4, 5134559730993604666n],
    [7, 11156702560271332467n],
    [8, 9645053392275396808n],
    [9, 4536020801879879229n],
    [16, 12746440629750494044n],
    [17, 2278129512817388598n],
    [32, 18422011039243098119n],
    [64, 17325896078891115385n],
    [65, 8480342239016890399n],
  ])("the bytes 0, 1, … of length %d", (size, expected) => expect(hashBytes(counting(size))).toBe(expected));

  test.each([
    [60, 12477923349957982158n],
    [61, 6599818881207944209n],
    [64, 5826510289099311106n],
    [65, 7267467440731606995n],
  ])("with a nonce, length %d", (size, expected) =>
    expect(hashWithNonce(new Uint8Array(size).fill(0xa5), 0x01020304)).toBe(expected),
  );

  test.each([
    [utf8(""), 13438721],
    [utf8("hello"), 614399],
    [utf8("world"), 9684160],
    [new Uint8Array(32), 10401393],
    [new Uint8Array(32).fill(0xff), 3118719],
  ])("bucket %#", (key, bucket) => expect(bucketOfKey(key)).toBe(bucket));

  const slotOne = concatBytes(new Uint8Array(31), Uint8Array.of(1));
  const slot473 = concatBytes(new Uint8Array(30), Uint8Array.of(4, 0x73));
  test.each([
    [
      "4200000000000000000000000000000000000011",
      16307022146593405369n,
      3652025,
      14121548972736381514n,
      74,
      4572236040632884176n,
    ],
    [
      "deaddeaddeaddeaddeaddeaddeaddeaddead0001",
      4845442274934257705n,
      13957161,
      15854900292254642384n,
      208,
      10465240510646866372n,
    ],
    ["00".repeat(20), 1303412465081861600n, 12666336, 551017355536177062n, 166, 13995366979568098047n],
    [
      `4200000000000000000000000000000000000015${slotOne.toHex()}`,
      13300876935474084346n,
      13203962,
      17901740734104586525n,
      29,
      15500649066937458452n,
    ],
    [
      `0000f90827f1c53a10cb7a02335b175320002935${slot473.toHex()}`,
      16264889230393456923n,
      13941019,
      4463178600238210697n,
      137,
      8017466827979590434n,
    ],
    [
      "3613e1a1fba6dc9060dc05560681a4de45eb074e",
      7522136437859389440n,
      2461696,
      2515877299047452486n,
      70,
      14004820698111884893n,
    ],
  ])("plain key %s", (text, whole, bucket, underZero, home, underOne) => {
    const key = fromHex(text);
    expect(hashBytes(key)).toBe(whole);
    expect(bucketOfKey(key)).toBe(bucket);
    expect(hashWithNonce(key, 0)).toBe(underZero);
    expect(homeSlot(key, 0, 256)).toBe(home);
    expect(hashWithNonce(key, 1)).toBe(underOne);
  });
});

test(`random inputs hash as the rule in BigInts says (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  const capacities = [1, 256, 300, 512, 65_536, 2 ** 31, 2 ** 32, 2 ** 33, 2 ** 39, 2 ** 40 - 1];
  for (let i = 0; i < 4000; i++) {
    const key = random.bytes(i % 81);
    if (random.chance(0.2)) key.fill(0xff);
    const nonce = random.u32();
    const nonceBytes = Uint8Array.from([nonce, nonce >>> 8, nonce >>> 16, nonce >>> 24]);
    const expected = plainHash(key);
    const expectedUnderNonce = plainHash(concatBytes(key, nonceBytes));
    const capacity = random.pick(capacities);
    expect(hashBytes(key)).toBe(expected);
    expect(bucketOfKey(key)).toBe(65_536 + Number(expected % 16_711_680n));
    expect(hashWithNonce(key, nonce)).toBe(expectedUnderNonce);
    expect(homeSlot(key, nonce, capacity)).toBe(Number(expectedUnderNonce % BigInt(capacity)));
  }
});
