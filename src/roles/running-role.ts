// What every role hands back to the command line once it serves.

import type { IdentifiedGenesis } from "./chain-identity.ts";
import type { Node } from "./node.ts";

/** A role that is up; the shape that the command line waits for. */
export type NodeRole = {
  readonly port: number;
  readonly chainId: bigint;
  /** Hash of block 0. */
  readonly genesisHash: Uint8Array;
  readonly sequencerAddress: Uint8Array | null;
  readonly accounts: readonly { readonly address: Uint8Array; readonly privateKey: Uint8Array }[];
  /** Lines for the banner. */
  readonly notes: readonly string[];
  /** Resolves when the role cannot go on. */
  readonly failed: Promise<Error>;
  stop(): Promise<void>;
};

/** Describes a started node. */
export function runningRole(
  node: Node,
  parts: { chain: IdentifiedGenesis; sequencerAddress: Uint8Array; stop: () => Promise<void> },
): NodeRole {
  const { recovered, options } = node;
  const { replayedMiniBlockCount: replayed, version, term } = recovered;
  const interval = options.checkpointIntervalMiniBlocks;
  return {
    port: node.server.port,
    chainId: parts.chain.identity.chainId,
    genesisHash: parts.chain.blockHash,
    sequencerAddress: parts.sequencerAddress,
    accounts: node.rpcOptions.developmentAccounts,
    notes: [
      `recovery: ${replayed} of ${version} mini-blocks replayed (a checkpoint at least every ${interval}), term ${term}`,
    ],
    failed: node.threads.failed,
    stop: parts.stop,
  };
}
