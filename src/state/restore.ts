// Coming back after a stop: the newest good checkpoint (or the genesis) is loaded into the table, then the log after it is replayed.
// The same for every role; who signs decides about the term from the plan.
//
//   checkpoint ─▶ table ─▶ mini-blocks of the log ─▶ table at the log's end, published

import { assert } from "#base/assert.ts";
import type { Genesis } from "#chain/genesis.ts";
import type { BlockHeader } from "#chain/header.ts";
import { decodeMiniBlock, type MiniBlock } from "#formats/wire/mini-block.ts";
import { type ChainIdentity, decodeRecord } from "#formats/wire/record.ts";
import { ChainHead } from "#storage/chain-head.ts";
import type { RecoveryPlan } from "#storage/recovery.ts";
import type { SegmentLog } from "#storage/segment-log.ts";
import { SnapshotLoader } from "./snapshot.ts";
import type { StateTable } from "./table.ts";

/** A log whose records contradict each other or the state: not written by this program, or damaged beyond its checksums. */
export class RestoreError extends Error {
  override readonly name = "RestoreError";
  readonly code = "RESTORE_FAILED";
  /** Sequence of the record at which the replay stopped. */
  readonly sequence: number;

  constructor(sequence: number, reason: string) {
    super(`record ${sequence} of the log cannot be replayed: ${reason}`);
    this.sequence = sequence;
  }
}

/** Where the node stands after the replay. */
export type RestoredState = {
  readonly head: ChainHead;
  /** The head at the checkpoint, or at genesis. */
  readonly baseHead: ChainHead;
  /** The head as it was after the last sealed EVM block. */
  readonly sealedHead: ChainHead;
  /** Mini-blocks of the open EVM block, in order. */
  readonly openMiniBlocks: readonly MiniBlock[];
  readonly checkpointVersion: number;
  readonly replayedMiniBlockCount: number;
};

/** What the chain begins with. */
export type RestoreBase = {
  readonly identity: ChainIdentity;
  readonly genesis: Genesis;
  readonly genesisHeader: BlockHeader;
};

/**
 * Fills an empty table from a checkpoint and the log, and publishes the result.
 * @throws {RestoreError} when the log does not fit together
 * @throws {CheckpointDamageError} when the checkpoint turns out damaged
 */
export function restoreState(table: StateTable, log: SegmentLog, plan: RecoveryPlan, base: RestoreBase): RestoredState {
  const head = loadBase(table, plan, base);
  const checkpointVersion = head.nextMiniBlockNumber;
  const baseHead = head.copy();
  let sealedHead = head.copy();
  let openMiniBlocks: MiniBlock[] = [];
  assert(head.open === null, "checkpoints are taken between EVM blocks");
  for (const { sequence, bytes } of plan.replayFrom <= plan.lastSequence ? log.scan(plan.replayFrom) : []) {
    const record = decodeRecord(bytes, base.identity);
    const mini = record.header.type === "mini" ? decodeMiniBlock(record) : undefined;
    const problem =
      head.check(record, mini) ?? (mini === undefined ? null : table.checkDiff(mini.diff, mini.number + 1));
    if (problem !== null) throw new RestoreError(sequence, problem);
    if (mini !== undefined) {
      table.apply(mini.diff, mini.number + 1);
      openMiniBlocks.push(mini);
    }
    head.advance(record, mini);
    if (record.header.type === "seal") {
      openMiniBlocks = [];
      sealedHead = head.copy();
    }
  }
  table.publish(head.nextMiniBlockNumber);
  const replayedMiniBlockCount = head.nextMiniBlockNumber - checkpointVersion;
  return { head, baseHead, sealedHead, openMiniBlocks, checkpointVersion, replayedMiniBlockCount };
}

function loadBase(table: StateTable, plan: RecoveryPlan, base: RestoreBase): ChainHead {
  const { identity, genesis, genesisHeader } = base;
  const { spec } = genesis;
  if (plan.checkpoint === null) {
    table.loadGenesis(genesis.alloc);
    return ChainHead.genesis({ identity, spec, genesisHeader });
  }
  const loader = new SnapshotLoader(table);
  for (const chunk of plan.checkpoint.chunks()) loader.push(chunk);
  const { version } = loader.finish();
  const head = ChainHead.restore(plan.checkpoint.meta, { identity, spec });
  if (version !== head.nextMiniBlockNumber)
    throw new RestoreError(plan.checkpoint.mark.sequence, "checkpoint and head differ");
  return head;
}
