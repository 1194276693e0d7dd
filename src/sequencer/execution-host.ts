// The host of the sequencer's executor: the overlay of the running mini-block, with the hashes of the chain's last blocks.

import type { Hash32 } from "#chain/primitives.ts";
import type { Host } from "#evm/host.ts";
import { Overlay } from "#state/overlay.ts";
import type { StateSource } from "#state/source.ts";

/** An overlay that answers BLOCKHASH. */
export class ExecutionHost extends Overlay implements Host {
  readonly #blockHash: (number: bigint) => Hash32;

  /** @param blockHash answers for the 256 blocks before the open one */
  constructor(source: StateSource, blockHash: (number: bigint) => Hash32) {
    super(source);
    this.#blockHash = blockHash;
  }

  blockHash(number: bigint): Hash32 {
    return this.#blockHash(number);
  }
}
