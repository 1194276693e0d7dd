// Golden files hold the exact bytes of each disk format as hex text, 32 bytes a line. A change of a byte is a change of the format:
// it needs a new format version, and only then a new golden file (written with MEGAETH_WRITE_GOLDEN=1).

import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { toBareHex } from "#base/hex.ts";

/** Compares bytes with the golden file of this name beside the tests. */
export function expectGolden(name: string, bytes: Uint8Array): void {
  const path = `${import.meta.dir}/${name}.golden`;
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 32) lines.push(toBareHex(bytes.subarray(at, at + 32)));
  const text = `${lines.join("\n")}\n`;
  if (process.env.MEGAETH_WRITE_GOLDEN === "1") writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, "utf8"));
}
