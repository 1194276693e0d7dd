// The lock file can be installed from any registry, and the project pins what it uses.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type LockFile, mendLockFile } from "../../scripts/lock.ts";

const ROOT = resolve(import.meta.dir, "../..");
const read = (name: string): unknown => JSON.parse(readFileSync(resolve(ROOT, name), "utf8"));

type Manifest = { dependencies: Record<string, string>; devDependencies: Record<string, string> };

describe("package-lock.json", () => {
  test("is in order: nothing that npm ci refuses, no registry named", () => {
    expect(mendLockFile(read("package-lock.json") as LockFile)).toBe(0);
  });
  test("is what package.json asks for", () => {
    const { packages } = read("package-lock.json") as { packages: Record<string, Partial<Manifest>> };
    const { dependencies, devDependencies } = read("package.json") as Manifest;
    expect([packages[""]?.dependencies, packages[""]?.devDependencies]).toEqual([dependencies, devDependencies]);
  });
  test("every package but the root has a checksum", () => {
    const { packages } = read("package-lock.json") as { packages: Record<string, { integrity?: string }> };
    const without = Object.entries(packages).filter(([path, entry]) => path !== "" && entry.integrity === undefined);
    expect(without.map(([path]) => path)).toEqual([]);
  });
  test("versions are exact", () => {
    const { dependencies, devDependencies } = read("package.json") as Manifest;
    for (const version of Object.values({ ...dependencies, ...devDependencies }))
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe("mending", () => {
  test("takes out addresses and platform packages without an entry", () => {
    const lock: LockFile = {
      packages: {
        "": {},
        "node_modules/a": {
          resolved: "https://example/a.tgz",
          optionalDependencies: { "a-linux": "1", "a-windows": "1" },
        },
        "node_modules/a-linux": {},
        "node_modules/b": { optionalDependencies: { "b-windows": "1" } },
      },
    };
    expect(mendLockFile(lock)).toBe(3);
    expect(lock.packages["node_modules/a"]).toEqual({ optionalDependencies: { "a-linux": "1" } });
    expect(lock.packages["node_modules/b"]).toEqual({});
    expect(mendLockFile(lock)).toBe(0);
  });
});
