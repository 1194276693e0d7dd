// A node's data directory as its threads would have left it: the log in segments, a checkpoint at a sealed block, and the signed
// digest of that checkpoint further on in the log.

import { assert } from "#base/assert.ts";
import { genesisHeader } from "#chain/genesis.ts";
import type { ChainIdentity, ChainRecord } from "#formats/wire/record.ts";
import { allocateState, createPlainSegment, planStateMemory } from "#state/memory-plan.ts";
import { type RestoredState, restoreState } from "#state/restore.ts";
import { snapshotChunks, stateDigest } from "#state/snapshot.ts";
import { StateTable } from "#state/table.ts";
import { StateView } from "#state/view.ts";
import { CheckpointStore } from "#storage/checkpoint-store.ts";
import type { Disk } from "#storage/disk.ts";
import { planRecovery } from "#storage/recovery.ts";
import { SegmentLog } from "#storage/segment-log.ts";
import { produceChain, type SignedChain, TestReplica } from "./signed-chain.ts";

/** The folders in these tests. */
export const FOLDERS = { bootstrap: "bootstrap", log: "log", checkpoints: "checkpoints" } as const;

/** Small enough for several segments. */
export const SEGMENT_SIZE_BYTES = 8_192;

/** A chain with a signed checkpoint in it. */
export type CheckpointedChain = SignedChain & {
  readonly seal: ChainRecord;
  readonly checkpoint: ChainRecord;
  readonly version: number;
  /** Digest after the last record. */
  readonly finalDigest: string;
  /** Bytes of the checkpoint's chunks. */
  readonly chunks: readonly Uint8Array[];
  readonly head: Uint8Array;
};

/** Produces a chain, checkpoints it at its `sealCount`-th sealed block, and goes on. */
export async function produceCheckpointedChain(
  seed: number,
  sealCount = 3,
  chunkSizeBytes = 200,
): Promise<CheckpointedChain> {
  const chain = await produceChain(seed);
  const { fixture } = chain;
  const seal = chain.records.filter((record) => record.header.type === "seal")[sealCount - 1];
  assert(seal !== undefined, "a chain with enough sealed blocks");
  const replica = new TestReplica(fixture).follow(chain.records.slice(0, seal.header.sequence + 1));
  const version = seal.header.number;
  const view = new StateView(replica.regions);
  const dump = snapshotChunks(view, version, chunkSizeBytes);
  const chunks: Uint8Array[] = [];
  let step = dump.next();
  for (; step.done !== true; step = dump.next()) chunks.push(step.value);
  const { head } = replica.follower;
  fixture.producer.noteCheckpoint({
    version,
    blockNumber: head.sealed.number,
    keyCount: view.mark().keyCount,
    sizeBytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    digest: step.value,
  });
  await fixture.runFor(150_000);
  const records = fixture.decodedRecords();
  const checkpoint = records.find((record) => record.header.type === "checkpoint");
  assert(checkpoint !== undefined, "the checkpoint was signed");
  const finalDigest = new TestReplica(fixture).follow(records).stateDigest();
  return { ...chain, records, seal, checkpoint, version, finalDigest, chunks, head: head.toBytes() };
}

/** Writes the chain as a node's data directory; records from `firstSequence` on alone are kept in the log. */
export function writeNode(disk: Disk, chain: CheckpointedChain, records = chain.records): void {
  const { identity } = chain.fixture;
  const options = { identity, segmentSizeBytes: SEGMENT_SIZE_BYTES, repair: true };
  const log = SegmentLog.open(disk, FOLDERS.log, options);
  log.append(records.map(({ header, bytes }) => ({ sequence: header.sequence, bytes })));
  log.sync();
  log.close();
  const { sequence, term } = chain.seal.header;
  const store = new CheckpointStore(disk, FOLDERS.checkpoints, identity);
  const writer = store.begin({ version: chain.version, sequence, term, recordHash: chain.seal.hash });
  for (const chunk of chain.chunks) writer.push(chunk);
  writer.finish(chain.head);
}

/** A node as it comes back from its data directory. */
export type ReopenedNode = { readonly digest: string; readonly restored: RestoredState; readonly table: StateTable };

/** Recovers from a data directory as every start does. */
export function reopen(disk: Disk, chain: SignedChain): ReopenedNode {
  const { fixture } = chain;
  const identity: ChainIdentity = fixture.identity;
  const log = SegmentLog.open(disk, FOLDERS.log, { identity, segmentSizeBytes: SEGMENT_SIZE_BYTES, repair: true });
  const plan = planRecovery(log, new CheckpointStore(disk, FOLDERS.checkpoints, identity), null, identity);
  const regions = allocateState(planStateMemory({ stateMemoryBytes: 4 << 20 }), createPlainSegment);
  const table = new StateTable(regions);
  const { genesis, genesisStateRoot } = fixture;
  const header = genesisHeader(genesis, genesisStateRoot);
  const restored = restoreState(table, log, plan, { identity, genesis, genesisHeader: header });
  plan.checkpoint?.close();
  log.close();
  const view = new StateView(regions);
  return { digest: stateDigest(view, view.pin()).toHex(), restored, table };
}
