// A thread beside a gigabyte of shared memory that makes a lot of garbage; it answers with the most memory that the process
// used beyond what it had at the start, in bytes.

import { fullGC } from "bun:jsc";
import { Doorbell } from "#base/doorbell.ts";
import { runLoopSync } from "#roles/threads/thread-loop.ts";

declare const self: Worker;

const TURN_COUNT = 300;
const GARBAGE_SIZE_BYTES = 4 << 20;

self.onmessage = ({ data: shared }: MessageEvent<SharedArrayBuffer>) => {
  const view = new Uint8Array(shared);
  fullGC(); // from here on the shared memory is counted
  const base = process.memoryUsage.rss();
  let growth = 0;
  let turns = 0;
  runLoopSync(new Doorbell().handle, () => {
    new Uint8Array(GARBAGE_SIZE_BYTES).fill(turns);
    growth = Math.max(growth, process.memoryUsage.rss() - base);
    return ++turns === TURN_COUNT ? "stop" : 10;
  });
  self.postMessage(growth + (view[0] ?? 0));
};
