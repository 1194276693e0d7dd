// The walk over a whole version: what it yields is the state, in bounded batches, and the root over it is the one that was kept
// up to date step by step.

import { describe, expect, test } from "bun:test";
import { toBareHex, toHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { type AccountChange, genesisChanges, mergeChanges, resolveDiff } from "#state/commitment.ts";
import { createMemoryTrie } from "#state/memory-trie.ts";
import { MptCommitment } from "#state/mpt-commitment.ts";
import { buildDiff, Overlay } from "#state/overlay.ts";
import { commitWholeState, walkState } from "#state/state-walk.ts";
import { StateView } from "#state/view.ts";
import { makeGenesis, makeTable, makeUniverse, type NaiveState, runMiniBlock } from "./naive-state.ts";

const VERSION_COUNT = 25;

/** A table after some mini-blocks, with its history as a naive model and as changes. */
function grow(seed: number) {
  const random = new SeededRandom(seed);
  const universe = makeUniverse(random, 14, 9);
  const { table, regions } = makeTable();
  const { alloc, naive } = makeGenesis(random, universe);
  table.loadGenesis(alloc);
  const overlay = new Overlay(table);
  const history: NaiveState[] = [naive];
  const steps: AccountChange[][] = [];
  for (let version = 1; version <= VERSION_COUNT; version++) {
    history.push(runMiniBlock(random, overlay, history[version - 1] as NaiveState, universe));
    const diff = buildDiff(overlay, table);
    table.apply(diff, version);
    overlay.reset();
    table.publish(version);
    steps.push(resolveDiff(diff, table));
  }
  return { alloc, history, steps, view: new StateView(regions) };
}

/** What a walk yields, as the naive model keeps it. */
function collect(view: StateView, batchKeyCount: number): Map<string, unknown> {
  const found = new Map<string, { account: unknown; slots: Map<string, string> }>();
  let areSlotsNext = false;
  for (const batch of walkState(view, batchKeyCount)) {
    expect(batch.length).toBeLessThanOrEqual(batchKeyCount);
    for (const { address, account, slots, storageCleared } of batch) {
      const key = toBareHex(address);
      expect(storageCleared).toBe(false);
      if (account !== undefined) {
        expect(areSlotsNext).toBe(false);
        expect(found.has(key)).toBe(false);
        found.set(key, { account, slots: new Map() });
        continue;
      }
      areSlotsNext = true;
      const entry = found.get(key);
      expect(entry).toBeDefined();
      for (const { slot, value } of slots) entry?.slots.set(toBareHex(slot), toBareHex(value));
    }
  }
  return found;
}

function expected(state: NaiveState): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [address, { state: account, slots }] of state.accounts) {
    if (account !== null) found.set(address, { account, slots });
  }
  return found;
}

describe("walk over a version", () => {
  for (const seed of [51, 52]) {
    test(`yields exactly the state of any version, whatever the batch (seed ${seed})`, () => {
      const { history, view } = grow(seed);
      for (const version of [0, 7, VERSION_COUNT]) {
        view.pin(version);
        const wanted = expected(history[version] as NaiveState);
        for (const batchKeyCount of [1, 5, 4096]) {
          const found = collect(view, batchKeyCount);
          expect([...found.keys()].sort(), `seed ${seed}, version ${version}`).toEqual([...wanted.keys()].sort());
          for (const [address, state] of wanted) expect(found.get(address)).toEqual(state);
        }
      }
    });

    test(`gives the root that was kept step by step (seed ${seed})`, async () => {
      const { alloc, steps, view } = grow(seed);
      const kept = new MptCommitment(createMemoryTrie);
      await kept.update(genesisChanges(alloc));
      for (let version = 0; version <= VERSION_COUNT; version += 5) {
        if (version > 0) await kept.update(mergeChanges(steps.slice(version - 5, version)));
        view.pin(version);
        const walked = new MptCommitment(createMemoryTrie);
        await commitWholeState(walked, view);
        expect(toHex(await walked.root()), `seed ${seed}, version ${version}`).toBe(toHex(await kept.root()));
      }
    });
  }
});
