// The only place that makes a WebAssembly.Memory or an instance. The engine gives guard pages, and with them accesses
// without bounds checks, to 8 memories per process; from the ninth on every access is 2.5 times slower. So the count
// is asserted, over all threads: they share a ledger with one slot each.

import { assert } from "#base/assert.ts";

/** The most memories that one process may hold. */
export const MEMORY_COUNT_MAX = 8;

/** The most threads that the ledger counts; slot 0 is the main thread's. */
export const LEDGER_SLOT_COUNT = 256;

/** Memories held by each thread, by slot. */
export type MemoryLedger = Int32Array<SharedArrayBuffer>;

/** Size of a WebAssembly page, bytes. */
export const PAGE_SIZE_BYTES = 65_536;

let ledger: MemoryLedger = new Int32Array(new SharedArrayBuffer(4 * LEDGER_SLOT_COUNT));
let ledgerSlot = 0;

/**
 * Makes a memory. Pages are 64 KiB. Give equal initial and maximum pages where views over the buffer are kept: growing
 * an unshared memory detaches them.
 * @throws {AssertionError} when the process would hold more than `MEMORY_COUNT_MAX`
 * @throws {RangeError} when the system has no room
 */
export function createMemory(options: {
  initialPages: number;
  maximumPages: number;
  shared: boolean;
}): WebAssembly.Memory {
  Atomics.add(ledger, ledgerSlot, 1);
  const held = memoryCount();
  if (held > MEMORY_COUNT_MAX) Atomics.sub(ledger, ledgerSlot, 1);
  assert(held <= MEMORY_COUNT_MAX, () => `more than ${MEMORY_COUNT_MAX} WebAssembly memories in one process`);
  try {
    return new WebAssembly.Memory({
      initial: options.initialPages,
      maximum: options.maximumPages,
      shared: options.shared,
    });
  } catch (cause) {
    Atomics.sub(ledger, ledgerSlot, 1);
    throw cause;
  }
}

/** Takes a memory out of the count; the caller drops its last reference to it and to every instance over it. */
export function releaseMemory(_memory: WebAssembly.Memory): void {
  const before = Atomics.sub(ledger, ledgerSlot, 1);
  assert(before > 0, "released a memory that this thread did not make");
}

/** Memories held by all threads that share the ledger. */
export function memoryCount(): number {
  let count = 0;
  for (let slot = 0; slot < LEDGER_SLOT_COUNT; slot++) count += Atomics.load(ledger, slot);
  return count;
}

/** The ledger, to be handed to new threads. */
export function memoryLedger(): MemoryLedger {
  return ledger;
}

/** Called by a new thread with the ledger of its parent and its own slot; memories made before are carried over. */
export function joinMemoryLedger(shared: MemoryLedger, slot: number): void {
  assert(shared.length === LEDGER_SLOT_COUNT && slot > 0 && slot < LEDGER_SLOT_COUNT, "not a ledger slot");
  const held = Atomics.load(ledger, ledgerSlot);
  ledger = shared;
  ledgerSlot = slot;
  Atomics.store(ledger, slot, held);
  assert(memoryCount() <= MEMORY_COUNT_MAX, () => `more than ${MEMORY_COUNT_MAX} WebAssembly memories in one process`);
}

/** Called by the parent when a thread has ended: its memories are gone. */
export function clearLedgerSlot(slot: number): void {
  Atomics.store(ledger, slot, 0);
}

/**
 * Compiles a module of our own making, synchronously.
 * @throws {AssertionError} when the engine refuses it: what we emit must be valid
 */
export function compileModule(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (cause) {
    assert(false, () => `emitted WebAssembly does not compile: ${cause instanceof Error ? cause.message : cause}`);
  }
}

/** Instantiates a module; `Exports` states what it exports and is the caller's promise. */
export function instantiate<Exports>(module: WebAssembly.Module, imports: WebAssembly.Imports): Exports {
  return new WebAssembly.Instance(module, imports).exports as Exports;
}
