// A worker that writes mini-blocks at full speed: each moves amounts between slots of one account so that their sum stays,
// and now and then a roll-back takes some of them back. Every word of a slot's value is the same number, so that a torn
// read shows.

import { SeededRandom } from "#base/random.ts";
import type { StateRegions } from "#state/memory-plan.ts";
import { StateTable } from "#state/table.ts";

declare const self: Worker;

/** What the worker is started with. */
export type SumTask = {
  regions: StateRegions;
  seed: number;
  /** Key indices of the slots. */
  slotIndices: number[];
  amounts: number[];
  /** Chance of a roll-back after a mini-block. */
  rollbackChance: number;
  /** Word 0: 1 = stop. Word 1: mini-blocks written. Word 2: roll-backs. */
  control: Int32Array<SharedArrayBuffer>;
};

/** The value that stands for an amount: its 32-bit big-endian form, eight times. */
export function amountValue(amount: number): Uint8Array {
  const value = new Uint8Array(32);
  for (let at = 0; at < 32; at += 4) new DataView(value.buffer).setUint32(at, amount);
  return value;
}

function write(task: SumTask): void {
  const table = new StateTable(task.regions);
  const random = new SeededRandom(task.seed);
  const history = new Map<number, number[]>([[table.newest, task.amounts]]);
  let amounts = task.amounts;
  while (Atomics.load(task.control, 0) === 0) {
    amounts = [...amounts];
    const touched = new Set<number>();
    for (let i = 0; i < 4; i++) {
      const [from, to] = [random.below(amounts.length), random.below(amounts.length)];
      const moved = random.below(amounts[from]! + 1);
      amounts[from]! -= moved;
      amounts[to]! += moved;
      touched.add(from).add(to);
    }
    const slots = [...touched].map((i) => ({ index: task.slotIndices[i]!, value: amountValue(amounts[i]!) }));
    slots.sort((a, b) => a.index - b.index);
    const version = table.newest + 1;
    table.apply({ firstNewIndex: table.keyCount, newKeys: [], accounts: [], slots, codes: [] }, version);
    table.publish(version);
    history.set(version, amounts);
    history.delete(version - 20);
    Atomics.add(task.control, 1, 1);
    if (!random.chance(task.rollbackChance)) continue;
    const target = Math.max(version - random.below(10), table.oldest, 0);
    if (!history.has(target) || !table.rollbackTo(target)) continue;
    amounts = history.get(target)!;
    Atomics.add(task.control, 2, 1);
  }
}

if (!Bun.isMainThread) {
  self.onmessage = (event: MessageEvent<SumTask>) => {
    write(event.data);
    self.postMessage("done");
  };
}
