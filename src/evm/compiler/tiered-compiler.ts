// Tiering on one thread: everything starts in the interpreter; code that has burnt its threshold of gas there is sent to be compiled,
// and the module is installed when it has come back. Code that later runs where nothing was compiled, because the interpreter had
// not been there, is compiled again with more of it, a few times. A frame that runs for long is handed over while it runs:
//
//   poll ▸ mark its jump destinations ▸ some jumps: sample ▸ job with these points ▸ answer at a later poll ▸ mark the entries
//        ▸ the next jump there: height and labels as compiled? ▸ compiled code goes on
//
// @see `CODE_MAP_ENTER` for the marks

import { must } from "#base/assert.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import {
  CODE_ENTRY,
  CODE_FLAG_REFUSED,
  CODE_MAP_ENTER,
  CODE_MAP_JUMPDEST,
  CODE_MAP_VISITED,
  CONTEXT,
  FRAME,
  WORD_SIZE_BYTES,
} from "#formats/memory/evm-arena.ts";
import { readCount, writeCount } from "../runtime/arena-words.ts";
import type { CodeListener } from "../runtime/host-bridge.ts";
import type { EvmThread } from "../runtime/thread.ts";
import { CodeLibrary, type CodeRecord } from "./code-library.ts";
import type { CompiledEntry } from "./compile.ts";
import type { CompileAnswer, CompileLink } from "./compile-link.ts";
import { COMPILED_CODE_SIZE_BYTES_MAX } from "./compile-service.ts";
import { EntrySampler, labelAt, type StackWords } from "./entry-sampler.ts";
import type { Point } from "./nodes.ts";
import { seenCount } from "./seen-places.ts";

/** How eager tiering is. */
export type TieringOptions = {
  /** Gas per byte of code that the interpreter burns before the code is compiled. */
  readonly gasPerByte: number;
  /** Modules kept, bytes of their binary form. */
  readonly cacheSizeBytes: number;
  /** Longest code that is asked for. */
  readonly codeSizeBytesMax: number;
  /** Gas between two polls of a frame without a deadline. */
  readonly pollIntervalGas: number;
};

/** What is done unless told otherwise. */
export const DEFAULT_TIERING: TieringOptions = {
  gasPerByte: 32,
  cacheSizeBytes: 256 * 1024 * 1024,
  codeSizeBytesMax: COMPILED_CODE_SIZE_BYTES_MAX,
  // A few milliseconds of the interpreter.
  pollIntervalGas: 1_000_000,
};

/** Compilations of one code, which may be met bit by bit; each waits for this many times the gas of the one before. */
const ATTEMPT_COUNT_MAX = 10;
const ATTEMPT_FACTOR = 4;
/** Code shorter than this is taken to be this long. */
const CODE_SIZE_BYTES_MIN = 256;
/** Answers taken between two runs: installing one takes some tens of microseconds. */
const ANSWERS_AT_ONCE = 8;
/** Windows, a poll apart, in which places for a hand-over are looked for, unless nothing is compiled yet. */
const SAMPLING_WINDOW_COUNT = 4;
/** Jumps to an entry that do not fit it, one after the other, before it is given up. */
const MISS_COUNT_MAX = 2_048;
/** Hand-overs between two looks at whether they are worth it, and the gas that each must bring: a call of JavaScript takes as long. */
const REVIEW_INTERVAL = 64;
const HANDOVER_GAS_MIN = 300;
/** Polls without a frame having entered before other points are looked for. */
const IDLE_POLL_COUNT_MAX = 3;

/** What tiering did. */
export type TieringCounters = {
  /** Frames handed over while they ran. */
  handovers: number;
  /** Modules installed, again after the codes of the thread were cleared. */
  installs: number;
};

/** A code in the thread's arena. */
type Loaded = {
  record: CodeRecord;
  readonly entry: number;
  readonly code: number;
  readonly map: number;
  readonly sizeBytes: number;
  /** Gas at polls of its frames since it was asked for last. */
  polledGas: number;
  sampler: EntrySampler | null;
  armed: Armed | null;
  installed: CodeRecord["published"];
};

/** Entries whose places in the map are marked. */
type Armed = {
  readonly byPc: Map<number, CompiledEntry[]>;
  missCount: number;
  idlePollCount: number;
  handoverCount: number;
  /** Gas that compiled code had charged at the last review. */
  reviewedGas: number;
};

/** See the head of the file. */
export class TieredCompiler implements CodeListener {
  readonly pollIntervalGas: number;
  readonly counters: TieringCounters = { handovers: 0, installs: 0 };
  readonly #thread: EvmThread;
  readonly #link: CompileLink;
  readonly #options: TieringOptions;
  readonly #library: CodeLibrary;
  /** By address of the code entry. */
  readonly #loaded = new Map<number, Loaded>();
  /** Modules to install when no frame is open. */
  readonly #deferred: CodeRecord[] = [];
  #clearCount = -1;
  #fork: Hardfork | null = null;

  constructor(thread: EvmThread, link: CompileLink, options: TieringOptions = DEFAULT_TIERING) {
    this.#thread = thread;
    this.#link = link;
    this.#options = options;
    this.pollIntervalGas = options.pollIntervalGas;
    this.#library = new CodeLibrary(options.cacheSizeBytes);
  }

  /** Bytes of the modules kept. */
  get sizeBytes(): number {
    return this.#library.sizeBytes;
  }

  /** See {@link CodeListener}. @hot bench/evm/machine.bench.ts */
  onRunBegun(fork: Hardfork): void {
    this.#fork = fork;
    this.takeAnswers();
  }

  /**
   * Takes in some of what the compile thread has answered, and keeps to the bound; only between two runs. A thread that runs nothing
   * calls it now and then: the compile thread answers all, and what nobody takes would pile up.
   */
  takeAnswers(): void {
    const { codes } = this.#thread;
    if (codes.clearCount !== this.#clearCount) {
      this.#loaded.clear();
      this.#deferred.length = 0;
      this.#clearCount = codes.clearCount;
    }
    for (let i = 0; i < ANSWERS_AT_ONCE; i++) {
      const answer = this.#link.receive();
      if (answer === null) break;
      this.#take(answer, false);
    }
    if (this.#deferred.length > 0) for (const record of this.#deferred.splice(0)) this.#installRecord(record, false);
    const evicted = this.#library.evict();
    if (evicted.length > 0) for (const record of evicted) this.#uninstall(record);
  }

  /** See {@link CodeListener}. Nothing is kept of a code before it is hot or was compiled: first calls take a fifth less. */
  onCodeLoaded(entry: number, code: Uint8Array, codeHash: Uint8Array): void {
    const { codeSizeBytesMax } = this.#options;
    if (code.length > codeSizeBytesMax || this.#library.mayKnow(codeHash)) this.#loadedAt(entry);
    else writeCount(this.#thread.arena, entry + CODE_ENTRY.gasThreshold, this.#gasOfAttempt(code.length, 0));
  }

  /** What is kept of the code with an entry; null for creation code, which has none. */
  #loadedAt(entry: number): Loaded | null {
    if (entry === 0) return null;
    const known = this.#loaded.get(entry);
    if (known !== undefined) return known;
    const { bytes } = this.#thread.arena;
    const codeHash = bytes.slice(entry + CODE_ENTRY.hash, entry + CODE_ENTRY.hash + 32);
    const record = this.#library.use(must(this.#fork, "a run has begun"), codeHash);
    const loaded: Loaded = {
      record,
      entry,
      code: this.#field(entry + CODE_ENTRY.code),
      map: this.#field(entry + CODE_ENTRY.map),
      sizeBytes: this.#field(entry + CODE_ENTRY.size),
      polledGas: 0,
      sampler: null,
      armed: null,
      installed: null,
    };
    this.#loaded.set(entry, loaded);
    if (loaded.sizeBytes > this.#options.codeSizeBytesMax) record.isRefused = true;
    if (record.isRefused) this.#refuse(loaded);
    else {
      if (record.published !== null) this.#install(loaded, record.published);
      this.#raiseThreshold(loaded);
    }
    return loaded;
  }

  /** See {@link CodeListener}. */
  onHot(entry: number): void {
    const loaded = this.#loadedAt(entry);
    if (loaded === null) return;
    const { record } = loaded;
    if (!record.isPending && !record.isRefused && record.attemptCount < ATTEMPT_COUNT_MAX) {
      // Where nothing new was seen, the interpreter had other reasons to run.
      const isNew = record.attemptCount === 0 || this.#seenCount(loaded) > record.seenCount;
      if (isNew) this.#request(loaded, []);
    }
    this.#raiseThreshold(loaded);
  }

  /** See {@link CodeListener}. */
  onPoll(): void {
    const answer = this.#link.receive();
    if (answer !== null) this.#take(answer, true);
    const frame = this.#thread.field(CONTEXT.frame);
    if (this.#field(frame + FRAME.entry) !== 0) return;
    const loaded = this.#loadedAt(this.#field(frame + FRAME.codeEntry));
    if (loaded === null) return;
    const { record, armed } = loaded;
    loaded.polledGas += this.#thread.field(CONTEXT.pollInterval);
    if (loaded.sampler !== null) {
      this.#goOnSampling(loaded, loaded.sampler);
      return;
    }
    if (record.isPending || record.isRefused || record.attemptCount >= ATTEMPT_COUNT_MAX) return;
    if (armed !== null) {
      if (++armed.idlePollCount > IDLE_POLL_COUNT_MAX) this.#disarm(loaded);
      return;
    }
    if (loaded.polledGas >= this.#attemptGas(loaded)) this.#beginSampling(loaded);
  }

  /** See {@link CodeListener}. */
  onEnter(frame: number): boolean {
    const pc = this.#field(frame + FRAME.pc);
    const loaded = this.#loadedAt(this.#field(frame + FRAME.codeEntry));
    if (loaded === null) {
      this.#unmark(this.#field(frame + FRAME.codeMap) + pc);
      return false;
    }
    if (loaded.sampler !== null) {
      this.#sample(loaded, loaded.sampler, frame);
      return false;
    }
    return this.#enter(loaded, frame, pc);
  }

  #enter(loaded: Loaded, frame: number, pc: number): boolean {
    const { armed } = loaded;
    if (armed === null) {
      this.#unmark(loaded.map + pc);
      return false;
    }
    const stack = this.#stackOf(frame);
    const fitting = armed.byPc.get(pc)?.find((entry) => isAt(entry, stack));
    if (fitting === undefined) {
      if (++armed.missCount > MISS_COUNT_MAX) this.#disarm(loaded);
      return false;
    }
    armed.missCount = 0;
    armed.idlePollCount = 0;
    this.counters.handovers++;
    if (++armed.handoverCount % REVIEW_INTERVAL === 0) this.#review(loaded, armed);
    const first = this.#field(loaded.entry + CODE_ENTRY.entry);
    this.#setField(frame + FRAME.entry, first + fitting.function);
    this.#setField(frame + FRAME.block, fitting.block);
    return true;
  }

  /** Gives entries up that compiled code leaves again at once. */
  #review(loaded: Loaded, armed: Armed): void {
    const { arena } = this.#thread;
    const gas = readCount(arena, arena.range.base + CONTEXT.gasCompiled);
    const brought = gas - armed.reviewedGas;
    // The counter starts over with each run.
    if (brought >= 0 && brought < REVIEW_INTERVAL * HANDOVER_GAS_MIN) this.#disarm(loaded);
    armed.reviewedGas = gas;
  }

  #take(answer: CompileAnswer, isInRun: boolean): void {
    if (answer.kind === "dropped") {
      const record = this.#library.use(answer.fork, answer.codeHash);
      record.isPending = false;
      record.attemptCount = Math.max(0, record.attemptCount - 1);
      return;
    }
    const { fork, codeHash, attempt, compiled } = answer.result;
    const record = this.#library.use(fork, codeHash);
    record.isPending = false;
    record.attemptCount = Math.max(record.attemptCount, attempt + 1);
    // More of the code may no longer unfold; what did is faster than all of it in dispatch form.
    const isWorse = record.published?.form === "regions" && compiled?.form === "dispatch";
    if (compiled !== null && !isWorse) {
      this.#library.publish(record, compiled);
      this.#installRecord(record, isInRun);
    } else if (record.published === null) {
      record.isRefused = true;
      const loaded = this.#loadedOf(record);
      if (loaded !== null) this.#refuse(loaded);
    }
  }

  #loadedOf(record: CodeRecord): Loaded | null {
    if (record.fork !== this.#fork) return null;
    const loaded = this.#loadedAt(this.#thread.codes.entryOf(record.codeHash));
    if (loaded !== null) loaded.record = record;
    return loaded;
  }

  #installRecord(record: CodeRecord, isInRun: boolean): void {
    const loaded = this.#loadedOf(record);
    if (loaded === null || record.published === null || loaded.installed === record.published) return;
    // Open frames of a dispatch form look blocks up in the entry's table, which another module would take from them.
    const forms = [loaded.installed?.form, record.published.form];
    if (isInRun && loaded.installed !== null && forms.includes("dispatch")) this.#deferred.push(record);
    else this.#install(loaded, record.published);
    this.#raiseThreshold(loaded);
  }

  #install(loaded: Loaded, published: NonNullable<CodeRecord["published"]>): void {
    this.#disarm(loaded);
    if (!this.#thread.codes.install(loaded.entry, published)) return;
    loaded.installed = published;
    this.counters.installs++;
    loaded.polledGas = 0;
    if (published.entries.length === 0) return;
    const byPc = new Map<number, CompiledEntry[]>();
    for (const entry of published.entries) {
      const others = byPc.get(entry.pc);
      if (others === undefined) byPc.set(entry.pc, [entry]);
      else others.push(entry);
      this.#mark(loaded.map + entry.pc);
    }
    loaded.armed = { byPc, missCount: 0, idlePollCount: 0, handoverCount: 0, reviewedGas: 0 };
  }

  #uninstall(record: CodeRecord): void {
    const loaded = this.#loadedOf(record);
    if (loaded === null) return;
    this.#disarm(loaded);
    this.#thread.codes.uninstall(loaded.entry);
    loaded.installed = null;
    this.#raiseThreshold(loaded);
  }

  #refuse(loaded: Loaded): void {
    const flags = loaded.entry + CODE_ENTRY.flags;
    this.#setField(flags, this.#field(flags) | CODE_FLAG_REFUSED);
    this.#raiseThreshold(loaded);
  }

  #disarm(loaded: Loaded): void {
    for (const pc of loaded.armed?.byPc.keys() ?? []) this.#unmark(loaded.map + pc);
    loaded.armed = null;
  }

  #beginSampling(loaded: Loaded): void {
    const { bytes } = this.#thread.arena;
    const { code, map, sizeBytes } = loaded;
    const windowCount = loaded.record.attemptCount === 0 ? 1 : SAMPLING_WINDOW_COUNT;
    const [ownCode, ownMap] = [bytes.subarray(code, code + sizeBytes), bytes.subarray(map, map + sizeBytes)];
    loaded.sampler = new EntrySampler(ownCode, ownMap, windowCount);
    this.#markSeen(loaded);
  }

  #sample(loaded: Loaded, sampler: EntrySampler, frame: number): void {
    sampler.add(this.#field(frame + FRAME.pc), this.#stackOf(frame));
    if (!sampler.isWindowFull) return;
    if (sampler.isLastWindow) this.#requestEntries(loaded);
    else this.#unmarkAll(loaded);
  }

  #goOnSampling(loaded: Loaded, sampler: EntrySampler): void {
    if (sampler.isLastWindow) {
      this.#requestEntries(loaded);
      return;
    }
    sampler.openWindow();
    this.#markSeen(loaded);
  }

  /** Ends the sampling, and asks for what it found. */
  #requestEntries(loaded: Loaded): void {
    const points = loaded.sampler?.points() ?? [];
    loaded.sampler = null;
    this.#unmarkAll(loaded);
    loaded.polledGas = 0;
    if (points.length > 0) this.#request(loaded, points);
  }

  #request(loaded: Loaded, entryPoints: readonly Point[]): void {
    const { bytes } = this.#thread.arena;
    const { record, code, map, sizeBytes } = loaded;
    const { fork, codeHash, attemptCount } = record;
    record.seenCount = this.#seenCount(loaded);
    record.isPending = true;
    record.attemptCount++;
    loaded.polledGas = 0;
    const ownMap = privateCopy(bytes, map, sizeBytes);
    for (let i = 0; i < sizeBytes; i++) ownMap[i] = ownMap[i]! & ~CODE_MAP_ENTER;
    this.#link.request({
      fork,
      codeHash,
      code: privateCopy(bytes, code, sizeBytes),
      map: ownMap,
      attempt: attemptCount,
      entryPoints,
    });
  }

  #seenCount({ map, sizeBytes }: Loaded): number {
    return seenCount(this.#thread.arena.bytes.subarray(map, map + sizeBytes));
  }

  /** Gas in the interpreter before the next compilation. */
  #attemptGas({ record, sizeBytes }: Loaded): number {
    return this.#gasOfAttempt(sizeBytes, record.attemptCount);
  }

  #gasOfAttempt(sizeBytes: number, attempt: number): number {
    return this.#options.gasPerByte * Math.max(sizeBytes, CODE_SIZE_BYTES_MIN) * ATTEMPT_FACTOR ** attempt;
  }

  #raiseThreshold(loaded: Loaded): void {
    const { arena } = this.#thread;
    const { record, entry } = loaded;
    const isOver = record.isRefused || record.attemptCount >= ATTEMPT_COUNT_MAX;
    const burnt = readCount(arena, entry + CODE_ENTRY.gasInterpreted);
    const threshold = isOver ? Number.MAX_SAFE_INTEGER : burnt + this.#attemptGas(loaded);
    writeCount(arena, entry + CODE_ENTRY.gasThreshold, threshold);
  }

  #stackOf(frame: number): StackWords {
    const stack = this.#field(frame + FRAME.stack);
    const top = this.#field(frame + FRAME.stackTop);
    return this.#thread.arena.words32.subarray(stack >>> 2, top >>> 2);
  }

  /** Marks the jump destinations that were entered. */
  #markSeen({ map, sizeBytes }: Loaded): void {
    const { bytes } = this.#thread.arena;
    const isSeen = CODE_MAP_JUMPDEST | CODE_MAP_VISITED;
    for (let at = map; at < map + sizeBytes; at++) {
      if ((bytes[at]! & isSeen) === isSeen) bytes[at] = bytes[at]! | CODE_MAP_ENTER;
    }
  }

  #unmarkAll({ map, sizeBytes }: Loaded): void {
    const { bytes } = this.#thread.arena;
    for (let at = map; at < map + sizeBytes; at++) bytes[at] = bytes[at]! & ~CODE_MAP_ENTER;
  }

  #mark(at: number): void {
    const { bytes } = this.#thread.arena;
    bytes[at] = bytes[at]! | CODE_MAP_ENTER;
  }

  #unmark(at: number): void {
    const { bytes } = this.#thread.arena;
    bytes[at] = bytes[at]! & ~CODE_MAP_ENTER;
  }

  #field(address: number): number {
    return this.#thread.arena.words32[address >>> 2]!;
  }

  #setField(address: number, value: number): void {
    this.#thread.arena.words32[address >>> 2] = value;
  }
}

/** Whether a frame with this stack is where an entry was compiled for. */
function isAt({ anyHeight, height, labels }: CompiledEntry, stack: StackWords): boolean {
  if (anyHeight) return true;
  if (stack.length !== height * (WORD_SIZE_BYTES / 4)) return false;
  return labels.every(([slot, label]) => labelAt(stack, slot * (WORD_SIZE_BYTES / 4)) === Number(label));
}

/** Bytes that can be posted: a slice of shared memory would be shared. */
function privateCopy(bytes: Uint8Array, start: number, sizeBytes: number): Uint8Array {
  const copy = new Uint8Array(sizeBytes);
  copy.set(bytes.subarray(start, start + sizeBytes));
  return copy;
}
