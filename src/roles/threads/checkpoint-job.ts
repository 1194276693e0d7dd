// One checkpoint in the making: the state of a sealed block is dumped chunk by chunk from a pinned view, while the chain goes on.

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
  | { readonly kind: "done"; readonly checkpoint: CheckpointWritten; readonly seconds: number }
  /** Given up; the next sealed block tries again. */
  | { readonly kind: "failed"; readonly reason: string };

/** Writes one checkpoint of the state after `head`, which stands between two EVM blocks. */
export class CheckpointJob {
  readonly #head: ChainHead;
  readonly #view: StateView;
  readonly #store: CheckpointStore;
  readonly #startedAtMs = performance.now();
  #chunks: Generator<Uint8Array, Hash32> | null = null;
  #writer: CheckpointWriter | null = null;

  /** @param view for this job alone */
  constructor(store: CheckpointStore, view: StateView, head: ChainHead) {
    this.#store = store;
    this.#view = view;
    this.#head = head.copy();
  }

  /** Sequence of the last record that the checkpoint covers; it must be durable before the checkpoint is. */
  get sequence(): number {
    return this.#head.nextSequence - 1;
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
    const next = this.#chunks.next();
    if (next.done !== true) {
      this.#writer.push(next.value);
      return { kind: "working" };
    }
    const sizeBytes = this.#writer.contentSizeBytes;
    this.#writer.finish(this.#head.toBytes());
    this.#writer = null;
    const { keyCount } = this.#view.mark();
    const checkpoint = { version, blockNumber: sealed.number, keyCount, sizeBytes, digest: next.value };
    return { kind: "done", checkpoint, seconds: (performance.now() - this.#startedAtMs) / 1000 };
  }
}
