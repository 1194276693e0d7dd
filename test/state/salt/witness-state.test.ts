// What a witness does not show stays unknown: use of a bucket until every slot is shown, and nodes in front of its end.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { bucketMetaEntry, type SaltEntry } from "#formats/wire/salt-entry.ts";
import { bucketRootId, logicalRootId, type NodeId, segmentId, subtreeLevelCount } from "#state/salt/node-ids.ts";
import { metadataBucketOf, metadataSlotOf, type SaltKey, saltKey } from "#state/salt/salt-key.ts";
import { UnwitnessedNodeError, WitnessState } from "#state/salt/witness-state.ts";

const BUCKET = 131_072;
const random = new SeededRandom(20_261_136);

type Shown = {
  readonly capacity: number;
  /** Of the bucket's first slots: every third holds something. */
  readonly slotCount: number;
  readonly hasMetadata?: boolean;
};

/** A witness of one bucket, as if verified. */
function stateOf({ capacity, slotCount, hasMetadata = true }: Shown): WitnessState<string> {
  const slots = new Map<SaltKey, SaltEntry | null>();
  if (hasMetadata) {
    const entry = bucketMetaEntry({ nonce: 0, capacity });
    slots.set(saltKey(metadataBucketOf(BUCKET), metadataSlotOf(BUCKET)), entry);
  }
  for (let slot = 0; slot < slotCount; slot++) {
    const entry = slot % 3 === 0 ? { key: random.bytes(20), value: random.bytes(40) } : null;
    slots.set(saltKey(BUCKET, slot), entry);
  }
  return new WitnessState<string>({
    levels: new Map([[BUCKET, subtreeLevelCount(capacity)]]),
    capacities: new Map(hasMetadata ? [[BUCKET, capacity]] : []),
    slots,
    nodes: new Map<NodeId, string>([
      [bucketRootId(BUCKET), "top"],
      [segmentId(BUCKET, 0), "segment 0"],
    ]),
  });
}

describe("a witness of a bucket", () => {
  test("tells how many slots are in use only when it shows all of them", () => {
    expect(stateOf({ capacity: 256, slotCount: 256 }).usedSlots(BUCKET)).toBe(86);
    expect(stateOf({ capacity: 512, slotCount: 512 }).usedSlots(BUCKET)).toBe(171);
    expect(stateOf({ capacity: 256, slotCount: 255 }).usedSlots(BUCKET)).toBeNull();
    expect(stateOf({ capacity: 512, slotCount: 256 }).usedSlots(BUCKET)).toBeNull();
    expect(stateOf({ capacity: 256, slotCount: 256, hasMetadata: false }).usedSlots(BUCKET)).toBeNull();
    expect(stateOf({ capacity: 256, slotCount: 256 }).usedSlots(BUCKET + 1)).toBeNull();
  });

  test("knows nodes behind the bucket's end to be unwritten, and no other that it lacks", () => {
    const state = stateOf({ capacity: 1024, slotCount: 1 });
    expect(state.node(segmentId(BUCKET, 0))).toBe("segment 0");
    for (const slot of [256, 512, 1023]) {
      expect(() => state.node(segmentId(BUCKET, slot))).toThrow(UnwitnessedNodeError);
    }
    for (const slot of [1024, 65_536, 2 ** 39]) expect(state.node(segmentId(BUCKET, slot))).toBeNull();
    expect(state.node(logicalRootId(BUCKET, 2))).toBeNull();
  });

  test("says nothing of nodes when the bucket's end is not shown", () => {
    const state = stateOf({ capacity: 1024, slotCount: 1, hasMetadata: false });
    for (const slot of [256, 1024]) expect(() => state.node(segmentId(BUCKET, slot))).toThrow(UnwitnessedNodeError);
  });
});
