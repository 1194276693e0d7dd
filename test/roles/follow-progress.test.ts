// How close a replica is to upstream, step by step on a clock that the test moves.

import { expect, test } from "bun:test";
import { signRecord } from "#formats/wire/record.ts";
import { FollowProgress } from "#roles/follow-progress.ts";

const HASH = new Uint8Array(32);
const IDENTITY = { chainId: 1n, genesisHash: HASH };

function record(sequence: number, number: number): Uint8Array {
  const header = { type: "mini" as const, term: 0, sequence, number, parentHash: HASH };
  return signRecord(IDENTITY, header, [], new Uint8Array(32).fill(1)).bytes;
}

const at = (sequence: number, version: number) => ({ sequence, term: 0, hash: HASH, version });

test("not connected, catching up, ready, stale, catching up again", () => {
  const start = Math.ceil(performance.now());
  const progress = new FollowProgress(at(4, 2), 1_000);
  expect(progress.unreadyReason(start)).toBe("not connected to upstream");
  progress.onHeard(start);
  progress.onWelcome(9);
  expect(progress.unreadyReason(start)).toBe("catching up with upstream");
  expect([progress.lagMiniBlocks, progress.hasCaughtUp]).toEqual([5, false]);
  for (let sequence = 5; sequence < 10; sequence++) expect(progress.onRecord(record(sequence, sequence))).toBeNull();
  expect(progress.lagMiniBlocks).toBe(8);
  progress.onApplied(at(9, 10));
  expect([progress.unreadyReason(start), progress.lagMiniBlocks, progress.hasCaughtUp]).toEqual([null, 0, true]);
  expect(progress.unreadyReason(start + 1_001)).toContain("nothing heard from upstream for 1001 ms");
  expect(progress.silenceMs(start + 1_001)).toBe(1_001);
  progress.onDisconnect();
  expect(progress.unreadyReason(start + 900)).toBeNull(); // a short cut is no reason to turn clients away
  progress.onHeard(start + 1_500);
  progress.onWelcome(30);
  expect(progress.unreadyReason(start + 1_500)).toBe("catching up with upstream");
});

test("a replica that falls far behind is not ready", () => {
  const progress = new FollowProgress(at(-1, 0), 1_000);
  const nowMs = performance.now();
  progress.onHeard(nowMs);
  progress.onWelcome(-1);
  expect(progress.unreadyReason(nowMs)).toBeNull();
  progress.onRecord(record(10_000, 9_000));
  expect(progress.unreadyReason(nowMs)).toBe("10001 records behind upstream");
  expect(progress.lagMiniBlocks).toBe(9_001);
  progress.onApplied(at(9_999, 9_000));
  expect([progress.unreadyReason(nowMs), progress.lagMiniBlocks]).toEqual([null, 1]);
});

test("bytes that are no record", () => {
  const progress = new FollowProgress(at(-1, 0), 1_000);
  expect(progress.onRecord(new Uint8Array(3))).toBeString();
  expect(progress.onRecord(new Uint8Array(200))).toBeString();
});
