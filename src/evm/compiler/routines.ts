// Functions inside a byte code, as solc makes them: entered by a jump with the place to return to on the stack, left by a jump to
// that place. A routine is compiled once, as a WebAssembly function of its own that callers call, instead of once per caller.
//
//   caller: … args, words to memory ▸ call routine ▸ results from memory …
//
// What a caller must know of a routine before it is emitted: by how much the stack has changed when it returns, how deep down it
// writes, and where it finds the place to return to. Routines with calls of contracts in them are none: frames suspend there.
//
// Routines that call each other are looked at in rounds. In each round what the round before found of them is assumed, and in the
// first one that they never return; when a round finds what it assumed, it holds for every depth of calls, by induction.

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

/** Rounds for routines that call each other, before the first of them is none. */
const ROUND_COUNT_MAX = 6;
/** Routines that are looked at inside each other; further ones are none. */
const OPEN_COUNT_MAX = 64;
/** Bytes of WebAssembly that one routine may take, by estimate. */
const ROUTINE_SIZE_BYTES_MAX = 150_000;

type Settled = Routine | "none";

/** An answer that rests on what is assumed of an open routine; the lowest of these by its place among the open ones. */
type Tentative = { readonly answer: Settled; readonly restsOn: number };

const NOTHING = Number.POSITIVE_INFINITY;

/** Finds the routines of one byte code. */
export class Routines {
  readonly #cutter: PieceCutter;
  readonly #limits: ExploreLimits;
  readonly #settled = new Map<number, Settled>();
  readonly #tentative = new Map<number, Tentative>();
  /** What the round before has found. */
  readonly #assumed = new Map<number, Settled>();
  readonly #open: number[] = [];
  #restsOn = NOTHING;
  /** Rounds that were broken off: what was found meanwhile may rest on what is assumed no more. */
  #brokenOffCount = 0;

  /** @param limits.work what may be done to find them; what is not found by then is none */
  constructor(cutter: PieceCutter, limits: Pick<ExploreLimits, "forceExit" | "clonedInstructionCountMax" | "work">) {
    this.#cutter = cutter;
    this.#limits = { ...limits, sizeBytesMax: ROUTINE_SIZE_BYTES_MAX, routines: this, isRoutine: true };
  }

  /** What begins at a jump destination. */
  at(pc: number): RoutineAnswer {
    const settled = this.#settled.get(pc);
    if (settled !== undefined) return settled;
    const tentative = this.#tentative.get(pc);
    if (tentative !== undefined) {
      this.#restsOn = Math.min(this.#restsOn, tentative.restsOn);
      return tentative.answer;
    }
    const place = this.#open.indexOf(pc);
    if (place < 0) return this.#find(pc);
    this.#restsOn = Math.min(this.#restsOn, place);
    return this.#assumed.get(pc) ?? "open";
  }

  #find(pc: number): Settled {
    if (this.#limits.work.isOver || this.#open.length >= OPEN_COUNT_MAX) {
      this.#settled.set(pc, "none");
      return "none";
    }
    const restedOn = this.#restsOn;
    this.#restsOn = NOTHING;
    const place = this.#open.length;
    const earlier = new Set(this.#tentative.keys());
    this.#open.push(pc);
    let answer = this.#summarize(pc);
    if (this.#restsOn === place) answer = this.#repeat(pc, answer, earlier);
    this.#open.pop();
    if (this.#restsOn >= place) {
      this.#settled.set(pc, answer);
      this.#restsOn = restedOn;
    } else {
      this.#tentative.set(pc, { answer, restsOn: this.#restsOn });
      this.#restsOn = Math.min(this.#restsOn, restedOn);
    }
    return answer;
  }

  /** Rounds of a routine and those that rest on it, which are settled with it. @param earlier answers that do not */
  #repeat(pc: number, first: Settled, earlier: ReadonlySet<number>): Settled {
    const place = this.#open.length - 1;
    let found = first;
    for (let round = 0; round < ROUND_COUNT_MAX; round++) {
      const before = this.#takeRound(earlier).set(pc, found);
      for (const [each, answer] of before) this.#assumed.set(each, answer);
      const brokenOffBefore = this.#brokenOffCount;
      found = this.#summarize(pc);
      if (this.#restsOn < place) {
        // With what is known now it leads to a routine around it, whose rounds go on from here.
        this.#brokenOffCount++;
        return found;
      }
      const isStable = brokenOffBefore === this.#brokenOffCount && this.#isAsBefore(before, pc, found, earlier);
      if (!isStable) continue;
      for (const [each, answer] of this.#takeRound(earlier)) this.#settled.set(each, answer);
      return found;
    }
    this.#takeRound(earlier);
    return "none";
  }

  #isAsBefore(before: ReadonlyMap<number, Settled>, pc: number, found: Settled, earlier: ReadonlySet<number>): boolean {
    if (!isSame(before.get(pc), found)) return false;
    for (const [each, { answer }] of this.#tentative) {
      if (!earlier.has(each) && !isSame(before.get(each), answer)) return false;
    }
    return true;
  }

  /** Takes away what is tentative since then, and what was assumed of it. */
  #takeRound(earlier: ReadonlySet<number>): Map<number, Settled> {
    const taken = new Map<number, Settled>();
    for (const [pc, { answer }] of this.#tentative) if (!earlier.has(pc)) taken.set(pc, answer);
    for (const pc of taken.keys()) {
      this.#tentative.delete(pc);
      this.#assumed.delete(pc);
    }
    return taken;
  }

  #summarize(pc: number): Settled {
    const region = exploreRegion(this.#cutter, relativePoint(pc), this.#limits);
    return typeof region === "string" ? "none" : summarize(pc, region);
  }
}

function summarize(pc: number, region: Region): Settled {
  let delta: number | null = null;
  let lowest = RELATIVE_HEIGHT;
  let instructionCount = 0;
  let isLeaf = true;
  for (const node of region.nodes) {
    const { instructions, fates, taken, next } = node;
    instructionCount += instructions.length;
    for (const slot of changedSlots(node)) lowest = Math.min(lowest, slot);
    for (const edge of [taken, next]) {
      if (edge?.kind === "call" || edge?.kind === "open") isLeaf = false;
      if (edge?.kind !== "dynamic") continue;
      // The jump takes its target off the stack.
      const height = fates.length - 1;
      const found = height - RELATIVE_HEIGHT;
      if (delta !== null && found !== delta) return "none";
      delta = found;
      lowest = Math.min(lowest, height);
    }
  }
  const exit = delta === null ? null : followEntryStack(region);
  if (delta === null || exit === null) return "none";
  assert(lowest >= 0, "a region reaches no deeper than its made-up height");
  const depthOf = (slot: number) => (slot < 0 ? 0 : RELATIVE_HEIGHT - slot);
  const labelDepth = depthOf(exit.labelSlot);
  const resultDepths = exit.slots.slice(lowest).map(depthOf);
  return { pc, delta, labelDepth, resultDepths, changedCount: RELATIVE_HEIGHT - lowest, instructionCount, isLeaf };
}

function isSame(a: Settled | undefined, b: Settled): boolean {
  if (a === undefined || a === "none" || b === "none") return a === b;
  return (
    a.delta === b.delta &&
    a.labelDepth === b.labelDepth &&
    a.changedCount === b.changedCount &&
    a.isLeaf === b.isLeaf &&
    a.instructionCount === b.instructionCount &&
    a.resultDepths.every((depth, i) => depth === b.resultDepths[i])
  );
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
