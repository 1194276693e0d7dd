// What a start must do: which checkpoint to open, from where to replay the log, and in which term the sequencer may go on.
//
//   clean stop    the log ends exactly at the mark: same term, nothing was signed beyond
//   unclean stop  something may have been signed and published that the log has lost: a new term, above every old one

import { bytesEqual } from "#base/bytes.ts";
import { type ChainIdentity, decodeRecord, peekRecord } from "#formats/wire/record.ts";
import type { CheckpointReader, CheckpointStore } from "./checkpoint-store.ts";
import { LogDamageError } from "./log-errors.ts";
import type { SegmentLog } from "./segment-log.ts";
import type { SigningLimit, SigningState } from "./signing-limit.ts";

/** How to come back from what is on the disk. */
export type RecoveryPlan = {
  /** The state to begin with, every chunk checked; null = the genesis state. The caller closes it. */
  readonly checkpoint: CheckpointReader | null;
  /** First record to apply to that state; one above `lastSequence` when there is none. */
  readonly replayFrom: number;
  /** Newest record that survived; -1 for a fresh chain. */
  readonly lastSequence: number;
  /** Hash of that record; the genesis hash for -1. What the next record names as its parent. */
  readonly lastHash: Uint8Array;
  /** Nothing was ever recorded or reserved here. */
  readonly isFresh: boolean;
  /** Whether the last stop was orderly; true when fresh. */
  readonly isClean: boolean;
  /** Newest term in which anything may have been signed; 0 when fresh. */
  readonly term: number;
  /** Term for the sequencer's next record: `term` after a clean stop, else higher, to be opened with a `term` record. */
  readonly nextTerm: number;
};

/**
 * Decides how to recover. Reads the chosen checkpoint once to check it; changes nothing.
 * @param signingLimit null on a node that does not sign
 * @throws {LogDamageError} when records that were durable are gone, or the log does not reach back to any usable state
 */
export function planRecovery(
  log: SegmentLog,
  checkpoints: CheckpointStore,
  signingLimit: SigningLimit | null,
  identity: ChainIdentity,
): RecoveryPlan {
  const signing = signingLimit?.read() ?? null;
  const checkpoint = chooseCheckpoint(log, checkpoints, identity);
  const tail = readTail(log, checkpoint, identity);
  if (checkpoint === null && log.firstSequence > 0) {
    throw new LogDamageError("log", 0, `it begins with record ${log.firstSequence} and no checkpoint reaches it`);
  }
  const stop = signing?.cleanStop ?? null;
  if (stop !== null && tail.sequence < stop.sequence) {
    const missing = `records ${tail.sequence + 1} to ${stop.sequence} were durable at the clean stop and are gone`;
    throw new LogDamageError("log", 0, missing);
  }
  const isFresh = tail.sequence < 0 && signing === null;
  const isClean = isFresh || (stop !== null && isAt(stop, tail) && log.recovery.cutBytes === 0);
  const term = Math.max(tail.term, signing?.term ?? 0);
  return {
    checkpoint,
    replayFrom: (checkpoint?.mark.sequence ?? -1) + 1,
    lastSequence: tail.sequence,
    lastHash: tail.hash,
    isFresh,
    isClean,
    term,
    nextTerm: isClean ? term : term + 1 + lostTerms(signing),
  };
}

type Tail = { readonly sequence: number; readonly hash: Uint8Array; readonly term: number };

/** The newest intact checkpoint that lies on the log's own history. */
function chooseCheckpoint(
  log: SegmentLog,
  checkpoints: CheckpointStore,
  identity: ChainIdentity,
): CheckpointReader | null {
  for (const reader of checkpoints.readers()) {
    const fault = reader.verify() ?? misfit(log, reader, identity);
    if (fault === null) return reader;
    checkpoints.reportSkipped(reader.path, fault);
    reader.close();
  }
  return null;
}

/** Why the log cannot go on from a checkpoint, or null when it can. */
function misfit(log: SegmentLog, reader: CheckpointReader, identity: ChainIdentity): string | null {
  const { sequence, recordHash } = reader.mark;
  if (log.lastSequence < log.firstSequence || log.firstSequence < 0) {
    return log.firstSequence < 0 || log.firstSequence === sequence + 1 ? null : "the log does not go on from it";
  }
  if (sequence > log.lastSequence) return `it is ahead of the log, which ends with record ${log.lastSequence}`;
  if (sequence + 1 < log.firstSequence) return `the log begins later, with record ${log.firstSequence}`;
  const bytes = sequence < log.firstSequence ? null : log.read(sequence);
  if (bytes === null) return null;
  const isSame = bytesEqual(decodeRecord(bytes, identity).hash, recordHash);
  return isSame ? null : `it follows another record ${sequence} than the log holds`;
}

function readTail(log: SegmentLog, checkpoint: CheckpointReader | null, identity: ChainIdentity): Tail {
  const bytes = log.lastSequence < 0 ? null : log.read(log.lastSequence);
  if (bytes !== null) {
    return { sequence: log.lastSequence, hash: decodeRecord(bytes, identity).hash, term: peekRecord(bytes).term };
  }
  if (checkpoint === null) return { sequence: -1, hash: identity.genesisHash, term: 0 };
  const { sequence, recordHash, term } = checkpoint.mark;
  return { sequence, hash: recordHash, term };
}

function isAt(stop: { sequence: number; hash: Uint8Array }, tail: Tail): boolean {
  return stop.sequence === tail.sequence && bytesEqual(stop.hash, tail.hash);
}

/** A term whose only trace was a state that is unreadable or missing: at most one, as each start reserves before it signs. */
function lostTerms(signing: SigningState | null): number {
  return signing === null || signing.isDoubtful ? 1 : 0;
}
