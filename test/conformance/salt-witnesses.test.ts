// Some of MegaETH's witnesses, decoded, checked and tampered with; all of them: `bun run conformance -- salt DIR`.

import { describe, expect, test } from "bun:test";
import { vectorsFolder } from "#test/vectors.ts";
import { SUITES, suiteFiles } from "./suites.ts";

/** Witness files, and cases of each: encoding, proof, one batch of tampered ones. */
const FILE_COUNT = 3;
const CASE_COUNT = 3;

const folder = vectorsFolder("megaeth/witness");
const suite = SUITES.salt!;
const noEngine = () => Promise.reject(new Error("no engine takes part"));

describe.skipIf(folder === null)("SALT witnesses", () => {
  for (const { path } of folder === null ? [] : suiteFiles(suite, folder).slice(0, FILE_COUNT)) {
    for (const { name, skipReason, run } of suite.casesOf(path).slice(0, CASE_COUNT)) {
      test(`${path.split("/").at(-1)?.split(".")[0]}: ${name}`, async () => {
        expect(skipReason).toBeNull();
        expect(await run(noEngine)).toBeNull();
      });
    }
  }
});
