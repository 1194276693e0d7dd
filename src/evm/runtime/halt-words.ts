// The words of geth for the status that the first frame of a run ended with.

import { FRAME, WORD_SIZE_BYTES } from "#formats/memory/evm-arena.ts";
import { STACK_WORD_COUNT_MAX } from "../gas/rules.ts";
import * as halts from "../halt.ts";
import { opcodeName, operandCount } from "../opcodes/names.ts";
import type { Arena } from "./range.ts";
import * as statuses from "./status.ts";

const WORDS: ReadonlyMap<number, string> = new Map([
  [statuses.ABORTED, halts.HALT_ABORTED],
  [statuses.REVERTED, halts.HALT_REVERTED],
  [statuses.OUT_OF_GAS, halts.HALT_OUT_OF_GAS],
  [statuses.STACK_OVERFLOW, halts.stackOverflow(STACK_WORD_COUNT_MAX, STACK_WORD_COUNT_MAX - 1)],
  [statuses.INVALID_JUMP, halts.HALT_INVALID_JUMP],
  [statuses.WRITE_PROTECTION, halts.HALT_WRITE_PROTECTION],
  [statuses.RETURN_DATA_OUT_OF_BOUNDS, halts.HALT_RETURN_DATA],
  [statuses.COLLISION, halts.HALT_COLLISION],
  [statuses.MAX_CODE_SIZE, halts.HALT_MAX_CODE_SIZE],
  [statuses.INVALID_CODE, halts.HALT_INVALID_CODE],
  [statuses.CODE_STORE_OUT_OF_GAS, halts.HALT_CODE_STORE_OUT_OF_GAS],
  [statuses.MAX_INIT_CODE_SIZE, halts.HALT_MAX_INIT_CODE_SIZE],
  [statuses.INSUFFICIENT_BALANCE, halts.HALT_INSUFFICIENT_BALANCE],
  [statuses.PRECOMPILE_FAILED, halts.HALT_PRECOMPILE_FAILED],
]);

/** Null for success. @param frame the record of the first frame, as its end left it */
export function haltWordsOf(arena: Arena, status: number, frame: number): string | null {
  if (status === statuses.RETURNED) return null;
  const words = WORDS.get(status);
  if (words !== undefined) return words;
  const { bytes, words32 } = arena;
  const field = (offset: number) => words32[(frame + offset) >>> 2]!;
  const opcode = bytes[field(FRAME.code) + field(FRAME.pc)]!;
  if (status === statuses.INVALID_OPCODE) return halts.invalidOpcode(opcodeName(opcode), opcode);
  const height = (field(FRAME.stackTop) - field(FRAME.stack)) / WORD_SIZE_BYTES;
  return halts.stackUnderflow(height, operandCount(opcode));
}
