// The commit thread: follows the log and keeps what no transaction may wait for: the state root of every EVM block, the check of
// sealed headers (replica), checkpoints, and the index files of closed segments. It works in slices between records.
//
//   published ring ─▶ diffs of the open block ──seal──▶ commitment ─▶ root ─▶ executor (through main)
//                                              └──every so often──▶ checkpoint ─▶ signed digest

import { assert, must } from "#base/assert.ts";
import { bytesEqual } from "#base/bytes.ts";
import { toHex } from "#base/hex.ts";
import { dropOldest } from "#base/maps.ts";
import { RingReader } from "#base/ring.ts";
import { genesisHeader, parseGenesisDocument } from "#chain/genesis.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { NodeStatus } from "#formats/memory/node-status.ts";
import { decodeLogPosition, LogMessage } from "#formats/memory/ring-messages.ts";
import { decodeMiniBlock } from "#formats/wire/mini-block.ts";
import { decodeCheckpoint } from "#formats/wire/payloads.ts";
import { type ChainRecord, decodeRecord } from "#formats/wire/record.ts";
import { attachMetrics, type Gauge, type Histogram } from "#observability/metrics.ts";
import { BlockVerifier } from "#replica/block-verifier.ts";
import { type AccountChange, mergeChanges, resolveDiff, type StateCommitment } from "#state/commitment.ts";
import { createMemoryTrie } from "#state/memory-trie.ts";
import { MptCommitment } from "#state/mpt-commitment.ts";
import { commitWholeState } from "#state/state-walk.ts";
import { StateView } from "#state/view.ts";
import { ChainHead } from "#storage/chain-head.ts";
import { CheckpointStore } from "#storage/checkpoint-store.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { ensureIndexSteps } from "#storage/segment-index.ts";
import { SegmentLogReader } from "#storage/segment-log-reader.ts";
import { CHECKPOINT_DIRECTORY, LOG_DIRECTORY } from "../data-layout.ts";
import { CheckpointJob } from "./checkpoint-job.ts";
import { IDLE_SLEEP_MS, logThrough, runLoop, runThread, type Turn } from "./thread-loop.ts";
import type { Recovered, ThreadPort, ThreadStart } from "./thread-protocol.ts";

const RECORDS_PER_TURN = 64;
/** Sealed heads kept, so that a roll-back finds the block boundary before it. */
const SEALED_HEAD_COUNT_MAX = 256;
const INDEX_INTERVAL_MS = 5_000;
/** Own checkpoints whose digests are compared with the signed ones. */
const OWN_DIGEST_COUNT_MAX = 16;
const CHECKPOINT_RETRY_MS = 1_000;
/** Time between two looks at the durable mark by a checkpoint that waits for it. */
const DURABLE_POLL_MS = 5;

/** Runs the commit thread until the stop message has come through the log. */
export function runCommitThread(start: ThreadStart, port: ThreadPort): Promise<void> {
  return runThread(port, async () => {
    const committer = new Committer(start, port, must(start.recovered, "the commit thread starts after recovery"));
    await committer.begin();
    port.post({ type: "ready" });
    await runLoop(start.setup.regions.doorbells.commit, () => committer.turn());
    committer.close();
  });
}

class Committer {
  readonly #start: ThreadStart;
  readonly #port: ThreadPort;
  readonly #disk: RealDisk;
  readonly #reader: RingReader;
  readonly #view: StateView;
  readonly #status: NodeStatus;
  readonly #checkpoints: CheckpointStore;
  readonly #isReplica: boolean;
  readonly #lag: Gauge;
  readonly #checkpointSeconds: Histogram;
  readonly #verifier = new BlockVerifier();
  /** State roots by block number, the last few. */
  readonly #roots = new Map<number, Hash32>();
  readonly #ownDigests = new Map<number, Hash32>();
  #sealedHeads: ChainHead[];
  #head: ChainHead;
  #commitment: StateCommitment = new MptCommitment(createMemoryTrie);
  #steps: (readonly AccountChange[])[] = [];
  #checkpointedVersion: number;
  #job: CheckpointJob | null = null;
  #indexing: Generator<void, number[]> | null = null;
  #indexedAtMs = 0;
  /** When a checkpoint that failed is tried again; the producer may be waiting for it. */
  #retryCheckpointAtMs = Number.POSITIVE_INFINITY;

  constructor(start: ThreadStart, port: ThreadPort, recovered: Recovered) {
    const { setup } = start;
    const { identity, regions } = setup;
    const genesis = parseGenesisDocument(setup.genesisDocument);
    const { spec } = genesis;
    const metrics = attachMetrics(regions.metrics, start.metricsIndex);
    this.#start = start;
    this.#port = port;
    this.#disk = new RealDisk(setup.dataDirectory);
    this.#reader = new RingReader(regions.published, 1);
    this.#view = new StateView(regions.state);
    this.#status = new NodeStatus(regions.status);
    this.#checkpoints = new CheckpointStore(this.#disk, CHECKPOINT_DIRECTORY, identity);
    this.#isReplica = setup.options.role !== "sequencer";
    this.#lag = metrics.gauge("commit_lag_blocks");
    this.#checkpointSeconds = metrics.histogram("checkpoint_duration_seconds");
    this.#head = ChainHead.restore(recovered.sealedHead, { identity, spec });
    this.#sealedHeads = [this.#head.copy()];
    this.#checkpointedVersion = recovered.checkpointVersion;
    this.#roots.set(0, genesisHeader(genesis, setup.genesisStateRoot).stateRoot);
  }

  /** Builds the commitment at the last sealed block and takes up what the log holds after it. */
  async begin(): Promise<void> {
    await this.#beginAt(this.#head, this.#status.get("publishedSequence"));
    // A node that keeps ending before its first seal must not replay more at each start.
    this.#beginCheckpointIfDue(must(this.#sealedHeads.at(-1), "the last sealed block"));
  }

  /** One turn: some records, or a slice of a checkpoint or of an index. */
  async turn(): Promise<Turn> {
    for (let i = 0; i < RECORDS_PER_TURN; i++) {
      const message = this.#reader.tryRead();
      if (message === null) return this.#background();
      if (message.kind === LogMessage.stop) return "stop";
      if (message.kind === LogMessage.rollback) await this.#rollBack(decodeLogPosition(message.payload).sequence);
      else await this.#follow(decodeRecord(message.payload, this.#start.setup.identity));
    }
    if (this.#job !== null) this.#advanceCheckpoint(this.#job); // also when records never run out
    return 0;
  }

  /** Ends what runs in the background. */
  close(): void {
    this.#job?.abort();
  }

  async #beginAt(head: ChainHead, lastSequence: number): Promise<void> {
    this.#head = head.copy();
    this.#steps = [];
    this.#commitment = new MptCommitment(createMemoryTrie);
    this.#view.pin(head.nextMiniBlockNumber);
    await commitWholeState(this.#commitment, this.#view);
    await this.#announceRoot(head.sealed.number, head.nextMiniBlockNumber);
    const { identity } = this.#start.setup;
    const log = new SegmentLogReader(this.#disk, LOG_DIRECTORY, identity, lastSequence);
    for (let sequence = head.nextSequence; sequence <= lastSequence; sequence++) {
      const bytes = log.read(sequence);
      assert(bytes !== null, () => `record ${sequence} is not in the log`);
      await this.#follow(decodeRecord(bytes, identity));
    }
    log.close();
  }

  async #follow(record: ChainRecord): Promise<void> {
    const { type, sequence } = record.header;
    if (sequence < this.#head.nextSequence) return; // taken from the file already
    const mini = type === "mini" ? decodeMiniBlock(record) : undefined;
    this.#head.advance(record, mini);
    if (type === "open") this.#verifier.open(this.#head.open?.payload.blockNumber ?? 0);
    if (mini !== undefined) {
      this.#view.pin();
      this.#steps.push(resolveDiff(mini.diff, this.#view));
      if (this.#isReplica) this.#verifier.add(mini);
    }
    if (type === "seal") await this.#onSeal();
    if (type === "checkpoint") this.#compareDigest(record);
  }

  async #onSeal(): Promise<void> {
    const { sealed, nextMiniBlockNumber } = this.#head;
    if (this.#isReplica) this.#halt(this.#verifier.check(sealed.header));
    await this.#commitSteps();
    await this.#announceRoot(sealed.number, nextMiniBlockNumber);
    if (this.#isReplica) this.#halt(this.#rootDifference());
    this.#sealedHeads.push(this.#head.copy());
    if (this.#sealedHeads.length > SEALED_HEAD_COUNT_MAX) this.#sealedHeads.shift();
    this.#beginCheckpointIfDue(this.#head);
  }

  async #commitSteps(): Promise<void> {
    if (this.#steps.length === 0) return;
    await this.#commitment.update(mergeChanges(this.#steps));
    this.#steps = [];
  }

  async #announceRoot(blockNumber: number, version: number): Promise<void> {
    const root = await this.#commitment.root();
    this.#roots.set(blockNumber, root);
    this.#roots.delete(blockNumber - 8);
    this.#status.set("committedBlock", blockNumber);
    this.#lag.set(Math.max(0, this.#status.get("sealedBlock") - blockNumber));
    this.#port.post({ type: "root", root: { blockNumber, version, root } });
  }

  #rootDifference(): string | null {
    const { spec, sealed } = this.#head;
    const own = this.#roots.get(Math.max(0, sealed.number - spec.stateRootDelay));
    if (own === undefined || bytesEqual(own, sealed.header.stateRoot)) return null;
    return `block ${sealed.number}: stateRoot is ${toHex(sealed.header.stateRoot)}, this state has ${toHex(own)}`;
  }

  /** A signed block that this replica cannot confirm ends it: nothing after it can be trusted. */
  #halt(difference: string | null): void {
    if (difference === null) return;
    logThrough(this.#port)("root_mismatch", { difference });
    throw new RootMismatchError(difference);
  }

  async #rollBack(lastKeptSequence: number): Promise<void> {
    this.#job?.abort();
    this.#job = null;
    const kept = this.#sealedHeads.filter((head) => head.nextSequence <= lastKeptSequence + 1);
    const boundary = kept[kept.length - 1];
    assert(boundary !== undefined, "a roll-back before every sealed block that is kept");
    this.#sealedHeads = kept;
    this.#checkpoints.removeAbove(boundary.nextMiniBlockNumber);
    this.#checkpointedVersion = this.#checkpoints.versions().at(-1) ?? 0;
    await this.#beginAt(boundary, lastKeptSequence);
  }

  // Checkpoints

  /** @param head after a seal: checkpoints lie between EVM blocks */
  #beginCheckpointIfDue(head: ChainHead): void {
    const { nextMiniBlockNumber: version } = head;
    const { checkpointIntervalMiniBlocks } = this.#start.setup.options;
    // Half of the interval: the other half passes while the checkpoint is written and until a block boundary comes. At the same
    // versions on every node, so that replicas have checkpoints that the sequencer has signed.
    const half = Math.floor(checkpointIntervalMiniBlocks / 2);
    const before = this.#sealedHeads.at(-2)?.nextMiniBlockNumber ?? version;
    const isCommonVersion = Math.floor(version / half) > Math.floor(before / half);
    const isOverdue = version - this.#checkpointedVersion >= (half * 3) / 2;
    if (this.#job !== null || !(isCommonVersion || isOverdue)) return;
    this.#job = new CheckpointJob({
      store: this.#checkpoints,
      view: new StateView(this.#start.setup.regions.state),
      head,
      durableSequence: () => this.#status.get("durableSequence"),
    });
  }

  async #background(): Promise<Turn> {
    if (this.#head.spec.stateRootDelay === 0 && this.#steps.length > 0 && this.#head.open !== null) {
      await this.#commitSteps();
      await this.#announceRoot(this.#head.open.payload.blockNumber, this.#head.nextMiniBlockNumber);
    }
    if (this.#job === null && performance.now() >= this.#retryCheckpointAtMs) {
      this.#retryCheckpointAtMs = Number.POSITIVE_INFINITY;
      this.#beginCheckpointIfDue(must(this.#sealedHeads.at(-1), "the last sealed block"));
    }
    if (this.#job !== null) return this.#advanceCheckpoint(this.#job);
    return this.#advanceIndex();
  }

  #advanceCheckpoint(job: CheckpointJob): Turn {
    const outcome = job.step();
    if (outcome.kind === "working") return 0;
    if (outcome.kind === "waiting") return DURABLE_POLL_MS;
    this.#job = null;
    if (outcome.kind === "failed") {
      logThrough(this.#port)("checkpoint_refused", { reason: outcome.reason });
      this.#retryCheckpointAtMs = performance.now() + CHECKPOINT_RETRY_MS;
      return 0;
    }
    const { checkpoint } = outcome;
    this.#checkpointSeconds.observe(outcome.seconds);
    this.#checkpointedVersion = checkpoint.version;
    this.#ownDigests.set(checkpoint.version, checkpoint.digest);
    dropOldest(this.#ownDigests, OWN_DIGEST_COUNT_MAX);
    const { version, blockNumber, sizeBytes, keyCount } = checkpoint;
    logThrough(this.#port)("checkpoint_written", { version, block: blockNumber, bytes: sizeBytes, keys: keyCount });
    this.#port.post({ type: "checkpoint", checkpoint });
    return 0;
  }

  /** The sequencer's digest of a version that this node has a checkpoint of must be the same. */
  #compareDigest(record: ChainRecord): void {
    const signed = decodeCheckpoint(record);
    const own = this.#ownDigests.get(signed.version);
    if (own === undefined || bytesEqual(own, signed.digest)) return;
    this.#halt(`state version ${signed.version}: signed digest ${toHex(signed.digest)}, this state has ${toHex(own)}`);
  }

  #advanceIndex(): Turn {
    const nowMs = performance.now();
    if (this.#indexing === null) {
      if (nowMs - this.#indexedAtMs < INDEX_INTERVAL_MS) return IDLE_SLEEP_MS;
      this.#indexedAtMs = nowMs;
      const { identity } = this.#start.setup;
      this.#indexing = ensureIndexSteps(this.#disk, LOG_DIRECTORY, identity, { verifyPages: false });
    }
    if (this.#indexing.next().done === true) this.#indexing = null;
    return this.#indexing === null ? IDLE_SLEEP_MS : 0;
  }
}

/** A signed header or digest differs from what this replica holds. */
export class RootMismatchError extends Error {
  override readonly name = "RootMismatchError";
  readonly code = "ROOT_MISMATCH";
}
