// The feed over real WebSockets: resume, live following, windows, roll-back to a new term, snapshots, and every refusal.

import { afterEach, describe, expect, test } from "bun:test";
import { bytesEqual } from "#base/bytes.ts";
import { SeededRandom } from "#base/random.ts";
import { FormatError } from "#formats/codec.ts";
import {
  decodeFeedMessage,
  decompressData,
  encodeChunkMessage,
  encodeFeedMessage,
  encodeRecordsMessage,
  FEED_CLOSE_CODES,
  FEED_VERSION,
  type FeedErrorCode,
  type FeedMessage,
  unpackRecords,
} from "#formats/wire/feed.ts";
import { FeedClient, type FeedClientHandler, type FeedPosition } from "#net/feed-client.ts";
import { FeedGreetingError, requestWelcome } from "#net/feed-greeting.ts";
import {
  FeedServer,
  type FeedServerOptions,
  type FeedSnapshot,
  type FeedSocket,
  type FeedSource,
} from "#net/feed-server.ts";

const IDENTITY = { chainId: 31337n, genesisHash: new Uint8Array(32).fill(9) };
const OPTIONS: FeedServerOptions = {
  childCountMax: 4,
  windowSizeBytes: 64 * 1024,
  ackTimeoutMs: 10_000,
  bootstrapDistance: 1_000_000,
};

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A log in memory: record n is some bytes, its hash is n in 32 bytes plus its term. */
class MemoryLog implements FeedSource {
  readonly identity = IDENTITY;
  readonly genesisDocument = new TextEncoder().encode("{}");
  readonly sequencer = new Uint8Array(20).fill(3);
  records: { bytes: Uint8Array; term: number; isTerm: boolean }[] = [];
  oldest = 0;
  ready: FeedSnapshot | null = null;

  add(bytes: Uint8Array, term = 0, isTerm = false): void {
    this.records.push({ bytes, term, isTerm });
  }
  head() {
    const last = this.records[this.records.length - 1];
    return last === undefined ? null : { sequence: this.records.length - 1, term: last.term };
  }
  oldestSequence = () => this.oldest;
  read(sequence: number, sizeBytesMax: number): Uint8Array[] {
    const found: Uint8Array[] = [];
    let size = 0;
    for (let at = sequence; at < this.records.length && (found.length === 0 || size < sizeBytesMax); at++) {
      found.push(this.records[at]!.bytes);
      size += this.records[at]!.bytes.length;
    }
    return found;
  }
  hashOf(sequence: number): Uint8Array | null {
    const record = this.records[sequence];
    if (record === undefined) return null;
    const hash = new Uint8Array(32).fill(record.term);
    hash[0] = sequence;
    return hash;
  }
  firstTermAfter(term: number): number | null {
    const at = this.records.findIndex((record) => record.isTerm && record.term > term);
    return at < 0 ? null : at;
  }
  snapshot = () => this.ready;
}

function serve(source: FeedSource, options: Partial<FeedServerOptions> = {}) {
  const counts = { slow: 0, sent: 0, children: 0, snapshots: 0 };
  const feed = new FeedServer(
    source,
    { ...OPTIONS, ...options },
    {
      children: (count) => {
        counts.children = count;
      },
      snapshot: () => counts.snapshots++,
      slowClosed: () => counts.slow++,
      sent: (bytes) => {
        counts.sent += bytes;
      },
    },
  );
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, bun) => (bun.upgrade(request) ? undefined : new Response("feed")),
    websocket: {
      open: (socket) => feed.onOpen(socket as unknown as FeedSocket),
      message: (socket, data) => feed.onMessage(socket as unknown as FeedSocket, new Uint8Array(data as Buffer)),
      drain: (socket) => feed.onDrain(socket as unknown as FeedSocket),
      close: (socket) => feed.onClose(socket as unknown as FeedSocket),
    },
  });
  cleanups.push(() => void server.stop(true));
  return { feed, server, counts, url: `ws://127.0.0.1:${server.port}/feed` };
}

class Recorder implements FeedClientHandler {
  got: Uint8Array[] = [];
  firstSequences: number[] = [];
  chunks: Uint8Array[] = [];
  snapshots = 0;
  refusals: (FeedErrorCode | null)[] = [];
  reasons: string[] = [];
  position: () => FeedPosition = () => ({
    chainId: null,
    genesisHash: IDENTITY.genesisHash,
    term: 0,
    lastSequence: this.got.length - 1,
    lastHash: null,
    wantsSnapshot: true,
  });
  async onWelcome(): Promise<string | null> {
    return null;
  }
  async onSnapshot(): Promise<string | null> {
    this.snapshots++;
    return null;
  }
  async onChunk(_index: number, chunk: Uint8Array): Promise<string | null> {
    this.chunks.push(chunk.slice());
    return null;
  }
  async onRecords(firstSequence: number, records: readonly Uint8Array[]): Promise<string | null> {
    this.firstSequences.push(firstSequence);
    for (const record of records) this.got.push(record.slice());
    return null;
  }
  onDisconnect(reason: string, refusal: FeedErrorCode | null): void {
    this.reasons.push(reason);
    this.refusals.push(refusal);
  }
}

function follow(url: string, handler: FeedClientHandler): FeedClient {
  const client = new FeedClient(
    { url, client: "test", retryMsMin: 20, retryMsMax: 100, silenceMsMax: 30_000 },
    handler,
  );
  cleanups.push(() => client.stop());
  client.start();
  return client;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (condition()) return;
    await Bun.sleep(5);
  }
  throw new Error(`never happened: ${what}`);
}

describe("following", () => {
  test("a child gets the past in order, then what is new, each record once", async () => {
    const random = new SeededRandom(11);
    const log = new MemoryLog();
    for (let i = 0; i < 500; i++) log.add(random.bytes(random.below(4000)));
    const { feed, url } = serve(log);
    const child = new Recorder();
    follow(url, child);
    for (let i = 0; i < 200; i++) {
      log.add(random.bytes(random.below(4000)));
      feed.onRecord(log.records.length - 1, log.records[log.records.length - 1]!.bytes);
      if (i % 10 === 0) await Bun.sleep(1);
    }
    await until(() => child.got.length >= 700, "700 records");
    expect(child.got.length).toBe(700);
    expect(child.got.every((bytes, i) => bytesEqual(bytes, log.records[i]!.bytes))).toBe(true);
  });

  test("a cut connection resumes after the last record", async () => {
    const log = new MemoryLog();
    for (let i = 0; i < 50; i++) log.add(new Uint8Array(100).fill(i));
    const { feed, url } = serve(log);
    const child = new Recorder();
    const client = follow(url, child);
    await until(() => child.got.length === 50, "the first 50");
    client.reconnect("test");
    for (let i = 50; i < 80; i++) log.add(new Uint8Array(100).fill(i));
    feed.tick(Date.now());
    await until(() => child.got.length === 80, "the next 30");
    expect(child.got.map((bytes) => bytes[0])).toEqual(Array.from({ length: 80 }, (_, i) => i));
    expect(child.reasons).toEqual(["test"]);
  });

  test("the window bounds the bytes in flight to a child that does not acknowledge", async () => {
    const log = new MemoryLog();
    for (let i = 0; i < 400; i++) log.add(new SeededRandom(i).bytes(10_000));
    const { feed, counts, url } = serve(log);
    const socket = new WebSocket(url);
    cleanups.push(() => socket.close());
    const closed = new Promise<CloseEvent>((resolve) => {
      socket.onclose = resolve;
    });
    socket.onopen = () => socket.send(encodeFeedMessage(hello()));
    await until(() => counts.sent > OPTIONS.windowSizeBytes, "the window to fill");
    for (let i = 0; i < 10; i++) feed.tick(1_000_000 + i * 100);
    expect(counts.sent).toBeLessThan(OPTIONS.windowSizeBytes + 300_000);
    feed.tick(1_000_000 + OPTIONS.ackTimeoutMs * 2);
    expect((await closed).code).toBe(FEED_CLOSE_CODES["too slow"]);
    expect(counts.slow).toBe(1);
    expect(feed.childCount).toBe(0);
  });

  test("a child of an older term gets the term record in place of what it must forget", async () => {
    const log = new MemoryLog();
    for (let i = 0; i < 10; i++) log.add(Uint8Array.of(i));
    log.add(Uint8Array.of(100), 1, true);
    log.add(Uint8Array.of(101), 1);
    const { url } = serve(log);
    const child = new Recorder();
    child.position = () => ({
      chainId: "31337",
      genesisHash: IDENTITY.genesisHash,
      term: 0,
      lastSequence: 14,
      lastHash: new Uint8Array(32),
      wantsSnapshot: true,
    });
    follow(url, child);
    await until(() => child.got.length === 2, "the term record and the next");
    expect(child.firstSequences[0]).toBe(10);
    expect(child.got.map((bytes) => bytes[0])).toEqual([100, 101]);
  });

  test("a child that is too far behind gets the snapshot, then the records after it", async () => {
    const log = new MemoryLog();
    for (let i = 0; i < 100; i++) log.add(Uint8Array.of(i));
    const pieces = [new Uint8Array(100_000).fill(1), new Uint8Array(100_000).fill(2), new Uint8Array(7).fill(3)];
    const one = Uint8Array.of(1);
    const closed: string[] = [];
    log.ready = {
      sealRecord: one,
      sealSequence: 79,
      checkpointRecord: one,
      chunkCount: 3,
      chunk: (index) => pieces[index]!,
      close: () => closed.push("closed"),
    };
    const { url, counts } = serve(log, { bootstrapDistance: 50 });
    const child = new Recorder();
    follow(url, child);
    await until(() => child.got.length === 20, "the records after the snapshot");
    expect(child.snapshots).toBe(1);
    expect(child.chunks).toEqual(pieces);
    expect(child.firstSequences[0]).toBe(80);
    expect([counts.snapshots, closed]).toEqual([1, ["closed"]]);
  });

  test("a child that wants no snapshot gets the records as long as they are there", async () => {
    const log = new MemoryLog();
    for (let i = 0; i < 100; i++) log.add(Uint8Array.of(i));
    const one = Uint8Array.of(1);
    log.ready = {
      sealRecord: one,
      sealSequence: 79,
      checkpointRecord: one,
      chunkCount: 1,
      chunk: () => one,
      close: () => {},
    };
    const { url } = serve(log, { bootstrapDistance: 50 });
    const held = { chainId: null, genesisHash: IDENTITY.genesisHash, term: 0, lastSequence: 9, lastHash: null };
    for (const oldest of [0, 10, 11]) {
      log.oldest = oldest;
      const child = new Recorder();
      child.position = () => ({ ...held, wantsSnapshot: false });
      const client = follow(url, child);
      await until(() => child.got.length > 0, "records");
      client.stop();
      expect([child.snapshots, child.firstSequences[0]]).toEqual(oldest > 10 ? [1, 80] : [0, 10]);
    }
  });

  test("a snapshot that turns out unreadable ends the connection, and is closed", async () => {
    const log = new MemoryLog();
    for (let i = 0; i < 100; i++) log.add(Uint8Array.of(i));
    const one = Uint8Array.of(1);
    const closed: string[] = [];
    log.ready = {
      sealRecord: one,
      sealSequence: 79,
      checkpointRecord: one,
      chunkCount: 3,
      chunk: (index) => (index === 0 ? one : null),
      close: () => closed.push("closed"),
    };
    const { url } = serve(log, { bootstrapDistance: 50 });
    expect(await talk(url, encodeFeedMessage(hello()))).toEqual({
      code: FEED_CLOSE_CODES["not ready"],
      error: "not ready",
    });
    expect(closed).toEqual(["closed"]);
  });

  test("records that cannot be read any more end the connection", async () => {
    const log = new MemoryLog();
    for (let i = 0; i < 10; i++) log.add(Uint8Array.of(i));
    log.read = () => null as unknown as Uint8Array[];
    const { url } = serve(log);
    expect((await talk(url, encodeFeedMessage(hello()))).error).toBe("too old");
  });

  test("a stranger is told whom it would follow, and gets nothing else", async () => {
    const log = new MemoryLog();
    for (let i = 0; i < 100; i++) log.add(new Uint8Array(1_000));
    const { url, counts } = serve(log);
    const welcome = await requestWelcome({ url, client: "test", timeoutMs: 5_000 });
    expect(welcome).toMatchObject({ chainId: "31337", sequencer: log.sequencer, headSequence: 99, nextSequence: 0 });
    expect(welcome.genesisDocument).toEqual(log.genesisDocument);
    expect(counts.sent).toBeLessThan(1_000);
    await until(() => counts.children === 0, "the stranger to be gone");
    const nobody = requestWelcome({ url: "ws://127.0.0.1:1/feed", client: "test", timeoutMs: 5_000 });
    expect(nobody).rejects.toThrow(FeedGreetingError);
    const full = serve(log, { childCountMax: 0 });
    const refused = requestWelcome({ url: full.url, client: "test", timeoutMs: 5_000 });
    expect(refused).rejects.toThrow("too many children");
  });
});

describe("while a snapshot is being sent", () => {
  /** A server and a child without a network: its window takes one chunk of the snapshot of record 79 at a time. */
  function begin() {
    const log = new MemoryLog();
    for (let i = 0; i < 100; i++) log.add(Uint8Array.of(i));
    const one = Uint8Array.of(1);
    const closed: string[] = [];
    log.ready = {
      sealRecord: one,
      sealSequence: 79,
      checkpointRecord: one,
      chunkCount: 3,
      chunk: (index) => new SeededRandom(index).bytes(10_000),
      close: () => closed.push("closed"),
    };
    const counts = { slow: 0 };
    const feed = new FeedServer(
      log,
      { ...OPTIONS, windowSizeBytes: 1_000, bootstrapDistance: 50 },
      { children: () => {}, snapshot: () => {}, slowClosed: () => counts.slow++, sent: () => {} },
    );
    const sent: FeedMessage[] = [];
    const socket: FeedSocket = {
      sendBinary: (bytes) => sent.push(decodeFeedMessage(bytes)),
      close: (code) => closed.push(String(code)),
    };
    feed.onOpen(socket);
    feed.onMessage(socket, encodeFeedMessage(hello()));
    expect(sent.map(({ type }) => type)).toEqual(["welcome", "snapshot", "chunk"]);
    return { log, feed, socket, sent, closed, counts };
  }

  test("a log that is cut back behind the snapshot ends the connection", () => {
    const { log, feed, sent, closed } = begin();
    log.records.length = 70;
    feed.onRollback(69);
    expect(sent.at(-1)).toMatchObject({ type: "error", code: "not ready" });
    expect(closed).toEqual(["closed", String(FEED_CLOSE_CODES["not ready"])]);
    expect(feed.childCount).toBe(0);
  });

  test("acknowledging nothing buys no time", () => {
    const { feed, socket, sent, closed, counts } = begin();
    for (let nowMs = 1_000; nowMs <= 13_000; nowMs += 1_000) {
      feed.tick(nowMs);
      feed.onMessage(socket, encodeFeedMessage({ type: "ack", bytes: 0 }));
    }
    expect(counts.slow).toBe(1);
    expect(sent.at(-1)).toMatchObject({ type: "error", code: "too slow" });
    expect(closed).toEqual(["closed", String(FEED_CLOSE_CODES["too slow"])]);
  });
});

describe("refusals", () => {
  const cases: [FeedErrorCode, Partial<ReturnType<typeof hello>>, (log: MemoryLog) => void][] = [
    ["unsupported version", { version: 99 }, () => {}],
    ["wrong chain", { chainId: "1" }, () => {}],
    ["wrong chain", { genesisHash: new Uint8Array(32) }, () => {}],
    ["diverged", { lastSequence: 3, lastHash: new Uint8Array(32).fill(0xee) }, () => {}],
    ["not ready", { lastSequence: 30 }, () => {}],
    [
      "too old",
      {},
      (log) => {
        log.oldest = 5;
      },
    ],
  ];
  for (const [code, change, prepare] of cases) {
    test(`${code}: ${Object.keys(change).join()}`, async () => {
      const log = new MemoryLog();
      for (let i = 0; i < 10; i++) log.add(Uint8Array.of(i));
      prepare(log);
      const { url } = serve(log);
      const closed = await talk(url, encodeFeedMessage({ ...hello(), ...change }));
      expect(closed.code).toBe(FEED_CLOSE_CODES[code]);
      expect(closed.error).toBe(code);
    });
  }

  test("junk, a message out of turn, and an acknowledgement of more than was sent", async () => {
    const { url } = serve(new MemoryLog());
    for (const first of [Uint8Array.of(1, 2, 3), encodeFeedMessage({ type: "ack", bytes: 5 })]) {
      expect((await talk(url, first)).code).toBe(FEED_CLOSE_CODES["malformed message"]);
    }
    const both = await talk(url, encodeFeedMessage(hello()), encodeFeedMessage({ type: "ack", bytes: 1 << 20 }));
    expect(both.code).toBe(FEED_CLOSE_CODES["malformed message"]);
  });

  test("a parent that sends without end is left while its child is busy", async () => {
    const flood = encodeRecordsMessage(0, [new SeededRandom(5).bytes(10_000)], "none");
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, bun) => (bun.upgrade(request) ? undefined : new Response("feed")),
      websocket: {
        open: (socket) => {
          for (let i = 0; i < 100; i++) socket.sendBinary(flood);
        },
        message: () => {},
      },
    });
    cleanups.push(() => void server.stop(true));
    const child = new Recorder();
    child.onRecords = () => new Promise(() => {});
    const client = new FeedClient(
      {
        url: `ws://127.0.0.1:${server.port}/feed`,
        client: "test",
        retryMsMin: 60_000,
        retryMsMax: 60_000,
        silenceMsMax: 30_000,
        queueSizeBytesMax: 100_000,
      },
      child,
    );
    cleanups.push(() => client.stop());
    client.start();
    await until(() => child.reasons.length > 0, "the child to leave");
    expect(child.reasons).toEqual(["the parent sends more than is acknowledged"]);
  });

  test("not ready: a parent whose log is still empty", async () => {
    const { url } = serve(new MemoryLog());
    const last = { lastSequence: 3, lastHash: new Uint8Array(32) };
    const closed = await talk(url, encodeFeedMessage({ ...hello(), ...last, genesisHash: IDENTITY.genesisHash }));
    expect(closed.code).toBe(FEED_CLOSE_CODES["not ready"]);
  });

  test("one child too many", async () => {
    const { url } = serve(new MemoryLog(), { childCountMax: 1 });
    follow(url, new Recorder());
    await Bun.sleep(50);
    expect((await talk(url, encodeFeedMessage(hello()))).code).toBe(FEED_CLOSE_CODES["too many children"]);
  });
});

describe("messages", () => {
  test("both codecs give the same records back", () => {
    const records = [new Uint8Array(3000).fill(7), new Uint8Array(0), Uint8Array.of(1, 2)];
    for (const codec of ["lz4", "none"] as const) {
      const message = decodeFeedMessage(encodeRecordsMessage(5, records, codec));
      if (message.type !== "records") throw new Error("records expected");
      expect(unpackRecords(message)).toEqual(records);
      const chunk = decodeFeedMessage(encodeChunkMessage(1, records[0]!, codec));
      if (chunk.type !== "chunk") throw new Error("chunk expected");
      expect(decompressData(chunk)).toEqual(records[0]!);
    }
  });

  test("names that every object inherits are neither message types nor error codes", () => {
    for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
      const typed = encodeFeedMessage({ type: name } as unknown as FeedMessage);
      expect(() => decodeFeedMessage(typed), name).toThrow(FormatError);
      const coded = encodeFeedMessage({ type: "error", code: name as FeedErrorCode, message: "" });
      expect(() => decodeFeedMessage(coded), name).toThrow(FormatError);
    }
  });

  test("flipped bytes never escape as anything but a format error", () => {
    const bytes = encodeRecordsMessage(5, [new SeededRandom(3).bytes(500)], "lz4");
    const random = new SeededRandom(4);
    for (let round = 0; round < 2000; round++) {
      const mutated = bytes.slice(0, random.below(bytes.length) + 1);
      mutated[random.below(mutated.length)] = random.below(256);
      try {
        const message = decodeFeedMessage(mutated);
        if (message.type === "records") unpackRecords(message);
      } catch (error) {
        expect(error, `round ${round}`).toBeInstanceOf(FormatError);
      }
    }
  });
});

function hello() {
  return {
    type: "hello" as const,
    version: FEED_VERSION,
    chainId: null as string | null,
    genesisHash: IDENTITY.genesisHash as Uint8Array | null,
    term: 0,
    lastSequence: -1,
    lastHash: null as Uint8Array | null,
    wantsSnapshot: true,
    codecs: ["lz4" as const],
    client: "test",
  };
}

async function talk(url: string, ...messages: Uint8Array<ArrayBuffer>[]): Promise<{ code: number; error: string }> {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  let error = "";
  socket.onopen = () => {
    for (const message of messages) socket.send(message);
  };
  socket.onmessage = (event) => {
    const message = decodeFeedMessage(new Uint8Array(event.data as ArrayBuffer));
    if (message.type === "error") error = message.code;
  };
  return new Promise((resolve) => {
    socket.onclose = (event) => resolve({ code: event.code, error });
  });
}
