// Where the official vectors lie, and which of them a run takes.

import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

/** The folder of unpacked vectors: `$MEGAETH_VECTORS`, else `.vectors` in the project's root. */
export const VECTORS_DIRECTORY: string = process.env.MEGAETH_VECTORS ?? resolve(import.meta.dir, "../../.vectors");

/** A set's folder, or null, with the reason printed, when it is not unpacked. */
export function vectorSet(name: string): string | null {
  const directory = join(VECTORS_DIRECTORY, name);
  if (existsSync(directory)) return directory;
  console.log(`skipped: vectors not unpacked (${name})`);
  return null;
}

/** All JSON files below a folder, sorted by path. */
export function jsonFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".json"))
    .sort()
    .map((path) => join(directory, path));
}

/** A small seeded generator of numbers in [0, 1): mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
