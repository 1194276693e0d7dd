// The memory plan for sizes from a megabyte to the maximum: disjoint regions, segments, capacities, attaching.

import { describe, expect, test } from "bun:test";
import { AssertionError } from "#base/assert.ts";
import { CONTROL_SCHEMA } from "#formats/memory/state-record.ts";
import {
  allocateState,
  createPlainSegment,
  describePlan,
  type MemoryPlan,
  planStateMemory,
  SEGMENT_SIZE_BYTES_MAX,
} from "#state/memory-plan.ts";
import { StateMemory } from "#state/state-memory.ts";
import { memoryCount, releaseMemory } from "#wasm/loader.ts";

const GIB = 2 ** 30;

function expectSound(plan: MemoryPlan): void {
  for (let segment = 0; segment < plan.segmentSizesBytes.length; segment++) {
    const regions = plan.regions.filter((region) => region.segment === segment);
    regions.sort((a, b) => a.offset - b.offset);
    let end = 0;
    for (const region of regions) {
      expect(region.offset % 64).toBe(0);
      expect(region.offset).toBeGreaterThanOrEqual(end);
      end = region.offset + region.sizeBytes;
    }
    expect(end).toBeLessThanOrEqual(plan.segmentSizesBytes[segment]!);
    expect(plan.segmentSizesBytes[segment]! % 65_536).toBe(0);
  }
  const records = plan.regions.filter((region) => region.kind === "records");
  expect(records.reduce((sum, region) => sum + region.capacity, 0)).toBe(plan.recordCapacity);
  for (const region of records.slice(0, -1)) expect(region.capacity).toBe(2 ** plan.recordPieceBits);
  expect(plan.recordCapacity).toBeLessThanOrEqual(plan.indexEntryCount * 0.75);
}

describe("planStateMemory", () => {
  for (const size of [2 ** 20, 3_000_000, 64 * 2 ** 20, GIB, 6 * GIB, 23.5 * GIB]) {
    test(`${size} bytes: regions are disjoint and within what was given`, () => {
      const plan = planStateMemory({ stateMemoryBytes: size });
      expectSound(plan);
      const used = plan.regions.reduce((sum, region) => sum + region.sizeBytes, 0);
      expect(used).toBeLessThanOrEqual(size + 64 * plan.regions.length);
      expect(used).toBeGreaterThan(size * 0.9);
      for (const bytes of plan.segmentSizesBytes) expect(bytes).toBeLessThanOrEqual(SEGMENT_SIZE_BYTES_MAX);
    });
  }

  test("6 GiB hold about 49 million keys in two segments", () => {
    const plan = planStateMemory({ stateMemoryBytes: 6 * GIB });
    expect(plan.segmentSizesBytes.length).toBe(2);
    expect(plan.recordCapacity).toBeGreaterThan(48_000_000);
  });

  test("more than six segments, or less than a megabyte, is refused", () => {
    expect(() => planStateMemory({ stateMemoryBytes: 30 * GIB })).toThrow(AssertionError);
    expect(() => planStateMemory({ stateMemoryBytes: 2 ** 19 })).toThrow(AssertionError);
  });

  test("records spread over small segments", () => {
    const plan = planStateMemory({ stateMemoryBytes: 2 ** 20, segmentSizeBytesMax: 4 * 65_536, recordPieceBits: 8 });
    expectSound(plan);
    expect(plan.segmentSizesBytes.length).toBeGreaterThan(3);
  });

  test("prints every region with its segment, bytes, writer and capacity", () => {
    const plan = planStateMemory({ stateMemoryBytes: GIB });
    const lines = describePlan(plan).split("\n");
    expect(lines.length).toBe(plan.regions.length + 2);
    expect(lines[0]).toContain(`${plan.recordCapacity} keys`);
    for (const [i, region] of plan.regions.entries()) {
      for (const cell of [region.kind, String(region.segment), String(region.sizeBytes), region.writer]) {
        expect(lines[i + 2]).toContain(cell);
      }
    }
  });
});

describe("allocateState", () => {
  test("makes counted, shared WebAssembly memories that cost nothing until written", () => {
    const before = memoryCount();
    const residentBefore = process.memoryUsage().rss;
    const regions = allocateState(planStateMemory({ stateMemoryBytes: 6 * GIB }));
    expect(memoryCount() - before).toBe(2);
    for (const segment of regions.segments) expect(segment.buffer).toBeInstanceOf(SharedArrayBuffer);
    const memory = new StateMemory(regions);
    expect(memory.newest).toBe(-1);
    memory.piece(memory.plan.recordCapacity - 1)[memory.recordWord(memory.plan.recordCapacity - 1) + 23] = 7;
    expect(process.memoryUsage().rss - residentBefore).toBeLessThan(GIB / 4);
    for (const segment of regions.segments) releaseMemory(segment as unknown as WebAssembly.Memory);
    expect(memoryCount()).toBe(before);
  });

  test("two allocations hash keys differently", () => {
    const plan = planStateMemory({ stateMemoryBytes: 2 ** 20 });
    const [a, b] = [0, 1].map(() => new StateMemory(allocateState(plan, createPlainSegment)).control.slice(0, 16));
    expect([...a!]).not.toEqual([...b!]);
  });

  test("memory of another layout is not attached", () => {
    const regions = allocateState(planStateMemory({ stateMemoryBytes: 2 ** 20 }), createPlainSegment);
    const control = new Uint32Array(regions.segments[0]!.buffer);
    control[CONTROL_SCHEMA]! ^= 1;
    expect(() => new StateMemory(regions)).toThrow("another layout");
    control.fill(0);
    expect(() => new StateMemory(regions)).toThrow("not a state control region");
  });
});
