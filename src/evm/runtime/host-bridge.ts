// The imports of a core module: what a running transaction asks of the Host. Records are filled in place. What the Host throws is
// kept, and the run ends with FAILED; the machine throws it again.

import { assert, must } from "#base/assert.ts";
import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import { type Address, type Hash32, ZERO_HASH } from "#chain/primitives.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import {
  ACCOUNT,
  ACCOUNT_FLAG_DELEGATED,
  ACCOUNT_FLAG_EXISTS,
  ACCOUNT_SIZE_BYTES,
  CODE_ENTRY,
  CONTEXT,
  SLOT,
} from "#formats/memory/evm-arena.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import { delegationTarget } from "../delegation.ts";
import type { Host } from "../host.ts";
import { type Precompile, precompilesAt } from "../precompiles/table.ts";
import { readAddress, readCount, readHash, writeAddress, writeCount, writeHash, writeInteger } from "./arena-words.ts";
import type { HOST_FUNCTIONS } from "./core.ts";
import type { CoreExports } from "./core-module.ts";
import type { Arena } from "./range.ts";
import { EXHAUSTED, FAILED, OUT_OF_GAS, PRECOMPILE_FAILED } from "./status.ts";

type HostImports = { readonly [Name in keyof typeof HOST_FUNCTIONS]: (...parameters: number[]) => unknown };

const EMPTY_HASH_WORDS = new Uint32Array(KECCAK_EMPTY.slice().buffer);
const CODE_MISSING = "the code of an account is missing from the state";

/** Told about codes as the thread meets them. Entries are addresses of code entries, frames those of frame records. */
export type CodeListener = {
  /** Gas between two polls of a frame when the run has no deadline; 0 for no polls. */
  readonly pollIntervalGas: number;
  /** A run begins; no frame is open. */
  onRunBegun(fork: Hardfork): void;
  /** A code is in the arena for the first time. `code` is a view that later runs may overwrite. */
  onCodeLoaded(entry: number, code: Uint8Array, codeHash: Uint8Array, fork: Hardfork): void;
  /** The interpreter has burnt `CODE_ENTRY.gasThreshold` in a code. */
  onHot(entry: number): void;
  /** The running frame has burnt the gas between two polls. */
  onPoll(): void;
  /** The interpreter has jumped to a place marked with `CODE_MAP_ENTER`. @returns whether the frame now names compiled code */
  onEnter(frame: number): boolean;
};

/** What a bridge works for during one run. */
export type Run = {
  readonly host: Host;
  readonly fork: Hardfork;
  readonly core: CoreExports;
  readonly deadline: (() => boolean) | null;
};

/** The bridge of one thread; see the head of the file. */
export class HostBridge {
  /** What the Host threw in the run. */
  failure: unknown = null;
  /** The account behind each account record, as the Host gave it. */
  readonly loaded: (AccountState | null)[] = [];
  /** The address of each account record that was asked for. */
  readonly #addresses: Address[] = [];
  /** Codes that found no room in the run, by account record. */
  readonly withoutEntry = new Map<number, Uint8Array>();
  listener: CodeListener | null = null;
  readonly #arena: Arena;
  #run: Run | null = null;
  #fork: Hardfork | null = null;
  #precompiles: ReadonlyMap<number, Precompile> = new Map();
  #accounts = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#accounts = arena.words32[(arena.range.base + CONTEXT.accounts) >>> 2]!;
  }

  /** A run begins. */
  begin(run: Run): void {
    this.#run = run;
    if (this.#fork !== run.fork) {
      this.#fork = run.fork;
      this.#precompiles = precompilesAt(run.fork);
    }
    this.failure = null;
    this.loaded.length = 0;
    this.#addresses.length = 0;
    if (this.withoutEntry.size > 0) this.withoutEntry.clear();
  }

  /** The run is over: nothing of its Host is kept. */
  end(): void {
    this.#run = null;
    this.loaded.length = 0;
  }

  /** The address of an account record. */
  addressOf(account: number): Address {
    return (this.#addresses[this.indexOf(account)] ??= readAddress(this.#arena, account + ACCOUNT.address));
  }

  /** Number of an account record in its table. */
  indexOf(account: number): number {
    return (account - this.#accounts) / ACCOUNT_SIZE_BYTES;
  }

  /** The functions for the import module "host". */
  imports(): WebAssembly.ModuleImports {
    // Addresses come as signed numbers.
    const imports: HostImports = {
      loadAccount: (account) => {
        try {
          this.#loadAccount(account! >>> 0);
        } catch (error) {
          this.#keepFailure(error);
        }
      },
      loadSlot: (slot) => {
        try {
          this.#loadSlot(slot! >>> 0);
        } catch (error) {
          this.#keepFailure(error);
        }
      },
      loadCode: (account) => {
        try {
          this.#loadCode(account! >>> 0);
        } catch (error) {
          this.#keepFailure(error);
        }
      },
      loadCodeSize: (account) => this.#guard(() => this.#loadCodeSize(account! >>> 0)),
      placeCode: (account, address) => this.#guard(() => this.#placeCode(account! >>> 0, address! >>> 0)),
      keepCode: (account, code, size) =>
        this.#guard(() =>
          this.withoutEntry.set(account! >>> 0, this.#arena.bytes.slice(code! >>> 0, (code! >>> 0) + size!)),
        ),
      hasStorage: (account) => this.#guard(() => this.#hasStorage(account! >>> 0)) ?? 0,
      codeDeployed: (entry) => this.#guard(() => this.#codeLoaded(entry! >>> 0)),
      hostBlockHash: (number, output) => this.#guard(() => this.#blockHash(number! >>> 0, output! >>> 0)),
      precompile: (number, input, size) => this.#guard(() => this.#precompile(number!, input! >>> 0, size!)) ?? FAILED,
      hostPoll: () => this.#guard(() => this.#poll()) ?? 1,
      enter: (frame) => (this.#guard(() => this.listener?.onEnter(frame! >>> 0)) === true ? 1 : 0),
      hot: (entry) => this.#guard(() => this.listener?.onHot(entry! >>> 0)),
    };
    return imports as WebAssembly.ModuleImports;
  }

  get #current(): Run {
    return must(this.#run, "an import was called outside a run");
  }

  #guard<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#keepFailure(error);
      return undefined;
    }
  }

  #keepFailure(error: unknown): void {
    this.failure ??= error;
    this.#fail(FAILED);
  }

  #fail(status: number): void {
    const { words32, range } = this.#arena;
    const at = (range.base + CONTEXT.failure) >>> 2;
    if (words32[at] === 0) words32[at] = status;
  }

  #loadAccount(record: number): void {
    const { bytes, words32, words64 } = this.#arena;
    // Should the Host throw, the run goes on with an empty account until it sees the failure.
    const hash = (record + ACCOUNT.codeHash) >>> 2;
    for (let i = 0; i < EMPTY_HASH_WORDS.length; i++) words32[hash + i] = EMPTY_HASH_WORDS[i]!;
    const account = this.#current.host.account(this.addressOf(record));
    this.loaded[this.indexOf(record)] = account;
    if (account === null) return;
    const flags = (record + ACCOUNT.flags) >>> 2;
    words32[flags] = words32[flags]! | ACCOUNT_FLAG_EXISTS;
    words64[(record + ACCOUNT.nonce) >>> 3] = account.nonce;
    writeInteger(this.#arena, record + ACCOUNT.balance, account.balance);
    if (account.codeHash !== KECCAK_EMPTY) bytes.set(account.codeHash, record + ACCOUNT.codeHash);
  }

  #loadSlot(record: number): void {
    const address = this.addressOf(this.#arena.words32[(record + SLOT.account) >>> 2]!);
    const value = this.#current.host.slot(address, readHash(this.#arena, record + SLOT.key));
    // The frame is the first of its transaction that writes slots. New records are zeroed.
    if (value === ZERO_HASH) return;
    writeHash(this.#arena, record + SLOT.value, value);
    writeHash(this.#arena, record + SLOT.original, value);
  }

  #codeHashOf(record: number): Hash32 {
    const at = record + ACCOUNT.codeHash;
    return this.loaded[this.indexOf(record)]?.codeHash ?? this.#arena.bytes.slice(at, at + 32);
  }

  #loadCodeSize(record: number): void {
    const size = this.#current.host.codeSize(this.#codeHashOf(record));
    assert(size >= 0, CODE_MISSING);
    this.#arena.words32[(record + ACCOUNT.toldCodeSize) >>> 2] = size;
  }

  #loadCode(record: number): void {
    const { words32 } = this.#arena;
    const { host, core } = this.#current;
    const hash = this.#codeHashOf(record);
    const size = host.codeSize(hash);
    assert(size >= 0, CODE_MISSING);
    if (core.findCode(record + ACCOUNT.codeHash) !== 0) return;
    const entry = core.addCode(record + ACCOUNT.codeHash, size) >>> 0;
    if (entry === 0) {
      this.#keepWithoutEntry(record, must(host.code(hash), CODE_MISSING));
      return;
    }
    const at = words32[(entry + CODE_ENTRY.code) >>> 2]!;
    this.#copyCode(hash, entry, at);
    core.analyze(at, size, words32[(entry + CODE_ENTRY.map) >>> 2]!);
    this.#codeLoaded(entry);
  }

  /** Straight from the state into the arena. An entry whose bytes did not come is never found again. */
  #copyCode(codeHash: Hash32, entry: number, address: number): void {
    const { bytes } = this.#arena;
    let isCopied = false;
    try {
      isCopied = this.#current.host.copyCode(codeHash, bytes, address);
    } finally {
      if (!isCopied) bytes.fill(0, entry + CODE_ENTRY.hash, entry + CODE_ENTRY.hash + 32);
    }
    assert(isCopied, CODE_MISSING);
  }

  /** The region of codes is full for the rest of the run. */
  #keepWithoutEntry(record: number, code: Uint8Array): void {
    const { words32 } = this.#arena;
    this.withoutEntry.set(record, code);
    words32[(record + ACCOUNT.codeSize) >>> 2] = code.length;
    const target = isAtLeast(this.#current.fork, "prague") ? delegationTarget(code) : null;
    if (target === null) return;
    const flags = (record + ACCOUNT.flags) >>> 2;
    words32[flags] = words32[flags]! | ACCOUNT_FLAG_DELEGATED;
    writeAddress(this.#arena, record + ACCOUNT.delegate, target);
  }

  #placeCode(record: number, address: number): void {
    this.#arena.bytes.set(must(this.withoutEntry.get(record), "a code without an entry was kept"), address);
  }

  #codeLoaded(entry: number): void {
    if (this.listener === null) return;
    const { bytes, words32 } = this.#arena;
    const at = words32[(entry + CODE_ENTRY.code) >>> 2]!;
    const code = bytes.subarray(at, at + words32[(entry + CODE_ENTRY.size) >>> 2]!);
    const hash = bytes.slice(entry + CODE_ENTRY.hash, entry + CODE_ENTRY.hash + 32);
    this.listener.onCodeLoaded(entry, code, hash, this.#current.fork);
  }

  #poll(): number {
    this.listener?.onPoll();
    return this.#current.deadline?.() === true ? 1 : 0;
  }

  #hasStorage(record: number): number {
    for (const _ of this.#current.host.slotsOf(this.addressOf(record))) return 1;
    return 0;
  }

  #blockHash(number: number, output: number): void {
    const height = this.#arena.words64[number >>> 3]!;
    this.#arena.bytes.set(this.#current.host.blockHash(height), output);
  }

  #precompile(number: number, address: number, sizeBytes: number): number {
    const { bytes, words32, range } = this.#arena;
    const { fork } = this.#current;
    const row = must(this.#precompiles.get(number), "a precompile of another fork was called");
    const input = bytes.subarray(address, address + sizeBytes);
    const gasAt = range.base + CONTEXT.precompileGas;
    const cost = row.gas(input, fork);
    if (cost > readCount(this.#arena, gasAt)) return OUT_OF_GAS;
    const output = row.run(input, fork);
    if (output === null) return PRECOMPILE_FAILED;
    const region = words32[(range.base + CONTEXT.returnDataRegion) >>> 2]!;
    if (output.length > words32[(range.base + CONTEXT.returnDataCapacityEnd) >>> 2]! - region) {
      this.#fail(EXHAUSTED);
      return EXHAUSTED;
    }
    bytes.set(output, region);
    words32[(range.base + CONTEXT.returnData) >>> 2] = region;
    words32[(range.base + CONTEXT.returnDataSize) >>> 2] = output.length;
    writeCount(this.#arena, gasAt, cost);
    return 0;
  }
}
