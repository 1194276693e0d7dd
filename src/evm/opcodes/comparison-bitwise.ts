// Rows 0x10 to 0x1e: comparisons, whose results are 0 or 1, bitwise logic and shifts.

import {
  andWords,
  byteWord,
  clzWord,
  notWord,
  orWords,
  sarWords,
  shlWords,
  shrWords,
  xorWords,
} from "../words/bitwise.ts";
import { eqWords, gtWords, isZeroWord, ltWords, sgtWords, sltWords } from "../words/comparison.ts";
import type { Opcode } from "./opcode.ts";
import { row, since, TIER } from "./row.ts";

/** See the head of the file. Of LT and its like the first operand is the top of the stack; shifts take the amount first. */
export const COMPARISON_BITWISE: readonly Opcode[] = [
  row(0x10, "LT", TIER.veryLow, 2, (c, [a, b]) => ltWords(c.code, a!, b!)),
  row(0x11, "GT", TIER.veryLow, 2, (c, [a, b]) => gtWords(c.code, a!, b!)),
  row(0x12, "SLT", TIER.veryLow, 2, (c, [a, b]) => sltWords(c.code, a!, b!)),
  row(0x13, "SGT", TIER.veryLow, 2, (c, [a, b]) => sgtWords(c.code, a!, b!)),
  row(0x14, "EQ", TIER.veryLow, 2, (c, [a, b]) => eqWords(c.code, a!, b!)),
  row(0x15, "ISZERO", TIER.veryLow, 1, (c, [a]) => isZeroWord(c.code, a!)),
  row(0x16, "AND", TIER.veryLow, 2, (c, [a, b]) => andWords(c.code, a!, b!)),
  row(0x17, "OR", TIER.veryLow, 2, (c, [a, b]) => orWords(c.code, a!, b!)),
  row(0x18, "XOR", TIER.veryLow, 2, (c, [a, b]) => xorWords(c.code, a!, b!)),
  row(0x19, "NOT", TIER.veryLow, 1, (c, [a]) => notWord(c.code, a!)),
  row(0x1a, "BYTE", TIER.veryLow, 2, (c, [index, value]) => byteWord(c.code, c.links, index!, value!)),
  row(0x1b, "SHL", TIER.veryLow, 2, (c, [n, value]) => shlWords(c.code, c.links, n!, value!), since("constantinople")),
  row(0x1c, "SHR", TIER.veryLow, 2, (c, [n, value]) => shrWords(c.code, c.links, n!, value!), since("constantinople")),
  row(0x1d, "SAR", TIER.veryLow, 2, (c, [n, value]) => sarWords(c.code, c.links, n!, value!), since("constantinople")),
  row(0x1e, "CLZ", TIER.low, 1, (c, [value]) => clzWord(c.code, value!), since("osaka")),
];
