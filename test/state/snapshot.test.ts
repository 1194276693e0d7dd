// Snapshots: the same bytes from every node that holds a version, a round trip that goes on with further diffs, and refusal
// of everything that is not the canonical next chunk.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { ByteWriter, FormatError } from "#formats/codec.ts";
import { SNAPSHOT_CHUNK_SIZE_BYTES_MAX } from "#formats/memory/state-snapshot.ts";
import type { StateDiff } from "#formats/wire/diff.ts";
import { buildDiff, Overlay } from "#state/overlay.ts";
import { SnapshotLoader, StateMemoryFullError, snapshotChunks, snapshotDigest, stateDigest } from "#state/snapshot.ts";
import type { StateTable } from "#state/table.ts";
import { StateVersionGoneError, StateView } from "#state/view.ts";
import { expectSameState, makeGenesis, makeTable, makeUniverse, type NaiveState, runMiniBlock } from "./naive-state.ts";

type Grown = ReturnType<typeof makeTable> & {
  diffs: StateDiff[];
  history: NaiveState[];
  universe: ReturnType<typeof makeUniverse>;
  alloc: ReturnType<typeof makeGenesis>["alloc"];
};

function grow(seed: number, versions: number): Grown {
  const random = new SeededRandom(seed);
  const universe = makeUniverse(random, 10, 8);
  const made = makeTable();
  const { alloc, naive } = makeGenesis(random, universe);
  made.table.loadGenesis(alloc);
  const history = [naive];
  const diffs: StateDiff[] = [];
  const overlay = new Overlay(made.table);
  for (let version = 1; version <= versions; version++) {
    history.push(runMiniBlock(random, overlay, history[version - 1]!, universe));
    const diff = buildDiff(overlay, made.table);
    made.table.apply(diff, version);
    diffs.push(diff);
    overlay.reset();
    made.table.publish(version);
  }
  return { ...made, diffs, history, universe, alloc };
}

function dump(view: StateView, version: number, chunkSizeBytes?: number): Uint8Array[] {
  return [...snapshotChunks(view, version, chunkSizeBytes)];
}

function load(table: StateTable, chunks: readonly Uint8Array[]) {
  const loader = new SnapshotLoader(table);
  for (const chunk of chunks) loader.push(chunk);
  return loader.finish();
}

describe("snapshots", () => {
  for (const seed of [21, 22, 23]) {
    test(`round trip, going on, and canonical bytes (seed ${seed})`, () => {
      const grown = grow(seed, 60);
      const at = 40;
      const chunks = dump(new StateView(grown.regions), at, 200);
      expect(chunks.length).toBeGreaterThan(5);
      const digest = stateDigest(new StateView(grown.regions), at);
      expect(snapshotDigest(chunks.at(-1)!)).toEqual(digest);

      const fresh = makeTable({ stateMemoryBytes: 1 << 20, recordPieceBits: 5 });
      const summary = load(fresh.table, chunks);
      expect(summary).toEqual({ version: at, keyCount: fresh.table.keyCount, digest });
      expect([fresh.table.newest, fresh.table.published, fresh.table.oldest]).toEqual([at, at, at]);
      expectSameState(fresh.table, grown.history[at]!, grown.universe, `seed ${seed}`);
      expect(dump(new StateView(fresh.regions), at, 200)).toEqual(chunks);

      for (let version = at + 1; version <= 60; version++) {
        fresh.table.apply(grown.diffs[version - 1]!, version);
        fresh.table.publish(version);
        expectSameState(fresh.table, grown.history[version]!, grown.universe, `seed ${seed}`);
      }
      expect(stateDigest(new StateView(fresh.regions), 60)).toEqual(stateDigest(new StateView(grown.regions), 60));
      expect(stateDigest(new StateView(fresh.regions), 59)).not.toEqual(stateDigest(new StateView(fresh.regions), 60));
    });
  }

  test("the digest does not depend on how the chunks are cut, nor on roll-backs", () => {
    const grown = grow(24, 30);
    const view = new StateView(grown.regions);
    const digests = [1, 64, 1 << 20].map((size) => snapshotDigest(dump(view, 30, size).at(-1)!));
    expect(digests[1]).toEqual(digests[0]!);
    expect(digests[2]).toEqual(digests[0]!);
    expect(grown.table.rollbackTo(12)).toBe(true);
    const twelve = stateDigest(new StateView(grown.regions), 12);
    for (let version = 13; version <= 30; version++) grown.table.apply(grown.diffs[version - 1]!, version);
    grown.table.publish(30);
    expect(stateDigest(new StateView(grown.regions), 30)).toEqual(digests[0]!);
    expect(stateDigest(new StateView(grown.regions), 12)).toEqual(twelve);
  });

  test("a tombstone is part of the digest", () => {
    const grown = grow(25, 1);
    const digestOf = (run: (overlay: Overlay) => void) => {
      const made = makeTable();
      made.table.loadGenesis(grown.alloc);
      const overlay = new Overlay(made.table);
      for (let version = 1; version <= 2; version++) {
        if (version === 1) run(overlay);
        else overlay.deleteAccount(new Uint8Array(20).fill(7));
        made.table.apply(buildDiff(overlay, made.table), version);
        overlay.reset();
      }
      made.table.publish(2);
      return stateDigest(new StateView(made.regions), 2);
    };
    const codeHash = new Overlay(grown.table).putCode(new Uint8Array(0));
    const created = digestOf((overlay) => {
      overlay.setAccount(new Uint8Array(20).fill(7), { nonce: 0n, balance: 1n, codeHash });
    });
    expect(created).not.toEqual(digestOf(() => {}));
  });

  test("is written from a pinned view while the writer goes on, until the undo ring has passed", () => {
    const grown = grow(26, 20);
    const whole = dump(new StateView(grown.regions), 20, 128);
    const random = new SeededRandom(27);
    const overlay = new Overlay(grown.table);
    const chunks: Uint8Array[] = [];
    let naive = grown.history[20]!;
    for (const chunk of snapshotChunks(new StateView(grown.regions), 20, 128)) {
      chunks.push(chunk);
      naive = runMiniBlock(random, overlay, naive, grown.universe);
      grown.table.apply(buildDiff(overlay, grown.table), grown.table.newest + 1);
      overlay.reset();
      grown.table.publish(grown.table.newest);
    }
    expect(chunks).toEqual(whole);

    const slow = snapshotChunks(new StateView(grown.regions), grown.table.newest, 128);
    slow.next();
    const mostRecords = grown.table.plan.undoEntryCount;
    const updates = grown.universe.addresses.flatMap((address) => {
      const index = grown.table.accountIndex(address);
      return index < 0 ? [] : [{ index, account: null }];
    });
    updates.sort((a, b) => a.index - b.index);
    for (let written = 0; written <= mostRecords; written += updates.length) {
      const diff = { firstNewIndex: grown.table.keyCount, newKeys: [], accounts: updates, slots: [], codes: [] };
      grown.table.apply(diff, grown.table.newest + 1);
    }
    expect(() => [...slow]).toThrow(StateVersionGoneError);
  });
});

describe("the loader refuses", () => {
  const grown = grow(31, 30);
  const chunks = dump(new StateView(grown.regions), 30, 150);
  const refuse = (
    name: string,
    parts: readonly Uint8Array[],
    error: typeof FormatError | typeof StateMemoryFullError,
  ) => {
    const { table } = makeTable();
    expect(() => load(table, parts), name).toThrow(error as typeof FormatError);
    // Nothing stays behind: the honest snapshot loads.
    expect([table.newest, table.keyCount], name).toEqual([-1, 0]);
    expect(load(table, chunks).version, name).toBe(30);
  };

  test("missing, repeated and swapped chunks", () => {
    for (let i = 0; i < chunks.length; i++) {
      refuse(`without chunk ${i}`, chunks.toSpliced(i, 1), FormatError);
      refuse(`chunk ${i} twice`, chunks.toSpliced(i, 0, chunks[i]!), FormatError);
    }
    for (let i = 0; i + 1 < chunks.length; i++) {
      refuse(`chunks ${i} and ${i + 1} swapped`, chunks.with(i, chunks[i + 1]!).with(i + 1, chunks[i]!), FormatError);
    }
    refuse("nothing at all", [], FormatError);
  });

  test("every truncated and every lengthened chunk", () => {
    for (const [i, chunk] of chunks.entries()) {
      refuse(`chunk ${i} shorter`, chunks.with(i, chunk.subarray(0, chunk.length - 1)), FormatError);
      refuse(`chunk ${i} longer`, chunks.with(i, Uint8Array.from([...chunk, 0])), FormatError);
    }
  });

  test("any changed byte", () => {
    const random = new SeededRandom(32);
    for (let round = 0; round < 400; round++) {
      const i = random.below(chunks.length);
      const changed = chunks[i]!.slice();
      const at = random.below(changed.length);
      changed[at] = changed[at]! ^ (1 << random.below(8));
      const { table } = makeTable();
      const run = () => load(table, chunks.with(i, changed));
      expect(run, `chunk ${i} byte ${at}`).toThrow();
      try {
        run();
      } catch (error) {
        const isExpected = error instanceof FormatError || error instanceof StateMemoryFullError;
        expect(isExpected, `chunk ${i} byte ${at}: ${error}`).toBe(true);
      }
      expect(table.keyCount).toBe(0);
    }
  });

  test("hostile counts and lengths before anything is allocated", () => {
    const header = (keyCount: number, codeCount: number) =>
      new ByteWriter()
        .u8(0)
        .raw(new TextEncoder().encode("MEGASTAT"))
        .u16(1)
        .varint(1)
        .varint(keyCount)
        .varint(codeCount);
    refuse("2^50 keys", [header(2 ** 50, 0).toBytes()], StateMemoryFullError);
    refuse("2^50 codes", [header(0, 2 ** 50).toBytes()], StateMemoryFullError);
    const keys = new ByteWriter()
      .u8(2)
      .varint(2 ** 40)
      .toBytes();
    refuse("a chunk of 2^40 keys", [header(5, 0).toBytes(), keys], FormatError);
    const code = new ByteWriter()
      .u8(1)
      .varint(1)
      .varint(2 ** 40)
      .raw(new Uint8Array(8))
      .toBytes();
    refuse("a code of 2^40 bytes", [header(0, 1).toBytes(), code], FormatError);
    refuse("a huge chunk", [new Uint8Array(SNAPSHOT_CHUNK_SIZE_BYTES_MAX + 1)], FormatError);
  });

  test("a state that does not fit, by name of the flag", () => {
    const big = makeTable({ stateMemoryBytes: 1 << 21 });
    big.table.loadGenesis(
      Array.from({ length: 9000 }, (_, n) => {
        const address = new Uint8Array(20);
        new DataView(address.buffer).setUint32(0, n);
        return { address, nonce: 0n, balance: 1n, code: new Uint8Array(0), storage: [] };
      }),
    );
    const { table } = makeTable();
    expect(() => load(table, dump(new StateView(big.regions), 0))).toThrow("--state-memory");
    expect(table.keyCount).toBe(0);
  });
});
