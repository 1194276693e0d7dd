// A byte ring over shared memory: one writer thread, a fixed set of reader threads, each with a cursor of its own. Every reader
// gets every message in order; the slowest one bounds the writer. Messages have a kind and a payload of any size: one that is
// larger than an eighth of the ring travels in parts and is joined by the reader.
//
//   word  0          write position, bytes, modulo 2^32
//   word  1          bumped by readers that made room (the writer sleeps on it)
//   word  2          1 while the writer sleeps
//   word 16 (i + 1)  reader i: read position;  + 1: active
//   then the data, a power of two of bytes. Message: u32 payload size | u32 kind, bit 31 = more parts follow | payload
//
// Positions wrap at 2^32, a multiple of every capacity, so differences stay right.

import { assert } from "./assert.ts";
import { concatBytes } from "./bytes.ts";
import { Doorbell, type DoorbellHandle } from "./doorbell.ts";

/** Shared memory of a ring plus the doorbell of each reader; posted to other threads as it is. */
export type RingHandle = {
  readonly memory: SharedArrayBuffer;
  readonly capacityBytes: number;
  readonly doorbells: readonly DoorbellHandle[];
};

/** One message as the reader gets it; the payload is the reader's own copy. */
export type RingMessage = { readonly kind: number; readonly payload: Uint8Array };

const WRITE_POSITION = 0;
const ROOM_COUNTER = 1;
const WRITER_SLEEPS = 2;
const WORDS_PER_LINE = 16;
const ACTIVE = 1;
const MESSAGE_HEADER_SIZE_BYTES = 8;
const MORE_PARTS = 0x80000000;
const CAPACITY_BYTES_MIN = 1024;
const CAPACITY_BYTES_MAX = 1 << 30;

/**
 * Makes a ring.
 * @param options.capacityBytes data bytes, a power of two from 1 KiB to 1 GiB
 * @param options.readers the doorbell of each reader thread
 */
export function allocateRing(options: { capacityBytes: number; readers: readonly DoorbellHandle[] }): RingHandle {
  const { capacityBytes, readers } = options;
  assert(capacityBytes >= CAPACITY_BYTES_MIN && capacityBytes <= CAPACITY_BYTES_MAX, "ring capacity out of range");
  assert((capacityBytes & (capacityBytes - 1)) === 0, "ring capacity must be a power of two");
  const memory = new SharedArrayBuffer(controlSizeBytes(readers.length) + capacityBytes);
  const control = new Int32Array(memory, 0, controlSizeBytes(readers.length) / 4);
  for (let i = 0; i < readers.length; i++) control[readerLine(i) + ACTIVE] = 1;
  return { memory, capacityBytes, doorbells: readers };
}

/** The writing end; exactly one thread may hold it. */
export class RingWriter {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #data: RingData;
  readonly #capacityBytes: number;
  readonly #doorbells: readonly Doorbell[];

  constructor(handle: RingHandle) {
    const controlBytes = controlSizeBytes(handle.doorbells.length);
    this.#control = new Int32Array(handle.memory, 0, controlBytes / 4);
    this.#data = new RingData(handle, controlBytes);
    this.#capacityBytes = handle.capacityBytes;
    this.#doorbells = handle.doorbells.map((doorbell) => new Doorbell(doorbell));
  }

  /** Largest payload that travels in one part, in bytes. */
  get payloadSizeBytesMax(): number {
    return this.#capacityBytes / 8 - MESSAGE_HEADER_SIZE_BYTES;
  }

  /** Bytes that the slowest active reader has not read yet. */
  get usedBytes(): number {
    const write = Atomics.load(this.#control, WRITE_POSITION);
    let used = 0;
    for (let i = 0; i < this.#doorbells.length; i++) {
      if (Atomics.load(this.#control, readerLine(i) + ACTIVE) === 0) continue;
      used = Math.max(used, (write - Atomics.load(this.#control, readerLine(i))) >>> 0);
    }
    return used;
  }

  /**
   * Writes one message, in parts when it is large, all of them or none.
   * @param payload small enough that the message fits into the empty ring
   * @returns false when there is no room: nothing was written
   */
  tryWrite(kind: number, payload: Uint8Array): boolean {
    const partSizeBytes = this.payloadSizeBytesMax;
    if (payload.length <= partSizeBytes) return this.#tryWritePart(kind, payload);
    const wholePartCount = Math.ceil(payload.length / partSizeBytes) - 1;
    const lastSizeBytes = payload.length - wholePartCount * partSizeBytes;
    const size = wholePartCount * alignedSize(partSizeBytes) + alignedSize(lastSizeBytes);
    assert(size <= this.#capacityBytes, "ring payload larger than the ring");
    if (this.usedBytes + size > this.#capacityBytes) return false;
    this.write(kind, payload); // there is room for all of it, and nobody else writes
    return true;
  }

  /** Writes a message of any size and blocks the thread while the ring is full; not for the main thread. */
  write(kind: number, payload: Uint8Array): void {
    const partSizeBytes = this.payloadSizeBytesMax;
    let offset = 0;
    while (payload.length - offset > partSizeBytes) {
      this.#writePart((kind | MORE_PARTS) >>> 0, payload.subarray(offset, offset + partSizeBytes));
      offset += partSizeBytes;
    }
    this.#writePart(kind, payload.subarray(offset));
  }

  #writePart(kind: number, payload: Uint8Array): void {
    while (!this.#tryWritePart(kind, payload)) {
      Atomics.store(this.#control, WRITER_SLEEPS, 1);
      const room = Atomics.load(this.#control, ROOM_COUNTER);
      if (this.#tryWritePart(kind, payload)) break;
      Atomics.wait(this.#control, ROOM_COUNTER, room, 100);
    }
    Atomics.store(this.#control, WRITER_SLEEPS, 0);
  }

  #tryWritePart(kind: number, payload: Uint8Array): boolean {
    const size = alignedSize(payload.length);
    if (this.usedBytes + size > this.#capacityBytes) return false;
    const position = Atomics.load(this.#control, WRITE_POSITION) >>> 0;
    this.#data.putHeader(position, payload.length, kind);
    this.#data.putBytes(position + MESSAGE_HEADER_SIZE_BYTES, payload);
    Atomics.store(this.#control, WRITE_POSITION, (position + size) | 0);
    for (const doorbell of this.#doorbells) doorbell.ring();
    return true;
  }
}

/** One reading end; exactly one thread may hold reader `index`. */
export class RingReader {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #data: RingData;
  readonly #line: number;
  #parts: Uint8Array[] = [];

  constructor(handle: RingHandle, index: number) {
    assert(index < handle.doorbells.length, "ring reader index");
    const controlBytes = controlSizeBytes(handle.doorbells.length);
    this.#control = new Int32Array(handle.memory, 0, controlBytes / 4);
    this.#data = new RingData(handle, controlBytes);
    this.#line = readerLine(index);
  }

  /** Bytes written and not read yet by this reader: its lag. */
  get pendingBytes(): number {
    return (Atomics.load(this.#control, WRITE_POSITION) - Atomics.load(this.#control, this.#line)) >>> 0;
  }

  /** The next message, or null when there is none (or only the first parts of one). */
  tryRead(): RingMessage | null {
    while (this.pendingBytes > 0) {
      const position = Atomics.load(this.#control, this.#line) >>> 0;
      const { size, kind } = this.#data.header(position);
      const payload = this.#data.bytes(position + MESSAGE_HEADER_SIZE_BYTES, size);
      this.#advance((position + alignedSize(size)) | 0);
      if (kind >= MORE_PARTS) {
        this.#parts.push(payload);
        continue;
      }
      if (this.#parts.length === 0) return { kind, payload };
      const joined = concatBytes(...this.#parts, payload);
      this.#parts = [];
      return { kind, payload: joined };
    }
    return null;
  }

  /** Stops taking part: the writer no longer waits for this reader. */
  close(): void {
    Atomics.store(this.#control, this.#line + ACTIVE, 0);
    this.#wakeWriter();
  }

  #advance(position: number): void {
    Atomics.store(this.#control, this.#line, position);
    if (Atomics.load(this.#control, WRITER_SLEEPS) === 1) this.#wakeWriter();
  }

  #wakeWriter(): void {
    Atomics.add(this.#control, ROOM_COUNTER, 1);
    Atomics.notify(this.#control, ROOM_COUNTER);
  }
}

/** The data part: byte copies that wrap at the end. */
class RingData {
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  readonly #words: Uint32Array<SharedArrayBuffer>;
  readonly #mask: number;

  constructor(handle: RingHandle, offset: number) {
    this.#bytes = new Uint8Array(handle.memory, offset, handle.capacityBytes);
    this.#words = new Uint32Array(handle.memory, offset, handle.capacityBytes / 4);
    this.#mask = handle.capacityBytes - 1;
  }

  putHeader(position: number, size: number, kind: number): void {
    this.#words[(position & this.#mask) >>> 2] = size;
    this.#words[((position + 4) & this.#mask) >>> 2] = kind;
  }

  header(position: number): { size: number; kind: number } {
    const size = this.#words[(position & this.#mask) >>> 2]!;
    return { size, kind: this.#words[((position + 4) & this.#mask) >>> 2]! };
  }

  putBytes(position: number, payload: Uint8Array): void {
    const start = position & this.#mask;
    const first = Math.min(payload.length, this.#mask + 1 - start);
    this.#bytes.set(first === payload.length ? payload : payload.subarray(0, first), start);
    if (first < payload.length) this.#bytes.set(payload.subarray(first), 0);
  }

  bytes(position: number, size: number): Uint8Array {
    const start = position & this.#mask;
    const copy = new Uint8Array(size);
    const first = Math.min(size, this.#mask + 1 - start);
    copy.set(this.#bytes.subarray(start, start + first));
    if (first < size) copy.set(this.#bytes.subarray(0, size - first), first);
    return copy;
  }
}

function controlSizeBytes(readerCount: number): number {
  return (readerCount + 1) * WORDS_PER_LINE * 4;
}

function readerLine(index: number): number {
  return (index + 1) * WORDS_PER_LINE;
}

function alignedSize(payloadSizeBytes: number): number {
  return (MESSAGE_HEADER_SIZE_BYTES + payloadSizeBytes + 7) & ~7;
}
