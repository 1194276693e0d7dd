// A replica's line to upstream over real sockets, with a real feed behind it and the follower on the other side of the ring:
// following, back-pressure, large records, refusals, snapshots, forwarding, and what it says of itself.

import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { concatBytes } from "#base/bytes.ts";
import { Doorbell } from "#base/doorbell.ts";
import { allocateRing, type RingHandle, RingReader } from "#base/ring.ts";
import { FeedRingMessage } from "#formats/memory/ring-messages.ts";
import { FeedServer, type FeedServerOptions, type FeedSocket, type FeedSource } from "#net/feed-server.ts";
import { LogFeedSource } from "#net/log-feed-source.ts";
import type { LogEvent } from "#observability/event-table.ts";
import type { LogFields, Logger } from "#observability/logger.ts";
import { attachMetrics, createMetricsRegion, renderMetrics } from "#observability/metrics.ts";
import { installBootstrap } from "#replica/bootstrap.ts";
import { ReplicaLink, type ReplicaLinkParts } from "#roles/replica-link.ts";
import type { FromThread, ToThread } from "#roles/threads/thread-protocol.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { SEQUENCER, TestReplica } from "../replica/signed-chain.ts";
import {
  type CheckpointedChain,
  FOLDERS,
  produceCheckpointedChain,
  reopen,
  writeNode,
} from "../replica/source-node.ts";

let chain: CheckpointedChain;
beforeAll(async () => {
  chain = await produceCheckpointedChain(0x11e4);
});

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

function folder(): string {
  const directory = mkdtempSync(join(tmpdir(), "replica-link-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 2_000; i++) {
    if (condition()) return;
    await Bun.sleep(5);
  }
  throw new Error(`waited for ${what}`);
}

/** A parent that serves the chain's data directory; `change` may stand between the source and the server. */
function serve(
  options: Partial<FeedServerOptions> = {},
  change: (source: LogFeedSource) => FeedSource = (same) => same,
) {
  const dataDirectory = folder();
  writeNode(new RealDisk(dataDirectory), chain);
  const source = LogFeedSource.open({
    dataDirectory,
    identity: chain.fixture.identity,
    genesisDocument: chain.fixture.genesis.document,
    sequencer: SEQUENCER,
    lastSequence: chain.records.length - 1,
    recentSizeBytes: 1 << 20,
  });
  cleanups.push(() => source.close());
  const limits = { childCountMax: 4, windowSizeBytes: 1 << 20, ackTimeoutMs: 10_000, bootstrapDistance: 1_000_000 };
  const feed = new FeedServer(
    change(source),
    { ...limits, ...options },
    { children: () => {}, snapshot: () => {}, slowClosed: () => {}, sent: () => {} },
  );
  const requests: unknown[] = [];
  const server = Bun.serve<{ path: string }>({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, bun) {
      const path = new URL(request.url).pathname;
      return bun.upgrade(request, { data: { path } }) ? undefined : new Response("node");
    },
    websocket: {
      open(socket) {
        if (socket.data.path === "/feed") feed.onOpen(socket as unknown as FeedSocket);
      },
      message(socket, data) {
        if (socket.data.path === "/feed") {
          feed.onMessage(socket as unknown as FeedSocket, new Uint8Array(data as Buffer));
          return;
        }
        const request = JSON.parse(String(data)) as { id: number; method: string };
        requests.push(request.method);
        socket.send(JSON.stringify({ jsonrpc: "2.0", id: request.id, result: "0x7" }));
      },
      close: (socket) => feed.onClose(socket as unknown as FeedSocket),
    },
  });
  cleanups.push(() => void server.stop(true));
  return { url: `ws://127.0.0.1:${server.port}/feed`, feed, source, requests, server };
}

class ListLogger implements Logger {
  readonly events: { event: LogEvent; fields: LogFields }[] = [];
  log(event: LogEvent, fields: LogFields = {}): void {
    this.events.push({ event, fields });
  }
  with(): Logger {
    return this;
  }
  count(event: LogEvent): number {
    return this.events.filter((line) => line.event === event).length;
  }
}

/** A link, and what stands in for the apply thread behind its ring. */
class Rig {
  readonly replica = new TestReplica(chain.fixture);
  readonly logger = new ListLogger();
  readonly directory = folder();
  readonly region = createMetricsRegion(1);
  readonly ring: RingHandle;
  readonly link: ReplicaLink;
  readonly kinds: number[] = [];
  rebootstraps = 0;
  isRefusing = false;
  #parts: Uint8Array[] = [];
  readonly #reader: RingReader;

  constructor(url: string, changes: Partial<ReplicaLinkParts> = {}, capacityBytes = 1 << 20) {
    this.ring = allocateRing({ capacityBytes, readers: [new Doorbell().handle] });
    this.#reader = new RingReader(this.ring, 0);
    const { identity, genesis } = chain.fixture;
    this.link = new ReplicaLink({
      upstreamUrl: url,
      staleAfterMs: 5_000,
      context: { identity, spec: genesis.spec },
      sequencer: SEQUENCER,
      client: "test",
      disk: new RealDisk(this.directory),
      feed: this.ring,
      metrics: attachMetrics(this.region, 0),
      logger: this.logger,
      position: { sequence: -1, term: 0, hash: identity.genesisHash, version: 0 },
      isFromSnapshot: false,
      rebootstrap: () => this.rebootstraps++,
      ...changes,
    });
    cleanups.push(() => this.link.stop());
  }

  start(): this {
    this.link.start();
    const timer = setInterval(() => this.pump(), 2);
    cleanups.push(() => clearInterval(timer));
    return this;
  }

  /** What the apply thread does in a turn; like it, it tells where it stands when it was given records. */
  pump(countMax = 64): void {
    let hasTaken = false;
    for (let count = 0; count < countMax; count++) {
      const message = this.#reader.tryRead();
      if (message === null) break;
      this.kinds.push(message.kind);
      if (message.kind === FeedRingMessage.begin) {
        this.isRefusing = false;
        this.#parts = [];
      } else if (message.kind === FeedRingMessage.part) this.#parts.push(message.payload);
      else if (!this.isRefusing) {
        hasTaken = true;
        const outcome = this.replica.accept(concatBytes(...this.#parts, message.payload));
        this.#parts = [];
        if (outcome.kind !== "refused") continue;
        this.isRefusing = true;
        this.tell({ type: "refused", reason: outcome.reason, detail: outcome.detail });
      }
    }
    if (!hasTaken) return;
    const { nextSequence, term, parentHash, nextMiniBlockNumber: version } = this.replica.follower.head;
    this.tell({ type: "applied", position: { sequence: nextSequence - 1, term, hash: parentHash, version } });
  }

  tell(message: FromThread, post: (reply: ToThread) => void = () => {}): boolean {
    return this.link.onThreadMessage(message, { post });
  }

  metric(name: string): number {
    const line = renderMetrics(this.region, {})
      .split("\n")
      .find((text) => text.startsWith(`megaeth_${name} `) || text.startsWith(`megaeth_${name}{`));
    return Number(line?.split(" ").pop());
  }
}

describe("following", () => {
  test("from nothing to upstream's head, then what comes", async () => {
    const { url, source, feed } = serve();
    const rig = new Rig(url).start();
    expect(rig.link.unreadyReason()).not.toBeNull();
    await until(() => rig.replica.log.length === chain.records.length, "all records");
    expect(rig.replica.stateDigest()).toBe(chain.finalDigest);
    await until(() => rig.link.unreadyReason() === null, "ready");
    expect(rig.link.lagMiniBlocks).toBe(0);
    const known = chain.fixture.log.records.length;
    chain.fixture.send(3, { value: 1n });
    await chain.fixture.runFor(80_000);
    const newer = chain.fixture.log.records.slice(known);
    for (const bytes of newer) feed.onRecord(source.onRecord(bytes), bytes);
    await until(() => rig.replica.log.length === known + newer.length, "the new records");
    expect(rig.metric("feed_received_bytes_total")).toBeGreaterThan(1_000);
    expect(rig.logger.events.map((line) => line.event)).toEqual(["feed_connected"]);
  });

  test("waits for the apply thread instead of losing or piling up", async () => {
    const { url } = serve();
    const rig = new Rig(url, {}, 2_048);
    rig.link.start();
    await Bun.sleep(60);
    expect(rig.link.unreadyReason()).toContain("catching up");
    expect(rig.link.lagMiniBlocks).toBeGreaterThan(0);
    while (rig.replica.log.length < chain.records.length) {
      rig.pump(3);
      await Bun.sleep(1);
    }
    expect(rig.kinds.includes(FeedRingMessage.part)).toBe(true); // records larger than an eighth of so small a ring
    expect(rig.replica.stateDigest()).toBe(chain.finalDigest);
  });

  test("goes on after a cut from where the log stands", async () => {
    const first = serve();
    const rig = new Rig(first.url, {}, 4_096);
    rig.link.start();
    await until(() => {
      rig.pump(1);
      return rig.replica.log.length > 20;
    }, "some records");
    first.feed.closeAll();
    await until(() => {
      rig.pump();
      return rig.replica.log.length === chain.records.length;
    }, "the rest");
    expect(rig.logger.count("feed_disconnected")).toBe(1);
    expect(rig.metric("feed_reconnects_total")).toBe(1);
    await until(() => {
      rig.pump();
      return rig.kinds.filter((kind) => kind === FeedRingMessage.begin).length === 2;
    }, "the second connection");
    expect(rig.replica.stateDigest()).toBe(chain.finalDigest);
  });
});

describe("a parent that cannot be followed", () => {
  test("one that alters records is left, again and again with longer pauses, and nothing moves", async () => {
    const { url } = serve({}, (source) => ({
      ...bound(source),
      read: (sequence, size) => source.read(sequence, size)?.map((bytes, i) => (i === 3 ? flip(bytes) : bytes)) ?? null,
    }));
    const rig = new Rig(url).start();
    await until(() => rig.logger.count("feed_refused") >= 3, "refusals");
    expect(rig.replica.log.length).toBeGreaterThanOrEqual(3);
    const held = rig.replica.log.map((record) => record.bytes);
    expect(held).toEqual(chain.records.slice(0, held.length).map((record) => record.bytes));
    expect(rig.link.unreadyReason()).not.toBeNull();
  });

  test("another sequencer, another genesis, another chain", async () => {
    for (const [change, word] of [
      [{ sequencer: new Uint8Array(20).fill(9) }, "sequencer"],
      [{ identity: { ...chain.fixture.identity, genesisHash: new Uint8Array(32) } }, "wrong chain"],
      [{ identity: { ...chain.fixture.identity, chainId: 5n } }, "wrong chain"],
    ] as const) {
      const { url } = serve({}, (source) => ({ ...bound(source), ...change }));
      const rig = new Rig(url).start();
      await until(() => rig.logger.count("feed_disconnected") > 0, "a refusal");
      expect(JSON.stringify(rig.logger.events)).toContain(word);
      expect(rig.replica.log.length).toBe(0);
      rig.link.stop();
    }
  });

  test("silence makes the replica not ready", async () => {
    const { url, server } = serve();
    const rig = new Rig(url, { staleAfterMs: 300 }).start();
    await until(() => rig.link.unreadyReason() === null, "ready");
    await server.stop(true);
    await until(() => rig.link.unreadyReason() !== null, "stale");
    expect(rig.link.unreadyReason()).toContain("nothing heard");
    await until(() => rig.metric("replica_last_message_age_seconds") > 0.2, "the metric");
  });
});

describe("snapshots", () => {
  test("a newcomer far behind loads one, asks once to be started again, and goes on from it", async () => {
    const { url } = serve({ bootstrapDistance: 10 });
    const rig = new Rig(url).start();
    await until(() => rig.rebootstraps > 0, "the snapshot");
    await Bun.sleep(30);
    expect(rig.rebootstraps).toBe(1);
    expect(rig.replica.log.length).toBe(0);
    const disk = new RealDisk(rig.directory);
    expect(installBootstrap(disk, FOLDERS)).toBe(true);
    const { restored } = reopen(disk, chain);
    const { head } = restored;
    expect(head.nextSequence).toBe(chain.seal.header.sequence + 1);
    const position = { sequence: head.nextSequence - 1, term: 0, hash: head.parentHash, version: chain.version };
    const next = new Rig(url, { position, isFromSnapshot: true });
    const firsts: number[] = [];
    next.replica.accept = (bytes) => {
      firsts.push(bytes.length);
      return { kind: "duplicate" };
    };
    next.start();
    const rest = chain.records.length - head.nextSequence;
    await until(() => firsts.length >= rest, "the records behind the snapshot");
    expect(next.rebootstraps).toBe(0);
    expect(firsts).toEqual(
      chain.fixture.log.records.slice(head.nextSequence, head.nextSequence + firsts.length).map((b) => b.length),
    );
  });

  test("an altered one is refused, and the replica stays as it is", async () => {
    const { url } = serve({ bootstrapDistance: 10 }, (source) => ({
      ...bound(source),
      snapshot: () => {
        const snapshot = source.snapshot()!;
        return { ...snapshot, chunk: (index) => (index === 2 ? flip(snapshot.chunk(index)!) : snapshot.chunk(index)) };
      },
    }));
    const rig = new Rig(url).start();
    await until(() => rig.logger.count("feed_refused") > 0, "a refusal");
    expect(rig.rebootstraps).toBe(0);
    expect(installBootstrap(new RealDisk(rig.directory), FOLDERS)).toBe(false);
    rig.link.stop();
  });
});

describe("the rest", () => {
  test("requests of read workers go upstream and come back with their number", async () => {
    const { url, requests } = serve();
    const rig = new Rig(url).start();
    const replies: ToThread[] = [];
    const address = new Uint8Array(20);
    expect(
      rig.tell({ type: "forward", id: 9, request: { kind: "pendingNonce", address } }, (r) => replies.push(r)),
    ).toBe(true);
    await until(() => replies.length > 0, "an answer");
    expect(replies).toEqual([{ type: "forwarded", id: 9, result: { kind: "pendingNonce", nonce: 7n } }]);
    expect(requests).toEqual(["eth_getTransactionCount"]);
    expect(rig.tell({ type: "ready" })).toBe(false);
  });
});

/** A source whose methods can be replaced one by one. */
function bound(source: LogFeedSource): FeedSource {
  return {
    identity: source.identity,
    genesisDocument: source.genesisDocument,
    sequencer: source.sequencer,
    head: () => source.head(),
    oldestSequence: () => source.oldestSequence(),
    read: (sequence, sizeBytesMax) => source.read(sequence, sizeBytesMax),
    hashOf: (sequence) => source.hashOf(sequence),
    firstTermAfter: (term) => source.firstTermAfter(term),
    snapshot: () => source.snapshot(),
  };
}

function flip(bytes: Uint8Array): Uint8Array {
  const altered = bytes.slice();
  altered[altered.length - 1]! ^= 1;
  return altered;
}
