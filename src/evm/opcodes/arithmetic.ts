// Rows 0x01 to 0x0b: arithmetic modulo 2^256.

import { i64 } from "#wasm/code.ts";
import {
  addModWords,
  addWords,
  divWords,
  exponentByteCount,
  expWords,
  modWords,
  mulModWords,
  mulWords,
  subWords,
} from "../words/arithmetic.ts";
import { signExtendWord } from "../words/bitwise.ts";
import { sdivWords, smodWords } from "../words/signed-division.ts";
import type { Word } from "../words/word.ts";
import type { Opcode, OpcodeContext } from "./opcode.ts";
import { always, limbOf, row, scheduled, TIER } from "./row.ts";

/** See the head of the file. */
export const ARITHMETIC: readonly Opcode[] = [
  row(0x01, "ADD", TIER.veryLow, 2, (c, [a, b]) => addWords(c.code, a!, b!)),
  row(0x02, "MUL", TIER.low, 2, (c, [a, b]) => mulWords(c.code, c.links, a!, b!)),
  row(0x03, "SUB", TIER.veryLow, 2, (c, [a, b]) => subWords(c.code, a!, b!)),
  row(0x04, "DIV", TIER.low, 2, (c, [a, b]) => divWords(c.code, c.links, a!, b!)),
  row(0x05, "SDIV", TIER.low, 2, (c, [a, b]) => sdivWords(c.code, c.links, a!, b!)),
  row(0x06, "MOD", TIER.low, 2, (c, [a, b]) => modWords(c.code, c.links, a!, b!)),
  row(0x07, "SMOD", TIER.low, 2, (c, [a, b]) => smodWords(c.code, c.links, a!, b!)),
  row(0x08, "ADDMOD", TIER.mid, 3, (c, [a, b, n]) => addModWords(c.code, c.links, a!, b!, n!)),
  row(0x09, "MULMOD", TIER.mid, 3, (c, [a, b, n]) => mulModWords(c.code, c.links, a!, b!, n!)),
  {
    kind: "word",
    byte: 0x0a,
    name: "EXP",
    inputs: 2,
    outputs: 1,
    exists: always,
    gas: scheduled("exp"),
    emit: (c, [base, exponent]) => raise(c, base!, exponent!),
  },
  row(0x0b, "SIGNEXTEND", TIER.low, 2, (c, [index, value]) => signExtendWord(c.code, c.links, index!, value!)),
];

/** Each byte of the exponent costs. @see EIP-160 */
function raise(c: OpcodeContext, base: Word, exponent: Word): Word {
  const byteCount = limbOf(c.code, exponentByteCount(c.code, exponent));
  c.charge(i64.mul(byteCount, BigInt(c.rules.gas.expByte)));
  return expWords(c.code, c.links, base, exponent);
}
