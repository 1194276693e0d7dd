// The plan of the state's shared memory: every region with its segment, offset, size, writer and capacity, decided once at
// start from `--state-memory` and printed. A segment is one WebAssembly.Memory of at most 4 GiB, so that every engine can
// reach a region as (segment, offset); pages are committed by the system when they are first written.

import { assert } from "#base/assert.ts";
import {
  CODE_WORDS,
  CONTROL_MAGIC,
  CONTROL_MAGIC_VALUE,
  CONTROL_NEWEST,
  CONTROL_OLDEST,
  CONTROL_PUBLISHED,
  CONTROL_SCHEMA,
  CONTROL_SEED,
  CONTROL_SIZE_BYTES,
  CONTROL_UNDO_TAIL,
  INDEX_WORDS,
  MARK_WORDS,
  RECORD_WORDS,
  STATE_SCHEMA_HASH,
  UNDO_WORDS,
} from "#formats/memory/state-record.ts";
import { createMemory, PAGE_SIZE_BYTES } from "#wasm/loader.ts";
import { NO_VERSION, writeCell } from "./version-cell.ts";

/** Most segments the state may hold; the process keeps two memories for kernels and the EVM. */
export const STATE_SEGMENT_COUNT_MAX = 6;
/** Largest segment: a 32-bit memory. */
export const SEGMENT_SIZE_BYTES_MAX = 2 ** 32;
/** Smallest state memory that holds a useful development state. */
export const STATE_MEMORY_BYTES_MIN = 1 << 20;

const REGION_ALIGNMENT_BYTES = 64;
/** The key index is at most this full: linear probing then looks at 2.5 entries for a hit, 8.5 for a miss. */
const INDEX_LOAD_MAX = 0.75;
/** log2 of the records in one piece: 384 MiB, so that ten pieces nearly fill a segment. */
const RECORD_PIECE_BITS = 22;
const UNDO_ENTRY_COUNT_MAX = 2 ** 24;
const MARK_COUNT_MAX = 2 ** 18;
const CODE_SIZE_BYTES_TOTAL_MAX = 2 ** 30;
/** Code bytes planned for each entry of the code table; delegations are far smaller, contracts far larger. */
const CODE_SIZE_BYTES_MEAN = 256;

/** What a region holds. */
export type RegionKind =
  | "control"
  | "marks"
  | "undo"
  | "codeTable"
  | "codeIndex"
  | "codeBytes"
  | "keyIndex"
  | "records";

/** One contiguous range of one segment. */
export type Region = {
  readonly kind: RegionKind;
  readonly segment: number;
  /** Offset in the segment, bytes. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** The thread kind that may write it. */
  readonly writer: "execute";
  /** Items that fit, in the unit of the kind: keys, entries, versions, codes or bytes. */
  readonly capacity: number;
};

/** Where everything is. Plain data: it travels to workers by structured clone. */
export type MemoryPlan = {
  readonly stateMemoryBytes: number;
  /** Size of each segment, bytes, whole pages. */
  readonly segmentSizesBytes: readonly number[];
  readonly regions: readonly Region[];
  /** Keys (accounts and slots together) that fit. */
  readonly recordCapacity: number;
  /** log2 of the records in one piece. */
  readonly recordPieceBits: number;
  /** Powers of two. */
  readonly indexEntryCount: number;
  readonly undoEntryCount: number;
  readonly markCount: number;
  readonly codeIndexEntryCount: number;
  /** Codes that fit in the table. */
  readonly codeCapacity: number;
  readonly codeSizeBytes: number;
};

/** What may be said about the plan; the sizes after the first are for tests and small machines. */
export type PlanOptions = {
  /** Total to plan for, bytes; at least {@link STATE_MEMORY_BYTES_MIN}, at most 6 segments. */
  readonly stateMemoryBytes: number;
  /** Before-images to keep; rounded down to a power of two. */
  readonly undoEntryCount?: number;
  readonly segmentSizeBytesMax?: number;
  readonly recordPieceBits?: number;
};

/** A segment: a shared memory, or anything else with a shared buffer. */
export type StateSegment = { readonly buffer: SharedArrayBuffer };

/** The allocated memory together with its plan; posted to workers as it is. */
export type StateRegions = { readonly plan: MemoryPlan; readonly segments: readonly StateSegment[] };

/** Decides every size. Deterministic: the same options give the same plan. */
export function planStateMemory(options: PlanOptions): MemoryPlan {
  const total = options.stateMemoryBytes;
  const segmentMax = options.segmentSizeBytesMax ?? SEGMENT_SIZE_BYTES_MAX;
  assert(total >= STATE_MEMORY_BYTES_MIN, () => `state memory below ${STATE_MEMORY_BYTES_MIN} bytes`);
  assert(segmentMax % PAGE_SIZE_BYTES === 0 && segmentMax <= SEGMENT_SIZE_BYTES_MAX, "segment size");
  const undoEntryCount = floorPowerOfTwo(
    Math.min(UNDO_ENTRY_COUNT_MAX, options.undoEntryCount ?? total / 8 / (4 * UNDO_WORDS)),
  );
  const markCount = floorPowerOfTwo(Math.min(MARK_COUNT_MAX, total / 32 / (4 * MARK_WORDS)));
  const codeSizeBytes = Math.min(CODE_SIZE_BYTES_TOTAL_MAX, floorTo(total / 16, 4096));
  const codeCapacity = codeSizeBytes / CODE_SIZE_BYTES_MEAN;
  const codeIndexEntryCount = 2 * ceilPowerOfTwo(codeCapacity);
  const fixed: RegionSize[] = [
    { kind: "control", sizeBytes: CONTROL_SIZE_BYTES, capacity: 1 },
    { kind: "marks", sizeBytes: 4 * MARK_WORDS * markCount, capacity: markCount },
    { kind: "undo", sizeBytes: 4 * UNDO_WORDS * undoEntryCount, capacity: undoEntryCount },
    { kind: "codeTable", sizeBytes: 4 * CODE_WORDS * (codeCapacity + 1), capacity: codeCapacity },
    { kind: "codeIndex", sizeBytes: 4 * INDEX_WORDS * codeIndexEntryCount, capacity: codeIndexEntryCount },
    { kind: "codeBytes", sizeBytes: codeSizeBytes, capacity: codeSizeBytes },
  ];
  const rest = total - fixed.reduce((sum, region) => sum + region.sizeBytes, 0);
  const { recordCapacity, indexEntryCount } = divideKeyMemory(rest);
  assert(recordCapacity >= 64, "state memory leaves no room for keys");
  const recordPieceBits = options.recordPieceBits ?? RECORD_PIECE_BITS;
  const sizes: RegionSize[] = [
    ...fixed,
    { kind: "keyIndex", sizeBytes: 4 * INDEX_WORDS * indexEntryCount, capacity: indexEntryCount },
    ...recordPieces(recordCapacity, 2 ** recordPieceBits),
  ];
  const { regions, segmentSizesBytes } = placeRegions(sizes, segmentMax);
  return {
    stateMemoryBytes: total,
    segmentSizesBytes,
    regions,
    recordCapacity,
    recordPieceBits,
    indexEntryCount,
    undoEntryCount,
    markCount,
    codeIndexEntryCount,
    codeCapacity,
    codeSizeBytes,
  };
}

/**
 * Allocates the segments and writes the control region. Costs address space only until pages are written.
 * @param createSegment makes one segment of whole pages; the default counts against the process's memories
 * @throws {RangeError} when the system has no address space
 */
export function allocateState(
  plan: MemoryPlan,
  createSegment: (sizeBytes: number) => StateSegment = createSharedMemory,
): StateRegions {
  const segments = plan.segmentSizesBytes.map(createSegment);
  const control = plan.regions[0]!;
  assert(control.kind === "control", "the control region comes first");
  const words = new Uint32Array(segments[control.segment]!.buffer, control.offset, CONTROL_SIZE_BYTES / 4);
  words[CONTROL_SCHEMA] = STATE_SCHEMA_HASH;
  crypto.getRandomValues(new Uint8Array(8)).forEach((byte, i) => {
    words[CONTROL_SEED + (i >> 2)]! |= byte << (8 * (i & 3));
  });
  for (const cell of [CONTROL_PUBLISHED, CONTROL_NEWEST, CONTROL_OLDEST]) writeCell(words, cell, NO_VERSION);
  writeCell(words, CONTROL_UNDO_TAIL, 1);
  Atomics.store(words, CONTROL_MAGIC, CONTROL_MAGIC_VALUE);
  return { plan, segments };
}

/** A segment outside the count of WebAssembly memories: for tests and tools that make many small tables. */
export function createPlainSegment(sizeBytes: number): StateSegment {
  return { buffer: new SharedArrayBuffer(sizeBytes) };
}

/** The plan as a table for the log of the start. */
export function describePlan(plan: MemoryPlan): string {
  const header = ["region", "segment", "offset", "bytes", "writer", "capacity"];
  const rows = plan.regions.map((region) => [
    region.kind,
    String(region.segment),
    String(region.offset),
    String(region.sizeBytes),
    region.writer,
    `${region.capacity} ${CAPACITY_UNITS[region.kind]}`,
  ]);
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const format = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ");
  const total = plan.segmentSizesBytes.reduce((sum, size) => sum + size, 0);
  const summary = `state memory: ${total} bytes in ${plan.segmentSizesBytes.length} segments, ${plan.recordCapacity} keys`;
  return [summary, format(header), ...rows.map(format)].map((line) => line.trimEnd()).join("\n");
}

const CAPACITY_UNITS: Readonly<Record<RegionKind, string>> = {
  control: "block",
  marks: "versions",
  undo: "before-images",
  codeTable: "codes",
  codeIndex: "entries",
  codeBytes: "bytes",
  keyIndex: "entries",
  records: "keys",
};

type RegionSize = { readonly kind: RegionKind; readonly sizeBytes: number; readonly capacity: number };

/** Splits what is left between records and their index, whose size is a power of two, so that most keys fit. */
function divideKeyMemory(sizeBytes: number): { recordCapacity: number; indexEntryCount: number } {
  let best = { recordCapacity: 0, indexEntryCount: 0 };
  for (let indexEntryCount = 64; 4 * INDEX_WORDS * indexEntryCount <= SEGMENT_SIZE_BYTES_MAX; indexEntryCount *= 2) {
    const room = Math.floor((sizeBytes - 4 * INDEX_WORDS * indexEntryCount) / (4 * RECORD_WORDS));
    const recordCapacity = Math.min(room, Math.floor(indexEntryCount * INDEX_LOAD_MAX));
    if (recordCapacity > best.recordCapacity) best = { recordCapacity, indexEntryCount };
  }
  return best;
}

function recordPieces(recordCapacity: number, pieceCapacity: number): RegionSize[] {
  const pieces: RegionSize[] = [];
  for (let first = 0; first < recordCapacity; first += pieceCapacity) {
    const capacity = Math.min(pieceCapacity, recordCapacity - first);
    pieces.push({ kind: "records", sizeBytes: 4 * RECORD_WORDS * capacity, capacity });
  }
  return pieces;
}

/** First fit in the order given; the last pieces fill the gaps that larger regions left. */
function placeRegions(
  sizes: readonly RegionSize[],
  segmentMax: number,
): { regions: Region[]; segmentSizesBytes: number[] } {
  const used: number[] = [];
  const regions = sizes.map((size): Region => {
    const sizeBytes = ceilTo(size.sizeBytes, REGION_ALIGNMENT_BYTES);
    assert(sizeBytes <= segmentMax, () => `region ${size.kind} of ${sizeBytes} bytes exceeds a segment`);
    let segment = used.findIndex((bytes) => bytes + sizeBytes <= segmentMax);
    if (segment < 0) segment = used.push(0) - 1;
    const offset = used[segment]!;
    used[segment] = offset + sizeBytes;
    return { kind: size.kind, segment, offset, sizeBytes, writer: "execute", capacity: size.capacity };
  });
  assert(used.length <= STATE_SEGMENT_COUNT_MAX, () => `state needs ${used.length} segments of ${segmentMax} bytes`);
  return { regions, segmentSizesBytes: used.map((bytes) => ceilTo(bytes, PAGE_SIZE_BYTES)) };
}

function createSharedMemory(sizeBytes: number): StateSegment {
  const pages = sizeBytes / PAGE_SIZE_BYTES;
  return createMemory({ initialPages: pages, maximumPages: pages, shared: true }) as unknown as StateSegment;
}

function floorPowerOfTwo(value: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(16, value)));
}

function ceilPowerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(16, value)));
}

function floorTo(value: number, unit: number): number {
  return Math.floor(value / unit) * unit;
}

function ceilTo(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
