// Order, dominators, merges and loops of random graphs, against a definition of each that is slow and obvious.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { analyzeFlow, changedSlots, type Flow, type FlowNode, orderNodes } from "#evm/compiler/flow.ts";
import type { Node } from "#evm/compiler/nodes.ts";
import { codeOf, cutterOf, explore, routinesOf } from "./explore.fixture.ts";
import { randomGraph, reachable, successors } from "./graphs.fixture.ts";

const SEED = 20_261_128;
const GRAPH_COUNT = 500;

/** Whether every way from the root to a node goes through another one. */
function dominatesByDefinition(root: Node, by: Node, node: Node): boolean {
  return by === node || !reachable(root, by).has(node);
}

/** Whether some node is entered by a back edge of the order without dominating where it comes from. */
function isIrreducible(order: readonly FlowNode[]): boolean {
  const root = order[0]!.node;
  const places = new Map(order.map(({ node }, place) => [node, place]));
  return order.some(({ node }) => {
    return successors(node).some(
      (to) => places.get(to)! <= places.get(node)! && !dominatesByDefinition(root, to, node),
    );
  });
}

function checkFlow(flow: Flow): void {
  const root = flow.root.node;
  for (const each of flow.nodes) {
    const { node, predecessors, dominator } = each;
    const forward = predecessors.filter(({ order }) => order < each.order);
    expect(each.isMerge).toBe(forward.length > 1);
    expect(each.isLoopHeader).toBe(predecessors.length > forward.length);
    if (each.isMerge) expect(dominator.merges).toContain(each);
    const strict = flow.nodes.filter((other) => other !== each && dominatesByDefinition(root, other.node, node));
    // The immediate one is dominated by all others.
    const last = strict.reduce<FlowNode | null>((a, b) => (a === null || a.order < b.order ? b : a), null);
    expect(dominator).toBe(last ?? each);
    expect(each.merges.every((merge, i) => i === 0 || merge.order < each.merges[i - 1]!.order)).toBe(true);
  }
}

describe(`${GRAPH_COUNT} random graphs (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  const graphs = Array.from({ length: GRAPH_COUNT }, () => randomGraph(random, 2 + random.below(14)));

  test("every node once, behind those that dominate it, and edges as they are", () => {
    for (const graph of graphs) {
      const order = orderNodes(graph);
      expect(order[0]!.node).toBe(graph.root);
      expect(new Set(order.map(({ node }) => node))).toEqual(reachable(graph.root, null));
      for (const [place, flow] of order.entries()) {
        expect(flow.order).toBe(place);
        expect(flow.dominator.order <= place).toBe(true);
        expect(flow.successors.map(({ node }) => node)).toEqual(successors(flow.node));
        for (const to of flow.successors) expect(to.predecessors).toContain(flow);
      }
    }
  });

  test("dominators, merges and loop headers by definition; no flow for loops with two heads", () => {
    let irreducibleCount = 0;
    for (const graph of graphs) {
      const flow = analyzeFlow(graph);
      expect(flow === null).toBe(isIrreducible(orderNodes(graph)));
      if (flow === null) irreducibleCount++;
      else checkFlow(flow);
    }
    expect(irreducibleCount).toBeGreaterThan(GRAPH_COUNT / 10);
    expect(irreducibleCount).toBeLessThan((GRAPH_COUNT * 9) / 10);
  });
});

describe("slots", () => {
  test("that a node changes: new words, moved ones, and what a routine leaves", () => {
    const code = codeOf(
      `CALLVALUE 0x11 SWAP1 @1 0x22 @9 JUMP 1: STOP 9: ${"0x01 POP ".repeat(10)} POP CALLVALUE SWAP1 JUMP`,
    );
    const cutter = cutterOf(code);
    const { root } = explore(cutter, { routines: routinesOf(cutter) });
    expect(root.taken?.kind).toBe("call");
    // Both words and both operands are new; the routine leaves its result where the label was.
    expect([...new Set(changedSlots(root))].sort()).toEqual([0, 1, 2, 3]);
  });

  test("that a loop changes are those of all its nodes, and only those", () => {
    const text =
      "CALLVALUE CALLVALUE CALLVALUE 1: SWAP1 0x01 ADD SWAP1 CALLVALUE @2 JUMPI DUP1 POP 2: CALLVALUE @1 JUMPI STOP";
    const flow = analyzeFlow(explore(cutterOf(codeOf(text))))!;
    const header = flow.nodes.find(({ isLoopHeader }) => isLoopHeader)!;
    // The word that is counted up; the one above it is swapped back.
    expect([...header.changedSlots]).toEqual([1]);
  });

  test("nothing but the edges inside counts", () => {
    const region = explore(cutterOf(codeOf("CALLVALUE @1 JUMPI STOP 1: @2 JUMP 2: STOP")));
    const part = { root: region.root, nodes: region.nodes.filter(({ point }) => point.pc < 8) };
    const order = orderNodes(part);
    expect(order.map(({ node }) => node.point.pc).sort((a, b) => a - b)).toEqual([0, 5, 6]);
    expect(order.at(-1)!.successors).toEqual([]);
  });
});
