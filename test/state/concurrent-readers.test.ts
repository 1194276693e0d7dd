// A real writer thread at full speed against pinned readers on this one: the sum over 50 slots never changes, no value is
// ever torn, and a pin sees the same state however far the writer has gone on.

import { describe, expect, test } from "bun:test";
import { bigintToBytes } from "#base/bytes.ts";
import { allocateState, createPlainSegment, planStateMemory } from "#state/memory-plan.ts";
import { StateTable } from "#state/table.ts";
import { StateVersionGoneError, StateView } from "#state/view.ts";
import { amountValue, type SumTask } from "./sum-writer.fixture.ts";

const SLOT_COUNT = 50;
const AMOUNT = 1000;
const PIN_COUNT = Number(process.env.MEGAETH_PIN_COUNT ?? 20_000);
const PIN_COUNT_MAX = 20 * PIN_COUNT;
const owner = bigintToBytes(0xc0ffeen, 20);
const slots = Array.from({ length: SLOT_COUNT }, (_, n) => bigintToBytes(BigInt(n), 32));

/** Sum of the 50 amounts; a torn value makes it NaN. */
function readSum(view: StateView, from: readonly Uint8Array[]): number {
  let sum = 0;
  for (const slot of from) {
    const value = view.slot(owner, slot);
    const words = new DataView(value.buffer, value.byteOffset, 32);
    const amount = words.getUint32(0);
    for (let at = 4; at < 32; at += 4) if (words.getUint32(at) !== amount) return Number.NaN;
    sum += amount;
  }
  return sum;
}

async function withWriter(task: Partial<SumTask>, read: (view: () => StateView, control: Int32Array) => void) {
  const regions = allocateState(planStateMemory({ stateMemoryBytes: 8 << 20 }), createPlainSegment);
  const table = new StateTable(regions);
  const storage = slots.map((slot) => ({ slot, value: amountValue(AMOUNT) }));
  table.loadGenesis([{ address: owner, nonce: 1n, balance: 0n, code: new Uint8Array(0), storage }]);
  const control = new Int32Array(new SharedArrayBuffer(64));
  const worker = new Worker(new URL("./sum-writer.fixture.ts", import.meta.url).href);
  const failed = new Promise<never>((_, reject) => {
    worker.onerror = (event) => reject(new Error(event.message));
  });
  const done = new Promise<void>((resolve) => {
    worker.onmessage = () => resolve();
  });
  try {
    const slotIndices = slots.map((slot) => table.slotIndex(owner, slot));
    const amounts = slots.map(() => AMOUNT);
    worker.postMessage({ regions, seed: 61, slotIndices, amounts, rollbackChance: 0, control, ...task });
    while (Atomics.load(control, 1) === 0) await Promise.race([Bun.sleep(1), failed]);
    read(() => new StateView(regions), control);
    Atomics.store(control, 0, 1);
    await Promise.race([done, failed]);
  } finally {
    Atomics.store(control, 0, 1);
    worker.terminate();
  }
}

describe("readers beside a writer at full speed", () => {
  test(`${PIN_COUNT} pins of ${SLOT_COUNT} slots, some held while thousands of mini-blocks pass`, async () => {
    await withWriter({}, (makeView, control) => {
      const [view, held] = [makeView(), makeView()];
      const counts = { pins: 0, moved: 0, gone: 0, held: 0 };
      // On a machine with other work the writer may stand still for a while.
      const isEnough = () => counts.moved > PIN_COUNT / 100 && Atomics.load(control, 1) > PIN_COUNT / 100;
      for (let i = 0; i < PIN_COUNT || (i < PIN_COUNT_MAX && !isEnough()); i++) {
        counts.pins++;
        const version = view.pin();
        // Forwards and backwards, so that a writer running ahead meets both halves in both orders.
        const sum = attempt(() => readSum(view, i % 2 === 0 ? slots : slots.toReversed()));
        if (sum === null) counts.gone++;
        else if (sum !== SLOT_COUNT * AMOUNT) throw new Error(`sum ${sum} at version ${version}, pin ${i}`);
        if (view.published !== version) counts.moved++;
        const late = attempt(() => readSum(held, slots));
        if (late !== null && late !== SLOT_COUNT * AMOUNT)
          throw new Error(`sum ${late} at held version ${held.pinned}`);
        if (late === null) held.pin();
        else counts.held++;
      }
      expect(Atomics.load(control, 1)).toBeGreaterThan(PIN_COUNT / 100);
      expect(counts.moved).toBeGreaterThan(PIN_COUNT / 100);
      expect(counts.held).toBeGreaterThan(0);
      expect(counts.gone).toBeLessThan(counts.pins / 10);
    });
  }, 120_000);

  test("with roll-backs: a pin that is taken back says so, and never shows another state", async () => {
    await withWriter({ rollbackChance: 0.05, seed: 62 }, (makeView, control) => {
      const view = makeView();
      const counts = { good: 0, gone: 0 };
      for (let i = 0; i < PIN_COUNT / 4 || (Atomics.load(control, 2) === 0 && i < 1e7); i++) {
        const sum = attempt(() => {
          view.pin();
          return readSum(view, slots);
        });
        if (sum === null) counts.gone++;
        else if (sum !== SLOT_COUNT * AMOUNT) throw new Error(`sum ${sum} at version ${view.pinned}, pin ${i}`);
        else counts.good++;
      }
      expect(Atomics.load(control, 2)).toBeGreaterThan(0);
      expect(counts.good).toBeGreaterThan(0);
    });
  }, 120_000);
});

function attempt(read: () => number): number | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof StateVersionGoneError) return null;
    throw error;
  }
}
