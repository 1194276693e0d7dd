// What can be wrong with the files of a log beyond a failing disk: they are damaged, or they belong to another chain.

/** Bytes that were durable are no longer what was written. The node must not go on: it would forget what it has signed. */
export class LogDamageError extends Error {
  override readonly name = "LogDamageError";
  readonly code = "LOG_DAMAGE";
  /** Path of the damaged file. */
  readonly file: string;
  /** Where the damage begins, bytes from the start of the file. */
  readonly offset: number;

  constructor(file: string, offset: number, reason: string) {
    super(`damaged log: ${file} at byte ${offset}: ${reason}`);
    this.file = file;
    this.offset = offset;
  }
}

/** A data folder of another chain. */
export class WrongChainError extends Error {
  override readonly name = "WrongChainError";
  readonly code = "WRONG_CHAIN";
  /** Path of the file that names the other chain. */
  readonly file: string;

  constructor(file: string, found: string, expected: string) {
    super(`${file} belongs to ${found}, not to ${expected}`);
    this.file = file;
  }
}
