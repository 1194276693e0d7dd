// Doorbells: no wake-up is lost between looking and sleeping, on the thread itself and from another one.

import { expect, test } from "bun:test";
import { Doorbell } from "#base/doorbell.ts";

const NEVER_MS = 60_000;

test("a ring before the sleep makes it return at once", async () => {
  const bell = new Doorbell();
  const seen = bell.seen();
  bell.ring();
  bell.waitSync(seen, NEVER_MS);
  await bell.wait(seen, NEVER_MS);
  expect(bell.seen()).not.toBe(seen);
});

test("a ring during the sleep ends it, through any attachment of the same memory", async () => {
  const bell = new Doorbell();
  const other = new Doorbell(bell.handle);
  const seen = bell.seen();
  let isAwake = false;
  const sleep = bell.wait(seen, NEVER_MS).then(() => {
    isAwake = true;
  });
  await Bun.sleep(5);
  expect(isAwake).toBe(false);
  other.ring();
  await sleep;
  expect(isAwake).toBe(true);
  expect(bell.seen()).toBe(other.seen());
});

test("without a ring the time ends the sleep, and the word is unchanged", async () => {
  const bell = new Doorbell();
  const seen = bell.seen();
  await bell.wait(seen, 1);
  bell.waitSync(seen, 1);
  expect(bell.seen()).toBe(seen);
});

test("a blocked thread is woken by another thread", async () => {
  const bell = new Doorbell();
  const source = new URL("./doorbell-sleeper.fixture.ts", import.meta.url).href;
  const sleeper = new Worker(source);
  try {
    const events: string[] = [];
    const done = new Promise<void>((resolve, reject) => {
      sleeper.onmessage = ({ data }: MessageEvent<string>) => {
        events.push(data);
        if (data === "sleeping") bell.ring();
        else resolve();
      };
      sleeper.onerror = (event) => reject(new Error(event.message));
    });
    sleeper.postMessage({ handle: bell.handle, seen: bell.seen() });
    await done;
    expect(events).toEqual(["sleeping", "awake"]);
  } finally {
    sleeper.terminate();
  }
});
