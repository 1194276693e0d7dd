// One checkpoint in the making: the state of a sealed block is dumped chunk by chunk from a pinned view, while the chain goes on.
// It is finished when the log is durable up to that block: power loss must never leave a checkpoint ahead of the log.

import type { Hash32 } from "#chain/primitives.ts";
import { snapshotChunks } from "#state/snapshot.ts";
import { StateVersionGoneError, type StateView } from "#state/view.ts";
import type { ChainHead } from "#storage/chain-head.ts";
import type { CheckpointStore, CheckpointWriter } from "#storage/checkpoint-store.ts";
import { DiskError } from "#storage/disk.ts";
import type { CheckpointWritten } from "./thread-protocol.ts";

/** What one step came to. */
export type CheckpointStep =
  | { readonly kind: "working" }
  /** All is written but its end; the log is not durable far enough yet. */
  | { readonly kind: "waiting" }
  | { readonly kind: "done"; readonly checkpoint: CheckpointWritten; readonly seconds: number }
  /** Given up; the next sealed block tries again. */
  | { readonly kind: "failed"; readonly reason: string };

/** Writes one checkpoint of the state after `head`, which stands between two EVM blocks. */
export class CheckpointJob {
  readonly #head: ChainHead;
  readonly #view: StateView;
  readonly #store: CheckpointStore;
  readonly #durableSequence: () => number;
  readonly #startedAtMs = performance.now();
  #chunks: Generator<Uint8Array, Hash32> | null = null;
  #writer: CheckpointWriter | null = null;
  #digest: Hash32 | null = null;

  /**
   * @param parts.view for this job alone
   * @param parts.durableSequence the last record that survives power loss
   */
  constructor(parts: { store: CheckpointStore; view: StateView; head: ChainHead; durableSequence: () => number }) {
    this.#store = parts.store;
    this.#view = parts.view;
    this.#head = parts.head.copy();
    this.#durableSequence = parts.durableSequence;
  }

  /** Writes one chunk. */
  step(): CheckpointStep {
    try {
      return this.#step();
    } catch (error) {
      this.abort();
      if (error instanceof StateVersionGoneError || error instanceof DiskError) {
        return { kind: "failed", reason: error.message };
      }
      throw error;
    }
  }

  /** Gives up and removes what was written. */
  abort(): void {
    this.#writer?.abort();
    this.#writer = null;
  }

  #step(): CheckpointStep {
    const { nextMiniBlockNumber: version, nextSequence, parentHash, term, sealed } = this.#head;
    if (this.#writer === null || this.#chunks === null) {
      this.#chunks = snapshotChunks(this.#view, version);
      this.#writer = this.#store.begin({ version, sequence: nextSequence - 1, term, recordHash: parentHash });
      return { kind: "working" };
    }
    if (this.#digest === null) {
      const next = this.#chunks.next();
      if (next.done === true) this.#digest = next.value;
      else this.#writer.push(next.value);
      return { kind: "working" };
    }
    if (this.#durableSequence() < nextSequence - 1) return { kind: "waiting" };
    const sizeBytes = this.#writer.contentSizeBytes;
    this.#writer.finish(this.#head.toBytes());
    this.#writer = null;
    const { keyCount } = this.#view.mark();
    const checkpoint = { version, blockNumber: sealed.number, keyCount, sizeBytes, digest: this.#digest };
    return { kind: "done", checkpoint, seconds: (performance.now() - this.#startedAtMs) / 1000 };
  }
}
