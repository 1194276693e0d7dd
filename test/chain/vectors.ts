// Vector files parsed one at a time, named by their path below the set.

import { relative } from "node:path";
import { listVectorFiles } from "#test/vectors.ts";

/** All JSON files below a folder of vectors. */
export async function* vectorFiles<T>(folder: string): AsyncGenerator<{ readonly file: string; readonly json: T }> {
  for (const path of listVectorFiles(folder, ".json")) {
    yield { file: relative(folder, path), json: (await Bun.file(path).json()) as T };
  }
}
