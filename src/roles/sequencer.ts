// The sequencer: a node whose state table is written by the execute thread. Without anything else it is a funded development chain.

import { bytesEqual } from "#base/bytes.ts";
import { toHex } from "#base/hex.ts";
import { loadOrCreateSigner } from "#sequencer/signer.ts";
import { identifyGenesis, loadGenesis, makeDevelopmentGenesis, storeGenesis } from "./chain-identity.ts";
import { SEQUENCER_KEY_FILE } from "./data-layout.ts";
import { Node, type NodeContext } from "./node.ts";
import type { NodeOptions } from "./node-options.ts";
import { type NodeRole, runningRole } from "./running-role.ts";

/** The key of this node is not that of the sequencer which the genesis names. */
export class WrongSequencerError extends Error {
  override readonly name = "WrongSequencerError";
  readonly code = "WRONG_SEQUENCER";
}

/** Starts a sequencer; resolves when it serves. */
export async function startSequencer(given: NodeOptions, context: NodeContext): Promise<NodeRole> {
  const sequencerKeyFile = given.sequencerKeyFile ?? `${context.dataDirectory}/${SEQUENCER_KEY_FILE}`;
  const { signer } = loadOrCreateSigner(sequencerKeyFile);
  const options = { ...given, sequencerKeyFile };
  let chain = await loadGenesis(context.dataDirectory, options);
  if (chain === null) {
    chain = await identifyGenesis(makeDevelopmentGenesis(options, signer.address, Math.floor(Date.now() / 1000)));
  }
  const named = chain.genesis.spec.sequencer;
  if (named !== null && !bytesEqual(named, signer.address)) {
    const key = `the key in ${sequencerKeyFile} is that of ${toHex(signer.address)}`;
    throw new WrongSequencerError(`the genesis names ${toHex(named)} as sequencer, ${key}`);
  }
  storeGenesis(context.dataDirectory, chain.genesis);
  const node = await Node.start(options, context, {
    writer: "execute",
    chain,
    sequencer: signer.address,
    syncProgress: () => null,
    unreadyReason: () => null,
    onThreadMessage: () => {},
  });
  return runningRole(node, { chain, sequencerAddress: signer.address, stop: () => node.stop() });
}
