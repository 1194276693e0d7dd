// SALT's hash of plain keys: the software fallback of AHash with fixed seeds. It says which bucket a key lives in and
// where in the bucket its probing starts. 64-bit words are pairs of 32-bit halves in plain numbers, so nothing is
// allocated; a key costs two to five 64 × 64 bit products.
// @see https://github.com/tkaitchuck/aHash (fallback), https://github.com/megaeth-labs/salt

import { DATA_BUCKET_COUNT, METADATA_BUCKET_COUNT } from "./salt-key.ts";

const SEED = [0x921321f4, 0x2ccb667e, 0x60d68842, 0x077ada9d] as const;

// Further fraction bits of pi, halves [high, low], with the seed in the low half.
const KEYS = (
  [
    [0x452821e6, 0x38d01377],
    [0xbe5466cf, 0x34e90c6c],
    [0xc0ac29b7, 0xc97c50dd],
    [0x3f84d5b5, 0xb5470917],
  ] as const
).map(([high, low], i) => ({ high, low: (low ^ SEED[i]!) >>> 0 }));
const [PAD, START, BLOCK_LOW, BLOCK_HIGH] = KEYS as [HalfPair, HalfPair, HalfPair, HalfPair];

const MULTIPLIER_HIGH = 0x5851f42d;
const MULTIPLIER_LOW = 0x4c957f2d;
const ROTATION = 23;
const TWO_32 = 0x1_0000_0000;
const NONCE_SIZE_BYTES = 4;

type HalfPair = { readonly high: number; readonly low: number };

// Registers of the computation; the last hash stays in `bufferHigh`, `bufferLow`.
let bufferHigh = 0;
let bufferLow = 0;
let foldHigh = 0;
let foldLow = 0;
let scratch = new Uint8Array(64);

/** The hash of any byte string, as an unsigned 64-bit integer. For checks and cold callers. */
export function hashBytes(data: Uint8Array): bigint {
  hash(data, data.length);
  return (BigInt(bufferHigh) << 32n) | BigInt(bufferLow);
}

/** The hash of a plain key under a bucket's nonce (u32), as an unsigned 64-bit integer. For checks and cold callers. */
export function hashWithNonce(key: Uint8Array, nonce: number): bigint {
  hashKeyAndNonce(key, nonce);
  return (BigInt(bufferHigh) << 32n) | BigInt(bufferLow);
}

/**
 * The data bucket that a plain key lives in, 65,536 to 2^24 - 1.
 */
export function bucketOfKey(key: Uint8Array): number {
  hash(key, key.length);
  return METADATA_BUCKET_COUNT + remainder(DATA_BUCKET_COUNT);
}

/**
 * The slot that probing starts at: the hash of the key with the bucket's nonce (u32), modulo the capacity (1 to 2^40).
 */
export function homeSlot(key: Uint8Array, nonce: number, capacity: number): number {
  hashKeyAndNonce(key, nonce);
  return remainder(capacity);
}

function hashKeyAndNonce(key: Uint8Array, nonce: number): void {
  const size = key.length + NONCE_SIZE_BYTES;
  if (scratch.length < size) scratch = new Uint8Array(size);
  scratch.set(key);
  for (let i = 0; i < NONCE_SIZE_BYTES; i++) scratch[key.length + i] = nonce >>> (8 * i);
  hash(scratch, size);
}

// The buffer modulo `divisor` <= 2^40: by 12 bits at a time, so that every step stays below 2^53.
function remainder(divisor: number): number {
  if (divisor <= TWO_32 && (divisor & (divisor - 1)) === 0) return (bufferLow & (divisor - 1)) >>> 0;
  let rest = bufferHigh >>> 20;
  rest = (rest * 4096 + ((bufferHigh >>> 8) & 0xfff)) % divisor;
  rest = (rest * 4096 + (((bufferHigh << 4) | (bufferLow >>> 28)) & 0xfff)) % divisor;
  rest = (rest * 4096 + ((bufferLow >>> 16) & 0xfff)) % divisor;
  rest = (rest * 4096 + ((bufferLow >>> 4) & 0xfff)) % divisor;
  return (rest * 16 + (bufferLow & 0xf)) % divisor;
}

function hash(data: Uint8Array, size: number): void {
  bufferHigh = START.high;
  bufferLow = START.low;
  const sum = bufferLow + size;
  multiply((bufferHigh + (sum >= TWO_32 ? 1 : 0)) >>> 0, sum >>> 0, MULTIPLIER_HIGH, MULTIPLIER_LOW);
  bufferHigh = productHigh;
  bufferLow = productLow;
  if (size > 16) {
    absorbWords(data, size - 16, size - 8);
    for (let offset = 0; size - offset > 16; offset += 16) absorbWords(data, offset, offset + 8);
  } else if (size > 8) absorbWords(data, 0, size - 8);
  else if (size >= 4) absorb(0, word(data, 0), 0, word(data, size - 4));
  else if (size >= 2) absorb(0, data[0]! | (data[1]! << 8), 0, data[size - 1]!);
  else absorb(0, data[0] ?? 0, 0, data[0] ?? 0);
  const turns = bufferLow & 63;
  multiply(bufferHigh, bufferLow, PAD.high, PAD.low);
  rotateIntoBuffer(foldHigh, foldLow, turns);
}

function word(data: Uint8Array, offset: number): number {
  return (data[offset]! | (data[offset + 1]! << 8) | (data[offset + 2]! << 16) | (data[offset + 3]! << 24)) >>> 0;
}

function absorbWords(data: Uint8Array, lowAt: number, highAt: number): void {
  absorb(word(data, lowAt + 4), word(data, lowAt), word(data, highAt + 4), word(data, highAt));
}

// Takes in one 128-bit block, given as two 64-bit words of two halves each.
function absorb(firstHigh: number, firstLow: number, secondHigh: number, secondLow: number): void {
  multiply(
    (firstHigh ^ BLOCK_LOW.high) >>> 0,
    (firstLow ^ BLOCK_LOW.low) >>> 0,
    (secondHigh ^ BLOCK_HIGH.high) >>> 0,
    (secondLow ^ BLOCK_HIGH.low) >>> 0,
  );
  const low = bufferLow + PAD.low;
  const high = bufferHigh + PAD.high + (low >= TWO_32 ? 1 : 0);
  rotateIntoBuffer((high ^ foldHigh) >>> 0, (low ^ foldLow) >>> 0, ROTATION);
}

function rotateIntoBuffer(high: number, low: number, turns: number): void {
  if (turns >= 32) [high, low] = [low, high];
  const bits = turns & 31;
  bufferHigh = bits === 0 ? high : ((high << bits) | (low >>> (32 - bits))) >>> 0;
  bufferLow = bits === 0 ? low : ((low << bits) | (high >>> (32 - bits))) >>> 0;
}

let productHigh = 0;
let productLow = 0;

// The 128-bit product of two 64-bit words: its low half in `product`, low half XOR high half in `fold`.
function multiply(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  const middle = upperProduct(aLow, bLow) + lowerProduct(aLow, bHigh) + lowerProduct(aHigh, bLow);
  const third =
    upperProduct(aLow, bHigh) + upperProduct(aHigh, bLow) + lowerProduct(aHigh, bHigh) + Math.floor(middle / TWO_32);
  const top = upperProduct(aHigh, bHigh) + Math.floor(third / TWO_32);
  productLow = lowerProduct(aLow, bLow);
  productHigh = middle >>> 0;
  foldLow = (productLow ^ third) >>> 0;
  foldHigh = (productHigh ^ top) >>> 0;
}

function lowerProduct(a: number, b: number): number {
  return Math.imul(a, b) >>> 0;
}

function upperProduct(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const first = aHigh * bLow + ((aLow * bLow) >>> 16);
  const second = aLow * bHigh + (first & 0xffff);
  return aHigh * bHigh + (first >>> 16) + (second >>> 16);
}
