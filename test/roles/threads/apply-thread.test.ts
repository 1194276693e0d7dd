// The apply thread with a real log thread behind it: records in, records on disk and published; refusals; a roll-back to before this
// start; large records in parts; the end.

import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Doorbell } from "#base/doorbell.ts";
import { allocateRing, RingReader, RingWriter } from "#base/ring.ts";
import { kernelModules } from "#crypto/thread-kernels.ts";
import { allocateNodeStatus, NodeStatus } from "#formats/memory/node-status.ts";
import { decodeLogPosition, FeedRingMessage, LogMessage } from "#formats/memory/ring-messages.ts";
import { encodeDiff } from "#formats/wire/diff.ts";
import { decodeMiniBlock } from "#formats/wire/mini-block.ts";
import { type ChainRecord, peekRecord, signRecord } from "#formats/wire/record.ts";
import { createMetricsRegion, renderMetrics } from "#observability/metrics.ts";
import { LOG_DIRECTORY } from "#roles/data-layout.ts";
import type { NodeOptions } from "#roles/node-options.ts";
import { runApplyThread } from "#roles/threads/apply-thread.ts";
import type {
  AppliedPosition,
  FromThread,
  NodeRegions,
  Recovered,
  ThreadKind,
  ThreadStart,
  ToThread,
} from "#roles/threads/thread-protocol.ts";
import { allocateState, createPlainSegment, planStateMemory } from "#state/memory-plan.ts";
import { stateDigest } from "#state/snapshot.ts";
import { StateMemory } from "#state/state-memory.ts";
import { StateView } from "#state/view.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { SegmentLog } from "#storage/segment-log.ts";
import { createSequencer, produceChain, SEQUENCER, type SignedChain, TestReplica } from "../../replica/signed-chain.ts";
import { SEQUENCER_KEY } from "../../sequencer/producer-fixture.ts";

const HELD = 15;
let chain: SignedChain;
beforeAll(async () => {
  chain = await produceChain(0xa991, {});
});

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const OPTIONS = { role: "replica", segmentSizeBytes: 1 << 20, fsyncMode: "interval", fsyncIntervalMs: 50 };

function allocate(feedCapacityBytes: number): NodeRegions {
  const bell = () => new Doorbell().handle;
  const doorbells = { main: bell(), log: bell(), commit: bell(), writer: bell(), verify: [], read: [] };
  const ring = (capacityBytes: number, reader: SharedArrayBuffer) => allocateRing({ capacityBytes, readers: [reader] });
  return {
    state: allocateState(planStateMemory({ stateMemoryBytes: 4 << 20 }), createPlainSegment),
    status: allocateNodeStatus(),
    metrics: createMetricsRegion(4),
    records: ring(1 << 16, doorbells.log),
    published: ring(1 << 22, doorbells.main),
    requests: [],
    verified: [],
    replies: ring(1 << 10, doorbells.main),
    feed: ring(feedCapacityBytes, doorbells.writer),
    arena: new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }),
    evm: { execute: null, read: [], compile: { base: 0, sizeBytes: 0 } },
    doorbells,
  };
}

/** Log thread in a worker, apply thread in this one, and what the main thread would see. */
class Rig {
  readonly regions: NodeRegions;
  readonly directory = mkdtempSync(join(tmpdir(), "apply-thread-"));
  readonly messages: FromThread[] = [];
  readonly published: { kind: number; payload: Uint8Array }[] = [];
  readonly feed: RingWriter;
  readonly #published: RingReader;
  readonly #log: Worker;
  #tell: (message: ToThread) => void = () => {};

  private constructor(feedCapacityBytes: number) {
    this.regions = allocate(feedCapacityBytes);
    this.feed = new RingWriter(this.regions.feed);
    this.#published = new RingReader(this.regions.published, 0);
    this.#log = new Worker(new URL("./log-worker.fixture.ts", import.meta.url).href);
    cleanups.push(() => {
      this.#log.terminate();
      rmSync(this.directory, { recursive: true, force: true });
    });
    this.#log.onmessage = ({ data }: MessageEvent<FromThread>) => this.messages.push(data);
  }

  /** Starts on a data directory that holds the first records of the chain. */
  static async start(feedCapacityBytes = 1 << 20): Promise<Rig> {
    const rig = new Rig(feedCapacityBytes);
    const { identity } = chain.fixture;
    const log = SegmentLog.open(new RealDisk(rig.directory), LOG_DIRECTORY, { identity, repair: true });
    log.append(chain.records.slice(0, HELD).map(({ header, bytes }) => ({ sequence: header.sequence, bytes })));
    log.sync();
    log.close();
    const post = (message: FromThread) => void rig.messages.push(message);
    const onMessage = (handler: (message: ToThread) => void) => {
      rig.#tell = handler;
    };
    void runApplyThread(rig.#begin("apply", 1, null), { post, onMessage });
    await rig.until(() => rig.find("recovered") !== undefined, "recovery");
    rig.#log.postMessage(rig.#begin("log", 2, rig.find("recovered")!.recovered));
    await rig.until(() => rig.messages.filter((message) => message.type === "ready").length === 2, "both threads");
    return rig;
  }

  get applied(): AppliedPosition {
    const all = this.messages.filter((message) => message.type === "applied");
    return all[all.length - 1]!.position;
  }

  tell(message: ToThread): void {
    this.#tell(message);
  }

  find<Type extends FromThread["type"]>(type: Type): Extract<FromThread, { type: Type }> | undefined {
    const found = this.messages.find((message) => message.type === type);
    return found as Extract<FromThread, { type: Type }> | undefined;
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    for (let i = 0; i < 2_000; i++) {
      const failure = this.find("failed");
      if (failure !== undefined) throw new Error(`waiting for ${what}: ${failure.message}`);
      for (let message = this.#published.tryRead(); message !== null; message = this.#published.tryRead()) {
        this.published.push(message);
      }
      if (condition()) return;
      await Bun.sleep(5);
    }
    throw new Error(`waited for ${what}`);
  }

  /** Hands records to the apply thread as the link does. */
  send(records: readonly { readonly bytes: Uint8Array }[], begin = true): void {
    if (begin) expect(this.feed.tryWrite(FeedRingMessage.begin, new Uint8Array(0))).toBe(true);
    for (const { bytes } of records) expect(this.feed.tryWrite(FeedRingMessage.record, bytes)).toBe(true);
  }

  async sendAndWait(records: readonly ChainRecord[]): Promise<void> {
    this.send(records);
    const last = records[records.length - 1]!;
    const { sequence } = last.header;
    await this.until(() => Buffer.compare(this.applied.hash, last.hash) === 0, `record ${sequence}`);
    await this.until(() => new NodeStatus(this.regions.status).get("publishedSequence") === sequence, "publication");
  }

  digest(): string {
    const view = new StateView(this.regions.state);
    return stateDigest(view, view.pin()).toHex();
  }

  recordsOnDisk(): Uint8Array[] {
    const { identity } = chain.fixture;
    const log = SegmentLog.open(new RealDisk(this.directory), LOG_DIRECTORY, { identity, repair: false });
    const found = [...log.scan(0)].map((record) => record.bytes);
    log.close();
    return found;
  }

  async end(): Promise<void> {
    this.tell({ type: "drain" });
    new Doorbell(this.regions.doorbells.writer).ring();
    await this.until(() => this.messages.filter((message) => message.type === "stopped").length === 2, "the end");
  }

  #begin(kind: ThreadKind, metricsIndex: number, recovered: Recovered | null): ThreadStart {
    const { identity, genesis, genesisStateRoot } = chain.fixture;
    const setup = {
      options: OPTIONS as unknown as NodeOptions,
      identity,
      genesisDocument: genesis.document,
      genesisStateRoot,
      sequencer: SEQUENCER,
      dataDirectory: this.directory,
      clientVersion: "test",
      regions: this.regions,
    };
    return {
      type: "start",
      kind,
      index: 0,
      metricsIndex,
      kernels: kernelModules(),
      core: null,
      compilePorts: [],
      setup,
      recovered,
    };
  }
}

describe("records", () => {
  test("are applied, written, published and counted; nothing is executed", async () => {
    const rig = await Rig.start();
    expect(rig.applied.sequence).toBe(HELD - 1);
    await rig.sendAndWait(chain.records.slice(HELD));
    expect(rig.digest()).toBe(new TestReplica(chain.fixture).follow(chain.records).stateDigest());
    const memory = new StateMemory(rig.regions.state);
    expect(memory.published).toBe(memory.newest);
    expect(rig.applied.version).toBe(memory.newest);
    await rig.end();
    expect(rig.recordsOnDisk()).toEqual(chain.records.map((record) => record.bytes));
    expect(rig.published.map((message) => message.kind)).toEqual([
      ...chain.records.slice(HELD).map(() => LogMessage.record),
      LogMessage.stop,
    ]);
    const metrics = renderMetrics(rig.regions.metrics, {});
    const minis = chain.records.slice(HELD).filter((record) => record.header.type === "mini").length;
    expect(metrics).toContain(`megaeth_mini_blocks_total ${minis}\n`);
    expect(metrics).toContain("megaeth_transactions_executed_total 0\n");
  });

  test("in parts, when they are larger than the ring takes at once", async () => {
    const rig = await Rig.start();
    rig.feed.tryWrite(FeedRingMessage.begin, new Uint8Array(0));
    for (const { bytes } of chain.records.slice(HELD)) {
      const half = bytes.length >> 1;
      rig.feed.tryWrite(FeedRingMessage.part, bytes.subarray(0, 7));
      rig.feed.tryWrite(FeedRingMessage.part, bytes.subarray(7, half));
      rig.feed.tryWrite(FeedRingMessage.record, bytes.subarray(half));
    }
    await rig.until(() => rig.applied.sequence === chain.records.length - 1, "all");
    // A connection that broke in the middle of a record leaves nothing behind.
    rig.feed.tryWrite(FeedRingMessage.part, Uint8Array.of(1, 2, 3));
    rig.send(chain.records.slice(-1));
    await Bun.sleep(20);
    expect(rig.find("refused")).toBeUndefined();
    await rig.end();
  });
});

test("a refusal voids the rest of its connection; the next one goes on where the log stands", async () => {
  const rig = await Rig.start();
  const altered = chain.records[20]!.bytes.slice();
  altered[altered.length - 1]! ^= 1;
  rig.send([...chain.records.slice(HELD, 20), { bytes: altered }, ...chain.records.slice(21)]);
  await rig.until(() => rig.find("refused") !== undefined, "the refusal");
  await Bun.sleep(20);
  expect(rig.messages.filter((message) => message.type === "refused").length).toBe(1);
  expect(rig.applied).toMatchObject({ sequence: 19, hash: chain.records[19]!.hash });
  await rig.sendAndWait(chain.records.slice(20));
  expect(renderMetrics(rig.regions.metrics, {})).toContain('megaeth_frames_refused_total{reason="signature"} 1\n');
  await rig.end();
  expect(rig.recordsOnDisk().length).toBe(chain.records.length);
});

describe("a new term", () => {
  test("behind records of this start, and behind those of an earlier one", async () => {
    for (const kept of [30, HELD, 5, 1]) {
      const rig = await Rig.start();
      await rig.sendAndWait(chain.records.slice(HELD));
      const { fixture } = await createSequencer(chain.records.slice(0, kept), {});
      fixture.nowUs = chain.fixture.nowUs + 1_000_000;
      const { nextSequence, nextMiniBlockNumber } = fixture.producer.head;
      fixture.producer.beginTerm({ sequence: nextSequence - 1, version: nextMiniBlockNumber });
      fixture.send(3, { value: 5n });
      await fixture.runFor(100_000);
      const newer = fixture.decodedRecords();
      await rig.sendAndWait(newer.slice(kept));
      expect(rig.digest()).toBe(new TestReplica(chain.fixture).follow(newer).stateDigest());
      const cut = rig.published.find((message) => message.kind === LogMessage.rollback)!;
      expect(decodeLogPosition(cut.payload)).toEqual({ sequence: kept - 1, version: nextMiniBlockNumber });
      await rig.end();
      expect(rig.recordsOnDisk()).toEqual(newer.map((record) => record.bytes));
      const after = rig.published.slice(rig.published.indexOf(cut) + 1, -1);
      expect(after.map((message) => peekRecord(message.payload).sequence)).toEqual(
        newer.slice(kept).map((record) => record.header.sequence),
      );
    }
  });
});

test("what is signed and cannot be applied ends the node, and changes nothing", async () => {
  const rig = await Rig.start();
  const isNext = ({ header }: ChainRecord) => header.type === "mini" && header.sequence >= HELD;
  const mini = chain.records.find(isNext)!;
  const { diff } = decodeMiniBlock(mini);
  const sections = [...mini.sections];
  sections[3] = encodeDiff({ ...diff, firstNewIndex: diff.firstNewIndex + 1 });
  const wrong = signRecord(chain.fixture.identity, mini.header, sections, SEQUENCER_KEY);
  const before = chain.records.slice(HELD, mini.header.sequence);
  rig.send([...before, wrong, ...chain.records.slice(mini.header.sequence)]);
  await rig.until(() => rig.messages.some((message) => message.type === "log"), "the report").catch(() => {});
  const failure = rig.find("failed")?.message ?? "";
  expect(failure).toContain("ReplicaHaltedError");
  expect(failure).toContain(`mini-block ${mini.header.number}`);
  expect(new StateMemory(rig.regions.state).newest).toBe(mini.header.number);
});
