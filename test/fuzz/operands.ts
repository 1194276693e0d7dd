// The words that programs compute with. Faults live at the edges: of limbs, of signs, of shifts, of memory, of addresses.

import { bigintToBytes, trimLeadingZeroes } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import type { SeededRandom } from "#base/random.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { keyOf } from "#test/evm/fixtures.ts";

const WORD = 1n << 256n;

/** Data of a PUSH: minimal, but never empty. */
export type Operand = Uint8Array;

const KEPT_MAX = 1024;
const kept: Operand[] = [];

/** A PUSH of this number, modulo 2^256. */
export function operandOf(value: bigint | number): Operand {
  if (typeof value === "number" && value >= 0 && value < KEPT_MAX) return (kept[value] ??= makeOperand(value));
  return makeOperand(value);
}

function makeOperand(value: bigint | number): Operand {
  const word = ((BigInt(value) % WORD) + WORD) % WORD;
  const bytes = trimLeadingZeroes(bigintToBytes(word, 32));
  return bytes.length === 0 ? Uint8Array.of(0) : bytes;
}

/** A number as a 32-byte word, modulo 2^256. */
export function wordOf(value: bigint | number): Hash32 {
  return bigintToBytes(((BigInt(value) % WORD) + WORD) % WORD, 32);
}

const SMALL: readonly Operand[] = Array.from({ length: 36 }, (_, value) => operandOf(value));
const EDGES: readonly Operand[] = edges().map(operandOf);

function edges(): bigint[] {
  const values: bigint[] = [];
  const exponents = [8, 15, 16, 31, 32, 33, 63, 64, 65, 95, 96, 127, 128, 129, 159, 160, 191, 192, 193, 223, 224, 255];
  for (const exponent of exponents) {
    const power = 1n << BigInt(exponent);
    values.push(power - 1n, power, power + 1n, -power, -power + 1n, -power - 1n);
  }
  values.push(-1n, -2n, -3n, -10n, 3n, 10n, 100n, 1000n, 10n ** 18n, 10n ** 27n, WORD - 10n ** 18n);
  values.push((1n << 256n) / 3n, 0x5bn, 0x5b5b5b5b5b5b5b5bn, 0x0102030405060708090a0b0c0d0e0f10n);
  values.push(0xffff_ffff_0000_0000_ffff_ffff_0000_0000n, ((1n << 64n) - 1n) << 64n, ((1n << 64n) - 1n) << 192n);
  values.push(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n);
  values.push(0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47n);
  return values;
}

/** The keys whose accounts may carry a delegation. */
export const AUTHORITY_KEYS = [keyOf(3), keyOf(4)] as const;
/** Who sends the transactions. */
export const SENDER_KEY = keyOf(1);
/** Where the contracts of a world are. */
export const CONTRACTS: readonly Address[] = [0xc0de_0000, 0xc0de_0001, 0xc0de_0002, 0xc0de_0003].map(addressOf);
/** An account with a balance and no code. */
export const RICH: Address = addressOf(0xabcd);
/** An address without an account. */
export const NOBODY: Address = addressOf(0xdead_0000_0000);
/** Who gets the fees, unless a world says otherwise. */
export const BENEFICIARY: Address = addressOf(0xbeef);

function addressOf(number: number): Address {
  return fromHex(number.toString(16).padStart(40, "0"));
}

/** Where precompiles are, or are from some fork on; the last ones never are. */
export const PRECOMPILES: readonly Address[] = [
  ...[1, 2, 3, 4, 4, 4, 4, 5, 6, 7, 9, 0x0b, 0x0d, 0x100],
  // A few, as they take milliseconds when they succeed.
  ...[1, 2, 3, 4, 4, 5, 6, 7, 9, 0x100, 8, 0x0a, 0x0c, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0xff, 0x101],
].map(addressOf);

const ADDRESSES: readonly Operand[] = [
  ...CONTRACTS,
  // Less often the first, which calls the others: what calls itself twice runs until the gas is gone.
  ...CONTRACTS.slice(1),
  ...CONTRACTS.slice(1),
  RICH,
  NOBODY,
  BENEFICIARY,
  SENDER_KEY.address,
  ...AUTHORITY_KEYS.map((key) => key.address),
  ...AUTHORITY_KEYS.map((key) => key.address),
].map((address) => trimLeadingZeroes(address).slice());
const CALLEES = CONTRACTS.slice(1).map((address) => trimLeadingZeroes(address).slice());
const PRECOMPILE_OPERANDS = PRECOMPILES.map((address) => trimLeadingZeroes(address).slice());

/** Slots that the programs of a world share. */
export const SLOTS: readonly Operand[] = [0, 0, 1, 1, 2, 3, -1n, 1n << 64n].map(operandOf);

/** Shift counts, byte indices and the like. */
const COUNTS: readonly Operand[] = [
  ...[0, 1, 2, 4, 7, 8, 9, 15, 16, 30, 31, 32, 33, 63, 64, 65, 96, 127, 128, 129, 160, 191, 192, 193, 224, 248],
  ...[254, 255, 256, 257, 512, 1n << 32n, 1n << 63n, 1n << 64n, -1n, (1n << 64n) + 1n, 1n << 255n],
].map(operandOf);

/** Offsets and lengths that cost a memory gas that no frame has, or that overflow. */
const HUGE: readonly Operand[] = [
  ...[1n << 20n, 0x1fffe0n, 1n << 31n, (1n << 32n) - 1n, 1n << 32n, (1n << 32n) + 32n, (1n << 53n) - 1n],
  ...[1n << 63n, (1n << 64n) - 1n, (1n << 64n) - 32n, 1n << 64n, (1n << 64n) + 1n, -1n, -32n, 1n << 255n],
].map(operandOf);

const ZERO = operandOf(0);

/** A word of any class. */
export function drawOperand(random: SeededRandom): Operand {
  const kind = random.below(20);
  if (kind < 7) return SMALL[random.below(SMALL.length)]!;
  if (kind < 14) return EDGES[random.below(EDGES.length)]!;
  if (kind < 16) return ADDRESSES[random.below(ADDRESSES.length)]!;
  if (kind < 17) return SLOTS[random.below(SLOTS.length)]!;
  return random.bytes(1 + random.below(32));
}

/** A shift count or byte index. */
export function drawCount(random: SeededRandom): Operand {
  return COUNTS[random.below(COUNTS.length)]!;
}

/** A slot. */
export function drawSlot(random: SeededRandom): Operand {
  return SLOTS[random.below(SLOTS.length)]!;
}

/** An address, sometimes with dirt above its 20 bytes. */
export function drawAddress(random: SeededRandom): Operand {
  const address = random.chance(0.15)
    ? PRECOMPILE_OPERANDS[random.below(PRECOMPILE_OPERANDS.length)]!
    : ADDRESSES[random.below(ADDRESSES.length)]!;
  if (!random.chance(0.04)) return address;
  const dirty = random.bytes(32);
  dirty.fill(0, 12, 32 - address.length);
  dirty.set(address, 32 - address.length);
  return dirty;
}

/** The address of a contract that others call. */
export function drawCallee(random: SeededRandom): Operand {
  return CALLEES[random.below(CALLEES.length)]!;
}

/** The address of a precompile. */
export function drawPrecompile(random: SeededRandom): Operand {
  return PRECOMPILE_OPERANDS[random.below(PRECOMPILE_OPERANDS.length)]!;
}

/** A range of memory: near the start as a rule, and sometimes where it costs too much or nothing at all. */
export function drawRange(
  random: SeededRandom,
  lengthMax = 96,
): { readonly offset: Operand; readonly length: Operand } {
  const kind = random.below(64);
  if (kind === 0) return { offset: HUGE[random.below(HUGE.length)]!, length: ZERO };
  if (kind === 1 && random.chance(0.3)) {
    return { offset: HUGE[random.below(HUGE.length)]!, length: HUGE[random.below(HUGE.length)]! };
  }
  if (kind === 2 && random.chance(0.3)) return { offset: SMALL[3]!, length: HUGE[random.below(HUGE.length)]! };
  if (kind === 3) return { offset: operandOf(random.below(9000)), length: operandOf(random.below(700)) };
  const offset = random.chance(0.6) ? 32 * random.below(6) : random.below(200);
  const length = random.chance(0.15) ? 0 : random.chance(0.4) ? 32 : random.below(lengthMax + 1);
  return { offset: operandOf(offset), length: operandOf(length) };
}

/** An offset in memory, of the same classes as {@link drawRange}. */
export function drawOffset(random: SeededRandom): Operand {
  if (random.chance(0.006)) return HUGE[random.below(HUGE.length)]!;
  if (random.chance(0.02)) return operandOf(random.below(20_000));
  return operandOf(random.chance(0.7) ? 32 * random.below(6) : random.below(200));
}
