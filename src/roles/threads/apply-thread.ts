// The apply thread of a replica: owns the state table, and lets the follower check and apply what upstream sends.
//
//   feed ring (main) ─▶ follower ─▶ state table
//                          └─▶ records ring ─▶ log thread ─▶ published version, readers, children

import { concatBytes } from "#base/bytes.ts";
import { RingReader, RingWriter } from "#base/ring.ts";
import { NodeStatus } from "#formats/memory/node-status.ts";
import { encodeLogPosition, FeedRingMessage, LogMessage, type LogPosition } from "#formats/memory/ring-messages.ts";
import { type ChainRecord, peekRecord, RECORD_SIZE_BYTES_MAX } from "#formats/wire/record.ts";
import { Follower } from "#replica/follower.ts";
import { type ApplyMeters, openApplyMeters } from "./apply-meters.ts";
import { earlierHeads } from "./earlier-heads.ts";
import { type RestoredNode, restoreNode } from "./restore-phase.ts";
import { IDLE_SLEEP_MS, logThrough, runLoop, runThread, type Turn } from "./thread-loop.ts";
import type { ThreadPort, ThreadStart } from "./thread-protocol.ts";

/** Records applied between two looks at control messages. */
const RECORDS_PER_TURN = 256;
const SETTLE_SLEEP_MS = 1;

/** The sequencer signed what this replica cannot apply: it must stop. */
export class ReplicaHaltedError extends Error {
  override readonly name = "ReplicaHaltedError";
  readonly code = "REPLICA_HALTED";
}

/** Runs the apply thread until it is told to drain or the stop message comes through the feed ring. */
export function runApplyThread(start: ThreadStart, port: ThreadPort): Promise<void> {
  return runThread(port, async () => {
    const { setup } = start;
    const applier = new Applier(start, port, restoreNode(setup, port, null));
    port.onMessage((message) => {
      if (message.type === "drain") applier.drain();
    });
    port.post({ type: "ready" });
    await runLoop(setup.regions.doorbells.writer, () => applier.turn());
    applier.finish();
  });
}

class Applier {
  readonly #port: ThreadPort;
  readonly #feed: RingReader;
  readonly #records: RingWriter;
  readonly #status: NodeStatus;
  readonly #meters: ApplyMeters;
  readonly #follower: Follower;
  #parts: Uint8Array[] = [];
  #partsSizeBytes = 0;
  /** Last record that the log thread was given and not told to cut; -1 before the first. */
  #appendedSequence = -1;
  /** After a refusal the rest of that connection is void. */
  #isRefusing = false;
  #isDraining = false;

  constructor(start: ThreadStart, port: ThreadPort, { table, restored, genesis }: RestoredNode) {
    const { setup } = start;
    const { regions, identity } = setup;
    this.#port = port;
    this.#feed = new RingReader(regions.feed, 0);
    this.#records = new RingWriter(regions.records);
    this.#status = new NodeStatus(regions.status);
    this.#meters = openApplyMeters(start, table);
    this.#follower = new Follower({
      sequencer: setup.sequencer,
      table,
      head: restored.head,
      sink: {
        append: (record) => this.#append(record),
        settle: () => this.#settle(),
        rollback: (sequence, version) => this.#rollBackLog({ sequence, version }),
      },
      headBefore: earlierHeads({
        directory: setup.dataDirectory,
        base: restored.baseHead,
        context: { identity, spec: genesis.spec },
        lastSequence: () => {
          this.#settle();
          return this.#follower.head.nextSequence - 1;
        },
      }),
    });
    this.#status.set("sealedBlock", restored.head.sealed.number);
    this.#announce();
  }

  /** One turn: a batch of records. */
  turn(): Turn {
    if (this.#isDraining) return "stop";
    let count = 0;
    for (; count < RECORDS_PER_TURN; count++) {
      const message = this.#feed.tryRead();
      if (message === null) break;
      if (message.kind === FeedRingMessage.stop) {
        this.#isDraining = true;
        break;
      }
      this.#take(message.kind, message.payload);
    }
    if (count > 0) this.#announce();
    this.#meters.update();
    if (this.#isDraining) return "stop";
    return count === RECORDS_PER_TURN ? 0 : IDLE_SLEEP_MS;
  }

  /** Ends after the batch under way: what is left in the ring will be asked for again. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Ends the log. */
  finish(): void {
    this.#records.write(LogMessage.stop, new Uint8Array(0));
  }

  #take(kind: number, payload: Uint8Array): void {
    if (kind === FeedRingMessage.begin) {
      this.#isRefusing = false;
      this.#dropParts();
      return;
    }
    if (this.#isRefusing) return;
    if (kind === FeedRingMessage.part) {
      this.#takePart(payload);
      return;
    }
    const bytes = this.#parts.length === 0 ? payload : concatBytes(...this.#parts, payload);
    this.#dropParts();
    this.#accept(bytes);
  }

  #takePart(payload: Uint8Array): void {
    this.#partsSizeBytes += payload.length;
    if (this.#partsSizeBytes > RECORD_SIZE_BYTES_MAX) this.#refuse("malformed", "a record larger than any may be");
    else this.#parts.push(payload);
  }

  #dropParts(): void {
    this.#parts = [];
    this.#partsSizeBytes = 0;
  }

  #accept(bytes: Uint8Array): void {
    const before = this.#follower.head;
    const outcome = this.#follower.accept(bytes);
    switch (outcome.kind) {
      case "applied":
      case "rolled back":
        this.#meters.applied(peekRecord(bytes).type, before, this.#follower.head);
        break;
      case "duplicate":
        return;
      case "refused":
        this.#refuse(outcome.reason, outcome.detail);
        return;
      case "halted":
        logThrough(this.#port)("feed_refused", { reason: "halted", detail: outcome.detail });
        throw new ReplicaHaltedError(outcome.detail);
    }
    this.#status.set("sealedBlock", this.#follower.head.sealed.number);
    if (outcome.kind !== "rolled back") return;
    const { lastKeptSequence, lastKeptVersion } = outcome;
    logThrough(this.#port)("rolled_back", { record: lastKeptSequence, miniBlocks: lastKeptVersion });
  }

  #refuse(reason: Parameters<ApplyMeters["refused"]>[0], detail: string): void {
    this.#isRefusing = true;
    this.#dropParts();
    this.#meters.refused(reason);
    this.#port.post({ type: "refused", reason, detail });
  }

  #append(record: ChainRecord): void {
    this.#records.write(LogMessage.record, record.bytes);
    this.#appendedSequence = record.header.sequence;
  }

  /** Blocks until the log thread has nothing more to publish: from then on it sleeps until the next message of this thread. */
  #settle(): void {
    while (this.#status.get("publishedSequence") < this.#appendedSequence) Bun.sleepSync(SETTLE_SLEEP_MS);
  }

  /** Returns when the log is cut, so that the published sequence means the new records from here on. */
  #rollBackLog(target: LogPosition): void {
    this.#records.write(LogMessage.rollback, encodeLogPosition(target));
    while (this.#status.get("publishedSequence") !== target.sequence) Bun.sleepSync(SETTLE_SLEEP_MS);
    this.#appendedSequence = target.sequence;
  }

  #announce(): void {
    const { nextSequence, term, parentHash, nextMiniBlockNumber: version } = this.#follower.head;
    this.#port.post({ type: "applied", position: { sequence: nextSequence - 1, term, hash: parentHash, version } });
  }
}
