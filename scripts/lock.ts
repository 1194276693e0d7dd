// Mends package-lock.json after `npm install`: drops optional platform packages that the lock file names without an entry,
// which `npm ci` refuses, and the addresses of the registry that they came from. Run it after every change of a dependency.

import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

/** The part of an npm lock file (version 3) that is mended. */
export type LockFile = {
  packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }>;
};

/**
 * Mends a lock file in place.
 * @returns how many lines were taken out; 0 means that it was in order
 */
export function mendLockFile(lock: LockFile): number {
  const paths = Object.keys(lock.packages);
  let removedCount = 0;
  for (const entry of Object.values(lock.packages)) {
    if (entry.resolved !== undefined) {
      delete entry.resolved;
      removedCount++;
    }
    const optional = entry.optionalDependencies ?? {};
    for (const name of Object.keys(optional)) {
      if (paths.some((path) => path.endsWith(`node_modules/${name}`))) continue;
      delete optional[name];
      removedCount++;
    }
    if (entry.optionalDependencies !== undefined && Object.keys(optional).length === 0)
      delete entry.optionalDependencies;
  }
  return removedCount;
}

if (import.meta.main) {
  const path = resolve(import.meta.dir, "../package-lock.json");
  const lock = JSON.parse(readFileSync(path, "utf8")) as LockFile;
  const removedCount = mendLockFile(lock);
  if (removedCount > 0) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`package-lock.json: ${removedCount} lines taken out`);
}
