// MegaETH's witnesses: each decodes, encodes and holds, and a few changed ones do not. All: `bun run conformance -- salt DIR`.

import { afterAll, describe, expect, test } from "bun:test";
import { basename } from "node:path";
import { vectorsFolder } from "#test/vectors.ts";
import { saltScheme } from "./salt-witnesses.ts";
import { SUITES, suiteFiles } from "./suites.ts";

/** Cases of a file between which others are left out. */
const STEP = 10;

afterAll(() => saltScheme().release());

const folder = vectorsFolder("megaeth");
const suite = SUITES.salt!;

describe.skipIf(folder === null)("witnesses", () => {
  for (const { path } of folder === null ? [] : suiteFiles(suite, folder)) {
    test(basename(path), async () => {
      for (const [i, { name, run }] of suite.casesOf(path).entries()) {
        if (i < 2 || i % STEP === 0) expect(`${name}: ${await run(() => Promise.reject())}`).toBe(`${name}: null`);
      }
    }, 0);
  }
});
