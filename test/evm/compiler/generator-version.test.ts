// Compiled code lies on disk and is loaded by its version. So the modules of fixed programs have a digest here: when they come out
// otherwise, `GENERATOR_VERSION` must go up, and only then the digest changes with it.

import { expect, test } from "bun:test";
import { concatBytes, utf8 } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { blake3 } from "#crypto/blake3.ts";
import { compileCode, GENERATOR_VERSION } from "#evm/compiler/compile.ts";
import { rulesOf } from "#evm/gas/rules.ts";
import { LINK_NAMES, linkType } from "#evm/runtime/links.ts";
import { codeOf, mapOf } from "./explore.fixture.ts";
import { structuredProgram } from "./structured-programs.fixture.ts";

const PROGRAM_COUNT = 40;
const FORKS = ["frontier", "istanbul", "osaka"] as const;

test("a module that comes out otherwise has another version", () => {
  const random = new SeededRandom(7);
  const parts = [utf8(JSON.stringify(LINK_NAMES.map((name) => [name, linkType(name)])))];
  for (let i = 0; i < PROGRAM_COUNT; i++) {
    const code = codeOf(structuredProgram(random));
    for (const fork of FORKS) {
      const options = { visitedOnly: false, forceExit: null, entryPoints: [] };
      const compiled = compileCode(code, mapOf(code), rulesOf(fork), options);
      if (compiled !== null) parts.push(compiled.bytes);
    }
  }
  expect(parts.length).toBeGreaterThan(PROGRAM_COUNT);
  expect([GENERATOR_VERSION, toBareHex(blake3(concatBytes(...parts))).slice(0, 16)]).toEqual([4, "bfec65334841c485"]);
});
