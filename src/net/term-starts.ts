// Where each term of the log begins. Terms only grow along the log, so the starts of those already written are found by bisection:
// a few reads each, without walking over the log.

/** What is read of a record. */
export type TermPeek = (sequence: number) => { readonly type: string; readonly term: number } | null;

type TermStart = { readonly term: number; readonly sequence: number };

/** The terms of a log, oldest first. */
export class TermStarts {
  readonly #starts: TermStart[] = [];

  /** @param last the newest record, or null for an empty log */
  constructor(peek: TermPeek, oldestSequence: number, last: { sequence: number; term: number } | null) {
    const oldest = last === null || last.sequence < oldestSequence ? null : peek(oldestSequence);
    if (oldest === null || last === null) {
      // Nothing to read: what came before this term, if anything did, is not here.
      if (last !== null && last.term > 0) this.#starts.push({ term: last.term, sequence: oldestSequence - 1 });
      return;
    }
    // A term that was going on when the log began: its start is before the oldest record.
    const isStart = oldest.type === "term";
    if (oldest.term > 0) this.#starts.push({ term: oldest.term, sequence: oldestSequence - (isStart ? 0 : 1) });
    this.#bisect(peek, { term: oldest.term, sequence: oldestSequence }, last);
  }

  /** Sequence of the record that began the first term above `term`, or null. */
  firstAfter(term: number): number | null {
    for (const start of this.#starts) if (start.term > term) return start.sequence;
    return null;
  }

  /** Takes the next record. */
  onRecord(sequence: number, term: number): void {
    const last = this.#starts[this.#starts.length - 1];
    if (term > (last?.term ?? 0)) this.#starts.push({ term, sequence });
  }

  /** Forgets the terms that began after `lastSequence`. */
  rollbackTo(lastSequence: number): void {
    while ((this.#starts[this.#starts.length - 1]?.sequence ?? -1) > lastSequence) this.#starts.pop();
  }

  #bisect(peek: TermPeek, low: TermStart, high: TermStart): void {
    if (low.term === high.term) return;
    if (high.sequence - low.sequence === 1) {
      this.#starts.push({ term: high.term, sequence: high.sequence });
      return;
    }
    const sequence = Math.floor((low.sequence + high.sequence) / 2);
    const middle = peek(sequence);
    if (middle === null) return;
    this.#bisect(peek, low, { term: middle.term, sequence });
    this.#bisect(peek, { term: middle.term, sequence }, high);
  }
}
