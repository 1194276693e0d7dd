// The block producer: executes pool transactions into one overlay, cuts mini-blocks and EVM blocks, signs records and hands
// them to the log. It belongs to no thread: its owner calls `step` in a loop, admits transactions between steps, and sleeps
// as long as the step says.
//
//   pool.next ─▶ engine ─▶ overlay ─▶ seal: diff ─▶ sections ─▶ sign ─▶ table.apply ─▶ emit (kept and retried when full)
//   block:  open ─ system calls ─ mini … mini ─ (window over, state root there) ─ seal ─ open …

import { assert, must } from "#base/assert.ts";
import { isAtLeast } from "#chain/hardforks.ts";
import { type BlockHeader, encodeHeader } from "#chain/header.ts";
import { BEACON_ROOTS_ADDRESS, HISTORY_STORAGE_ADDRESS } from "#chain/predeploys.ts";
import type { Hash32 } from "#chain/primitives.ts";
import type { Reject } from "#chain/reject.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { encodeSignature, sign } from "#crypto/secp256k1.ts";
import type { BlockEnvironment } from "#evm/engine.ts";
import { OverlayHost } from "#evm/overlay-host.ts";
import { encodeMiniBlockSections, type MiniBlock } from "#formats/wire/mini-block.ts";
import {
  type CheckpointPayload,
  type DurablePayload,
  encodeCheckpoint,
  encodeDurable,
  encodeOpen,
  encodeSeal,
  encodeTerm,
  type OpenPayload,
} from "#formats/wire/payloads.ts";
import { type ChainRecord, type RecordHeader, type RecordTypeName, signRecord } from "#formats/wire/record.ts";
import { buildDiff } from "#state/overlay.ts";
import type { StateSource } from "#state/source.ts";
import { type ChainHead, composeHeader, type OpenBlock } from "#storage/chain-head.ts";
import { BlockContents } from "./block-contents.ts";
import { blockEnvironment } from "./environment.ts";
import { addFootprints, type Footprint, fitsIn, footprintOfGas } from "./footprint.ts";
import type { PoolEntry } from "./pool.ts";
import type { ProducerDependencies, StepResult } from "./producer-ports.ts";
import { RunningMiniBlock } from "./running-mini-block.ts";

/** A mini-block with its encoded sections, before it is signed. */
type Draft = { readonly miniBlock: MiniBlock; readonly sections: readonly Uint8Array[] };

const LOG_FULL_SLEEP_US = 1_000;
const ROOT_POLL_US = 1_000;
const PENDING_CHECKPOINTS_MAX = 4;
/** Records that one round of a step may sign: a seal, an open, marks, and mini-blocks around a transaction. */
const RESERVE_COUNT_PER_STEP = 12;

/** Produces the chain, one bounded slice of work at a time. */
export class BlockProducer {
  readonly #deps: ProducerDependencies;
  readonly #head: ChainHead;
  readonly #host: OverlayHost;
  readonly #unsent: ChainRecord[] = [];
  readonly #checkpoints: CheckpointPayload[] = [];
  readonly #blockHashes = new Map<number, Hash32>();
  #contents = new BlockContents();
  #running = new RunningMiniBlock();
  #environment: BlockEnvironment | null = null;
  #dueUs = 0;
  #isStalled = false;
  #replayBase: number | null = null;
  #trialCount = 0;
  #durable: DurablePayload | null = null;
  #durableEmittedAtUs = 0;
  #reservedEnd = 0;
  #isDraining = false;
  #isStepping = false;

  /**
   * @param head where the log stands; the producer moves it on
   * @param openMiniBlocks mini-blocks of the open block, in order: a restart inside an EVM block resumes it
   */
  constructor(deps: ProducerDependencies, head: ChainHead, openMiniBlocks: readonly MiniBlock[] = []) {
    assert(deps.limits.reservationCount >= 2 * RESERVE_COUNT_PER_STEP, "too few numbers reserved at once");
    assert(deps.table.newest === head.nextMiniBlockNumber, "the table is not at the head of the log");
    this.#deps = deps;
    this.#head = head;
    this.#host = new OverlayHost(deps.table, (number) => this.#blockHash(number));
    this.#rememberHash();
    for (const miniBlock of openMiniBlocks) this.#contents.addMiniBlock(miniBlock);
    const expected = head.open?.transactionCount ?? 0;
    assert(this.#contents.transactionCount === expected, "not the mini-blocks of the open block");
    if (head.open !== null) this.#dueUs = Math.min(head.open.payload.timestamp * 1e6, this.#windowEnd());
  }

  /** Where the log stands, records not emitted yet included. Only to be read. */
  get head(): ChainHead {
    return this.#head;
  }

  /** The newest state, transactions of the running mini-block included. Valid between steps. */
  get state(): StateSource {
    return this.#host;
  }

  /** Whether the open block's window is over and its seal waits for a state root; work may go on meanwhile. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Records that wait because the log's ring was full. */
  get unsentCount(): number {
    return this.#unsent.length;
  }

  /**
   * Signs a new term after an unclean stop; before the first step.
   * @param lastKept the last record and state version that stay valid: where the head stands
   * @param term above the head's; more than one above when a term may have been lost
   */
  beginTerm(lastKept: { readonly sequence: number; readonly version: number }, term = this.#head.term + 1): void {
    const { nextSequence, nextMiniBlockNumber } = this.#head;
    assert(lastKept.sequence === nextSequence - 1, "the head is not at the last kept record");
    assert(lastKept.version === nextMiniBlockNumber, "the head is not at the last kept version");
    this.#reserveAhead();
    const lastKeptSequence = Math.max(0, lastKept.sequence);
    assert(term > this.#head.term, "a new term is above the head's");
    const section = encodeTerm({ lastKeptSequence, lastKeptVersion: lastKept.version });
    this.#advance(this.#signAs({ ...this.#head.nextHeader("term"), term }, [section]));
  }

  /** Tells what survives power loss; announced in the log when the version has moved, at most once per interval. */
  noteDurable(mark: DurablePayload): void {
    this.#durable = mark;
  }

  /** Tells from which state version a start would replay: that of the newest checkpoint on disk. Until told, the head. */
  noteReplayBase(version: number): void {
    this.#replayBase = Math.max(this.#replayBase ?? 0, version);
  }

  /** Tells of a finished checkpoint; announced in the log at the next step. When too many wait, the oldest is left out. */
  noteCheckpoint(payload: CheckpointPayload): void {
    this.noteReplayBase(payload.version);
    if (this.#checkpoints.length >= PENDING_CHECKPOINTS_MAX) this.#checkpoints.shift();
    this.#checkpoints.push(payload);
  }

  /**
   * Does one slice of work. Not re-entrant.
   * @throws what `reserveNumbers` throws; nothing is lost then and the step can be repeated
   */
  async step(): Promise<StepResult> {
    assert(!this.#isStepping, "step is not re-entrant");
    this.#isStepping = true;
    try {
      return await this.#step();
    } finally {
      this.#isStepping = false;
    }
  }

  /**
   * Takes no more transactions and seals the running mini-block. The open EVM block stays open: a restart resumes it.
   * @returns whether all records have been handed over; when not, call again
   */
  async drain(): Promise<boolean> {
    this.#isDraining = true;
    const result = await this.step();
    return result.state === "drained";
  }

  async #step(): Promise<StepResult> {
    if (!this.#flush()) return this.#logFull();
    this.#reserveAhead();
    if (this.#isDraining) return this.#drainStep();
    this.#announceMarks();
    if (this.#head.open === null) this.#openBlock();
    if (this.#environment === null) await this.#enterBlock(must(this.#head.open, "open block"));
    if (this.#sealBlockIfDue()) {
      this.#openBlock();
      await this.#enterBlock(must(this.#head.open, "open block"));
    }
    if (!this.#isBlockFinal()) await this.#executeSlice();
    return this.#flush() ? this.#restResult() : this.#logFull();
  }

  #drainStep(): StepResult {
    if (this.#running.transactionCount > 0) this.#sealMini();
    return this.#flush() ? { sleepUs: LOG_FULL_SLEEP_US, state: "drained" } : this.#logFull();
  }

  #logFull(): StepResult {
    this.#deps.counters.logFull++;
    return { sleepUs: LOG_FULL_SLEEP_US, state: "log full" };
  }

  #restResult(): StepResult {
    if (this.#replayRoom() <= 1 && this.#running.transactionCount === 0) {
      this.#deps.counters.checkpointWaits++;
      return { sleepUs: ROOT_POLL_US, state: "waiting for checkpoint" };
    }
    if (this.#isBlockFinal()) return { sleepUs: ROOT_POLL_US, state: "waiting for state root" };
    const isWorking = this.#deps.pool.hasReady || this.#running.transactionCount > 0;
    if (isWorking) return { sleepUs: 0, state: "working" };
    if (this.#isStalled) return { sleepUs: ROOT_POLL_US, state: "waiting for state root" };
    return { sleepUs: Math.max(0, this.#dueUs - this.#deps.clock.nowUs()), state: "idle" };
  }

  // EVM blocks

  /** The end of the block window that the present time lies in, Unix microseconds. */
  #windowEnd(): number {
    const { blockTimeUs } = this.#deps.limits;
    return (Math.floor(this.#deps.clock.nowUs() / blockTimeUs) + 1) * blockTimeUs;
  }

  #openBlock(): void {
    const { sealed } = this.#head;
    const { spec, beneficiary, randomness } = this.#deps;
    this.#dueUs = this.#windowEnd();
    const timestamp = Math.max(Number(sealed.header.timestamp) + 1, Math.ceil(this.#dueUs / 1e6));
    const payload: OpenPayload = {
      blockNumber: sealed.number + 1,
      timestamp,
      baseFee: this.#head.nextBaseFee(timestamp),
      gasLimit: spec.blockGasLimit,
      randomness: randomness(),
      beneficiary,
      parentHash: sealed.hash,
      parentBeaconBlockRoot: new Uint8Array(32), // no consensus layer stands behind the chain
    };
    this.#append("open", [encodeOpen(payload)]);
    this.#contents = new BlockContents();
  }

  /** Mini-blocks that may still be sealed before a start would have to replay too many. The last one is for an empty block. */
  #replayRoom(): number {
    this.#replayBase ??= this.#head.nextMiniBlockNumber;
    return this.#deps.limits.replayMiniBlockCountMax - (this.#head.nextMiniBlockNumber - this.#replayBase);
  }

  /** Prepares execution in the open block; the system calls belong to its first mini-block. @see EIP-4788, EIP-2935 */
  async #enterBlock({ payload, miniBlockCount }: OpenBlock): Promise<void> {
    const { engine, spec, pool } = this.#deps;
    const environment = blockEnvironment(spec, payload, this.#head.sealed.header);
    if (miniBlockCount === 0) {
      if (isAtLeast(environment.fork, "cancun")) {
        await engine.systemCall(BEACON_ROOTS_ADDRESS, payload.parentBeaconBlockRoot, environment, this.#host);
      }
      if (isAtLeast(environment.fork, "prague")) {
        await engine.systemCall(HISTORY_STORAGE_ADDRESS, payload.parentHash, environment, this.#host);
      }
    }
    this.#environment = environment;
    this.#trialCount = 0;
    pool.startBlock(payload.baseFee);
  }

  /** Whether the open block waits for the root of its own content: nothing may be added any more (root delay 0). */
  #isBlockFinal(): boolean {
    return this.#isStalled && this.#deps.spec.stateRootDelay === 0;
  }

  #sealBlockIfDue(): boolean {
    const { clock, spec, counters } = this.#deps;
    const now = clock.nowUs();
    if (now < this.#dueUs) return false;
    const open = must(this.#head.open, "a block to seal");
    if (open.miniBlockCount === 0 && this.#replayRoom() <= 0) return false;
    if (spec.stateRootDelay === 0) this.#completeBlock(open);
    const stateRoot = this.#rootForSeal(open.payload.blockNumber);
    if (stateRoot === null) {
      if (!this.#isStalled) counters.sealStalls++;
      this.#isStalled = true;
      return false;
    }
    if (this.#isStalled) counters.sealStallUs += now - this.#dueUs;
    this.#isStalled = false;
    this.#completeBlock(open);
    this.#sealBlock(stateRoot);
    return true;
  }

  /** Seals what runs; a block without a mini-block gets an empty one. */
  #completeBlock(open: OpenBlock): void {
    if (this.#running.transactionCount > 0 || open.miniBlockCount === 0) {
      if (this.#head.open === open) this.#sealMini();
    }
  }

  #rootForSeal(blockNumber: number): Hash32 | null {
    const { spec, stateRoot, genesisStateRoot } = this.#deps;
    const rootNumber = blockNumber - spec.stateRootDelay;
    if (rootNumber <= 0) return genesisStateRoot;
    return stateRoot(rootNumber, rootNumber === blockNumber ? this.#head.nextMiniBlockNumber : null);
  }

  #sealBlock(stateRoot: Hash32): void {
    const open = must(this.#head.open, "a block to seal");
    const { spec, privateKey, counters } = this.#deps;
    const parent: BlockHeader = this.#head.sealed.header;
    const results = { stateRoot, ...this.#contents.commitments() };
    const headerRlp = encodeHeader(composeHeader({ spec, open, parent, results }));
    const headerSignature = encodeSignature(sign(keccak256(headerRlp), privateKey));
    this.#append("seal", [
      encodeSeal({
        headerRlp,
        headerSignature,
        miniBlockCount: open.miniBlockCount,
        miniBlockOffset: open.firstMiniBlock,
        transactionOffset: this.#head.transactionTotal - open.transactionCount,
        transactionCount: open.transactionCount,
      }),
    ]);
    this.#rememberHash();
    this.#environment = null;
    counters.blocks++;
  }

  #rememberHash(): void {
    const { number, hash } = this.#head.sealed;
    this.#blockHashes.set(number, hash);
    this.#blockHashes.delete(number - 256);
  }

  #blockHash(number: bigint): Hash32 {
    const known = this.#blockHashes.get(Number(number)) ?? this.#deps.blockHash(Number(number));
    return must(known, "the hash of one of the last 256 blocks");
  }

  // Execution and mini-blocks

  async #executeSlice(): Promise<void> {
    const { pool, clock, limits, counters } = this.#deps;
    const startedAtUs = clock.nowUs();
    for (let now = startedAtUs; ; now = clock.nowUs()) {
      const isDue = this.#running.transactionCount > 0 && now - this.#running.startedAtUs >= limits.miniBlockIntervalUs;
      if (isDue || (this.#running.transactionCount > 0 && !pool.hasReady)) this.#sealMini();
      if (this.#unsent.length > 0 || now - startedAtUs >= limits.sliceUs) break;
      if (this.#reservedEnd - this.#head.nextSequence < RESERVE_COUNT_PER_STEP) break;
      if (now >= this.#dueUs && !this.#isStalled) break;
      if (this.#running.transactionCount === 0 && this.#replayRoom() <= 1) break;
      const entry = pool.next();
      if (entry === null) break;
      await this.#execute(entry, now);
    }
    counters.executionUs += Math.max(0, clock.nowUs() - startedAtUs);
  }

  async #execute(entry: PoolEntry, nowUs: number): Promise<void> {
    const { pool, counters } = this.#deps;
    const open = must(this.#head.open, "an open block");
    const gasLeft = open.payload.gasLimit - BigInt(open.gasUsed + this.#running.gasUsed);
    if (entry.transaction.gasLimit > gasLeft) {
      counters.blockGasFull++;
      pool.defer(entry);
      return;
    }
    const { fork } = must(this.#environment, "an entered block");
    const worst = footprintOfGas(Number(entry.transaction.gasLimit), entry.raw.length, fork);
    const room = this.#room();
    if (fitsIn(addFootprints(this.#running.footprint, worst), room)) return this.#executeShared(entry, nowUs);
    this.#completeBlock(open); // whatever has been written counts exactly from here on
    if (this.#replayRoom() <= 0) {
      pool.defer(entry);
      return;
    }
    if (fitsIn(addFootprints(this.#running.footprint, worst), this.#room())) return this.#executeShared(entry, nowUs);
    return this.#executeAlone(entry, nowUs);
  }

  /** What the next mini-block may add at most. */
  #room(): Footprint {
    const { table, limits } = this.#deps;
    return {
      keyCount: table.freeRecordCount - limits.reservedKeyCount,
      changeCount: table.changeCountMax,
      codeCount: table.freeCodeCount,
      codeBytes: table.freeCodeBytes,
      recordBytes: limits.recordSizeBytesMax,
    };
  }

  async #executeShared(entry: PoolEntry, nowUs: number): Promise<void> {
    if (await this.#apply(entry, nowUs)) this.#include(entry);
  }

  /** Runs a transaction that may not fit in a mini-block of its own, and forgets it again when it does not. */
  async #executeAlone(entry: PoolEntry, nowUs: number): Promise<void> {
    const { pool, counters, limits } = this.#deps;
    if (this.#trialCount >= limits.trialCountMax) {
      counters.stateFull++;
      pool.defer(entry);
      return;
    }
    if (!(await this.#apply(entry, nowUs))) return;
    const draft = this.#draft();
    const problem = this.#problemOf(draft);
    if (problem === null) {
      this.#include(entry);
      this.#install(draft);
      return;
    }
    this.#trialCount++;
    this.#host.reset();
    this.#running = new RunningMiniBlock();
    if (problem === "record too large") {
      counters.recordTooLarge++;
      pool.drop(entry);
    } else {
      counters.stateFull++;
      pool.defer(entry);
    }
  }

  #problemOf({ miniBlock, sections }: Draft): "record too large" | "state full" | null {
    const { table, limits } = this.#deps;
    let size = 0;
    for (const section of sections) size += section.length;
    if (size > limits.recordSizeBytesMax) return "record too large";
    const { diff, number } = miniBlock;
    if (diff.newKeys.length > table.freeRecordCount - limits.reservedKeyCount && diff.newKeys.length > 0)
      return "state full";
    return table.checkDiff(diff, number + 1) === null ? null : "state full";
  }

  /** Executes into the overlay; false when the engine refused, and the pool has been told. */
  async #apply(entry: PoolEntry, nowUs: number): Promise<boolean> {
    const { engine, counters } = this.#deps;
    const environment = must(this.#environment, "an entered block");
    const { transaction, lane, raw } = entry;
    const result = await engine.applyTransaction(transaction, lane.address, environment, this.#host);
    counters.transactionsExecuted++;
    if (result.kind === "rejected") {
      this.#refuse(entry, result.reject);
      return false;
    }
    const { outcome } = result;
    const footprint = footprintOfGas(Number(outcome.gasUsed), raw.length, environment.fork);
    const gasBefore = must(this.#head.open, "an open block").gasUsed;
    this.#running.add(entry, outcome, gasBefore, footprint, nowUs);
    return true;
  }

  #include(entry: PoolEntry): void {
    this.#deps.pool.executed(entry);
    this.#deps.counters.transactionsIncluded++;
  }

  #refuse(entry: PoolEntry, reject: Reject): void {
    const { pool, counters } = this.#deps;
    counters.transactionsRejected++;
    switch (reject.code) {
      case "nonce too low":
      case "nonce too high":
        pool.correct(entry, this.#host.account(entry.lane.address)?.nonce ?? 0n);
        break;
      case "max fee per gas less than block base fee":
        pool.defer(entry);
        break;
      default:
        pool.drop(entry);
    }
  }

  #draft(): Draft {
    const diff = buildDiff(this.#host, this.#deps.table);
    const miniBlock = this.#running.finish(this.#head, diff, this.#deps.clock.nowUs());
    return { miniBlock, sections: encodeMiniBlockSections(miniBlock) };
  }

  #sealMini(): void {
    this.#install(this.#draft());
  }

  #install({ miniBlock, sections }: Draft): void {
    const { table, counters } = this.#deps;
    const record = this.#sign("mini", sections, miniBlock);
    table.apply(miniBlock.diff, miniBlock.number + 1);
    this.#host.reset();
    this.#running = new RunningMiniBlock();
    this.#contents.addMiniBlock(miniBlock);
    this.#advance(record, miniBlock);
    counters.miniBlocks++;
    counters.gasUsed += miniBlock.header.gasUsed;
  }

  // Records

  #announceMarks(): void {
    const { clock, limits } = this.#deps;
    for (let payload = this.#checkpoints[0]; payload !== undefined; payload = this.#checkpoints[0]) {
      this.#append("checkpoint", [encodeCheckpoint(payload)]);
      this.#checkpoints.shift();
    }
    const mark = this.#durable;
    if (mark === null || mark.version <= this.#head.durable.version) return;
    const now = clock.nowUs();
    const elapsed = now - this.#durableEmittedAtUs;
    if (elapsed >= 0 && elapsed < limits.durableMarkIntervalUs) return;
    this.#append("durable", [encodeDurable(mark)]);
    this.#durableEmittedAtUs = now;
    this.#durable = null;
  }

  /** Reserves numbers while half of the last reservation is left, so that signing inside a step never waits or fails. */
  #reserveAhead(): void {
    const { limits, reserveNumbers } = this.#deps;
    const { nextSequence } = this.#head;
    if (this.#reservedEnd - nextSequence > limits.reservationCount / 2) return;
    const end = nextSequence + limits.reservationCount;
    reserveNumbers(end);
    this.#reservedEnd = end;
  }

  #append(type: RecordTypeName, sections: readonly Uint8Array[]): void {
    this.#advance(this.#sign(type, sections));
  }

  #sign(type: RecordTypeName, sections: readonly Uint8Array[], mini?: MiniBlock): ChainRecord {
    return this.#signAs(this.#head.nextHeader(type), sections, mini);
  }

  #signAs(header: RecordHeader, sections: readonly Uint8Array[], mini?: MiniBlock): ChainRecord {
    const { identity, privateKey } = this.#deps;
    assert(header.sequence < this.#reservedEnd, "a number is reserved before it is signed");
    const record = signRecord(identity, header, sections, privateKey);
    const problem = this.#head.check(record, mini);
    assert(problem === null, () => `own ${header.type} record refused: ${problem}`);
    return record;
  }

  #advance(record: ChainRecord, mini?: MiniBlock): void {
    this.#head.advance(record, mini);
    this.#unsent.push(record);
    this.#flush();
  }

  /** Hands over what waits, in order; false when the log's ring is full. */
  #flush(): boolean {
    while (this.#unsent.length > 0) {
      if (!this.#deps.emit(this.#unsent[0]!)) return false;
      this.#unsent.shift();
    }
    return true;
  }
}
