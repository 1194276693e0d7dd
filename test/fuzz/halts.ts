// When two engines mean the same failure. A frame that fails in another way than by REVERT has used all its gas, returned
// nothing and changed nothing. When several rules are broken at once, which one is named first is therefore no rule of the
// chain, and the libraries differ: geth looks at the stack before it charges, @ethereumjs/evm charges first.

const OUT_OF_GAS = "out of gas";

/** What may be named instead of the gas that does not suffice for the same instruction. */
const AS_WELL_AS_OUT_OF_GAS = ["stack underflow", "stack limit reached", "return data out of bounds"];

/** Whether the words mean the same. @param a of the engine that is the opinion */
export function areSameHalt(a: string | null, b: string | null): boolean {
  if (a === b) return true;
  if (a === null || b === null) return false;
  const other = a === OUT_OF_GAS ? b : b === OUT_OF_GAS ? a : null;
  return other !== null && AS_WELL_AS_OUT_OF_GAS.some((words) => other.startsWith(words));
}
