// What a run left behind: halt, gas, output and logs out of the arena, and, when it succeeded, its writes into the Host, in the
// order in which the transaction first met the accounts and slots.

import { must } from "#base/assert.ts";
import { EMPTY_BYTES } from "#base/bytes.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import type { Log } from "#chain/receipt.ts";
import {
  ACCOUNT,
  ACCOUNT_FLAG_CODE_NEW,
  ACCOUNT_FLAG_DESTROYED,
  ACCOUNT_FLAG_DIRTY,
  ACCOUNT_FLAG_TOUCHED,
  ACCOUNT_SIZE_BYTES,
  CODE_ENTRY,
  CONTEXT,
  FRAME,
  LOG,
  SLOT,
  SLOT_FLAG_DIRTY,
  SLOT_SIZE_BYTES,
} from "#formats/memory/evm-arena.ts";
import type { Host } from "../host.ts";
import type { FrameResult } from "../machine.ts";
import { readAddress, readHash, readInteger } from "./arena-words.ts";
import { haltWordsOf } from "./halt-words.ts";
import type { HostBridge } from "./host-bridge.ts";
import type { Arena } from "./range.ts";
import { RETURNED, REVERTED } from "./status.ts";

/** A run that is over. */
export type FinishedRun = {
  readonly arena: Arena;
  readonly bridge: HostBridge;
  readonly host: Host;
  readonly status: number;
  readonly gas: bigint;
  /** Whether the writes are wanted. */
  readonly keepsWrites: boolean;
  /** Whether the fork knows touched accounts. @see EIP-161 */
  readonly hasTouched: boolean;
};

const NOTHING: readonly Address[] = [];
const TWO_POW_32 = 0x1_0000_0000;

/** See the head of the file. @hot bench/evm/machine.bench.ts */
export function readOutcome(run: FinishedRun): FrameResult {
  const { arena, status, gas } = run;
  const frame = arena.firstFrame;
  const isSuccess = status === RETURNED;
  const gasLeft = isSuccess || status === REVERTED ? arena.words64[(frame + FRAME.gas) >>> 3]! : 0n;
  const touched = run.hasTouched && run.keepsWrites ? touchedAccounts(run) : NOTHING;
  const output = isSuccess || status === REVERTED ? readOutput(arena, frame) : EMPTY_BYTES;
  const gasUsed = gas - gasLeft;
  if (!isSuccess) {
    const halt = haltWordsOf(arena, status, frame);
    return { halt, gasUsed, refund: 0n, output, logs: [], destroyed: NOTHING, touched };
  }
  const refund = readRefund(arena);
  if (!run.keepsWrites) return callResult(arena, { gasUsed, refund, output });
  const destroyed = destroyedAccounts(run);
  writeAccounts(run);
  writeSlots(run);
  const logs = readLogs(arena, field(arena, CONTEXT.logs), field(arena, CONTEXT.logCount));
  return { halt: null, gasUsed, refund, output, logs, destroyed, touched };
}

/** The result of a run whose writes nobody wants. */
function callResult(arena: Arena, parts: Pick<FrameResult, "gasUsed" | "refund" | "output">): FrameResult {
  const { gasUsed, refund, output } = parts;
  const kept = field(arena, CONTEXT.logCount) === 0 ? null : new KeptLogs(arena);
  return {
    halt: null,
    gasUsed,
    refund,
    output,
    get logs() {
      return kept === null ? [] : kept.list;
    },
    destroyed: NOTHING,
    touched: NOTHING,
  };
}

function field({ words32, range }: Arena, offset: number): number {
  return words32[(range.base + offset) >>> 2]!;
}

function readRefund({ words32, range }: Arena): bigint {
  const at = (range.base + CONTEXT.refund) >>> 2;
  return BigInt((words32[at + 1]! | 0) * TWO_POW_32 + words32[at]!);
}

function readOutput({ bytes, words32 }: Arena, frame: number): Uint8Array {
  const size = words32[(frame + FRAME.outputSize) >>> 2]!;
  if (size === 0) return EMPTY_BYTES;
  const start = words32[(frame + FRAME.output) >>> 2]!;
  return copyOf(bytes, start, size);
}

/** Up to this a loop copies faster: 22 ns for a topic instead of 41. */
const LOOP_SIZE_BYTES_MAX = 64;

/** Private bytes. A slice of shared memory is not shared; it does not clear the bytes first, as a new array would. @hot bench/evm/machine.bench.ts */
function copyOf(bytes: Uint8Array, start: number, size: number): Uint8Array {
  if (size > LOOP_SIZE_BYTES_MAX) return bytes.slice(start, start + size);
  const copy = new Uint8Array(size);
  for (let i = 0; i < size; i++) copy[i] = bytes[start + i]!;
  return copy;
}

function destroyedAccounts({ arena, bridge }: FinishedRun): readonly Address[] {
  const first = field(arena, CONTEXT.accounts);
  const end = first + field(arena, CONTEXT.accountCount) * ACCOUNT_SIZE_BYTES;
  let found: Address[] | null = null;
  for (let record = first; record < end; record += ACCOUNT_SIZE_BYTES) {
    if ((arena.words32[(record + ACCOUNT.flags) >>> 2]! & ACCOUNT_FLAG_DESTROYED) === 0) continue;
    (found ??= []).push(bridge.addressOf(record));
  }
  return found ?? NOTHING;
}

/** Touched accounts that may be empty. */
function touchedAccounts({ arena, bridge }: FinishedRun): readonly Address[] {
  const { words32 } = arena;
  const first = field(arena, CONTEXT.accounts);
  const end = first + field(arena, CONTEXT.accountCount) * ACCOUNT_SIZE_BYTES;
  let found: Address[] | null = null;
  for (let record = first; record < end; record += ACCOUNT_SIZE_BYTES) {
    if ((words32[(record + ACCOUNT.flags) >>> 2]! & ACCOUNT_FLAG_TOUCHED) === 0) continue;
    if (hasNonceOrBalance(words32, record)) continue;
    (found ??= []).push(bridge.addressOf(record));
  }
  return found ?? NOTHING;
}

function hasNonceOrBalance(words32: Uint32Array, record: number): boolean {
  const nonce = (record + ACCOUNT.nonce) >>> 2;
  const balance = (record + ACCOUNT.balance) >>> 2;
  let any = words32[nonce]! | words32[nonce + 1]!;
  for (let i = 0; i < 8; i++) any |= words32[balance + i]!;
  return any !== 0;
}

function writeAccounts(run: FinishedRun): void {
  const { arena, bridge, host } = run;
  const first = field(arena, CONTEXT.accounts);
  const end = first + field(arena, CONTEXT.accountCount) * ACCOUNT_SIZE_BYTES;
  for (let record = first; record < end; record += ACCOUNT_SIZE_BYTES) {
    const flags = arena.words32[(record + ACCOUNT.flags) >>> 2]!;
    if ((flags & ACCOUNT_FLAG_DIRTY) === 0) continue;
    const before = bridge.loaded[bridge.indexOf(record)] ?? null;
    const codeHash = (flags & ACCOUNT_FLAG_CODE_NEW) === 0 ? (before?.codeHash ?? null) : putCode(run, record);
    host.setAccount(bridge.addressOf(record), {
      nonce: arena.words64[(record + ACCOUNT.nonce) >>> 3]!,
      balance: readInteger(arena, record + ACCOUNT.balance),
      codeHash: codeHash ?? copyOf(arena.bytes, record + ACCOUNT.codeHash, 32),
    });
  }
}

function putCode({ arena, bridge, host }: FinishedRun, record: number): Hash32 {
  const { bytes, words32 } = arena;
  const entry = words32[(record + ACCOUNT.codeEntry) >>> 2]!;
  if (entry === 0) return host.putCode(must(bridge.withoutEntry.get(record), "a code without an entry was kept"));
  return host.putCode(
    copyOf(bytes, words32[(entry + CODE_ENTRY.code) >>> 2]!, words32[(entry + CODE_ENTRY.size) >>> 2]!),
  );
}

function writeSlots({ arena, bridge, host }: FinishedRun): void {
  const { words32 } = arena;
  const first = field(arena, CONTEXT.slots);
  const end = first + field(arena, CONTEXT.slotCount) * SLOT_SIZE_BYTES;
  for (let record = first; record < end; record += SLOT_SIZE_BYTES) {
    if ((words32[(record + SLOT.flags) >>> 2]! & SLOT_FLAG_DIRTY) === 0) continue;
    if (isUnchanged(words32, record)) continue;
    const address = bridge.addressOf(words32[(record + SLOT.account) >>> 2]!);
    host.setSlot(address, readHash(arena, record + SLOT.key), readHash(arena, record + SLOT.value));
  }
}

function isUnchanged(words32: Uint32Array, record: number): boolean {
  const value = (record + SLOT.value) >>> 2;
  const original = (record + SLOT.original) >>> 2;
  for (let i = 0; i < 8; i++) if (words32[value + i] !== words32[original + i]) return false;
  return true;
}

type LogMemory = { readonly bytes: Uint8Array; readonly words32: Uint32Array };

/** Logs as the run wrote them, read when somebody asks. */
class KeptLogs {
  readonly #memory: LogMemory;
  readonly #count: number;
  #list: Log[] | null = null;

  constructor(arena: Arena) {
    const start = field(arena, CONTEXT.logs);
    this.#count = field(arena, CONTEXT.logCount);
    const bytes = copyOf(arena.bytes, start, Math.ceil((field(arena, CONTEXT.logsEnd) - start) / 4) * 4);
    this.#memory = { bytes, words32: new Uint32Array(bytes.buffer) };
  }

  get list(): Log[] {
    return (this.#list ??= readLogs(this.#memory, 0, this.#count));
  }
}

function readLogs(memory: LogMemory, start: number, count: number): Log[] {
  const { bytes, words32 } = memory;
  const logs: Log[] = [];
  let at = start;
  for (let left = count; left > 0; left--) {
    const topicCount = words32[(at + LOG.topicCount) >>> 2]!;
    const dataSize = words32[(at + LOG.dataSize) >>> 2]!;
    const topics: Hash32[] = [];
    for (let i = 0; i < topicCount; i++) topics.push(copyOf(bytes, at + LOG.topics + 32 * i, 32));
    const dataAt = at + LOG.topics + 32 * topicCount;
    logs.push({ address: readAddress(memory, at + LOG.address), topics, data: copyOf(bytes, dataAt, dataSize) });
    at = Math.ceil((dataAt + dataSize) / 8) * 8;
  }
  return logs;
}
