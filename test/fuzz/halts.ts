// When two engines mean the same failure. A frame that fails in another way than by REVERT has used all its gas, returned
// nothing and changed nothing. When several rules are broken at once, which one is named first is therefore no rule of the
// chain, and the libraries differ: geth looks at the stack before it charges, @ethereumjs/evm charges first.

import {
  HALT_CODE_STORE_OUT_OF_GAS,
  HALT_INVALID_CODE,
  HALT_MAX_CODE_SIZE,
  HALT_OUT_OF_GAS,
  HALT_PRECOMPILE_FAILED,
  HALT_RETURN_DATA,
} from "#evm/halt.ts";

/** What may be named instead of gas that does not suffice either. The texts are heads: some words end with a number. */
const AS_WELL: Readonly<Record<string, readonly string[]>> = {
  [HALT_OUT_OF_GAS]: ["stack underflow", "stack limit reached", HALT_RETURN_DATA],
  [HALT_CODE_STORE_OUT_OF_GAS]: [HALT_INVALID_CODE, HALT_MAX_CODE_SIZE],
};

/** Whether the words mean the same; the callers compare gas and output beside them. @param a of the library */
export function areSameHalt(a: string | null, b: string | null): boolean {
  if (a === b) return true;
  if (a === null || b === null) return false;
  // The library has a word for each thing that a precompile does not like, "revert" among them.
  if (b === HALT_PRECOMPILE_FAILED) return a !== HALT_OUT_OF_GAS;
  return isEither(a, b) || isEither(b, a);
}

function isEither(gasWords: string, others: string): boolean {
  return AS_WELL[gasWords]?.some((words) => others.startsWith(words)) === true;
}
