// Rows 0x50, 0x56 to 0x5b and 0x5f to 0x9f: the stack, jumps, and what only interpreter and compiler themselves know.

import type { Opcode, StructuralOpcode } from "./opcode.ts";
import { always, price, since, TIER } from "./row.ts";

const PUSH_SIZE_BYTES_MAX = 32;
const REACH_MAX = 16;

/** See the head of the file. */
export const STACK: readonly Opcode[] = [
  { kind: "pop", byte: 0x50, name: "POP", inputs: 1, outputs: 0, exists: always, gas: price(TIER.base) },
  jump({ kind: "jump", byte: 0x56, name: "JUMP", inputs: 1, gas: price(TIER.mid) }),
  jump({ kind: "jumpi", byte: 0x57, name: "JUMPI", inputs: 2, gas: price(TIER.high) }),
  { kind: "pc", byte: 0x58, name: "PC", inputs: 0, outputs: 1, exists: always, gas: price(TIER.base) },
  {
    kind: "gas",
    byte: 0x5a,
    name: "GAS",
    inputs: 0,
    outputs: 1,
    exists: always,
    gas: price(TIER.base),
    endsSegment: true,
  },
  { kind: "jumpdest", byte: 0x5b, name: "JUMPDEST", inputs: 0, outputs: 0, exists: always, gas: price(1) },
  push(0, since("shanghai")),
  ...Array.from({ length: PUSH_SIZE_BYTES_MAX }, (_, index) => push(index + 1)),
  ...Array.from({ length: REACH_MAX }, (_, index) => duplicate(index + 1)),
  ...Array.from({ length: REACH_MAX }, (_, index) => swap(index + 1)),
];

/** How many bytes of the code are the operand of an opcode: 0 for all but PUSH1 to PUSH32. */
export function immediateSizeBytes(byte: number): number {
  return byte >= 0x60 && byte <= 0x7f ? byte - 0x5f : 0;
}

/** How deep DUP1 to DUP16 and SWAP1 to SWAP16 reach: 1 to 16. */
export function reachOf(byte: number): number {
  return ((byte - 0x80) & (REACH_MAX - 1)) + 1;
}

function jump(row: Pick<StructuralOpcode, "kind" | "byte" | "name" | "inputs" | "gas">): StructuralOpcode {
  return { ...row, outputs: 0, exists: always, startsSegment: true };
}

function push(sizeBytes: number, exists = always): StructuralOpcode {
  const gas = price(sizeBytes === 0 ? TIER.base : TIER.veryLow);
  return { kind: "push", byte: 0x5f + sizeBytes, name: `PUSH${sizeBytes}`, inputs: 0, outputs: 1, exists, gas };
}

function duplicate(depth: number): StructuralOpcode {
  return {
    kind: "dup",
    byte: 0x7f + depth,
    name: `DUP${depth}`,
    inputs: depth,
    outputs: depth + 1,
    exists: always,
    gas: price(TIER.veryLow),
  };
}

function swap(depth: number): StructuralOpcode {
  return {
    kind: "swap",
    byte: 0x8f + depth,
    name: `SWAP${depth}`,
    inputs: depth + 1,
    outputs: depth + 1,
    exists: always,
    gas: price(TIER.veryLow),
  };
}
