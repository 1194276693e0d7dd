// What the row files share: prices by tier, first forks, and the few shapes that many emitters have (one result at one price, a linked
// function with a word for its result, an operand that names an account).

import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import { type Code, i32, i64, type Operand64, type Var } from "#wasm/code.ts";
import type { GasSchedule, Rules } from "../gas/rules.ts";
import type { LinkName } from "../runtime/links.ts";
import { saturate } from "../words/saturate.ts";
import type { Limb, Word } from "../words/word.ts";
import type { OpcodeContext, StaticGas, WordOpcode } from "./opcode.ts";

/** Price tiers of the yellow paper, in gas. */
export const TIER = { zero: 0, base: 2, veryLow: 3, low: 5, mid: 8, high: 10 } as const;

/** In every fork. */
export const always: (rules: Rules) => boolean = () => true;

/** From a fork on. */
export function since(fork: Hardfork): (rules: Rules) => boolean {
  return (rules) => isAtLeast(rules.fork, fork);
}

/** The same price in every fork. */
export function price(gas: number): StaticGas {
  return () => gas;
}

/** A price that the fork's schedule names. */
export function scheduled(name: keyof GasSchedule): StaticGas {
  return (rules) => rules.gas[name];
}

/** A row with one result and one price in every fork. */
export function row(
  byte: number,
  name: string,
  gas: number,
  inputs: number,
  emit: (c: OpcodeContext, operands: readonly Word[]) => Word,
  exists = always,
): WordOpcode {
  return { kind: "word", byte, name, inputs, outputs: 1, exists, gas: price(gas), emit };
}

/** Four variables that a call's results go to. */
export function resultWord(code: Code): readonly [Var<"i64">, Var<"i64">, Var<"i64">, Var<"i64">] {
  return [code.i64(), code.i64(), code.i64(), code.i64()];
}

/** Calls a link of type (frame, ...) → word. */
export function callForWord(c: OpcodeContext, name: LinkName, operands: readonly Limb[]): Word {
  const word = resultWord(c.code);
  c.code.call(c.links[name], c.frame, ...operands);
  c.code.pop(word);
  return word;
}

/** Calls a link of type (frame, gas, ...) → (gas, word). */
export function callWithGasForWord(c: OpcodeContext, name: LinkName, operands: readonly (Limb | number)[]): Word {
  const word = resultWord(c.code);
  c.callWithGas(name, operands, word);
  return word;
}

/** The address that a word names: its low 160 bits. */
export function addressOf(code: Code, word: Word): Word {
  const limb = word[2];
  const high = typeof limb === "bigint" ? limb & 0xffff_ffffn : code.i64(i64.and(limb, 0xffff_ffffn));
  return [word[0], word[1], high, 0n];
}

/** An offset or size as one limb: what does not fit below 2^63 becomes 2^63 - 1. */
export function saturated(code: Code, word: Word): Limb {
  return limbOf(code, saturate(code, word));
}

/** An expression as a limb. */
export function limbOf(code: Code, operand: Operand64): Limb {
  if (typeof operand === "bigint") return operand;
  if (typeof operand === "number") return BigInt(operand);
  return "local" in operand ? operand : code.i64(operand);
}

/** A 32-bit field of a record as a word. */
export function fieldWord(code: Code, address: Var<"i32">, offset: number): Word {
  return [code.i64(i64.load32(address, offset)), 0n, 0n, 0n];
}

/** A limb's low half as an address or size. */
export function low32(limb: Limb) {
  return typeof limb === "bigint" ? Number(limb & 0xffff_ffffn) : i32.wrap(limb);
}
