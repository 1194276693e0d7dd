// The ring between real threads: order, wrap, parts, back-pressure and the slowest reader.

import { expect, test } from "bun:test";
import { Doorbell } from "#base/doorbell.ts";
import { SeededRandom } from "#base/random.ts";
import { allocateRing, RingReader, RingWriter } from "#base/ring.ts";

test("messages arrive in order at every reader, whatever the sizes", () => {
  const random = new SeededRandom(7);
  const handle = allocateRing({ capacityBytes: 4096, readers: [new Doorbell().handle, new Doorbell().handle] });
  const writer = new RingWriter(handle);
  const readers = [new RingReader(handle, 0), new RingReader(handle, 1)];
  const sent: { kind: number; payload: Uint8Array }[] = [];
  const received = [0, 0];
  for (let round = 0; round < 5000; round++) {
    const payload = random.bytes(random.below(writer.payloadSizeBytesMax + 1));
    if (writer.tryWrite(round & 0xff, payload)) sent.push({ kind: round & 0xff, payload });
    const which = random.below(2);
    const message = random.chance(0.7) ? readers[which]!.tryRead() : null;
    if (message !== null) expect(message).toEqual(sent[received[which]!++]!);
  }
  for (const which of [0, 1]) {
    for (let message = readers[which]!.tryRead(); message !== null; message = readers[which]!.tryRead()) {
      expect(message).toEqual(sent[received[which]!++]!);
    }
    expect(received[which]).toBe(sent.length);
  }
  expect(sent.length).toBeGreaterThan(1000);
});

test("a full ring refuses and loses nothing", () => {
  const handle = allocateRing({ capacityBytes: 1024, readers: [new Doorbell().handle] });
  const writer = new RingWriter(handle);
  const reader = new RingReader(handle, 0);
  let written = 0;
  while (writer.tryWrite(written, new Uint8Array(100))) written++;
  expect(written).toBe(9);
  expect(reader.tryRead()?.kind).toBe(0);
  expect(writer.tryWrite(written++, new Uint8Array(100))).toBe(true);
  for (let kind = 1; kind < written; kind++) expect(reader.tryRead()?.kind).toBe(kind);
  expect(reader.tryRead()).toBeNull();
});

test("a closed reader no longer bounds the writer", () => {
  const handle = allocateRing({ capacityBytes: 1024, readers: [new Doorbell().handle, new Doorbell().handle] });
  const writer = new RingWriter(handle);
  const reader = new RingReader(handle, 0);
  new RingReader(handle, 1).close();
  for (let i = 0; i < 100; i++) {
    expect(writer.tryWrite(i, new Uint8Array(100))).toBe(true);
    expect(reader.tryRead()?.kind).toBe(i);
  }
});

test("a message larger than the ring crosses threads in parts", async () => {
  const doorbell = new Doorbell();
  const handle = allocateRing({ capacityBytes: 1 << 16, readers: [doorbell.handle] });
  const reader = new RingReader(handle, 0);
  const worker = new Worker(new URL("./ring-writer.fixture.ts", import.meta.url).href);
  worker.postMessage({ handle, count: 50, sizeBytes: 300_000 });
  for (let i = 0; i < 50; ) {
    const seen = doorbell.seen();
    const message = reader.tryRead();
    if (message === null) {
      await doorbell.wait(seen, 1000);
      continue;
    }
    expect(message.kind).toBe(i);
    expect(message.payload.length).toBe(300_000 + i);
    expect(message.payload.every((byte) => byte === i)).toBe(true);
    i++;
  }
  worker.terminate();
});

test("a message of many parts is tried as a whole: all of it or nothing", () => {
  const handle = allocateRing({ capacityBytes: 4096, readers: [new Doorbell().handle] });
  const writer = new RingWriter(handle);
  const reader = new RingReader(handle, 0);
  const large = new SeededRandom(3).bytes(2500);
  expect(writer.tryWrite(1, large)).toBe(true);
  const { usedBytes } = writer;
  expect(writer.tryWrite(2, large)).toBe(false);
  expect(writer.usedBytes).toBe(usedBytes);
  expect(reader.tryRead()).toEqual({ kind: 1, payload: large });
  expect(reader.tryRead()).toBeNull();
  expect(writer.tryWrite(3, large)).toBe(true);
  expect(reader.tryRead()).toEqual({ kind: 3, payload: large });
  expect(() => writer.tryWrite(4, new Uint8Array(4096))).toThrow("larger than the ring");
});
