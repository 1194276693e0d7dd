// The node's facts: their start, their independence, and that every thread sees the same words.

import { expect, test } from "bun:test";
import { allocateNodeStatus, NodeStatus, type StatusField } from "#formats/memory/node-status.ts";

const FIELDS: readonly StatusField[] = [
  "publishedSequence",
  "durableSequence",
  "durableVersion",
  "diskFull",
  "committedBlock",
  "sealedBlock",
  "publishedAtMs",
  "draining",
];

test("a node that has published nothing", () => {
  const status = new NodeStatus(allocateNodeStatus());
  const values = FIELDS.map((field) => [field, status.get(field)] as const);
  expect(values).toEqual([
    ["publishedSequence", -1],
    ["durableSequence", -1],
    ["durableVersion", 0],
    ["diskFull", 0],
    ["committedBlock", -1],
    ["sealedBlock", 0],
    ["publishedAtMs", 0],
    ["draining", 0],
  ]);
});

test("each fact has a word of its own, seen by every attachment", () => {
  const handle = allocateNodeStatus();
  const [writer, reader] = [new NodeStatus(handle), new NodeStatus(handle)];
  for (const [index, field] of FIELDS.entries()) writer.set(field, 2 ** 40 + index);
  FIELDS.forEach((field, index) => {
    expect(reader.get(field)).toBe(2 ** 40 + index);
  });
  writer.set("publishedSequence", Number.MAX_SAFE_INTEGER);
  expect(reader.get("publishedSequence")).toBe(Number.MAX_SAFE_INTEGER);
  writer.set("durableSequence", -1);
  expect(reader.get("durableSequence")).toBe(-1);
});

test("only safe integers are stored", () => {
  const status = new NodeStatus(allocateNodeStatus());
  for (const value of [0.5, Number.NaN, 2 ** 53]) expect(() => status.set("sealedBlock", value)).toThrow();
  expect(status.get("sealedBlock")).toBe(0);
});
