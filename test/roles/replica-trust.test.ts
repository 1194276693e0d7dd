// Whose signatures a replica believes: every source, every contradiction, and first use from this machine alone.

import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TRUSTED_SEQUENCER_FILE } from "#roles/data-layout.ts";
import {
  decideTrust,
  isLoopback,
  readTrustedSequencer,
  rememberTrustedSequencer,
  type TrustSources,
} from "#roles/replica-trust.ts";

const A = new Uint8Array(20).fill(1);
const B = new Uint8Array(20).fill(2);
const NEAR = "ws://127.0.0.1:8545/feed";
const FAR = "ws://203.0.113.7:8545/feed";
const NOTHING: TrustSources = { flag: null, genesisFile: null, remembered: null, claimed: null, upstreamUrl: FAR };

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe("the address to believe", () => {
  test("is the one that was told, by any of the three", () => {
    for (const name of ["flag", "genesisFile", "remembered"] as const) {
      for (const claimed of [null, A]) {
        const decision = decideTrust({ ...NOTHING, [name]: A, claimed });
        expect(decision).toEqual({ kind: "trusted", sequencer: A, isFirstUse: false });
      }
      expect(decideTrust({ ...NOTHING, [name]: A, claimed: B })).toMatchObject({ kind: "refused" });
      // Being near changes nothing once an address was told.
      expect(decideTrust({ ...NOTHING, [name]: A, claimed: B, upstreamUrl: NEAR })).toMatchObject({ kind: "refused" });
    }
  });

  test("is nobody when those who were told disagree", () => {
    for (const two of [
      { flag: A, genesisFile: B },
      { flag: A, remembered: B },
      { genesisFile: A, remembered: B },
    ]) {
      expect(decideTrust({ ...NOTHING, ...two, claimed: A, upstreamUrl: NEAR })).toMatchObject({ kind: "refused" });
    }
    expect(decideTrust({ ...NOTHING, flag: A, genesisFile: A, remembered: A, claimed: A }).kind).toBe("trusted");
  });

  test("is upstream's own word from this machine alone", () => {
    expect(decideTrust({ ...NOTHING, claimed: A, upstreamUrl: NEAR })).toEqual({
      kind: "trusted",
      sequencer: A,
      isFirstUse: true,
    });
    const far = decideTrust({ ...NOTHING, claimed: A });
    expect(far.kind === "refused" && far.reason).toContain("--sequencer");
    expect(decideTrust({ ...NOTHING, upstreamUrl: NEAR })).toMatchObject({ kind: "refused" });
  });
});

test("loopback addresses", () => {
  for (const host of ["127.0.0.1", "127.8.9.1", "localhost", "[::1]"])
    expect(isLoopback(`ws://${host}:1/feed`)).toBe(true);
  for (const host of ["10.0.0.1", "128.0.0.1", "localhost.example", "127.0.0.1.example", "[::2]", "0.0.0.0"]) {
    expect(isLoopback(`ws://${host}:1/feed`), host).toBe(false);
  }
});

test("the data directory remembers", () => {
  const folder = mkdtempSync(join(tmpdir(), "trust-"));
  folders.push(folder);
  expect(readTrustedSequencer(folder)).toBeNull();
  rememberTrustedSequencer(folder, A);
  expect(readTrustedSequencer(folder)).toEqual(A);
  rememberTrustedSequencer(folder, B);
  expect(readTrustedSequencer(folder)).toEqual(B);
  writeFileSync(join(folder, TRUSTED_SEQUENCER_FILE), "0x1234\n");
  expect(readTrustedSequencer(folder)).toBeNull();
});
