// How close a replica is to upstream: what was announced, what has come, what is applied, and when anything was heard.

import { FormatError } from "#formats/codec.ts";
import { peekRecord } from "#formats/wire/record.ts";
import type { AppliedPosition } from "./threads/thread-protocol.ts";

/** Records that may lie between what has come and what is applied while the replica still counts as caught up. */
const READY_LAG_RECORDS_MAX = 4_096;

/** One replica's progress; times are milliseconds of one steady clock. */
export class FollowProgress {
  readonly #staleAfterMs: number;
  readonly #startedAtMs = performance.now();
  #applied: AppliedPosition;
  /** Newest record that upstream is known to have. */
  #announcedSequence = -1;
  /** State version after the newest record that has come. */
  #receivedVersion: number;
  #heardAtMs: number | null = null;
  #isConnected = false;
  #hasCaughtUp = false;
  #welcomedSequence = -1;

  constructor(position: AppliedPosition, staleAfterMs: number) {
    this.#applied = position;
    this.#receivedVersion = position.version;
    this.#staleAfterMs = staleAfterMs;
  }

  /** Where the replica's log stands. */
  get applied(): AppliedPosition {
    return this.#applied;
  }

  /** Whether the head of the last welcome was reached. */
  get hasCaughtUp(): boolean {
    return this.#hasCaughtUp;
  }

  /** Mini-blocks announced and not applied; before the records have come, the number of records is taken. */
  get lagMiniBlocks(): number {
    const announced = this.#hasCaughtUp ? 0 : this.#welcomedSequence - this.#applied.sequence;
    return Math.max(0, announced, this.#receivedVersion - this.#applied.version);
  }

  /** Time since anything came from upstream, milliseconds. */
  silenceMs(nowMs: number): number {
    return nowMs - (this.#heardAtMs ?? this.#startedAtMs);
  }

  /** Null when caught up and not stale. */
  unreadyReason(nowMs: number): string | null {
    const silenceMs = this.silenceMs(nowMs);
    if (silenceMs > this.#staleAfterMs) return `nothing heard from upstream for ${Math.floor(silenceMs)} ms`;
    if (!this.#hasCaughtUp) return this.#isConnected ? "catching up with upstream" : "not connected to upstream";
    const lag = this.#announcedSequence - this.#applied.sequence;
    return lag > READY_LAG_RECORDS_MAX ? `${lag} records behind upstream` : null;
  }

  /** Something came. */
  onHeard(nowMs: number): void {
    this.#heardAtMs = nowMs;
  }

  /** A connection begins; upstream is at `headSequence`, -1 for an empty log. */
  onWelcome(headSequence: number): void {
    this.#isConnected = true;
    this.#welcomedSequence = headSequence;
    this.#announcedSequence = headSequence;
    this.#receivedVersion = this.#applied.version;
    this.#hasCaughtUp = this.#applied.sequence >= headSequence;
  }

  /** An encoded record came, not checked yet. @returns null, or that it is none */
  onRecord(bytes: Uint8Array): string | null {
    try {
      const { type, sequence, number } = peekRecord(bytes);
      this.#announcedSequence = Math.max(this.#announcedSequence, sequence);
      this.#receivedVersion = type === "mini" ? number + 1 : number;
      return null;
    } catch (error) {
      if (error instanceof FormatError) return error.message;
      throw error;
    }
  }

  /** The apply thread has gone on, or back. */
  onApplied(position: AppliedPosition): void {
    this.#applied = position;
    if (this.#isConnected && position.sequence >= this.#welcomedSequence) this.#hasCaughtUp = true;
  }

  /** The connection is over; what it announced counts no more. */
  onDisconnect(): void {
    this.#isConnected = false;
    this.#announcedSequence = -1;
    this.#receivedVersion = this.#applied.version;
  }
}
