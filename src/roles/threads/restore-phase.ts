// The first thing that the thread which owns the state table does: open the log, decide how to recover, fill the table.

import { type Genesis, genesisHeader, parseGenesisDocument } from "#chain/genesis.ts";
import type { BlockHeader } from "#chain/header.ts";
import { type RestoredState, restoreState } from "#state/restore.ts";
import { StateTable } from "#state/table.ts";
import { CheckpointStore } from "#storage/checkpoint-store.ts";
import type { Disk } from "#storage/disk.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { planRecovery, type RecoveryPlan } from "#storage/recovery.ts";
import { ensureIndexSteps, runSteps } from "#storage/segment-index.ts";
import { SegmentLog } from "#storage/segment-log.ts";
import type { SigningLimit } from "#storage/signing-limit.ts";
import { CHECKPOINT_DIRECTORY, LOG_DIRECTORY } from "../data-layout.ts";
import { logThrough } from "./thread-loop.ts";
import type { NodeSetup, ThreadPort } from "./thread-protocol.ts";

/** A table at the end of the log, and how it got there. */
export type RestoredNode = {
  readonly genesis: Genesis;
  readonly genesisHeader: BlockHeader;
  readonly table: StateTable;
  readonly restored: RestoredState;
  readonly plan: RecoveryPlan;
};

/**
 * Restores the table from the data directory and tells the main thread. Closes the log again: from here on the log thread has it.
 * @param signingLimit null on a node that does not sign
 * @param disk the data directory unless told
 */
export function restoreNode(
  setup: NodeSetup,
  port: ThreadPort,
  signingLimit: SigningLimit | null,
  disk: Disk = new RealDisk(setup.dataDirectory),
): RestoredNode {
  const { identity, options } = setup;
  const genesis = parseGenesisDocument(setup.genesisDocument);
  const header = genesisHeader(genesis, setup.genesisStateRoot);
  const { segmentSizeBytes } = options;
  const log = SegmentLog.open(disk, LOG_DIRECTORY, { identity, segmentSizeBytes, repair: true });
  const checkpoints = new CheckpointStore(disk, CHECKPOINT_DIRECTORY, identity);
  const plan = planRecovery(log, checkpoints, signingLimit, identity);
  report(port, log, checkpoints);
  removeUseless(checkpoints, plan);
  const table = new StateTable(setup.regions.state);
  const restored = restoreState(table, log, plan, { identity, genesis, genesisHeader: header });
  plan.checkpoint?.close();
  log.close();
  runSteps(ensureIndexSteps(disk, LOG_DIRECTORY, identity, { verifyPages: false }));
  const { head, baseHead, sealedHead, checkpointVersion, replayedMiniBlockCount } = restored;
  port.post({
    type: "recovered",
    recovered: {
      checkpointVersion,
      replayedMiniBlockCount,
      version: head.nextMiniBlockNumber,
      nextSequence: head.nextSequence,
      term: head.term,
      sealedBlock: head.sealed.number,
      parentHash: head.parentHash,
      baseHead: baseHead.toBytes(),
      sealedHead: sealedHead.toBytes(),
    },
  });
  return { genesis, genesisHeader: header, table, restored, plan };
}

/** A newer checkpoint than the one that was chosen is damaged or off the log: kept, it would push good ones out later. */
function removeUseless(checkpoints: CheckpointStore, plan: RecoveryPlan): void {
  const chosenVersion = plan.checkpoint?.mark.version ?? -1;
  if (checkpoints.versions().some((version) => version > chosenVersion)) checkpoints.removeAbove(chosenVersion);
}

function report(port: ThreadPort, log: SegmentLog, checkpoints: CheckpointStore): void {
  const say = logThrough(port);
  const { cutBytes, file, reason } = log.recovery;
  if (cutBytes > 0) say("log_tail_cut", { bytes: cutBytes, file, reason });
  for (const skipped of checkpoints.skipped) say("checkpoint_refused", { file: skipped.file, reason: skipped.reason });
}
