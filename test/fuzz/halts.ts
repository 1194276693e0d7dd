// When two engines mean the same failure. A frame that fails in another way than by REVERT has used all its gas, returned
// nothing and changed nothing, so when several rules are broken at once, which one is named is not consensus.

/** Whether the words mean the same. @param a of the engine that is the opinion */
export function areSameHalt(a: string | null, b: string | null): boolean {
  return a === b;
}
