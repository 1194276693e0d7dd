// Where the public test vectors lie, and what to say when they are not there.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const root = process.env.MEGAETH_VECTORS ?? join(import.meta.dir, "../../.vectors");

/** The folder of a set of vectors, or null after printing why its tests are skipped. */
export function vectorFolder(set: string): string | null {
  const folder = join(root, set);
  if (existsSync(folder)) return folder;
  console.warn(`skipped: vectors ${set} not unpacked in ${root}`);
  return null;
}

/** All JSON files below a folder of vectors, parsed one at a time. */
export async function* vectorFiles<T>(folder: string): AsyncGenerator<{ readonly file: string; readonly json: T }> {
  const files = readdirSync(folder, { recursive: true }).map(String);
  for (const file of files.filter((name) => name.endsWith(".json")).sort()) {
    yield { file, json: (await Bun.file(join(folder, file)).json()) as T };
  }
}
