// Functions inside a byte code, as solc makes them: entered by a jump with the place to return to on the stack, left by a jump to
// that place. A routine is compiled once, as a WebAssembly function of its own that callers call, instead of once per caller.
//
//   caller: … args, words to memory ▸ call routine ▸ results from memory …
//
// What a caller must know of a routine before it is emitted: by how much the stack has changed when it returns, and how deep
// down it writes. Routines with calls of contracts in them are none: frames suspend there, and no native frame may be open.

import { assert } from "#base/assert.ts";
import type { PieceCutter } from "../bytecode/pieces.ts";
import { changedSlots } from "./flow.ts";
import {
  type Edge,
  type ExploreLimits,
  exploreRegion,
  type Node,
  RELATIVE_HEIGHT,
  type Region,
  type Routine,
  type RoutineAnswer,
  relativePoint,
} from "./nodes.ts";

/** Finds the routines of one byte code. */
export class Routines {
  readonly #cutter: PieceCutter;
  readonly #limits: ExploreLimits;
  readonly #known = new Map<number, RoutineAnswer>();
  /** Answers that were found while a routine around them was open. */
  readonly #provisional = new Set<number>();
  #openCount = 0;
  #hasMetOpen = false;

  constructor(cutter: PieceCutter, limits: ExploreLimits) {
    this.#cutter = cutter;
    this.#limits = limits;
  }

  /** What begins at a jump destination. */
  at(pc: number): RoutineAnswer {
    const known = this.#known.get(pc);
    if (known !== undefined) {
      if (known === "open") this.#hasMetOpen = true;
      return known;
    }
    const metBefore = this.#hasMetOpen;
    this.#hasMetOpen = false;
    this.#openCount++;
    const answer = this.#find(pc);
    this.#openCount--;
    this.#known.set(pc, answer);
    if (this.#hasMetOpen && this.#openCount > 0) this.#provisional.add(pc);
    this.#hasMetOpen ||= metBefore;
    if (this.#openCount === 0) this.#forgetProvisional();
    return answer;
  }

  /** A routine that calls itself is followed twice: up to those calls, and then with what was found of its end. */
  #find(pc: number): RoutineAnswer {
    this.#known.set(pc, "open");
    const first = this.#summarize(pc);
    if (first === null) return "none";
    if (!this.#hasMetOpen) return first;
    this.#known.set(pc, first);
    this.#forgetProvisional();
    const second = this.#summarize(pc);
    if (second === null || second.delta !== first.delta) return "none";
    // What the recursion changes is at least what was assumed of it.
    return second.changedCount === first.changedCount ? second : this.#settle(pc, second);
  }

  #settle(pc: number, assumed: Routine): RoutineAnswer {
    this.#known.set(pc, assumed);
    const found = this.#summarize(pc);
    const isSettled = found !== null && found.delta === assumed.delta && found.changedCount <= assumed.changedCount;
    return isSettled ? assumed : "none";
  }

  #forgetProvisional(): void {
    for (const pc of this.#provisional) this.#known.delete(pc);
    this.#provisional.clear();
  }

  #summarize(pc: number): Routine | null {
    const region = exploreRegion(this.#cutter, relativePoint(pc), { ...this.#limits, routines: this });
    return region === null ? null : summarize(pc, region);
  }
}

function summarize(pc: number, region: Region): Routine | null {
  let delta: number | null = null;
  let lowest = RELATIVE_HEIGHT;
  let instructionCount = 0;
  let isLeaf = true;
  for (const node of region.nodes) {
    const { piece, instructions, fates, taken, next } = node;
    if (piece.end.kind === "frame") return null;
    instructionCount += instructions.length;
    for (const slot of changedSlots(node)) lowest = Math.min(lowest, slot);
    for (const edge of [taken, next]) {
      if (edge?.kind === "region") return null;
      if (edge?.kind === "call") isLeaf = false;
      if (edge?.kind !== "dynamic") continue;
      // The jump takes its target off the stack.
      const height = fates.length - 1;
      const found = height - RELATIVE_HEIGHT;
      if (delta !== null && found !== delta) return null;
      delta = found;
      lowest = Math.min(lowest, height);
    }
  }
  const exit = delta === null ? null : followEntryStack(region);
  if (delta === null || exit === null) return null;
  assert(lowest >= 0, "a region reaches no deeper than its made-up height");
  const depthOf = (slot: number) => (slot < 0 ? 0 : RELATIVE_HEIGHT - slot);
  const labelDepth = depthOf(exit.labelSlot);
  const resultDepths = exit.slots.slice(lowest).map(depthOf);
  return { pc, delta, labelDepth, resultDepths, changedCount: RELATIVE_HEIGHT - lowest, instructionCount, isLeaf };
}

/** Where words lie when a routine returns, by the slot that they had at the entry; -1 for others. */
type ExitStack = { readonly labelSlot: number; readonly slots: readonly number[] };

/** Follows the words of the entry stack through the region to the jumps that leave it. @returns null when their targets are not of it */
function followEntryStack(region: Region): ExitStack | null {
  const { root } = region;
  // For each slot at the start of a node the slot at the entry that it still is, or -1.
  const origins = new Map<Node, number[]>([[root, Array.from({ length: RELATIVE_HEIGHT }, (_, slot) => slot)]]);
  const pending = [root];
  while (pending.length > 0) {
    const node = pending.pop()!;
    for (const edge of [node.taken, node.next]) {
      const arrival = edge === null ? null : arrivalOf(node, edge, behind(node, origins));
      if (arrival !== null && meet(origins, arrival)) pending.push(arrival.node);
    }
  }
  let exit: number[] | null = null;
  for (const node of origins.keys()) {
    if (node.taken?.kind !== "dynamic" && node.next?.kind !== "dynamic") continue;
    const slots = behind(node, origins);
    exit = exit === null ? slots : exit.map((slot, i) => (slot === slots[i] ? slot : -1));
  }
  const labelSlot = exit?.pop() ?? -1;
  return exit === null || labelSlot < 0 ? null : { labelSlot, slots: exit };
}

function behind(node: Node, origins: ReadonlyMap<Node, readonly number[]>): number[] {
  const before = origins.get(node)!;
  return node.fates.map(({ origin }) => (origin < 0 ? -1 : before[origin]!));
}

type Arrival = { readonly node: Node; readonly slots: readonly number[] };

function arrivalOf(from: Node, edge: Edge, behind: readonly number[]): Arrival | null {
  if (edge.kind === "node") return { node: edge.node, slots: behind };
  if (edge.kind !== "call") return null;
  const kept = behind.slice(0, Math.max(0, behind.length - edge.routine.changedCount));
  const results = edge.routine.resultDepths.map((depth) => (depth === 0 ? -1 : (behind.at(-depth) ?? -1)));
  return arrivalOf(from, edge.next, [...kept, ...results]);
}

/** Adds what is known on arrival. @returns whether less is known of the node's entry stack now */
function meet(origins: Map<Node, number[]>, { node, slots }: Arrival): boolean {
  const known = origins.get(node);
  if (known === undefined) {
    origins.set(node, [...slots]);
    return true;
  }
  let isLess = false;
  for (const [slot, origin] of slots.entries()) {
    if (known[slot] === origin || known[slot] === -1) continue;
    known[slot] = -1;
    isLess = true;
  }
  return isLess;
}
