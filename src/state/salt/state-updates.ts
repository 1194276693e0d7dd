// Net changes of slots, each with what the slot held before: what a batch leaves for the trie and the store, and, turned
// round, what takes it back.

import { assert } from "#base/assert.ts";
import { bytesEqual } from "#base/bytes.ts";
import type { SaltEntry } from "#formats/wire/salt-entry.ts";

/** A slot that changed; null = empty. A metadata slot is never empty: its old side is the default if none was written. */
export type SlotChange = {
  readonly bucket: number;
  readonly slot: number;
  readonly before: SaltEntry | null;
  readonly after: SaltEntry | null;
};

/** Whether two slots hold the same. */
export function entriesEqual(a: SaltEntry | null, b: SaltEntry | null): boolean {
  if (a === b) return true;
  if (a === null || b === null) return false;
  return bytesEqual(a.key, b.key) && bytesEqual(a.value, b.value);
}

/** Changes by bucket and slot. A slot that is back where it began is not among them. */
export class StateUpdates {
  readonly #buckets = new Map<number, Map<number, SlotChange>>();
  #size = 0;

  /** Slots that differ. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds a change to those before it.
   * @throws {AssertionError} when the slot did not hold `before` after the changes so far
   */
  record(change: SlotChange): void {
    const { bucket, slot, before, after } = change;
    let slots = this.#buckets.get(bucket);
    const known = slots?.get(slot);
    if (known !== undefined) {
      assert(
        entriesEqual(known.after, before),
        () => `slot ${slot} of bucket ${bucket} did not hold what it changes from`,
      );
      if (entriesEqual(known.before, after)) {
        slots!.delete(slot);
        if (slots!.size === 0) this.#buckets.delete(bucket);
        this.#size--;
      } else slots!.set(slot, { bucket, slot, before: known.before, after });
      return;
    }
    if (entriesEqual(before, after)) return;
    if (slots === undefined) this.#buckets.set(bucket, (slots = new Map()));
    slots.set(slot, change);
    this.#size++;
  }

  /** Adds all changes of a later batch. @throws {AssertionError} when that one does not begin where this one ends */
  merge(later: StateUpdates): void {
    for (const change of later) this.record(change);
  }

  /** The changes that take these back. */
  inverse(): StateUpdates {
    const inverse = new StateUpdates();
    for (const { bucket, slot, before, after } of this) inverse.record({ bucket, slot, before: after, after: before });
    return inverse;
  }

  /** The change of a slot, null when it did not change. */
  changeOf(bucket: number, slot: number): SlotChange | null {
    return this.#buckets.get(bucket)?.get(slot) ?? null;
  }

  /** All changes, in no order. */
  *[Symbol.iterator](): Iterator<SlotChange> {
    for (const slots of this.#buckets.values()) yield* slots.values();
  }

  /** All changes by bucket, then slot: the order of SALT keys. */
  sorted(): SlotChange[] {
    return [...this].sort((a, b) => a.bucket - b.bucket || a.slot - b.slot);
  }
}
