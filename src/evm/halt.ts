// The words for ways in which execution ends early, as geth prints them; every engine answers with these strings.

/** REVERT: gas that is left goes back, output is the reason. */
export const HALT_REVERTED = "execution reverted";
/** The gas did not suffice. */
export const HALT_OUT_OF_GAS = "out of gas";
/** The gas did not suffice to store the code of a new contract (Frontier alone; later forks run out of gas). */
export const HALT_CODE_STORE_OUT_OF_GAS = "contract creation code storage out of gas";
/** The new contract's code is longer than EIP-170 allows. */
export const HALT_MAX_CODE_SIZE = "max code size exceeded";
/** The creation code is longer than EIP-3860 allows. */
export const HALT_MAX_INIT_CODE_SIZE = "max initcode size exceeded";
/** The new contract's code begins with 0xef. @see EIP-3541 */
export const HALT_INVALID_CODE = "invalid code: must not begin with 0xef";
/** The address of a creation is taken. @see EIP-7610 */
export const HALT_COLLISION = "contract address collision";
/** The jump does not lead to a JUMPDEST. */
export const HALT_INVALID_JUMP = "invalid jump destination";
/** A static frame tried to write. */
export const HALT_WRITE_PROTECTION = "write protection";
/** RETURNDATACOPY beyond the return data. */
export const HALT_RETURN_DATA = "return data out of bounds";
/** The caller's balance does not cover the value. */
export const HALT_INSUFFICIENT_BALANCE = "insufficient balance for transfer";
/** A precompile refused its input. */
export const HALT_PRECOMPILE_FAILED = "precompiled contract failed";
/** The caller's deadline passed while the code ran. Not a rule of the chain. */
export const HALT_ABORTED = "execution aborted";
/** A run with a deadline needed more memory than its thread has for it. Not a rule of the chain. */
export const HALT_MEMORY_LIMIT = "memory limit exceeded";

/** Fewer operands than the opcode takes. */
export function stackUnderflow(stackLength: number, required: number): string {
  return `stack underflow (${stackLength} <=> ${required})`;
}

/** More operands than the stack holds. */
export function stackOverflow(stackLength: number, limit: number): string {
  return `stack limit reached ${stackLength} (${limit})`;
}

/** An opcode that the fork does not have. @param name the mnemonic, or null when no fork has it */
export function invalidOpcode(name: string | null, opcode: number): string {
  return `invalid opcode: ${name ?? `opcode 0x${opcode.toString(16)} not defined`}`;
}
