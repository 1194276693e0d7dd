// The parent's side of the feed: each child has a cursor into the log and a window of bytes in flight.
//
//   log ─▶ FeedServer.onRecord ─▶ children that are caught up (one encoding for all)
//     ▲                        └▶ children behind: read from the log at their own pace
//     └── FeedSource.read ◀────────┘
//
// A child that does not acknowledge for too long is closed and counted; nothing is ever left out silently.

import { bytesEqual } from "#base/bytes.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { FormatError } from "#formats/codec.ts";
import {
  type AckMessage,
  decodeFeedMessage,
  encodeChunkMessage,
  encodeFeedMessage,
  encodeRecordsMessage,
  FEED_CLOSE_CODES,
  FEED_VERSION,
  type FeedCodec,
  type FeedErrorCode,
  type HelloMessage,
  type WelcomeMessage,
} from "#formats/wire/feed.ts";
import type { ChainIdentity } from "#formats/wire/record.ts";

/** What the server reads from its node. */
export type FeedSource = {
  readonly identity: ChainIdentity;
  readonly genesisDocument: Uint8Array;
  readonly sequencer: Uint8Array;
  /** The last published record, or null before the first. */
  head(): { readonly sequence: number; readonly term: number } | null;
  /** Sequence of the oldest record that can still be read. */
  oldestSequence(): number;
  /**
   * Encoded records from `sequence` on, consecutive, at most about `sizeBytesMax` in all but at least one; empty at the end;
   * null when they cannot be read (any more).
   */
  read(sequence: number, sizeBytesMax: number): readonly Uint8Array[] | null;
  /** Hash of a record of the log, or null when it is not there. */
  hashOf(sequence: number): Hash32 | null;
  /**
   * Sequence of the first `term` record whose term is above `term`, or null. When that record is older than the log, any
   * sequence before the oldest.
   */
  firstTermAfter(term: number): number | null;
  /** The newest snapshot that signed records bind, or null. */
  snapshot(): FeedSnapshot | null;
};

/** A snapshot ready to be sent; what it is read from stays as it is until it is closed. */
export type FeedSnapshot = {
  readonly sealRecord: Uint8Array;
  readonly sealSequence: number;
  readonly checkpointRecord: Uint8Array;
  readonly chunkCount: number;
  /** null when it cannot be read. */
  chunk(index: number): Uint8Array | null;
  /** Called once, when the child has all or is gone. */
  close(): void;
};

/** One connected child's socket, as the server needs it. */
export type FeedSocket = {
  sendBinary(bytes: Uint8Array): number;
  close(code: number, reason: string): void;
};

/** Bounds of the server. */
export type FeedServerOptions = {
  readonly childCountMax: number;
  /** Bytes sent and not yet acknowledged, per child. */
  readonly windowSizeBytes: number;
  /** A child with bytes in flight that acknowledges nothing for this long is closed. */
  readonly ackTimeoutMs: number;
  /** A child further behind than this many records gets a snapshot instead of records, when there is one. */
  readonly bootstrapDistance: number;
};

/** What the server counts. */
export type FeedServerMetrics = {
  children(count: number): void;
  /** A snapshot begins to be sent. */
  snapshot(): void;
  slowClosed(): void;
  sent(bytes: number): void;
};

const BATCH_SIZE_BYTES = 256 * 1024;

/** Serves the log to children. Lives on the main thread; all its methods are called there. */
export class FeedServer {
  readonly #source: FeedSource;
  readonly #options: FeedServerOptions;
  readonly #metrics: FeedServerMetrics;
  readonly #children = new Map<FeedSocket, Child>();

  constructor(source: FeedSource, options: FeedServerOptions, metrics: FeedServerMetrics) {
    this.#source = source;
    this.#options = options;
    this.#metrics = metrics;
  }

  /** Children connected now. */
  get childCount(): number {
    return this.#children.size;
  }

  /** A socket opened on `/feed`. */
  onOpen(socket: FeedSocket): void {
    if (this.#children.size >= this.#options.childCountMax) {
      refuse(socket, "too many children", `this node serves at most ${this.#options.childCountMax} children`);
      return;
    }
    this.#children.set(socket, new Child(socket));
    this.#metrics.children(this.#children.size);
  }

  /** A message came from a child. */
  onMessage(socket: FeedSocket, bytes: Uint8Array): void {
    const child = this.#children.get(socket);
    if (child === undefined) return;
    try {
      const message = decodeFeedMessage(bytes);
      if (message.type === "hello" && !child.greeted) this.#greet(child, message);
      else if (message.type === "ack" && child.greeted) this.#acknowledge(child, message);
      else this.#refuse(child, "malformed message", `unexpected ${message.type}`);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#refuse(child, "malformed message", error.message);
    }
  }

  /** The socket can take more. */
  onDrain(socket: FeedSocket): void {
    const child = this.#children.get(socket);
    if (child !== undefined) this.#pump(child);
  }

  /** The socket is gone. */
  onClose(socket: FeedSocket): void {
    this.#forget(socket);
    this.#metrics.children(this.#children.size);
  }

  /** A record was published; children that are caught up get it at once, encoded once for all of them. */
  onRecord(sequence: number, bytes: Uint8Array): void {
    const encodings = new Map<FeedCodec, Uint8Array>();
    for (const child of this.#children.values()) {
      if (child.nextSequence !== sequence || !this.#hasRoom(child)) continue;
      let message = encodings.get(child.codec);
      if (message === undefined) {
        message = encodeRecordsMessage(sequence, [bytes], child.codec);
        encodings.set(child.codec, message);
      }
      this.#send(child, message);
      child.nextSequence = sequence + 1;
    }
  }

  /**
   * The log was cut back to `lastSequence`: children beyond it get the records that replace the cut ones; one that is still
   * receiving a snapshot of what was cut must begin anew.
   */
  onRollback(lastSequence: number): void {
    for (const child of this.#children.values()) {
      if (child.nextSequence <= lastSequence + 1) continue;
      if (child.snapshot === null) child.nextSequence = lastSequence + 1;
      else this.#refuse(child, "not ready", "the snapshot was rolled back; try again");
    }
  }

  /** Closes children that stopped acknowledging and feeds those that are behind; call about once a second. */
  tick(nowMs: number): void {
    for (const child of this.#children.values()) {
      if (child.bytesInFlight === 0 && child.greeted) child.lastAckMs = nowMs;
      if (child.lastAckMs === 0) child.lastAckMs = nowMs;
      if (nowMs - child.lastAckMs > this.#options.ackTimeoutMs) {
        this.#metrics.slowClosed();
        this.#refuse(child, "too slow", `nothing acknowledged for ${this.#options.ackTimeoutMs} ms`);
      } else {
        this.#pump(child);
      }
    }
  }

  /** Closes every child, as the node shuts down. */
  closeAll(): void {
    for (const { socket } of [...this.#children.values()]) {
      this.#forget(socket);
      socket.close(1001, "shutting down");
    }
    this.#metrics.children(0);
  }

  #greet(child: Child, hello: HelloMessage): void {
    const problem = this.#checkHello(hello);
    if (problem !== null) {
      this.#refuse(child, problem.code, problem.message);
      return;
    }
    if (hello.genesisHash === null) {
      this.#answerStranger(child);
      return;
    }
    const start = this.#chooseStart(hello);
    if (start.kind === "refused") {
      this.#refuse(child, start.code, start.message);
      return;
    }
    child.greeted = true;
    child.codec = hello.codecs.includes("lz4") ? "lz4" : "none";
    child.snapshot = start.kind === "snapshot" ? start.snapshot : null;
    child.nextChunk = 0;
    child.nextSequence = start.nextSequence;
    this.#send(child, encodeFeedMessage(this.#welcome(child)));
    if (child.snapshot !== null) {
      this.#metrics.snapshot();
      this.#sendSnapshotHead(child, child.snapshot);
    }
    this.#pump(child);
  }

  /** A child that names no chain only asks whom it would follow. */
  #answerStranger(child: Child): void {
    child.nextSequence = this.#source.oldestSequence();
    this.#send(child, encodeFeedMessage(this.#welcome(child)));
    this.#forget(child.socket);
    this.#metrics.children(this.#children.size);
    child.socket.close(1000, "come back with the genesis hash");
  }

  #checkHello(hello: HelloMessage): { code: FeedErrorCode; message: string } | null {
    const { identity } = this.#source;
    if (hello.version !== FEED_VERSION) {
      return { code: "unsupported version", message: `this node speaks feed version ${FEED_VERSION}` };
    }
    if (hello.chainId !== null && hello.chainId !== identity.chainId.toString()) {
      return { code: "wrong chain", message: `this node is on chain ${identity.chainId}, not ${hello.chainId}` };
    }
    if (hello.genesisHash !== null && !bytesEqual(hello.genesisHash, identity.genesisHash)) {
      return { code: "wrong chain", message: "this node has another genesis" };
    }
    return null;
  }

  #chooseStart(hello: HelloMessage): Start {
    const head = this.#source.head();
    const oldest = this.#source.oldestSequence();
    const newerTerm = this.#source.firstTermAfter(hello.term);
    let nextSequence = hello.lastSequence + 1;
    if (newerTerm !== null && nextSequence > newerTerm) {
      nextSequence = newerTerm;
    } else if (nextSequence > (head?.sequence ?? -1) + 1) {
      return {
        kind: "refused",
        code: "not ready",
        message: `this node is at record ${head?.sequence ?? -1}, behind you`,
      };
    } else if (hello.lastHash !== null && hello.lastSequence >= oldest) {
      const own = this.#source.hashOf(hello.lastSequence);
      if (own === null || !bytesEqual(own, hello.lastHash)) {
        return { kind: "refused", code: "diverged", message: `record ${hello.lastSequence} differs in one term` };
      }
    }
    const behind = head === null ? 0 : head.sequence + 1 - nextSequence;
    const isClose = !hello.wantsSnapshot || behind <= this.#options.bootstrapDistance;
    if (nextSequence >= oldest && isClose) return { kind: "records", nextSequence };
    const snapshot = this.#source.snapshot();
    if (snapshot !== null && snapshot.sealSequence >= nextSequence) {
      return { kind: "snapshot", snapshot, nextSequence: snapshot.sealSequence + 1 };
    }
    snapshot?.close();
    if (nextSequence >= oldest) return { kind: "records", nextSequence };
    return {
      kind: "refused",
      code: "too old",
      message: `the oldest record here is ${oldest}, and no snapshot is ready`,
    };
  }

  #welcome(child: Child): WelcomeMessage {
    const head = this.#source.head();
    return {
      type: "welcome",
      version: FEED_VERSION,
      chainId: this.#source.identity.chainId.toString(),
      genesisHash: this.#source.identity.genesisHash,
      genesisDocument: this.#source.genesisDocument,
      sequencer: this.#source.sequencer,
      term: head?.term ?? 0,
      headSequence: head?.sequence ?? -1,
      codec: child.codec,
      start: child.snapshot === null ? "records" : "snapshot",
      nextSequence: child.nextSequence,
    };
  }

  #sendSnapshotHead(child: Child, snapshot: FeedSnapshot): void {
    const { sealRecord, checkpointRecord, chunkCount } = snapshot;
    this.#send(child, encodeFeedMessage({ type: "snapshot", sealRecord, checkpointRecord, chunkCount }));
  }

  #acknowledge(child: Child, ack: AckMessage): void {
    if (ack.bytes > child.bytesInFlight) {
      this.#refuse(child, "malformed message", "acknowledges more than was sent");
      return;
    }
    if (ack.bytes === 0) return; // takes nothing, so it buys no time either
    child.bytesInFlight -= ack.bytes;
    child.lastAckMs = 0;
    this.#pump(child);
  }

  #pump(child: Child): void {
    while (this.#children.get(child.socket) === child && this.#hasRoom(child)) {
      if (child.snapshot !== null) {
        this.#sendChunk(child, child.snapshot);
        continue;
      }
      const records = this.#source.read(child.nextSequence, BATCH_SIZE_BYTES);
      if (records === null) {
        this.#refuse(child, "too old", `record ${child.nextSequence} cannot be read here`);
        return;
      }
      if (records.length === 0) return;
      this.#send(child, encodeRecordsMessage(child.nextSequence, records, child.codec));
      child.nextSequence += records.length;
    }
  }

  #sendChunk(child: Child, snapshot: FeedSnapshot): void {
    const chunk = snapshot.chunk(child.nextChunk);
    if (chunk === null) {
      this.#refuse(child, "not ready", "the snapshot cannot be read; try again");
      return;
    }
    this.#send(child, encodeChunkMessage(child.nextChunk, chunk, child.codec));
    if (++child.nextChunk === snapshot.chunkCount) child.endSnapshot();
  }

  #hasRoom(child: Child): boolean {
    return child.greeted && child.bytesInFlight < this.#options.windowSizeBytes;
  }

  #send(child: Child, message: Uint8Array): void {
    child.bytesInFlight += message.length;
    this.#metrics.sent(message.length);
    if (child.socket.sendBinary(message) === 0) {
      this.#metrics.slowClosed();
      this.#refuse(child, "too slow", "the socket takes no more");
    }
  }

  #forget(socket: FeedSocket): void {
    this.#children.get(socket)?.endSnapshot();
    this.#children.delete(socket);
  }

  #refuse(child: Child, code: FeedErrorCode, message: string): void {
    this.#forget(child.socket);
    this.#metrics.children(this.#children.size);
    refuse(child.socket, code, message);
  }
}

/** One child's progress. */
class Child {
  readonly socket: FeedSocket;
  greeted = false;
  codec: FeedCodec = "none";
  nextSequence = -1;
  snapshot: FeedSnapshot | null = null;
  nextChunk = 0;
  bytesInFlight = 0;
  lastAckMs = 0;

  constructor(socket: FeedSocket) {
    this.socket = socket;
  }

  endSnapshot(): void {
    this.snapshot?.close();
    this.snapshot = null;
  }
}

type Start =
  | { readonly kind: "records"; readonly nextSequence: number }
  | { readonly kind: "snapshot"; readonly snapshot: FeedSnapshot; readonly nextSequence: number }
  | { readonly kind: "refused"; readonly code: FeedErrorCode; readonly message: string };

function refuse(socket: FeedSocket, code: FeedErrorCode, message: string): void {
  socket.sendBinary(encodeFeedMessage({ type: "error", code, message }));
  socket.close(FEED_CLOSE_CODES[code], code);
}
