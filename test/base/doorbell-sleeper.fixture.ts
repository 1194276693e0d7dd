// A thread that blocks on a doorbell until it is rung.

import { Doorbell, type DoorbellHandle } from "#base/doorbell.ts";

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<{ handle: DoorbellHandle; seen: number }>) => {
  const bell = new Doorbell(data.handle);
  self.postMessage("sleeping");
  bell.waitSync(data.seen, 60_000);
  self.postMessage(bell.seen() === data.seen ? "timed out" : "awake");
};
