// Transactions made from a fixture's parts against the signed bytes that newer fixtures carry beside them.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { toHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { encodeTransaction, signTransaction } from "#chain/transaction.ts";
import { vectorsFolder } from "#test/vectors.ts";
import { transactionOf } from "./fixture-transaction.ts";
import { CONFORMANCE_SEED, draw } from "./sampling.ts";
import type { StateFixture } from "./state-tests.ts";
import { SUITES, suiteFiles } from "./suites.ts";
import { wordFromText } from "./world.ts";

const FILE_COUNT = 600;
const ENTRIES_PER_FIXTURE_MAX = 3;
const folder = vectorsFolder("state-tests");

test.skipIf(folder === null)(`the same bytes as in ${FILE_COUNT} files (seed ${CONFORMANCE_SEED})`, () => {
  const files = suiteFiles(SUITES.state!, folder!).filter(
    ({ path, sizeBytes }) => !/\/vm\//.test(path) && sizeBytes < 1e6,
  );
  const types = new Set<number>();
  for (const { path } of draw(files, new SeededRandom(CONFORMANCE_SEED), FILE_COUNT)) {
    for (const fixture of Object.values(JSON.parse(readFileSync(path, "utf8")) as Record<string, StateFixture>)) {
      for (const { indexes, txbytes, expectException } of Object.values(fixture.post)
        .flat()
        .slice(0, ENTRIES_PER_FIXTURE_MAX)) {
        if (txbytes === undefined || expectException !== undefined) continue;
        const made = transactionOf(fixture.transaction, indexes);
        if ("refusal" in made) throw new Error(made.refusal);
        types.add(made.tx.type);
        // Old transactions come with and without the chain's id in their signature; the parts do not say which.
        const key = wordFromText(fixture.transaction.secretKey!);
        const forms = [made.tx, signTransaction({ ...made.tx, chainId: 1n }, key)].map(encodeTransaction).map(toHex);
        expect(forms as string[]).toContain(txbytes);
      }
    }
  }
  expect([...types].sort()).toEqual([0, 1, 2, 3, 4]);
});
