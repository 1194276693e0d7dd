// Order and nesting of a region's nodes, so that they can be written as structured control flow: reverse postorder, dominators,
// which nodes are merges (more than one forward edge comes in) or loop headers, and which slots a loop changes.
// @see Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm; Ramsey: Beyond Relooper (ICFP 2022)

import { type Edge, type Node, type Region, resultSlots } from "./nodes.ts";

/** A node with its place in the order. */
export type FlowNode = {
  readonly node: Node;
  /** Position in reverse postorder; the root has 0. */
  readonly order: number;
  readonly successors: FlowNode[];
  readonly predecessors: FlowNode[];
  /** The immediate dominator; the root's own is itself. */
  dominator: FlowNode;
  /** Nodes that it dominates immediately and that are merges, latest in order first. */
  readonly merges: FlowNode[];
  isMerge: boolean;
  isLoopHeader: boolean;
  /** Of a loop header: slots that the loop's nodes change. */
  readonly changedSlots: Set<number>;
};

/** A region in order. */
export type Flow = {
  readonly root: FlowNode;
  readonly nodes: readonly FlowNode[];
  readonly of: ReadonlyMap<Node, FlowNode>;
};

/** A region's nodes in reverse postorder, with their dominators; edges to nodes outside do not count. */
export function orderNodes(region: Region): FlowNode[] {
  const members = new Set(region.nodes);
  const nodes = reversePostorder(region.root, members);
  const of = new Map(nodes.map((flow) => [flow.node, flow]));
  for (const flow of nodes) {
    for (const successor of successorsOf(flow.node, members)) {
      const target = of.get(successor)!;
      flow.successors.push(target);
      target.predecessors.push(flow);
    }
  }
  findDominators(nodes);
  return nodes;
}

/** Orders a region. @returns null when control enters a loop at more than one place: no structured form without copies */
export function analyzeFlow(region: Region): Flow | null {
  const nodes = orderNodes(region);
  const of = new Map(nodes.map((flow) => [flow.node, flow]));
  for (const flow of nodes) {
    const forward = flow.predecessors.filter((from) => from.order < flow.order);
    const back = flow.predecessors.filter((from) => from.order >= flow.order);
    if (back.some((from) => !dominates(flow, from))) return null;
    flow.isMerge = forward.length > 1;
    flow.isLoopHeader = back.length > 0;
    if (flow.isLoopHeader) noteChangedSlots(flow, back);
  }
  for (const flow of nodes.toReversed()) if (flow.isMerge) flow.dominator.merges.push(flow);
  return { root: nodes[0]!, nodes, of };
}

/** Nodes among `members` that a node's edges lead to; one twice when both edges lead there. */
function successorsOf(node: Node, members: ReadonlySet<Node>): Node[] {
  const targets: Node[] = [];
  for (const edge of [node.taken, node.next]) {
    const target = nodeBehind(edge);
    if (target !== null && members.has(target)) targets.push(target);
  }
  return targets;
}

function nodeBehind(edge: Edge | null): Node | null {
  if (edge?.kind === "call") return nodeBehind(edge.next);
  return edge?.kind === "node" ? edge.node : null;
}

// An explicit stack: a region may be a chain of a thousand nodes.
function reversePostorder(root: Node, members: ReadonlySet<Node>): FlowNode[] {
  const seen = new Set<Node>([root]);
  const finished: Node[] = [];
  const path = [{ node: root, rest: successorsOf(root, members) }];
  while (path.length > 0) {
    const { node, rest } = path.at(-1)!;
    const next = rest.pop();
    if (next === undefined) {
      finished.push(node);
      path.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      path.push({ node: next, rest: successorsOf(next, members) });
    }
  }
  return finished.toReversed().map((node, order) => makeFlowNode(node, order));
}

function makeFlowNode(node: Node, order: number): FlowNode {
  const flow = {
    node,
    order,
    successors: [],
    predecessors: [],
    merges: [],
    isMerge: false,
    isLoopHeader: false,
    changedSlots: new Set<number>(),
  } as unknown as FlowNode;
  flow.dominator = flow;
  return flow;
}

function findDominators(nodes: readonly FlowNode[]): void {
  const isKnown = new Set<FlowNode>([nodes[0]!]);
  for (let changed = true; changed; ) {
    changed = false;
    for (const flow of nodes.slice(1)) {
      let dominator: FlowNode | null = null;
      for (const from of flow.predecessors) {
        if (isKnown.has(from)) dominator = dominator === null ? from : intersect(dominator, from);
      }
      if (dominator !== null && (flow.dominator !== dominator || !isKnown.has(flow))) {
        flow.dominator = dominator;
        isKnown.add(flow);
        changed = true;
      }
    }
  }
}

function intersect(a: FlowNode, b: FlowNode): FlowNode {
  let [left, right] = [a, b];
  while (left !== right) {
    while (left.order > right.order) left = left.dominator;
    while (right.order > left.order) right = right.dominator;
  }
  return left;
}

function dominates(flow: FlowNode, other: FlowNode): boolean {
  let at = other;
  while (at.order > flow.order) at = at.dominator;
  return at === flow;
}

/** Slots that hold something else behind a node, a call at its end included. */
export function* changedSlots(node: Node): Generator<number> {
  for (const [slot, { origin }] of node.fates.entries()) if (origin !== slot) yield slot;
  for (const edge of [node.taken, node.next]) if (edge?.kind === "call") yield* resultSlots(node, edge.routine);
}

function noteChangedSlots(header: FlowNode, back: readonly FlowNode[]): void {
  const body = new Set<FlowNode>([header]);
  const pending = [...back];
  for (let flow = pending.pop(); flow !== undefined; flow = pending.pop()) {
    if (body.has(flow)) continue;
    body.add(flow);
    pending.push(...flow.predecessors);
  }
  for (const { node } of body) {
    for (const slot of changedSlots(node)) header.changedSlots.add(slot);
  }
}
