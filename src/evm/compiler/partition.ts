// Cuts what was followed from one point into functions of bounded size, along the dominator tree: a subtree is entered at its root
// alone, so nothing is copied. Loops stay whole where they fit.

import { type FlowNode, orderNodes } from "./flow.ts";
import type { Node, Region } from "./nodes.ts";

/** Cuts a region. @returns regions whose roots are entered from each other; the first has the root of the whole */
export function partition(whole: Region, sizeBytesMax: number): Region[] {
  const order = orderNodes(whole);
  const roots = findRoots(order, sizeBytesMax);
  let rootOf = assignRoots(order, roots);
  for (let isStable = false; !isStable; rootOf = assignRoots(order, roots)) {
    isStable = true;
    // What branches that were cut off come back to is entered from outside, and so begins a function too.
    for (const flow of order) {
      if (roots.has(flow) || flow.predecessors.every((from) => rootOf.get(from) === rootOf.get(flow))) continue;
      roots.add(flow);
      isStable = false;
    }
  }
  const members = new Map<FlowNode, Node[]>([...roots].map((root) => [root, []]));
  for (const flow of order) members.get(rootOf.get(flow)!)!.push(flow.node);
  const sorted = [...members].sort(([a], [b]) => a.order - b.order);
  return sorted.map(([root, nodes]) => ({ root: root.node, nodes }));
}

function assignRoots(order: readonly FlowNode[], roots: ReadonlySet<FlowNode>): Map<FlowNode, FlowNode> {
  const rootOf = new Map<FlowNode, FlowNode>();
  for (const flow of order) rootOf.set(flow, roots.has(flow) ? flow : rootOf.get(flow.dominator)!);
  return rootOf;
}

/** From the leaves up: where a subtree is too large, its largest branches become functions of their own. */
function findRoots(order: readonly FlowNode[], sizeBytesMax: number): Set<FlowNode> {
  const roots = new Set<FlowNode>([order[0]!]);
  const sizes = new Map<FlowNode, number>();
  const children = new Map<FlowNode, FlowNode[]>();
  for (const flow of order.toReversed()) {
    const branches = children.get(flow) ?? [];
    let size = branches.reduce((sum, branch) => sum + sizes.get(branch)!, flow.node.sizeBytes);
    for (const branch of branches.sort((a, b) => sizes.get(b)! - sizes.get(a)!)) {
      if (size <= sizeBytesMax) break;
      roots.add(branch);
      size -= sizes.get(branch)!;
    }
    sizes.set(flow, size);
    const siblings = children.get(flow.dominator);
    if (siblings === undefined) children.set(flow.dominator, [flow]);
    else siblings.push(flow);
  }
  return roots;
}
