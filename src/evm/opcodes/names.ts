// Mnemonics and operand counts by byte, whatever the fork: for the words of a halt, which geth spells alike in every fork.

import type { Opcode } from "./opcode.ts";
import { OPCODES } from "./table.ts";

const ROWS: ReadonlyMap<number, Opcode> = new Map(OPCODES.map((row) => [row.byte, row]));

/** The mnemonic of an opcode as geth spells it, or null when no fork has it. */
export function opcodeName(byte: number): string | null {
  return ROWS.get(byte)?.name ?? null;
}

/** How many operands must be on the stack for an opcode; 0 when no fork has it. */
export function operandCount(byte: number): number {
  return ROWS.get(byte)?.inputs ?? 0;
}
