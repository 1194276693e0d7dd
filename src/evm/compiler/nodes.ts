// The pieces that one compiled function holds, cloned per stack height and per known return label: so every jump that goes to a
// label which the code itself pushed is a constant one, and every stack slot has an absolute place. A region starts at one point
// (the beginning of the code, or behind a call) and ends where control leaves: at calls, exits, and edges to the interpreter.

import { assert } from "#base/assert.ts";
import { CODE_MAP_VISITED } from "#formats/memory/evm-arena.ts";
import type { Instruction, Piece, PieceCutter } from "../bytecode/pieces.ts";
import { STACK_WORD_COUNT_MAX } from "../gas/rules.ts";

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
  readonly height: number;
  /** Jump destinations that lie on the stack as constants, by slot, ascending. */
  readonly labels: readonly (readonly [slot: number, pc: bigint])[];
};

/** Where an edge leads. */
export type Edge =
  | { readonly kind: "node"; readonly node: Node }
  /** To the interpreter, for a reason of `EXIT_REASONS`. */
  | { readonly kind: "interpret"; readonly pc: number; readonly reason: ExitReason }
  /** To another compiled function. */
  | { readonly kind: "region"; readonly point: Point };

/** A reason that the explorer knows. */
export type ExitReason = "unvisited" | "jump" | "stack" | "opcode" | "size" | "forced";

/** One clone of a piece. */
export type Node = {
  readonly point: Point;
  readonly piece: Piece;
  /** Instructions to emit: those of the piece, without a jump whose target is not known; that is the interpreter's. */
  readonly instructions: readonly Instruction[];
  /** Their static gas. */
  readonly gas: number;
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

/** A function's worth of nodes. */
export type Region = { readonly root: Node; readonly nodes: readonly Node[] };

/** What bounds an exploration. */
export type ExploreLimits = {
  /** Most instructions in one region; at least one node is taken whatever it holds. */
  readonly instructionCountMax: number;
  /** Follow only blocks that the interpreter has entered. */
  readonly visitedOnly: boolean;
  /** Asked for each node: true makes it an exit. */
  readonly forceExit: ((point: Point) => boolean) | null;
};

/** The name of a point in maps. */
export function pointKey({ pc, height, labels }: Point): string {
  let key = `${pc}:${height}`;
  for (const [slot, label] of labels) key += `:${slot}=${label}`;
  return key;
}

/**
 * Follows control from a point.
 * @returns the region, whose edges lead to other regions where its budget ends; null when not even the start can be compiled
 */
export function exploreRegion(cutter: PieceCutter, start: Point, limits: ExploreLimits): Region | null {
  const nodes = new Map<string, Node>();
  const pending: Node[] = [];
  let instructionCount = 0;
  const edgeTo = (point: Point): Edge => {
    const key = pointKey(point);
    const known = nodes.get(key);
    if (known !== undefined) return { kind: "node", node: known };
    const piece = cutter.pieceAt(point.pc);
    const obstacle = obstacleOf(piece, point.height);
    if (obstacle !== null) return { kind: "interpret", pc: point.pc, reason: obstacle };
    const node = makeNode(point, piece, cutter);
    if (node.instructions.length === 0) return { kind: "interpret", pc: point.pc, reason: "jump" };
    instructionCount += node.instructions.length;
    if (nodes.size > 0 && instructionCount > limits.instructionCountMax) return { kind: "region", point };
    node.isForcedExit = limits.forceExit?.(point) ?? false;
    nodes.set(key, node);
    pending.push(node);
    return { kind: "node", node };
  };
  const root = edgeTo(start);
  if (root.kind !== "node") return null;
  // The list grows while it is walked.
  for (let at = 0; at < pending.length; at++) connect(pending[at]!, cutter, limits, edgeTo);
  return { root: root.node, nodes: pending };
}

/** The point behind a node that ends with a call or creation. */
export function pointBehindFrame(node: Node, cutter: PieceCutter): Point {
  const { end } = node.piece;
  assert(end.kind === "frame", "only calls and creations come back");
  return pointOf(end.pc, node.fates, cutter);
}

/** Why a piece cannot be compiled at this height, so that the interpreter finds the exact halt. */
function obstacleOf(piece: Piece, height: number): ExitReason | null {
  if (piece.instructions.length === 0) return "opcode";
  return height < piece.required || height + piece.growth > STACK_WORD_COUNT_MAX ? "stack" : null;
}

function connect(node: Node, cutter: PieceCutter, limits: ExploreLimits, edgeTo: (point: Point) => Edge): void {
  if (node.isForcedExit) return;
  const { end, instructions } = node.piece;
  if (node.instructions.length < instructions.length) {
    node.next = { kind: "interpret", pc: instructions.at(-1)!.pc, reason: "jump" };
    return;
  }
  const follow = (pc: number, isBranch: boolean): Edge => {
    const isVisited = !isBranch || !limits.visitedOnly || ((cutter.map[pc] ?? 0) & CODE_MAP_VISITED) !== 0;
    return isVisited ? edgeTo(pointOf(pc, node.fates, cutter)) : { kind: "interpret", pc, reason: "unvisited" };
  };
  if (end.kind === "next") node.next = follow(end.pc, false);
  if (end.kind === "interpret") node.next = { kind: "interpret", pc: end.pc, reason: "opcode" };
  if (end.kind === "jumpi" && node.isTaken !== true) node.next = follow(end.pc, true);
  if (node.target !== null && node.isTaken !== false) node.taken = follow(node.target, true);
}

function makeNode(point: Point, piece: Piece, cutter: PieceCutter): Node {
  const stack: SlotFate[] = [];
  for (let slot = 0; slot < point.height; slot++) stack.push({ constant: null, origin: slot });
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
    fates: stack,
    ...parts,
    taken: null,
    next: null,
    isForcedExit: false,
  };
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
      stack.push({ constant: stack[stack.length - (byte - 0x7f)]!.constant, origin: -1 });
      break;
    case "swap": {
      const other = stack.length - 1 - (byte - 0x8f);
      const top = stack.length - 1;
      [stack[other], stack[top]] = [stack[top]!, stack[other]!];
      break;
    }
    default:
      stack.length -= opcode.inputs;
      for (let i = 0; i < opcode.outputs; i++) stack.push({ constant: null, origin: -1 });
  }
}

function pointOf(pc: number, fates: readonly SlotFate[], cutter: PieceCutter): Point {
  const labels: [number, bigint][] = [];
  for (const [slot, { constant }] of fates.entries()) {
    if (constant !== null && cutter.isJumpDestination(constant)) labels.push([slot, constant]);
  }
  return { pc, height: fates.length, labels };
}
