// Small operands that follow an opcode in the code.

import { type Code, i32, type Value, type Var } from "#wasm/code.ts";

/** 1 to 4 bytes behind an address as a number. */
export function smallImmediate(code: Code, pc: Var<"i32">, sizeBytes: number): Value<"i32"> {
  if (sizeBytes === 1) return i32.load8(pc, 1);
  if (sizeBytes === 2) {
    const raw = code.i32(i32.load16(pc, 1));
    return i32.or(i32.shrU(raw, 8), i32.and(i32.shl(raw, 8), 0xff00));
  }
  const raw = code.i32(i32.load(pc, 1));
  const whole = i32.or(i32.and(i32.rotl(raw, 8), 0x00ff00ff), i32.and(i32.rotl(raw, 24), 0xff00ff00 | 0));
  return sizeBytes === 4 ? whole : i32.shrU(whole, 8);
}
