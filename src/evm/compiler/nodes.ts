// Control followed from one point, without running it: the pieces that it reaches, cloned per stack height and per known return
// label, so that every jump to a label which the code itself pushed is a constant one and every stack slot has a place. A region
// starts where something enters (the beginning of the code, behind a call of a contract, at a routine, where frames are handed over)
// and ends where control leaves it: at such calls, exits, computed jumps, and edges to the interpreter or to other regions.

import { assert } from "#base/assert.ts";
import type { ExitReason } from "#formats/memory/evm-arena.ts";
import type { Instruction, Piece, PieceCutter } from "../bytecode/pieces.ts";
import { STACK_WORD_COUNT_MAX } from "../gas/rules.ts";
import { reachOf } from "../opcodes/stack.ts";

/** A stack slot while a piece is followed without running it. */
export type SlotFate = {
  /** Its value, when the code pushed it. */
  readonly constant: bigint | null;
  /** The slot of the node's entry stack that it still is; -1 for a new value. */
  readonly origin: number;
};

/** A point that control can arrive at: what makes two clones of a piece the same one. */
export type Point = {
  readonly pc: number;
  /** Words on the stack; of a relative point a made-up number, see {@link RELATIVE_HEIGHT}. */
  readonly height: number;
  /** The stack may be of any height: slots are counted from the top down, so that recursion comes back to the same point. */
  readonly isRelative: boolean;
  /** Jump destinations that lie on the stack as constants, by slot, ascending. */
  readonly labels: readonly (readonly [slot: number, pc: bigint])[];
};

/** Where an edge leads. */
export type Edge =
  | { readonly kind: "node"; readonly node: Node }
  /** To the interpreter, for a reason of `EXIT_REASONS`. */
  | { readonly kind: "interpret"; readonly pc: number; readonly reason: ExitReason }
  /** To another compiled function, which may come back by jumping to one of the labels. */
  | { readonly kind: "region"; readonly point: Point; readonly returns: readonly number[] }
  /** A call of a routine, which comes back with another stack. */
  | { readonly kind: "call"; readonly routine: Routine; readonly label: number; next: Edge }
  /** A call of a routine that is being looked at: nothing is known of what follows. */
  | { readonly kind: "open" }
  /** A jump to wherever the top of the stack says, which may be a place where a compiled function begins. */
  | { readonly kind: "dynamic"; readonly jump: Instruction };

/** What callers know of a routine. */
export type Routine = {
  readonly pc: number;
  /** Words on the stack after the return less those at the entry, the return label included. */
  readonly delta: number;
  /** Where the place to return to lies at the entry: 1 is the top. */
  readonly labelDepth: number;
  /** How many of the words at the entry, from the top, may have changed. */
  readonly changedCount: number;
  /** For each word from the lowest changed one up after the return: its depth at the entry when it was only moved, else 0. */
  readonly resultDepths: readonly number[];
  readonly instructionCount: number;
  /** Calls no other routine. */
  readonly isLeaf: boolean;
};

/** The answer about a place that may begin a routine: none does, or its end is not known yet because it is being looked at. */
export type RoutineAnswer = Routine | "none" | "open";

/** The height that relative regions begin with: more words below are not looked at without the interpreter. */
export const RELATIVE_HEIGHT = 64;

/** How often one label may wait on the stack: generated code nests calls that return to the same place a few times. */
const NESTED_CALL_COUNT_MAX = 10;

/** Clones of one piece in a region, before further ones are reached through a region of their own. */
const CLONE_COUNT_MAX = 256;

/** One clone of a piece. */
export type Node = {
  readonly point: Point;
  readonly piece: Piece;
  /** Instructions to emit: those of the piece, without a jump whose target is not known; that is the interpreter's. */
  readonly instructions: readonly Instruction[];
  /** Their static gas. */
  readonly gas: number;
  /** Bytes of WebAssembly that they take with what surrounds them, by estimate. */
  readonly sizeBytes: number;
  /** The stack behind them. */
  readonly fates: readonly SlotFate[];
  /** Constant target of the jump; null without one. */
  readonly target: number | null;
  /** The condition's constant value of a JUMPI, when it is known. */
  readonly isTaken: boolean | null;
  /** Of the jump; null where there is none. */
  taken: Edge | null;
  /** Of what comes next. */
  next: Edge | null;
  /** Runs in the interpreter instead, for tests. */
  isForcedExit: boolean;
};

/** What is followed from one point. */
export type Region = { readonly root: Node; readonly nodes: readonly Node[] };

/**
 * Why there is no region: its start is the interpreter's, the stack grows too high for variables, too much work was done, or it
 * was asked for a routine and is none.
 */
export type Unexplored = "interpreted" | "too high" | "too much" | "no routine";

/** What exploring cost: instructions, and slots of the stack at the nodes. */
export class Work {
  readonly max: number;
  #done = 0;

  /** @param max what may be done */
  constructor(max: number) {
    this.max = max;
  }

  /** So much was done. */
  get done(): number {
    return this.#done;
  }

  /** Whether it was all that may be done. */
  get isOver(): boolean {
    return this.#done > this.max;
  }

  /** Counts a node. */
  add({ instructions, fates }: Node): void {
    this.#done += instructions.length + Math.ceil(fates.length / SLOTS_PER_WORK);
  }
}

/** What bounds an exploration. */
export type ExploreLimits = {
  /** Most bytes of WebAssembly that are followed from one point, by estimate; at least one node is taken whatever it holds. */
  readonly sizeBytesMax: number;
  /** Asked for each node: true makes it an exit. */
  readonly forceExit: ((point: Point) => boolean) | null;
  /** What functions inside the code do; null to clone them all. */
  readonly routines: { at(pc: number): RoutineAnswer } | null;
  /** A routine that calls none and has no more instructions than this is cloned into its callers. */
  readonly clonedInstructionCountMax: number;
  /** Whether only a routine is wanted, without calls of contracts and edges to other regions. */
  readonly isRoutine: boolean;
  /** Counted up; nothing is explored when it is over. */
  readonly work: Work;
};

/** Above this a function has too many variables, and its ways out nest too deep. */
export const REGION_HEIGHT_MAX = 256;

/** Slots of the stack that are looked at in the time that an instruction takes. */
const SLOTS_PER_WORK = 4;

/** What the charge and the edges of a node take, and a word that goes to its home, in bytes of WebAssembly. */
const NODE_SIZE_BYTES = 60;
const MOVED_WORD_SIZE_BYTES = 20;

/** The place behind a jump, whatever lies on the stack. */
export function relativePoint(pc: number): Point {
  return { pc, height: RELATIVE_HEIGHT, isRelative: true, labels: [] };
}

/** The name of a point in maps. */
export function pointKey({ pc, height, isRelative, labels }: Point): string {
  let key = isRelative ? `${pc}~${height}` : `${pc}:${height}`;
  for (const [slot, label] of labels) key += `:${slot}=${label}`;
  return key;
}

/**
 * Follows control from a point.
 * @returns the region, whose edges lead to other regions where its budget ends
 */
export function exploreRegion(cutter: PieceCutter, start: Point, limits: ExploreLimits): Region | Unexplored {
  return new Explorer(cutter, limits).explore(start);
}

class Explorer {
  readonly #cutter: PieceCutter;
  readonly #limits: ExploreLimits;
  readonly #nodes = new Map<string, Node>();
  readonly #cloneCounts = new Map<number, number>();
  /** In the order in which they were found. */
  readonly #found: Node[] = [];
  #sizeBytes = 0;
  #failure: Unexplored | null = null;

  constructor(cutter: PieceCutter, limits: ExploreLimits) {
    this.#cutter = cutter;
    this.#limits = limits;
  }

  explore(start: Point): Region | Unexplored {
    const root = this.#edgeTo(start);
    if (root.kind !== "node") return this.#failure ?? "interpreted";
    // The list grows while it is walked.
    for (let at = 0; at < this.#found.length && this.#failure === null; at++) this.#connect(this.#found[at]!);
    return this.#failure ?? { root: root.node, nodes: this.#found };
  }

  #edgeTo(point: Point): Edge {
    const key = pointKey(point);
    const known = this.#nodes.get(key);
    if (known !== undefined) return { kind: "node", node: known };
    const cutter = this.#cutter;
    const { sizeBytesMax, forceExit } = this.#limits;
    const piece = cutter.pieceAt(point.pc);
    const cloneCount = (this.#cloneCounts.get(point.pc) ?? 0) + 1;
    if (isUnfolded(point, piece, cutter) || cloneCount > CLONE_COUNT_MAX) return this.#leave(roundAbout(point, cutter));
    const obstacle = obstacleOf(piece, point);
    if (obstacle !== null) return { kind: "interpret", pc: point.pc, reason: obstacle };
    if (point.height + piece.growth > REGION_HEIGHT_MAX) return this.#fail("too high", point);
    const node = makeNode(point, piece, cutter);
    if (node.instructions.length === 0 && !endsComputed(node)) {
      return { kind: "interpret", pc: point.pc, reason: "jump" };
    }
    this.#sizeBytes += node.sizeBytes;
    if (this.#found.length > 0 && this.#sizeBytes > sizeBytesMax) {
      return this.#leave({ kind: "region", point: normalize(point), returns: [] });
    }
    this.#cloneCounts.set(point.pc, cloneCount);
    node.isForcedExit = forceExit?.(point) ?? false;
    this.#add(node, key);
    return { kind: "node", node };
  }

  #add(node: Node, key: string): void {
    const { work, isRoutine } = this.#limits;
    this.#nodes.set(key, node);
    this.#found.push(node);
    work.add(node);
    if (work.isOver) this.#failure = "too much";
    if (isRoutine && node.piece.end.kind === "frame") this.#failure = "no routine";
  }

  #leave(edge: Edge): Edge {
    if (this.#limits.isRoutine) this.#failure = "no routine";
    return edge;
  }

  #fail(failure: Unexplored, { pc }: Point): Edge {
    this.#failure = failure;
    return { kind: "interpret", pc, reason: "stack" };
  }

  #connect(node: Node): void {
    if (node.isForcedExit) return;
    const { end, instructions } = node.piece;
    if (node.instructions.length < instructions.length) {
      const jump = instructions.at(-1)!;
      node.next = endsComputed(node) ? { kind: "dynamic", jump } : { kind: "interpret", pc: jump.pc, reason: "jump" };
      return;
    }
    if (end.kind === "next") node.next = this.#follow(node, end.pc);
    if (end.kind === "interpret") node.next = { kind: "interpret", pc: end.pc, reason: "opcode" };
    if (end.kind === "jumpi" && node.isTaken !== true) node.next = this.#branch(node, end.pc);
    if (node.target !== null && node.isTaken !== false) {
      node.taken = (end.kind === "jump" ? this.#callOf(node, node.target) : null) ?? this.#branch(node, node.target);
    }
  }

  #follow(node: Node, pc: number): Edge {
    return this.#edgeTo(pointOf(pc, node, this.#cutter));
  }

  #branch(node: Node, pc: number): Edge {
    return this.#cutter.isVisited(pc) ? this.#follow(node, pc) : { kind: "interpret", pc, reason: "unvisited" };
  }

  /** The call that a jump is, when a routine begins at its target and the place to return to lies on the stack. */
  #callOf(node: Node, target: number): Edge | null {
    const cutter = this.#cutter;
    const { routines, clonedInstructionCountMax } = this.#limits;
    // A jump to a place where something returns to is a return.
    if (routines === null || !cutter.isVisited(target) || cutter.isReturnLabel(BigInt(target))) return null;
    if (!node.fates.some(({ constant }) => constant !== null && cutter.isReturnLabel(constant))) return null;
    const routine = routines.at(target);
    if (routine === "open") return { kind: "open" };
    if (routine === "none") return null;
    const constant = node.fates.at(-routine.labelDepth)?.constant ?? null;
    if (constant === null || !cutter.isJumpDestination(constant) || constant === BigInt(target)) return null;
    const label = Number(constant);
    if (routine.isLeaf && routine.instructionCount <= clonedInstructionCountMax) return null;
    const fates = behindCall(node, routine);
    if (fates === null || !cutter.isVisited(label)) return null;
    return { kind: "call", routine, label, next: this.#follow({ ...node, fates }, label) };
  }
}

/** The stack behind a call; null when the routine reaches below the node's. */
function behindCall({ fates }: Node, routine: Routine): SlotFate[] | null {
  if (fates.length < routine.changedCount) return null;
  const kept = fates.slice(0, fates.length - routine.changedCount);
  const results = routine.resultDepths.map((depth): SlotFate => {
    return { constant: depth === 0 ? null : (fates.at(-depth)?.constant ?? null), origin: -1 };
  });
  return [...kept, ...results];
}

/** The point behind a node that ends with a call or creation. */
export function pointBehindFrame(node: Node, cutter: PieceCutter): Point {
  const { end } = node.piece;
  assert(end.kind === "frame", "only calls and creations come back");
  return normalize(pointOf(end.pc, node, cutter));
}

/** Whether a function was called from one place over and over without a return: recursion, which has no end of clones. */
function isUnfolded({ labels }: Point, { instructions }: Piece, cutter: PieceCutter): boolean {
  if (labels.length < NESTED_CALL_COUNT_MAX || instructions[0]?.opcode.kind !== "jumpdest") return false;
  const counts = new Map<bigint, number>();
  for (const [, label] of labels) {
    if (!cutter.isReturnLabel(label)) continue;
    const count = (counts.get(label) ?? 0) + 1;
    if (count === NESTED_CALL_COUNT_MAX) return true;
    counts.set(label, count);
  }
  return false;
}

/** To a region that knows nothing of the stack, and comes back to the labels that lie on it. */
function roundAbout({ pc, labels }: Point, cutter: PieceCutter): Edge {
  const returns = new Set(labels.flatMap(([, label]) => (cutter.isReturnLabel(label) ? [Number(label)] : [])));
  return { kind: "region", point: relativePoint(pc), returns: [...returns] };
}

/** The same point with the height that relative regions begin with. */
function normalize(point: Point): Point {
  if (!point.isRelative) return point;
  const shift = RELATIVE_HEIGHT - point.height;
  const labels = point.labels.map(([slot, label]) => [slot + shift, label] as const).filter(([slot]) => slot >= 0);
  return { ...point, height: RELATIVE_HEIGHT, labels };
}

/** Why a piece cannot be compiled at this height, so that the interpreter finds the exact halt. */
function obstacleOf(piece: Piece, { height, isRelative }: Point): ExitReason | null {
  if (piece.instructions.length === 0) return "opcode";
  if (height < piece.required) return "stack";
  return !isRelative && height + piece.growth > STACK_WORD_COUNT_MAX ? "stack" : null;
}

/** Slots that a routine, called at the end of a node, may have left something in. */
export function* resultSlots({ fates }: Node, routine: Routine): Generator<number> {
  const height = fates.length + routine.delta;
  for (let slot = Math.max(0, fates.length - routine.changedCount); slot < height; slot++) yield slot;
}

/** The fates of slots that nothing happened to yet: the same objects for all nodes, whose stacks may be high. */
const UNTOUCHED_FATES: readonly SlotFate[] = Array.from({ length: REGION_HEIGHT_MAX }, (_, origin) => {
  return { constant: null, origin };
});

function makeNode(point: Point, piece: Piece, cutter: PieceCutter): Node {
  const stack = UNTOUCHED_FATES.slice(0, point.height);
  for (const [slot, label] of point.labels) stack[slot] = { constant: label, origin: slot };
  const parts = { target: null as number | null, isTaken: null as boolean | null };
  let count = 0;
  for (const instruction of piece.instructions) {
    if (isJump(instruction)) {
      const target = stack.at(-1)!.constant;
      const condition = instruction.opcode.kind === "jumpi" ? stack.at(-2)!.constant : 1n;
      parts.isTaken = condition === null ? null : condition !== 0n;
      const isKnown = target !== null && cutter.isJumpDestination(target);
      if (!isKnown && parts.isTaken !== false) break;
      if (isKnown) parts.target = Number(target);
    }
    follow(stack, instruction);
    count++;
  }
  const isWhole = count === piece.instructions.length;
  return {
    point,
    piece,
    instructions: isWhole ? piece.instructions : piece.instructions.slice(0, count),
    gas: isWhole ? piece.gas : piece.gas - cutter.gasOf(piece.instructions[count]!),
    sizeBytes: piece.sizeBytes + surroundingSizeBytes(stack),
    fates: stack,
    ...parts,
    taken: null,
    next: null,
    isForcedExit: false,
  };
}

/** Whether a node ends with a jump to a place that is computed. */
function endsComputed({ instructions, piece, fates }: Node): boolean {
  const isLeft = instructions.length < piece.instructions.length;
  return isLeft && piece.instructions.at(-1)!.opcode.kind === "jump" && fates.at(-1)!.constant === null;
}

/** Bytes of WebAssembly around a node's instructions: the charge, and words on their way home. */
function surroundingSizeBytes(fates: readonly SlotFate[]): number {
  const movedCount = fates.reduce((count, { origin }, slot) => (origin === slot ? count : count + 1), 0);
  return NODE_SIZE_BYTES + movedCount * MOVED_WORD_SIZE_BYTES;
}

function isJump({ opcode }: Instruction): boolean {
  return opcode.kind === "jump" || opcode.kind === "jumpi";
}

function follow(stack: SlotFate[], { pc, opcode, immediate }: Instruction): void {
  const { byte } = opcode;
  switch (opcode.kind) {
    case "push":
      stack.push({ constant: immediate, origin: -1 });
      break;
    case "pc":
      stack.push({ constant: BigInt(pc), origin: -1 });
      break;
    case "dup":
      stack.push({ constant: stack.at(-reachOf(byte))!.constant, origin: -1 });
      break;
    case "swap": {
      const other = stack.length - 1 - reachOf(byte);
      const top = stack.length - 1;
      [stack[other], stack[top]] = [stack[top]!, stack[other]!];
      break;
    }
    default: {
      const constant = foldConstants(byte, stack);
      stack.length -= opcode.inputs;
      for (let i = 0; i < opcode.outputs; i++) stack.push({ constant, origin: -1 });
    }
  }
}

/** Arithmetic by which generated code computes places: solc before 0.5 masks the address of every function that it calls. */
const PLACE_ARITHMETIC: Readonly<Record<number, (a: bigint, b: bigint) => bigint>> = {
  1: (a, b) => BigInt.asUintN(256, a + b),
  3: (a, b) => BigInt.asUintN(256, a - b),
  22: (a, b) => a & b,
  23: (a, b) => a | b,
};

function foldConstants(byte: number, stack: readonly SlotFate[]): bigint | null {
  const fold = PLACE_ARITHMETIC[byte];
  if (fold === undefined) return null;
  const [a, b] = [stack.at(-1)?.constant ?? null, stack.at(-2)?.constant ?? null];
  return a === null || b === null ? null : fold(a, b);
}

function pointOf(pc: number, { fates, point }: Node, cutter: PieceCutter): Point {
  const labels: [number, bigint][] = [];
  for (const [slot, { constant }] of fates.entries()) {
    if (constant !== null && cutter.isJumpDestination(constant)) labels.push([slot, constant]);
  }
  return { pc, height: fates.length, isRelative: point.isRelative, labels };
}
