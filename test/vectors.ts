// Finds the reference vectors for tests: the folder that $MEGAETH_VECTORS names, else .vectors/ in the project root.
// A test that needs an absent set is skipped and says why:
//
//   const folder = vectorsFolder("rlp-tests");
//   test.skipIf(folder === null)("...", () => { ... });

import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

import type { Hardfork } from "#chain/hardforks.ts";

/** The hardforks by the names that Ethereum's test vectors give them. */
export const VECTOR_FORKS: Readonly<Record<string, Hardfork>> = {
  Frontier: "frontier",
  Homestead: "homestead",
  EIP150: "tangerineWhistle",
  EIP158: "spuriousDragon",
  Byzantium: "byzantium",
  Constantinople: "constantinople",
  ConstantinopleFix: "petersburg",
  Istanbul: "istanbul",
  Berlin: "berlin",
  London: "london",
  ArrowGlacier: "arrowGlacier",
  GrayGlacier: "grayGlacier",
  Paris: "paris",
  Merge: "paris",
  Shanghai: "shanghai",
  Cancun: "cancun",
  Prague: "prague",
  Osaka: "osaka",
};

const ROOT = resolve(import.meta.dir, "..");
const told = new Set<string>();

/** The folder that holds all sets of vectors, whether or not it exists. */
export function vectorsRoot(): string {
  const named = process.env.MEGAETH_VECTORS;
  return named === undefined || named === "" ? join(ROOT, ".vectors") : resolve(named);
}

/**
 * The folder of a set, such as "rlp-tests" or "state-tests/eest".
 * @returns null when it is absent or empty; the reason is printed once
 */
export function vectorsFolder(set: string): string | null {
  const folder = join(vectorsRoot(), set);
  if (existsSync(folder) && readdirSync(folder).length > 0) return folder;
  if (!told.has(set)) {
    told.add(set);
    console.warn(`skipped: vectors "${set}" not unpacked (looked in ${vectorsRoot()})`);
  }
  return null;
}

/**
 * Every file under a folder, in a stable order.
 * @param extension how names must end, such as ".json"
 * @returns absolute paths
 */
export function listVectorFiles(folder: string, extension: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(extension));
  return files.sort().map((file) => join(folder, file));
}
