// Reads a file of fixtures and tells by its content what they are: state tests, blockchain tests, classic VM tests.

import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { type BlockFixture, blockCaseOf } from "./block-tests.ts";
import { type ConformanceCase, skippedCase } from "./case.ts";
import { type StateFixture, stateCasesOf } from "./state-tests.ts";
import { type VmFixture, vmCaseOf } from "./vm-tests.ts";

/**
 * Every case of a file, in its order; the group is the folder's name. What is no fixture becomes a skipped case.
 * @throws when the file is no JSON
 */
export function fixtureCasesOf(file: string): ConformanceCase[] {
  const group = basename(dirname(file));
  const content: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (!isRecord(content) || Object.keys(content).length === 0) {
    return [skippedCase("(whole file)", "", group, "not a file of fixtures")];
  }
  return Object.entries(content).flatMap(([title, fixture]) => casesOf(title, fixture, group));
}

function casesOf(title: string, fixture: unknown, group: string): ConformanceCase[] {
  if (!isRecord(fixture)) return [skippedCase(title, "", group, "not a fixture")];
  if ("transaction" in fixture && "post" in fixture) return stateCasesOf(title, fixture as StateFixture, group);
  if ("blocks" in fixture && "genesisRLP" in fixture) return [blockCaseOf(title, fixture as BlockFixture, group)];
  if ("exec" in fixture) return [vmCaseOf(title, fixture as VmFixture, group)];
  return [skippedCase(title, "", group, `a fixture of another kind, with ${Object.keys(fixture).join(", ")}`)];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
