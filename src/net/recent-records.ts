// The newest records of the log in memory, within a bound of bytes, so that children close to the head cost no disk reads.

/** A run of consecutive encoded records. */
export class RecentRecords {
  readonly #sizeBytesMax: number;
  readonly #records = new Map<number, Uint8Array>();
  #firstSequence = 0;
  #sizeBytes = 0;

  /** @param sizeBytesMax bytes kept; the newest record is kept whatever its size */
  constructor(sizeBytesMax: number) {
    this.#sizeBytesMax = sizeBytesMax;
  }

  /** Sequence of the oldest record kept, or null when there is none. */
  get firstSequence(): number | null {
    return this.#records.size === 0 ? null : this.#firstSequence;
  }

  /** Bytes of the records kept. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** A record, or null when it is not kept. */
  get(sequence: number): Uint8Array | null {
    return this.#records.get(sequence) ?? null;
  }

  /** Adds the next record; after a gap the run begins anew. */
  add(sequence: number, bytes: Uint8Array): void {
    if (sequence !== this.#firstSequence + this.#records.size) this.#clear(sequence);
    this.#records.set(sequence, bytes);
    this.#sizeBytes += bytes.length;
    while (this.#sizeBytes > this.#sizeBytesMax && this.#records.size > 1) this.#remove(this.#firstSequence++);
  }

  /** Forgets everything after `lastSequence`. */
  rollbackTo(lastSequence: number): void {
    for (let at = this.#firstSequence + this.#records.size - 1; at > lastSequence; at--) {
      if (at < this.#firstSequence) break;
      this.#remove(at);
    }
  }

  #clear(firstSequence: number): void {
    this.#records.clear();
    this.#sizeBytes = 0;
    this.#firstSequence = firstSequence;
  }

  #remove(sequence: number): void {
    this.#sizeBytes -= this.#records.get(sequence)?.length ?? 0;
    this.#records.delete(sequence);
  }
}
