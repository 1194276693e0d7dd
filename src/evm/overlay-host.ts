// The Host that the node runs engines on: an overlay over the table, a view or another overlay, plus block hashes.

import type { Hash32 } from "#chain/primitives.ts";
import { Overlay } from "#state/overlay.ts";
import type { StateSource } from "#state/source.ts";
import type { Host } from "./host.ts";

/** Answers the hash of a block that is one of the 256 before the current one. */
export type BlockHashes = (number: bigint) => Hash32;

/** An {@link Overlay} that also knows the chain's block hashes. */
export class OverlayHost extends Overlay implements Host {
  readonly #blockHashes: BlockHashes;

  /** @param source what lies beneath; see {@link Overlay} */
  constructor(source: StateSource, blockHashes: BlockHashes) {
    super(source);
    this.#blockHashes = blockHashes;
  }

  /** See {@link Host}. */
  blockHash(number: bigint): Hash32 {
    return this.#blockHashes(number);
  }
}
