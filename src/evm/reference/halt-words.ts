// Translates the library's errors into geth's words, with the details that geth adds: stack heights and opcode names.

import { EVMError, type ExecResult } from "@ethereumjs/evm";
import * as halts from "../halt.ts";
import { opcodeName, operandCount } from "../opcodes/names.ts";

const STACK_LIMIT = 1024;
const RETURNDATACOPY = 0x3e;

const { errorMessages: E } = EVMError;

const WORDS: ReadonlyMap<string, string> = new Map([
  [E.REVERT, halts.HALT_REVERTED],
  [E.CODESTORE_OUT_OF_GAS, halts.HALT_CODE_STORE_OUT_OF_GAS],
  [E.CODESIZE_EXCEEDS_MAXIMUM, halts.HALT_MAX_CODE_SIZE],
  [E.INITCODE_SIZE_VIOLATION, halts.HALT_MAX_INIT_CODE_SIZE],
  [E.INVALID_BYTECODE_RESULT, halts.HALT_INVALID_CODE],
  [E.CREATE_COLLISION, halts.HALT_COLLISION],
  [E.STATIC_STATE_CHANGE, halts.HALT_WRITE_PROTECTION],
  [E.INSUFFICIENT_BALANCE, halts.HALT_INSUFFICIENT_BALANCE],
]);

/**
 * Geth's words for an error of a top-level frame.
 * @param error the library's message
 * @param result the frame's result when code ran, for the opcode and the stack at the end
 * @returns the library's own message where geth has no counterpart (failures inside precompiles)
 */
export function haltWords(error: string, result: ExecResult | null, isCreation: boolean): string {
  const words = WORDS.get(error);
  if (words !== undefined) return words;
  // The library appends where it happened.
  if (error.startsWith(E.INVALID_JUMP)) return halts.HALT_INVALID_JUMP;
  const run = result?.runState;
  if (run === undefined) return error;
  switch (error) {
    case E.OUT_OF_GAS:
      return outOfGasWords(run, isCreation);
    case E.STACK_UNDERFLOW:
      return halts.stackUnderflow(run.stack.length, operandCount(run.opCode));
    case E.STACK_OVERFLOW:
      return halts.stackOverflow(STACK_LIMIT, STACK_LIMIT - 1);
    case E.INVALID_OPCODE: {
      // Where a fork lacks an opcode, the library's table says INVALID; the code says which one it was.
      const opcode = run.code[run.programCounter] ?? run.opCode;
      return halts.invalidOpcode(opcodeName(opcode), opcode);
    }
    default:
      return error;
  }
}

type RunState = NonNullable<ExecResult["runState"]>;

function outOfGasWords(run: RunState, isCreation: boolean): string {
  if (run.opCode === RETURNDATACOPY && run.stack.length >= 3) {
    const [, offset, length] = run.stack.peek(3);
    if (offset! + length! > BigInt(run.returnBytes.length)) return halts.HALT_RETURN_DATA;
  }
  // The code did return: what lacked gas is the deposit of the new contract's code.
  const returned = (run as RunState & { returnValue?: Uint8Array }).returnValue;
  return isCreation && returned !== undefined ? halts.HALT_CODE_STORE_OUT_OF_GAS : halts.HALT_OUT_OF_GAS;
}
