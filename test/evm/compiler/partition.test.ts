// Cuts of random graphs: every node in one part, parts no larger than asked where that is possible, entered at their roots alone.

import { expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { orderNodes } from "#evm/compiler/flow.ts";
import type { Region } from "#evm/compiler/nodes.ts";
import { partition } from "#evm/compiler/partition.ts";
import { randomGraph, successors } from "./graphs.fixture.ts";

const SEED = 20_261_128;
const GRAPH_COUNT = 400;

const sizeOf = ({ nodes }: Region) => nodes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

test(`${GRAPH_COUNT} random graphs (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  let cutCount = 0;
  for (let i = 0; i < GRAPH_COUNT; i++) {
    const whole = randomGraph(random, 2 + random.below(60));
    const sizeBytesMax = 40 + random.below(1500);
    const parts = partition(whole, sizeBytesMax);
    expect(parts[0]!.root).toBe(whole.root);
    expect(parts.flatMap(({ nodes }) => nodes).length).toBe(whole.nodes.length);
    expect(new Set(parts.flatMap(({ nodes }) => nodes))).toEqual(new Set(whole.nodes));
    const roots = new Set(parts.map(({ root }) => root));
    for (const part of parts) {
      const members = new Set(part.nodes);
      expect(members.has(part.root)).toBe(true);
      for (const node of part.nodes) {
        for (const to of successors(node)) expect(members.has(to) || roots.has(to)).toBe(true);
      }
      // Each part hangs together: all of it is reached from its root without leaving it.
      expect(orderNodes(part).length).toBe(part.nodes.length);
      expect(sizeOf(part) <= sizeBytesMax || part.nodes.length === 1).toBe(true);
    }
    if (parts.length > 1) cutCount++;
    if (sizeOf(whole) <= sizeBytesMax) expect(parts.length).toBe(1);
  }
  expect(cutCount).toBeGreaterThan(GRAPH_COUNT / 2);
});

test("a loop that fits stays in one part", () => {
  const random = new SeededRandom(SEED);
  const graph = randomGraph(random, 2);
  const [head, body] = graph.nodes as [Region["root"], Region["root"]];
  head.taken = null;
  head.next = { kind: "node", node: body };
  body.taken = { kind: "node", node: head };
  body.next = null;
  expect(partition({ root: head, nodes: [head, body] }, 10_000).length).toBe(1);
});
