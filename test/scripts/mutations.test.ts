// The mutations of `bun run mutate` fit the source: each changes exactly one place. That the suite catches them is for the
// command to show, which takes minutes.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { MUTATIONS } from "../../scripts/mutations.ts";

const ROOT = resolve(import.meta.dir, "../..");

test("every mutation changes exactly one place of its file", () => {
  for (const { what, file, find, replace } of MUTATIONS) {
    const places = readFileSync(join(ROOT, file), "utf8").split(find).length - 1;
    expect(`${what}: ${places}`).toBe(`${what}: 1`);
    expect(replace).not.toBe(find);
  }
});

test("there are at least thirty, all different", () => {
  expect(new Set(MUTATIONS.map(({ what }) => what)).size).toBe(MUTATIONS.length);
  expect(new Set(MUTATIONS.map(({ file, find, replace }) => file + find + replace)).size).toBe(MUTATIONS.length);
  expect(MUTATIONS.length).toBeGreaterThanOrEqual(30);
});
