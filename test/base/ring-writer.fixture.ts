// Worker of ring.test.ts: writes numbered messages through the blocking writer.

import { type RingHandle, RingWriter } from "#base/ring.ts";

declare const self: Worker;

self.onmessage = (event: MessageEvent<{ handle: RingHandle; count: number; sizeBytes: number }>) => {
  const { handle, count, sizeBytes } = event.data;
  const writer = new RingWriter(handle);
  for (let i = 0; i < count; i++) writer.write(i, new Uint8Array(sizeBytes + i).fill(i));
};
