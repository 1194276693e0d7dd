// Random mini-blocks through overlay, diff bytes and table, with readers at random pinned versions and random roll-backs,
// against whole copies of a naive state per version.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { decodeDiff, encodeDiff } from "#formats/wire/diff.ts";
import { buildDiff, Overlay } from "#state/overlay.ts";
import { StateVersionGoneError, StateView } from "#state/view.ts";
import { expectSameState, makeGenesis, makeTable, makeUniverse, type NaiveState, runMiniBlock } from "./naive-state.ts";

const SEEDS = process.env.MEGAETH_SEED ? [Number(process.env.MEGAETH_SEED)] : [1, 2, 3, 4, 5, 6, 7, 8];
const counts = { read: 0, rolledBack: 0, passed: 0 };

describe("table, views and overlay against a naive history", () => {
  for (const seed of SEEDS) {
    test(`seed ${seed}`, () => {
      const random = new SeededRandom(seed);
      const universe = makeUniverse(random, 10, 8);
      const pieceBits = seed % 2 === 0 ? { recordPieceBits: 4 } : {};
      const { regions, table } = makeTable({ stateMemoryBytes: 1 << 20, undoEntryCount: 512, ...pieceBits });
      const { alloc, naive } = makeGenesis(random, universe);
      table.loadGenesis(alloc);
      const history = new Map<number, NaiveState>([[0, naive]]);
      const readers = Array.from({ length: 4 }, () => ({ view: new StateView(regions), isRolledBack: false }));
      const overlay = new Overlay(table);
      for (let round = 0; round < 150; round++) {
        const hint = `seed ${seed} round ${round}`;
        const version = table.newest + 1;
        const after = runMiniBlock(random, overlay, history.get(version - 1)!, universe);
        expectSameState(overlay, after, universe, `${hint} overlay`);
        const diff = buildDiff(overlay, table);
        table.apply(decodeDiff(encodeDiff(diff)), version);
        overlay.reset();
        history.set(version, after);
        expectSameState(table, after, universe, `${hint} table`);
        if (random.chance(0.8)) table.publish(version);
        if (random.chance(0.1)) {
          const target = rollBack(random, table);
          for (const reader of readers) reader.isRolledBack ||= reader.view.pinned > target;
        }
        for (const reader of readers) {
          readPinned({ random, reader, history, universe, table, hint });
        }
      }
    });
  }

  test.skipIf(SEEDS.length < 8)("the runs met every outcome", () => {
    expect(counts.read).toBeGreaterThan(1000);
    expect(counts.rolledBack).toBeGreaterThan(0);
    expect(counts.passed).toBeGreaterThan(0);
  });
});

type Table = ReturnType<typeof makeTable>["table"];

function rollBack(random: SeededRandom, table: Table): number {
  const target = Math.max(table.oldest, table.newest - random.below(8));
  expect(table.rollbackTo(target)).toBe(true);
  expect(table.newest).toBe(target);
  expect(table.published).toBeLessThanOrEqual(target);
  return target;
}

type PinnedRead = {
  random: SeededRandom;
  reader: { view: StateView; isRolledBack: boolean };
  history: ReadonlyMap<number, NaiveState>;
  universe: ReturnType<typeof makeUniverse>;
  table: Table;
  hint: string;
};

function readPinned({ random, reader, history, universe, table, hint }: PinnedRead): void {
  const { view } = reader;
  if (random.chance(0.3)) {
    const oldest = view.oldestVersion();
    view.pin(random.chance(0.3) ? oldest : oldest + random.below(view.published - oldest + 1));
    reader.isRolledBack = false;
  }
  if (reader.isRolledBack) {
    expect(() => view.account(universe.addresses[0]!), hint).toThrow(StateVersionGoneError);
    counts.rolledBack++;
  } else if (view.pinned >= table.oldest) {
    expectSameState(view, history.get(view.pinned)!, universe, `${hint} view at ${view.pinned}`);
    counts.read++;
    return;
  } else if (!isPassed(() => expectSameState(view, history.get(view.pinned)!, universe, hint))) {
    // Nothing that the ring dropped was needed: the answers were right, which is all that is asked.
    return;
  } else {
    counts.passed++;
  }
  view.pin();
  reader.isRolledBack = false;
}

function isPassed(read: () => void): boolean {
  try {
    read();
    return false;
  } catch (error) {
    if (error instanceof StateVersionGoneError) return true;
    throw error;
  }
}
