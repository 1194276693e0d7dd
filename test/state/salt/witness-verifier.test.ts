// What a witness must hold besides its proof: each rule on a real witness that breaks it. The proof itself: the conformance suite `salt`.

import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromHex } from "#base/hex.ts";
import { Banderwagon } from "#crypto/banderwagon/banderwagon.ts";
import { SALT_SEED } from "#crypto/banderwagon/bases.ts";
import { bucketMetaEntry } from "#formats/wire/salt-entry.ts";
import { decodeWitnessFile, type SaltWitness, type WitnessSlot } from "#formats/wire/salt-witness.ts";
import { witnessOpenings } from "#state/salt/witness-openings.ts";
import { verifyWitness } from "#state/salt/witness-verifier.ts";
import { vectorsFolder } from "#test/vectors.ts";

const folder = vectorsFolder("megaeth");

describe("a witness", () => {
  // The witness is read where the tests are listed.
  if (folder === null) {
    test.skip("of MegaETH's test network is not here");
    return;
  }
  const scheme = new Banderwagon({ seed: SALT_SEED, protocol: "st", windowBits: 4 });
  afterAll(() => scheme.release());
  const blocks = join(folder, "blocks");
  const witnesses = join(folder, "witness");
  const fileOf = (path: string, start: string) => join(path, readdirSync(path).find((name) => name.startsWith(start))!);
  const { witness } = decodeWitnessFile(readFileSync(join(witnesses, witnessName("1140."))));
  const root = fromHex(JSON.parse(readFileSync(fileOf(blocks, "1139."), "utf8")).stateRoot);
  const { slots, proof } = witness;
  const verify = (changes: Partial<SaltWitness>) => verifyWitness(scheme, { ...witness, ...changes }, root);
  const bucketOf = ({ key }: WitnessSlot) => Number(key >> 40n);
  const replaced = (index: number, slot: Partial<WitnessSlot>) => slots.with(index, { ...slots[index]!, ...slot });
  const firstData = slots.findIndex((slot) => bucketOf(slot) >= 65_536 && slot.entry !== null);
  const levelsOf = (bucket: number, levels: number) => {
    return { ...proof, levels: proof.levels.map((each) => (each.bucket === bucket ? { bucket, levels } : each)) };
  };

  function witnessName(start: string): string {
    return readdirSync(witnesses).find((name) => name.startsWith(start) && name.endsWith(".salt"))!;
  }

  test("holds against the root of the block before, and against no other", () => {
    expect(verify({})).toBeNull();
    expect(verifyWitness(scheme, witness, root.toReversed())).toStartWith("the state root is ");
  });

  test("opens 759 children of nodes and 298 slots", () => {
    const openings = witnessOpenings(slots, proof.levels);
    expect(openings.filter(({ child }) => child.kind === "node").length).toBe(759);
    expect(openings.filter(({ child }) => child.kind === "slot").length).toBe(298);
    expect(new Set(openings.map(({ node }) => node)).size).toBe(760);
  });

  test("has slots, and levels of just their buckets", () => {
    expect(verify({ slots: [] })).toBe("a witness of nothing");
    expect(verify({ proof: { ...proof, levels: proof.levels.slice(1) } })).toMatch(/^no levels of bucket/);
    const further = { ...proof, levels: [...proof.levels, { bucket: 1 << 23, levels: 1 }] };
    expect(verify({ proof: further })).toBe(`levels of bucket ${1 << 23}, which has no slot`);
    const bucket = bucketOf(slots[firstData]!);
    for (const levels of [0, 6])
      expect(verify({ proof: levelsOf(bucket, levels) })).toBe(`${levels} levels of bucket ${bucket}`);
    expect(verify({ proof: levelsOf(bucket, 2) })).not.toBeNull();
  });

  test("keeps data where it belongs, once", () => {
    const { entry, key } = slots[firstData]!;
    const other = { key: entry!.key.with(0, entry!.key[0]! ^ 1), value: entry!.value };
    expect(verify({ slots: replaced(firstData, { entry: other }) })).toMatch(/holds a key of another bucket$/);
    const short = { key: entry!.key, value: entry!.value.subarray(1) };
    expect(verify({ slots: replaced(firstData, { entry: short }) })).toMatch(
      /neither an account nor a slot of storage$/,
    );
    const behind = { key: key + 1n, entry };
    const free = slots.filter((slot) => slot.key !== key + 1n);
    const at = free.findIndex((slot) => slot.key === key) + 1;
    expect(verify({ slots: free.toSpliced(at, 0, behind) })).toMatch(/holds a key that another slot holds$/);
    expect(verify({ slots: replaced(firstData, { key: (key | 0xffn) + 1n }) })).toMatch(/beyond its 1 levels$/);
  });

  test("has metadata in metadata buckets, which agrees with what it shows", () => {
    const bucket = bucketOf(slots[firstData]!);
    const meta = (capacity: number): WitnessSlot => {
      return {
        key: (BigInt(bucket >> 8) << 40n) | BigInt(bucket & 255),
        entry: bucketMetaEntry({ nonce: 0, capacity }),
      };
    };
    const shown = (slot: WitnessSlot) => {
      const others = slots.filter(({ key }) => key !== slot.key);
      const levels = [
        ...proof.levels.filter((each) => each.bucket !== bucket >> 8),
        { bucket: bucket >> 8, levels: 1 },
      ];
      const all = [...others, slot].sort((a, b) => (a.key < b.key ? -1 : 1));
      return verify({ slots: all, proof: { ...proof, levels } });
    };
    expect(shown(meta(512))).toMatch(/has another capacity than levels$/);
    expect(shown({ ...meta(256), entry: null })).toMatch(/holds no metadata$/);
    expect(shown({ ...meta(256), entry: { key: new Uint8Array(12), value: new Uint8Array(0) } })).toMatch(
      /holds no metadata: /,
    );
    expect(shown(meta(256))).toMatch(/^there is no commitment of node|^the proof does not hold$|^null$/);
  });

  test("has the commitments that its openings need, and no others", () => {
    const without = { ...proof, nodeIds: proof.nodeIds.slice(0, -1), commitments: proof.commitments.slice(0, -32) };
    expect(verify({ proof: without })).toMatch(/^there is no commitment of node/);
    const last = proof.nodeIds.at(-1)! + 1n;
    const commitments = new Uint8Array([...proof.commitments, ...proof.commitments.subarray(0, 32)]);
    expect(verify({ proof: { ...proof, nodeIds: [...proof.nodeIds, last], commitments } })).toBe(
      `the commitment of node ${last} is not needed`,
    );
    expect(verify({ proof: { ...proof, commitments: proof.commitments.with(0, 0xff) } })).toMatch(
      /is no point of the group$/,
    );
  });
});
