// README.md says what the tables say, and names every dependency with its reason.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { OPTION_ROWS } from "#cli/options.ts";
import { renewGeneratedParts } from "../../scripts/docs.ts";

const ROOT = resolve(import.meta.dir, "../..");
const readme = readFileSync(resolve(ROOT, "README.md"), "utf8");

describe("README.md", () => {
  test("has not drifted from the tables (bun scripts/docs.ts renews it)", () => {
    expect(renewGeneratedParts(readme)).toBe(readme);
  });
  test("holds every flag", () => {
    for (const { flag } of OPTION_ROWS) expect(readme).toMatch(new RegExp(`\\| \`(-\\w, )?--${flag}[ \`]`));
  });
  test("a drifted table is noticed", () => {
    expect(renewGeneratedParts(readme.replace("--chain-id", "--chain"))).not.toBe(
      readme.replace("--chain-id", "--chain"),
    );
    expect(() => renewGeneratedParts("no markers")).toThrow("no <!-- flags -->");
  });
  test("gives every dependency a reason, and no other", () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(resolve(ROOT, "package.json"), "utf8")) as Record<
      "dependencies" | "devDependencies",
      Record<string, string>
    >;
    const section = readme.slice(readme.indexOf("## Dependencies"), readme.indexOf("## Docker"));
    const rows = section.split("\n").filter((line) => line.startsWith("| `"));
    const named = rows.flatMap((row) =>
      [...(row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ""),
    );
    expect(named.sort()).toEqual(Object.keys({ ...dependencies, ...devDependencies }).sort());
    for (const row of rows) expect(row.split("|")[2]?.trim()).not.toBe("");
  });
});
