// The table of opcodes: every row of every fork, and what of it a fork has.

import type { Rules } from "../gas/rules.ts";
import { ARITHMETIC } from "./arithmetic.ts";
import { BLOCK } from "./block.ts";
import { COMPARISON_BITWISE } from "./comparison-bitwise.ts";
import { ENVIRONMENT } from "./environment.ts";
import { KECCAK } from "./keccak.ts";
import { LOG } from "./log.ts";
import { MEMORY } from "./memory.ts";
import type { Opcode } from "./opcode.ts";
import { STACK } from "./stack.ts";
import { STORAGE } from "./storage.ts";
import { SYSTEM } from "./system.ts";

/** All opcodes from Frontier to Osaka, by byte. INVALID (0xfe) is one of them; bytes without a row halt as it does. */
export const OPCODES: readonly Opcode[] = [
  ...ARITHMETIC,
  ...COMPARISON_BITWISE,
  ...KECCAK,
  ...ENVIRONMENT,
  ...BLOCK,
  ...MEMORY,
  ...STORAGE,
  ...STACK,
  ...LOG,
  ...SYSTEM,
].sort((a, b) => a.byte - b.byte);

/** The rows of a fork by byte. */
export function opcodesAt(rules: Rules): ReadonlyMap<number, Opcode> {
  return new Map(OPCODES.filter((row) => row.exists(rules)).map((row) => [row.byte, row]));
}
