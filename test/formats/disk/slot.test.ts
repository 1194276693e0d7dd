// The bytes of a slot, and refusal of every altered byte.

import { describe, expect, test } from "bun:test";
import { utf8 } from "#base/bytes.ts";
import { decodeSlot, encodeSlot, SLOT_SIZE_BYTES, SLOT_VALUE_SIZE_BYTES_MAX, type Slot } from "#formats/disk/slot.ts";
import { expectGolden } from "./golden.ts";

const SLOT: Slot = {
  generation: 42,
  chainId: 31337n,
  genesisHash: new Uint8Array(32).map((_, i) => 3 * i),
  value: utf8("a small value"),
};

describe("slot format", () => {
  test("the bytes are those of the golden file", () => {
    expectGolden("slot", encodeSlot("MEGATEST", SLOT));
  });

  test("reads back, also the largest value; another kind and a wrong size do not", () => {
    for (const slot of [SLOT, { ...SLOT, value: new Uint8Array(SLOT_VALUE_SIZE_BYTES_MAX).fill(9) }]) {
      expect(decodeSlot("MEGATEST", encodeSlot("MEGATEST", slot))).toEqual(slot);
    }
    expect(decodeSlot("MEGAELSE", encodeSlot("MEGATEST", SLOT))).toBeNull();
    expect(decodeSlot("MEGATEST", encodeSlot("MEGATEST", SLOT).subarray(0, 511))).toBeNull();
    expect(decodeSlot("MEGATEST", new Uint8Array(SLOT_SIZE_BYTES))).toBeNull();
  });

  test("any altered byte is refused", () => {
    const bytes = encodeSlot("MEGATEST", SLOT);
    for (let i = 0; i < bytes.length; i++) {
      const altered = bytes.slice();
      altered[i]! ^= 0x80;
      expect(decodeSlot("MEGATEST", altered)).toBeNull();
    }
  });
});
