// Shared memory must not let a thread's garbage grow with it.

import { expect, test } from "bun:test";

const SHARED_SIZE_BYTES = 1 << 30;

test("a thread's garbage stays below a fraction of the shared memory that it sees", async () => {
  const worker = new Worker(new URL("./garbage.fixture.ts", import.meta.url).href);
  try {
    const growth = await new Promise<number>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<number>) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(new SharedArrayBuffer(SHARED_SIZE_BYTES));
    });
    expect(growth).toBeLessThan(SHARED_SIZE_BYTES / 2);
  } finally {
    worker.terminate();
  }
}, 30_000);
