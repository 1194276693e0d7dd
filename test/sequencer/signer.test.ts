// The sequencer's key file: made once, private, and never printed.

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { toBareHex } from "#base/hex.ts";
import { addressFromPrivateKey } from "#crypto/secp256k1.ts";
import { loadOrCreateSigner, loadSigner, SequencerSigner, SignerKeyError } from "#sequencer/signer.ts";

const folder = mkdtempSync(join(tmpdir(), "megaeth-signer-"));
afterAll(() => rmSync(folder, { recursive: true }));

function codeOf(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    if (error instanceof SignerKeyError) return error.code;
    throw error;
  }
  return "none";
}

describe("the key file", () => {
  test("is created for its owner alone, and loads to the same address", () => {
    const path = join(folder, "new.key");
    const made = loadOrCreateSigner(path);
    expect(made.isNew).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = loadOrCreateSigner(path);
    expect(again.isNew).toBe(false);
    expect(again.signer.address).toEqual(made.signer.address);
    expect(addressFromPrivateKey(again.signer.revealPrivateKey())).toEqual(made.signer.address);
  });

  test("is refused when others may read it, when it holds no key, and when it is not there", () => {
    const path = join(folder, "bad.key");
    writeFileSync(path, `0x${"11".repeat(32)}\n`, { mode: 0o600 });
    expect(codeOf(() => loadSigner(path))).toBe("none");
    chmodSync(path, 0o640);
    expect(codeOf(() => loadSigner(path))).toBe("KEY_FILE_EXPOSED");
    chmodSync(path, 0o600);
    for (const text of ["", "11", "00".repeat(32), "ff".repeat(32), "zz".repeat(32)]) {
      writeFileSync(path, text);
      expect(codeOf(() => loadOrCreateSigner(path))).toBe("KEY_FILE_INVALID");
    }
    expect(codeOf(() => loadSigner(join(folder, "absent")))).toBe("KEY_FILE_UNREADABLE");
    expect(codeOf(() => loadOrCreateSigner(join(folder, "no", "folder")))).toBe("KEY_FILE_UNWRITABLE");
  });

  test("appears whole or not at all: what a crash left of an earlier attempt is no key", () => {
    const path = join(folder, "crashed.key");
    writeFileSync(`${path}.new`, "12", { mode: 0o644 });
    const made = loadOrCreateSigner(path);
    expect(made.isNew).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(loadSigner(path).address).toEqual(made.signer.address);
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  test("is never part of what is printed", () => {
    const path = join(folder, "quiet.key");
    const { signer } = loadOrCreateSigner(path);
    const key = readFileSync(path, "utf8").trim();
    const bytes = signer.revealPrivateKey();
    for (const text of [`${signer}`, JSON.stringify({ signer }), inspect(signer), Bun.inspect(signer)]) {
      expect(text).not.toContain(key);
      expect(text).not.toContain(String(bytes[0]).concat(", ", String(bytes[1]), ", ", String(bytes[2])));
    }
    expect(key).toBe(toBareHex(bytes));
    expect(() => new SequencerSigner(new Uint8Array(32))).toThrow(RangeError);
  });
});
