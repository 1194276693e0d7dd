// Assertions: a failed one is a bug in this program, and the process stops.
// They stay on in production; none of them may have a side effect.

/** A bug in this program, never an expected outcome and never an environment failure. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/**
 * Stops the caller when `condition` is false.
 * @param condition what must hold
 * @param message what was expected, in words; built only on failure when it is a function
 * @throws {AssertionError} when `condition` is false
 */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (condition) return;
  throw new AssertionError(typeof message === "string" ? message : message());
}

/**
 * Unwraps a value that the caller knows to be present.
 * @throws {AssertionError} when `value` is null or undefined
 */
export function must<T>(value: T | null | undefined, message: string): T {
  if (value === null || value === undefined) throw new AssertionError(message);
  return value;
}

/**
 * Marks a branch that the types exclude.
 * @throws {AssertionError} always
 */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
