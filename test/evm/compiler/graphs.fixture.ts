// Random graphs of nodes as the compiler follows them: each node has up to two edges, and everything is reached from the root.

import type { SeededRandom } from "#base/random.ts";
import type { Node, Region } from "#evm/compiler/nodes.ts";
import { cutterOf, explore } from "./explore.fixture.ts";

/** Nodes without instructions of their own, with edges at random. @param sizeBytesMax most that one node is said to take */
export function randomGraph(random: SeededRandom, nodeCount: number, sizeBytesMax = 100): Region {
  const { root } = explore(cutterOf(Uint8Array.of(0x00)));
  const nodes = Array.from({ length: nodeCount }, (_, pc): Node => {
    return { ...root, point: { ...root.point, pc }, sizeBytes: 1 + random.below(sizeBytesMax) };
  });
  for (const [place, node] of nodes.entries()) {
    // Mostly onwards, as code goes.
    const ahead = () => nodes[Math.min(nodeCount - 1, place + 1 + random.below(4))]!;
    const pick = () => (random.chance(0.8) ? ahead() : random.pick(nodes));
    if (place < nodeCount - 1 || random.chance(0.3)) node.next = { kind: "node", node: pick() };
    if (random.chance(0.6)) node.taken = { kind: "node", node: pick() };
  }
  const kept = reachable(nodes[0]!, null);
  return { root: nodes[0]!, nodes: nodes.filter((node) => kept.has(node)) };
}

/** Nodes that a node's edges lead to. */
export function successors({ taken, next }: Node): Node[] {
  return [taken, next].flatMap((edge) => (edge?.kind === "node" ? [edge.node] : []));
}

/** Nodes that can be reached from one without another. */
export function reachable(from: Node, without: Node | null): Set<Node> {
  const found = new Set<Node>();
  const pending = from === without ? [] : [from];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (found.has(node) || node === without) continue;
    found.add(node);
    pending.push(...successors(node));
  }
  return found;
}
