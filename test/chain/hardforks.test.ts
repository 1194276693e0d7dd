// The order of the hardforks, and their names.

import { expect, test } from "bun:test";
import { HARDFORKS, isAtLeast, isHardfork } from "#chain/hardforks.ts";

test("forks are ordered as they came", () => {
  HARDFORKS.forEach((fork, i) => {
    HARDFORKS.forEach((than, j) => {
      expect(isAtLeast(fork, than)).toBe(i >= j);
    });
  });
});

test("names are recognised, and nothing else", () => {
  expect(HARDFORKS.every(isHardfork)).toBe(true);
  expect(["", "Osaka", "toString", "merge"].some(isHardfork)).toBe(false);
});
