// The layouts of shared records are sound: no overlap, known sizes, a known schema hash.

import { describe, expect, test } from "bun:test";
import { STATE_LAYOUTS, STATE_SCHEMA_HASH } from "#formats/memory/state-record.ts";

describe("state layouts", () => {
  for (const [name, { words, fields }] of Object.entries(STATE_LAYOUTS)) {
    test(`${name}: fields lie inside and do not overlap`, () => {
      const taken = new Set<number>();
      for (const [field, first, count] of fields) {
        expect(count, field).toBeGreaterThan(0);
        for (let word = first; word < first + count; word++) {
          expect(word, field).toBeLessThan(words);
          expect(taken.has(word), `${field} overlaps at word ${word}`).toBe(false);
          taken.add(word);
        }
      }
    });
  }

  test("sizes are those of the memory plan", () => {
    expect(STATE_LAYOUTS.account!.words * 4).toBe(96);
    expect(STATE_LAYOUTS.slot!.words * 4).toBe(96);
    expect(STATE_LAYOUTS.undo!.words * 4).toBe(80);
  });

  // A new hash here means that threads of different builds must not share this memory. It is never stored.
  test("the schema hash is the one of this layout", () => {
    expect(STATE_SCHEMA_HASH.toString(16)).toBe("db1219ef");
  });
});
