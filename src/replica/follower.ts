// Verify and apply: what a replica does instead of executing. Every record must be signed by the sequencer, be the next one by
// the log's rules, and fit the state; only then it is applied to the table and handed on to the replica's own log.
//
//   bytes ─▶ decode + hash ─▶ signature ─▶ ChainHead.check ─▶ table.apply ─▶ emit (log ─▶ publish ─▶ readers, children)
//
// A refusal changes nothing. A signed record that contradicts the state is no refusal but the end: the replica halts.

import { bytesEqual } from "#base/bytes.ts";
import type { Address } from "#chain/primitives.ts";
import { FormatError } from "#formats/codec.ts";
import type { StateDiff } from "#formats/wire/diff.ts";
import { decodeMiniBlock, type MiniBlock } from "#formats/wire/mini-block.ts";
import { decodeTerm, type TermPayload } from "#formats/wire/payloads.ts";
import { type ChainRecord, decodeRecord, verifyRecordSignature } from "#formats/wire/record.ts";
import type { ChainHead } from "#storage/chain-head.ts";

/** Why a record was refused; label of `frames_refused_total`. */
export type RefusalReason = "malformed" | "signature" | "order" | "content" | "equivocation";

/** What became of a record. */
export type FollowOutcome =
  | { readonly kind: "applied" }
  /** Already held, byte for byte. */
  | { readonly kind: "duplicate" }
  /** Applied after the state and the log went back to `lastKeptSequence`. */
  | { readonly kind: "rolled back"; readonly lastKeptSequence: number; readonly lastKeptVersion: number }
  /** Nothing changed; the source is not to be trusted further. */
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly detail: string }
  /** The sequencer signed what cannot be applied here; the replica must stop. */
  | { readonly kind: "halted"; readonly detail: string };

/** The state table, as the follower drives it. */
export type FollowedTable = {
  /** What is wrong with a diff as the step to `version`, in words; null when it can be applied. */
  checkDiff(diff: StateDiff, version: number): string | null;
  apply(diff: StateDiff, version: number): void;
  rollbackTo(version: number): boolean;
};

/** Where applied records go: the replica's log. */
export type FollowerSink = {
  /** Blocks while the log is behind: that is the replica's back-pressure. */
  append(record: ChainRecord): void;
  /**
   * Returns when everything appended is written and published, so that nobody else moves the published version while the table
   * goes back: a version that was taken back must never be published after that.
   */
  settle(): void;
  /** Removes everything after `lastKeptSequence` from log, readers and children. */
  rollback(lastKeptSequence: number, lastKeptVersion: number): void;
};

/** Heads kept for a roll-back: above the durable mark there are rarely more than a second of records. */
export const ROLLBACK_RECORD_COUNT_MAX = 16_384;

/** Applies one signed log to one table. */
export class Follower {
  readonly #sequencer: Address;
  readonly #table: FollowedTable;
  readonly #sink: FollowerSink;
  readonly #headBefore: (sequence: number) => ChainHead | null;
  /** Heads after the last records, oldest first; the last one is the present head. */
  readonly #heads: ChainHead[];

  /**
   * @param parts.head where the log stands
   * @param parts.headBefore finds the head before a record older than those that this follower has seen, from the log; null when
   *   it is too old for that, or always
   */
  constructor(parts: {
    sequencer: Address;
    table: FollowedTable;
    head: ChainHead;
    sink: FollowerSink;
    headBefore?: (sequence: number) => ChainHead | null;
  }) {
    this.#sequencer = parts.sequencer;
    this.#table = parts.table;
    this.#sink = parts.sink;
    this.#headBefore = parts.headBefore ?? (() => null);
    this.#heads = [parts.head.copy()];
  }

  /** Where the replica's log stands. */
  get head(): ChainHead {
    return this.#heads[this.#heads.length - 1]!;
  }

  /** Takes the next record of the feed. */
  accept(bytes: Uint8Array): FollowOutcome {
    let record: ChainRecord;
    let mini: MiniBlock | undefined;
    let term: TermPayload | undefined;
    try {
      record = decodeRecord(bytes, this.head.identity);
      if (!verifyRecordSignature(record, this.#sequencer)) return refused("signature", "not signed by the sequencer");
      if (record.header.type === "mini") mini = decodeMiniBlock(record);
      if (record.header.type === "term") term = decodeTerm(record);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return refused("malformed", error.message);
    }
    if (term !== undefined) return this.#acceptTerm(record, term);
    if (record.header.sequence < this.head.nextSequence) return this.#acceptKnown(record);
    return this.#acceptNext(record, mini);
  }

  #acceptNext(record: ChainRecord, mini: MiniBlock | undefined): FollowOutcome {
    const head = this.head;
    const problem = head.check(record, mini);
    if (problem !== null) {
      const isGap = record.header.sequence > head.nextSequence;
      return refused(isGap ? "order" : "content", problem);
    }
    if (mini !== undefined) {
      const obstacle = this.#table.checkDiff(mini.diff, mini.number + 1);
      if (obstacle !== null) return { kind: "halted", detail: `mini-block ${mini.number}: ${obstacle}` };
      this.#table.apply(mini.diff, mini.number + 1);
    }
    this.#advance(record, mini);
    return { kind: "applied" };
  }

  #advance(record: ChainRecord, mini: MiniBlock | undefined): void {
    const head = this.head.copy();
    head.advance(record, mini);
    this.#sink.append(record);
    this.#heads.push(head);
    if (this.#heads.length > ROLLBACK_RECORD_COUNT_MAX) this.#heads.shift();
  }

  /** A record below the head: the same bytes again are harmless, others of the same term are proof of equivocation. */
  #acceptKnown(record: ChainRecord): FollowOutcome {
    const { sequence, term } = record.header;
    const after = this.#heads.find((head) => head.nextSequence === sequence + 1);
    if (after === undefined) return { kind: "duplicate" };
    if (bytesEqual(after.parentHash, record.hash)) return { kind: "duplicate" };
    if (after.term !== term)
      return refused("order", `record ${sequence} is of term ${term}, the one held of ${after.term}`);
    return refused("equivocation", `record ${sequence} of term ${term} differs from the one held`);
  }

  /** A new term: everything after the record that it names is void. */
  #acceptTerm(record: ChainRecord, term: TermPayload): FollowOutcome {
    const head = this.head;
    if (record.header.term <= head.term) return this.#acceptKnown(record);
    if (record.header.sequence >= head.nextSequence) return this.#acceptNext(record, undefined);
    if (term.lastKeptVersion < head.durable.version) {
      const detail = `term ${record.header.term} goes back to version ${term.lastKeptVersion}`;
      return { kind: "halted", detail: `${detail}, and version ${head.durable.version} was announced as durable` };
    }
    const at = this.#heads.findIndex((head) => head.nextSequence === record.header.sequence);
    const kept = at < 0 ? this.#headBefore(record.header.sequence) : this.#heads[at]!;
    if (kept === null) {
      const detail = `term ${record.header.term} goes back before the oldest state that this replica can restore`;
      return { kind: "halted", detail };
    }
    const problem = kept.check(record);
    if (problem !== null) return refused("content", problem);
    this.#sink.settle();
    if (!this.#table.rollbackTo(term.lastKeptVersion)) {
      return {
        kind: "halted",
        detail: `state version ${term.lastKeptVersion} is no longer kept; start again from a snapshot`,
      };
    }
    if (at < 0) this.#heads.splice(0, this.#heads.length, kept.copy());
    else this.#heads.length = at + 1;
    this.#sink.rollback(record.header.sequence - 1, term.lastKeptVersion);
    this.#advance(record, undefined);
    const { lastKeptVersion } = term;
    return { kind: "rolled back", lastKeptSequence: record.header.sequence - 1, lastKeptVersion };
  }
}

function refused(reason: RefusalReason, detail: string): FollowOutcome {
  return { kind: "refused", reason, detail };
}
