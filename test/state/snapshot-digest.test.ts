// The digest of a snapshot taken without loading it: the loader's digest for every snapshot, and no chunk accepted that the loader
// would refuse for its form.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { FormatError } from "#formats/codec.ts";
import { allocateState, createPlainSegment, planStateMemory } from "#state/memory-plan.ts";
import { SnapshotLoader, snapshotChunks } from "#state/snapshot.ts";
import { SnapshotDigest } from "#state/snapshot-digest.ts";
import { StateTable } from "#state/table.ts";
import { StateView } from "#state/view.ts";

function makeTable(seed: number) {
  const random = new SeededRandom(seed);
  const regions = allocateState(planStateMemory({ stateMemoryBytes: 4 << 20 }), createPlainSegment);
  const table = new StateTable(regions);
  table.loadGenesis(
    Array.from({ length: 1 + random.below(20) }, () => ({
      address: random.bytes(20),
      balance: BigInt(random.u32()),
      nonce: BigInt(random.below(3)),
      code: random.bytes(random.below(2) * (1 + random.below(60))),
      storage: Array.from({ length: random.below(4) }, () => ({ slot: random.bytes(32), value: random.bytes(32) })),
    })),
  );
  return { regions, table };
}

function dump(seed: number, chunkSizeBytes: number) {
  const { regions } = makeTable(seed);
  return [...snapshotChunks(new StateView(regions), 0, chunkSizeBytes)];
}

function load(chunks: readonly Uint8Array[]) {
  const regions = allocateState(planStateMemory({ stateMemoryBytes: 4 << 20 }), createPlainSegment);
  const loader = new SnapshotLoader(new StateTable(regions));
  for (const chunk of chunks) loader.push(chunk);
  return loader.finish();
}

function digest(chunks: readonly Uint8Array[]) {
  const digest = new SnapshotDigest();
  for (const chunk of chunks) digest.push(chunk);
  return digest.finish();
}

function failure(action: () => unknown): unknown {
  try {
    action();
    return null;
  } catch (error) {
    return error;
  }
}

describe("a snapshot's digest", () => {
  test("is the loader's, however it is cut", () => {
    for (let seed = 1; seed < 40; seed++) {
      const whole = digest(dump(seed, 1 << 20));
      for (const size of [1, 50, 400]) {
        const chunks = dump(seed, size);
        expect(digest(chunks), `seed ${seed}`).toEqual(load(chunks));
        expect(digest(chunks).digest).toEqual(whole.digest);
      }
    }
  });

  test("is refused where the loader refuses the form", () => {
    const random = new SeededRandom(77);
    let refused = 0;
    for (let round = 0; round < 600; round++) {
      const chunks = dump(1 + (round % 30), 120).map((chunk) => chunk.slice());
      const at = random.below(chunks.length);
      const kind = random.below(5);
      const chunk = chunks[at]!;
      if (kind === 0) chunk[random.below(chunk.length)]! ^= 1 << random.below(8);
      else if (kind === 1) chunks.splice(at, 1);
      else if (kind === 2) chunks.splice(at, 0, chunk);
      else if (kind === 3) chunks[at] = chunk.subarray(0, random.below(chunk.length));
      else chunks.push(chunks.splice(at, 1)[0]!);
      const own = failure(() => digest(chunks));
      const loaders = failure(() => load(chunks));
      if (own !== null) {
        expect(own, `round ${round}`).toBeInstanceOf(FormatError);
        refused++;
      }
      // What passes here may still be refused there: repeated keys. Never the other way round.
      if (loaders === null) expect(own, `round ${round}`).toBeNull();
    }
    expect(refused).toBeGreaterThan(400);
  });

  test("is not there before the end", () => {
    const chunks = dump(3, 100);
    expect(failure(() => digest(chunks.slice(0, -1)))).toBeInstanceOf(FormatError);
    expect(failure(() => digest([]))).toBeInstanceOf(FormatError);
    expect(failure(() => digest([...chunks, chunks[0]!]))).toBeInstanceOf(FormatError);
  });
});
