// Which clones of a piece there are, where their edges lead, and where following ends.

import { describe, expect, test } from "bun:test";
import {
  type Edge,
  exploreRegion,
  pointBehindFrame,
  pointKey,
  REGION_HEIGHT_MAX,
  RELATIVE_HEIGHT,
  relativePoint,
  Work,
} from "#evm/compiler/nodes.ts";
import { codeOf, cutterOf, destinationsOf, explore, limitsOf, nodesAt, routinesOf, START } from "./explore.fixture.ts";

/** An edge in a word or two. */
function edgeText(edge: Edge | null): string {
  if (edge === null) return "-";
  if (edge.kind === "node") return `node ${edge.node.point.pc}`;
  if (edge.kind === "interpret") return `${edge.reason} at ${edge.pc}`;
  if (edge.kind === "region") return `region ${pointKey(edge.point)}`;
  return edge.kind === "call" ? `call ${edge.routine.pc}, then ${edgeText(edge.next)}` : edge.kind;
}

describe("clones", () => {
  test("one per height", () => {
    const code = codeOf("0x00 CALLDATALOAD @1 JUMPI 0x11 1: STOP");
    const [end] = destinationsOf(code) as [number];
    expect(nodesAt(explore(cutterOf(code)), end).map(({ point }) => point.height)).toEqual([0, 1]);
  });

  test("one per label on the stack, so that each return is a constant jump", () => {
    const code = codeOf("@1 @9 JUMP 1: @2 @9 JUMP 2: STOP 9: JUMP");
    const [first, second, inner] = destinationsOf(code) as [number, number, number];
    const clones = nodesAt(explore(cutterOf(code)), inner);
    expect(clones.map(({ target }) => target)).toEqual([first, second]);
    expect(clones.map(({ taken }) => edgeText(taken))).toEqual([`node ${first}`, `node ${second}`]);
  });

  test("not per other constant", () => {
    const code = codeOf("0x00 CALLDATALOAD @1 JUMPI 0x07 @2 JUMP 1: 0x08 @2 JUMP 2: STOP");
    expect(nodesAt(explore(cutterOf(code)), destinationsOf(code)[1]!).length).toBe(1);
  });

  test("a stack that grows in a loop is too high in the end, one that shrinks ends", () => {
    const grows = cutterOf(codeOf("1: CALLVALUE @1 JUMP"));
    expect(exploreRegion(grows, START, limitsOf())).toBe("too high");
    const shrinks = cutterOf(codeOf("1: POP CALLVALUE @1 JUMPI STOP"));
    const region = explore(shrinks, {}, relativePoint(0));
    expect(nodesAt(region, 0).map(({ point }) => point.height)).toEqual(
      Array.from({ length: RELATIVE_HEIGHT }, (_, i) => RELATIVE_HEIGHT - i),
    );
    // No word is left that it knows of; the frame may have more.
    expect(edgeText(nodesAt(region, 0).at(-1)!.taken)).toBe("stack at 0");
  });
});

describe("edges", () => {
  const edgesOf = (text: string) => {
    const { root } = explore(cutterOf(codeOf(text)));
    return [edgeText(root.taken), edgeText(root.next)];
  };

  test.each([
    ["a jump to a constant", "@1 JUMP 1: STOP", ["node 4", "-"]],
    ["a condition", "CALLVALUE @1 JUMPI STOP 1: STOP", ["node 6", "node 5"]],
    ["a condition that is always true", "0x01 @1 JUMPI STOP 1: STOP", ["node 7", "-"]],
    ["a condition that is never true", "0x00 @1 JUMPI STOP 1: STOP", ["-", "node 6"]],
    ["no destination, never taken", "0x00 0xffff JUMPI STOP", ["-", "node 6"]],
    ["no destination", "0xffff JUMP", ["-", "jump at 3"]],
    ["no destination, perhaps taken", "CALLVALUE 0xffff JUMPI STOP", ["-", "jump at 4"]],
    ["a computed destination", "CALLVALUE JUMP", ["-", "dynamic"]],
    ["a computed destination, perhaps taken", "CALLVALUE CALLVALUE JUMPI STOP", ["-", "jump at 2"]],
    ["an opcode that is not there", "0x00 raw:0c", ["-", "opcode at 2"]],
    ["too few words", "@1 JUMP 1: POP", ["stack at 4", "-"]],
  ])("%s", (_, text, expected) => expect(edgesOf(text)).toEqual(expected));

  test("a branch that the interpreter has not entered is its own", () => {
    const code = codeOf("CALLVALUE @1 JUMPI STOP 1: STOP");
    const { root } = explore(cutterOf(code, [5]));
    expect([edgeText(root.taken), edgeText(root.next)]).toEqual(["unvisited at 6", "node 5"]);
  });

  test("gas of a jump that is left to the interpreter is not the node's", () => {
    const { root } = explore(cutterOf(codeOf("CALLVALUE 0xffff JUMPI STOP")));
    expect([root.gas, root.instructions.length, root.piece.gas]).toEqual([5, 2, 15]);
  });

  test("a jump alone that goes nowhere is no node", () => {
    expect(exploreRegion(cutterOf(codeOf("JUMP")), { ...START, height: 0 }, limitsOf())).toBe("interpreted");
    const label = { ...START, height: 1, labels: [] };
    expect(explore(cutterOf(codeOf("JUMP")), {}, label).root.next?.kind).toBe("dynamic");
  });

  test("behind a call of a contract the result lies on the stack, and known labels stay known", () => {
    const cutter = cutterOf(codeOf("@1 0x00 0x00 0x00 0x00 CALLVALUE GAS STATICCALL POP 1: STOP"));
    const region = explore(cutter);
    const call = region.nodes.find(({ piece }) => piece.end.kind === "frame")!;
    const behind = pointBehindFrame(call, cutter);
    expect(behind).toMatchObject({ pc: 14, height: 2, isRelative: false });
    expect(behind.labels).toEqual([[0, 15n]]);
    const relative = explore(cutter, {}, relativePoint(0));
    const relativeCall = relative.nodes.find(({ piece }) => piece.end.kind === "frame")!;
    const again = pointBehindFrame(relativeCall, cutter);
    expect([again.height, again.labels]).toEqual([RELATIVE_HEIGHT, [[RELATIVE_HEIGHT - 2, 15n]]]);
  });

  test("a forced exit leads nowhere", () => {
    const { nodes, root } = explore(cutterOf(codeOf("@1 JUMP 1: STOP")), { forceExit: ({ pc }) => pc === 4 });
    expect(edgeText(root.taken)).toBe("node 4");
    expect(nodes[1]).toMatchObject({ isForcedExit: true, taken: null, next: null });
  });
});

describe("recursion", () => {
  // f(n) = n = 0 ? 0 : f(n - 1), the place to return to beneath n.
  const PAD = "0x01 POP ".repeat(10);
  const recursive = (pad: string) =>
    codeOf(`@1 0x05 @9 JUMP 1: STOP 9: ${pad} DUP1 ISZERO @2 JUMPI @3 0x01 DUP3 SUB @9 JUMP 3: 2: POP JUMP`);

  test("without routines it is cloned a few times, then goes on in a region that comes back", () => {
    const code = recursive(PAD);
    const { nodes } = explore(cutterOf(code));
    const [, routine, back] = destinationsOf(code) as [number, number, number];
    const regions = nodes.flatMap(({ taken }) => (taken?.kind === "region" ? [taken] : []));
    expect(regions.length).toBeGreaterThan(0);
    for (const { point, returns } of regions) {
      expect([point.pc, point.isRelative, point.labels]).toEqual([routine, true, []]);
      expect(returns).toContain(back);
    }
  });

  test("with routines it is called", () => {
    const code = recursive(PAD);
    const cutter = cutterOf(code);
    const { root, nodes } = explore(cutter, { routines: routinesOf(cutter) });
    const [end, routine] = destinationsOf(code) as [number, number];
    expect(edgeText(root.taken)).toBe(`call ${routine}, then node ${end}`);
    expect(nodes.length).toBe(2);
  });
});

describe("limits", () => {
  const straight = codeOf("CALLVALUE POP ".repeat(2000));

  test("bytes: the rest is another region's", () => {
    const region = explore(cutterOf(straight), { sizeBytesMax: 30_000 });
    expect(region.nodes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBeLessThanOrEqual(30_000);
    expect(region.nodes.at(-1)!.next?.kind).toBe("region");
  });

  test("work: too much of it is no region", () => {
    const work = new Work(1000);
    expect(exploreRegion(cutterOf(straight), START, limitsOf({ work }))).toBe("too much");
    expect(work.done).toBeGreaterThan(1000);
    // One node more than there was room for, of 256 instructions at most.
    expect(work.done).toBeLessThan(1000 + 257 + REGION_HEIGHT_MAX / 4);
  });

  test("height: what is too high for variables is no region", () => {
    expect(exploreRegion(cutterOf(codeOf("CALLVALUE ".repeat(257))), START, limitsOf())).toBe("too high");
    expect(explore(cutterOf(codeOf("CALLVALUE ".repeat(256)))).nodes.length).toBe(2);
  });

  test("routines alone: no call of a contract, no other region", () => {
    const isRoutine = true;
    const calling = cutterOf(codeOf("0x00 0x00 0x00 0x00 CALLVALUE GAS STATICCALL STOP"));
    expect(exploreRegion(calling, relativePoint(0), limitsOf({ isRoutine }))).toBe("no routine");
    const long = limitsOf({ isRoutine, sizeBytesMax: 1000 });
    expect(exploreRegion(cutterOf(straight), relativePoint(0), long)).toBe("no routine");
  });
});
