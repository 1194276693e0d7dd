// The work of the log thread: records come from the one that seals or verifies them, are written, made durable as the mode says,
// published, and only then handed to everybody else. Nothing else runs on this thread.
//
//   records ring ─▶ batch ─▶ append ─▶ (always: sync) ─▶ published version ─▶ published ring
//                                      (interval: sync later, durable mark follows)
//
// A full disk stops the pump, not the node: it tries again until there is space, and the full ring holds the executor back.

import { assert } from "#base/assert.ts";
import type { RingMessage } from "#base/ring.ts";
import { decodeLogPosition, LogMessage, type LogPosition } from "#formats/memory/ring-messages.ts";
import { peekRecord } from "#formats/wire/record.ts";
import { DiskError } from "./disk.ts";
import type { LogRecord, SegmentLog } from "./segment-log.ts";

/** When records are made durable: before they are published, or a bounded time after. */
export type Durability = { readonly mode: "always" } | { readonly mode: "interval"; readonly intervalMs: number };

/** Where the pump's results go. */
export type LogPumpSink = {
  /** Readers may see this state version. */
  publish(version: number): void;
  /** To all followers, in order; blocks while the slowest is a ring behind. */
  forward(kind: number, payload: Uint8Array): void;
  /** The last published position changed. */
  published(position: LogPosition): void;
  /** Everything up to here survives power loss. */
  durable(position: LogPosition): void;
  /** The disk has no room, or has room again. */
  diskFull(isFull: boolean): void;
  written(sizeBytes: number): void;
  synced(seconds: number): void;
};

/** The clock and the bed of the pump. */
export type LogPumpClock = { nowMs(): number; sleep(ms: number): void };

/** Bytes of records that one append takes at most, apart from the last one. */
export const BATCH_SIZE_BYTES_MAX = 4 << 20;

const DISK_FULL_RETRY_MS = 100;

/** Moves records from one ring to the log and on. Single-threaded. */
export class LogPump {
  readonly #log: SegmentLog;
  readonly #durability: Durability;
  readonly #sink: LogPumpSink;
  readonly #clock: LogPumpClock;
  #position: LogPosition;
  #durable: LogPosition;
  #dirtySinceMs: number | null = null;

  /** @param parts.position where the log stands at the start; taken to be durable */
  constructor(parts: {
    log: SegmentLog;
    durability: Durability;
    sink: LogPumpSink;
    clock: LogPumpClock;
    position: LogPosition;
  }) {
    this.#log = parts.log;
    this.#durability = parts.durability;
    this.#sink = parts.sink;
    this.#clock = parts.clock;
    this.#position = parts.position;
    this.#durable = parts.position;
  }

  /**
   * Handles messages in order.
   * @returns "stop" when a stop message was among them: everything before it is durable then
   * @throws {DiskError} for anything but a full disk: the log cannot go on
   */
  take(messages: readonly RingMessage[]): "go on" | "stop" {
    let batch: Uint8Array[] = [];
    for (const message of messages) {
      if (message.kind === LogMessage.record) {
        batch.push(message.payload);
        continue;
      }
      this.#write(batch);
      batch = [];
      if (message.kind === LogMessage.stop) {
        this.#sync();
        this.#sink.forward(LogMessage.stop, message.payload);
        return "stop";
      }
      this.#rollBack(message);
    }
    this.#write(batch);
    return "go on";
  }

  /** Syncs when it is due. @returns milliseconds until the next sync is due, or null when nothing waits for one */
  tick(): number | null {
    if (this.#durability.mode === "always" || this.#dirtySinceMs === null) return null;
    const waitMs = this.#dirtySinceMs + this.#durability.intervalMs - this.#clock.nowMs();
    if (waitMs > 0) return waitMs;
    this.#sync();
    return null;
  }

  #write(batch: readonly Uint8Array[]): void {
    if (batch.length === 0) return;
    const records: LogRecord[] = batch.map((bytes) => ({ sequence: peekRecord(bytes).sequence, bytes }));
    this.#whenThereIsRoom(() => this.#log.append(records));
    for (const bytes of batch) this.#sink.written(bytes.length);
    const last = peekRecord(batch[batch.length - 1]!);
    this.#position = { sequence: last.sequence, version: last.type === "mini" ? last.number + 1 : last.number };
    this.#dirtySinceMs ??= this.#clock.nowMs();
    if (this.#durability.mode === "always") this.#sync();
    this.#sink.publish(this.#position.version);
    this.#sink.published(this.#position);
    for (const bytes of batch) this.#sink.forward(LogMessage.record, bytes);
  }

  /** A replica goes back: what a new term has voided leaves the log. */
  #rollBack(message: RingMessage): void {
    assert(message.kind === LogMessage.rollback, "unknown log message");
    const target = decodeLogPosition(message.payload);
    this.#whenThereIsRoom(() => this.#log.truncateAfter(target.sequence));
    this.#position = target;
    this.#durable = target;
    this.#dirtySinceMs = null;
    this.#sink.publish(target.version);
    this.#sink.published(target);
    this.#sink.durable(target);
    this.#sink.forward(message.kind, message.payload);
  }

  #sync(): void {
    if (this.#dirtySinceMs === null) return;
    const startMs = this.#clock.nowMs();
    this.#whenThereIsRoom(() => this.#log.sync());
    this.#sink.synced((this.#clock.nowMs() - startMs) / 1000);
    this.#dirtySinceMs = null;
    this.#durable = this.#position;
    this.#sink.durable(this.#durable);
  }

  /** Repeats an action until the disk has room for it. */
  #whenThereIsRoom(action: () => unknown): void {
    for (let isFull = false; ; ) {
      try {
        action();
        if (isFull) this.#sink.diskFull(false);
        return;
      } catch (error) {
        if (!(error instanceof DiskError) || !error.isDiskFull) throw error;
        if (!isFull) this.#sink.diskFull(true);
        isFull = true;
        this.#clock.sleep(DISK_FULL_RETRY_MS);
      }
    }
  }
}
