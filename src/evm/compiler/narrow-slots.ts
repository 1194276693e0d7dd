// Which stack slots probably hold numbers below 2^64 wherever a loop comes round: counters, bounds, places in memory. The compiler takes
// them for such numbers, so that most of their arithmetic is that of one limb, and looks at the upper limbs at the head of the loop
// only; a number that is not below 2^64 after all leaves for the interpreter there, and the next compilation does not guess again.
//
//   words that are copies of each other, or sums ▸ one class ▸ used as an address, a size or a bound, and never as anything wide?
//
// A wrong guess costs time and nothing else, so this looks at no order and no conditions.

import { must } from "#base/assert.ts";
import type { Instruction } from "../bytecode/pieces.ts";
import { reachOf } from "../opcodes/stack.ts";
import type { Flow, FlowNode } from "./flow.ts";
import type { Edge, Node } from "./nodes.ts";

/** A word while a node is followed: its class, or a constant. */
type Traced = number | bigint;

/** Seen of a class: it is used as a number that is small in any program that can be paid for; it is not below 2^64. */
const USED_AS_NUMBER = 1;
const IS_WIDE = 2;

/** Operands, by place from the top, that are addresses in memory, sizes, places and what those are compared with. */
const NUMBER_OPERANDS: Readonly<Record<string, readonly number[]>> = {
  LT: [0, 1],
  GT: [0, 1],
  BYTE: [0],
  SHL: [0],
  SHR: [0],
  KECCAK256: [0, 1],
  CALLDATALOAD: [0],
  CALLDATACOPY: [0, 1, 2],
  CODECOPY: [0, 1, 2],
  RETURNDATACOPY: [0, 1, 2],
  MLOAD: [0],
  MSTORE: [0],
  MSTORE8: [0],
  MCOPY: [0, 1, 2],
};

/** Opcodes for numbers that have a sign, and those whose results are wide. */
const SIGNED: ReadonlySet<string> = new Set(["SDIV", "SMOD", "SIGNEXTEND", "SAR"]);
const WIDE_RESULTS: ReadonlySet<string> = new Set([...SIGNED, "XOR", "KECCAK256", "ADDRESS", "ORIGIN", "CALLER"]);

/** A factor up to this, and a shift by its logarithm, leaves a number small. */
const SCALE_BITS_MAX = 32n;

/** The slots of each loop's head that are taken for numbers below 2^64; heads without any are left out. */
export function narrowSlots({ nodes }: Flow): ReadonlyMap<FlowNode, readonly number[]> {
  const slots = new Map<FlowNode, readonly number[]>();
  if (!nodes.some(({ isLoopHeader }) => isLoopHeader)) return slots;
  const classes = new WordClasses(nodes);
  for (const { node } of nodes) new NodeTracer(classes, node).trace();
  for (const flow of nodes) {
    if (!flow.isLoopHeader) continue;
    const narrow = Array.from({ length: flow.node.point.height }, (_, slot) => slot).filter((slot) => {
      return classes.evidenceOf(classes.at(flow.node, slot)) === USED_AS_NUMBER;
    });
    if (narrow.length > 0) slots.set(flow, narrow);
  }
  return slots;
}

/** Words in classes, each with what was seen of it. @see Tarjan: Efficiency of a Good But Not Linear Set Union Algorithm */
class WordClasses {
  readonly #first = new Map<Node, number>();
  readonly #parents: number[] = [];
  readonly #evidence: number[] = [];

  constructor(nodes: readonly FlowNode[]) {
    for (const { node } of nodes) {
      this.#first.set(node, this.#parents.length);
      for (let slot = 0; slot < node.point.height; slot++) this.make(0);
    }
  }

  has(node: Node): boolean {
    return this.#first.has(node);
  }

  /** The class of a slot at a node's start. */
  at(node: Node, slot: number): number {
    return must(this.#first.get(node), "a node of the region") + slot;
  }

  make(evidence: number): number {
    this.#evidence.push(evidence);
    return this.#parents.push(this.#parents.length) - 1;
  }

  evidenceOf(word: number): number {
    return this.#evidence[this.#find(word)]!;
  }

  note(word: Traced, evidence: number): void {
    if (typeof word === "bigint") return;
    const root = this.#find(word);
    this.#evidence[root] = this.#evidence[root]! | evidence;
  }

  /** Makes one class of both. */
  join(a: number, b: Traced): void {
    if (typeof b === "bigint") {
      if (isWide(b)) this.note(a, IS_WIDE);
      return;
    }
    const [from, to] = [this.#find(a), this.#find(b)];
    if (from === to) return;
    this.#parents[from] = to;
    this.#evidence[to] = this.#evidence[to]! | this.#evidence[from]!;
  }

  #find(word: number): number {
    const parents = this.#parents;
    let at = word;
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]!]!;
      at = parents[at]!;
    }
    return at;
  }
}

/** Follows the words of one node to those that come after it. */
class NodeTracer {
  readonly #classes: WordClasses;
  readonly #node: Node;
  readonly #stack: Traced[] = [];

  constructor(classes: WordClasses, node: Node) {
    this.#classes = classes;
    this.#node = node;
    for (let slot = 0; slot < node.point.height; slot++) this.#stack.push(classes.at(node, slot));
    for (const [slot, label] of node.point.labels) this.#stack[slot] = label;
  }

  trace(): void {
    const { instructions, taken, next } = this.#node;
    for (const instruction of instructions) this.#follow(instruction);
    for (const edge of [taken, next]) if (edge !== null) this.#connect(edge);
  }

  #follow({ pc, opcode, immediate }: Instruction): void {
    const stack = this.#stack;
    switch (opcode.kind) {
      case "push":
        stack.push(immediate);
        return;
      case "pc":
        stack.push(BigInt(pc));
        return;
      case "dup":
        stack.push(stack.at(-reachOf(opcode.byte))!);
        return;
      case "swap": {
        const top = stack.length - 1;
        const other = top - reachOf(opcode.byte);
        [stack[other], stack[top]] = [stack[top]!, stack[other]!];
        return;
      }
      default: {
        const operands = stack.splice(stack.length - opcode.inputs, opcode.inputs).toReversed();
        for (const place of NUMBER_OPERANDS[opcode.name] ?? []) this.#classes.note(operands[place]!, USED_AS_NUMBER);
        if (SIGNED.has(opcode.name)) for (const operand of operands) this.#classes.note(operand, IS_WIDE);
        for (let i = 0; i < opcode.outputs; i++) stack.push(this.#resultOf(opcode.name, operands));
      }
    }
  }

  #resultOf(name: string, operands: readonly Traced[]): Traced {
    const [a, b] = operands;
    if (name === "NOT" && typeof a === "bigint") return BigInt.asUintN(256, ~a);
    const result = this.#classes.make(WIDE_RESULTS.has(name) ? IS_WIDE : 0);
    for (const operand of sameSized(name, a!, b!)) this.#classes.join(result, operand);
    if (name === "AND" && operands.some((mask) => typeof mask === "bigint" && isWide(mask))) {
      this.#classes.note(result, IS_WIDE);
    }
    return result;
  }

  /** What lies on the stack behind the node is what the next one begins with. */
  #connect(edge: Edge): void {
    const behind = edge.kind === "call" ? edge.next : edge;
    if (behind.kind !== "node" || !this.#classes.has(behind.node)) return;
    const keptCount = edge.kind === "call" ? this.#stack.length - edge.routine.changedCount : this.#stack.length;
    for (const [slot, word] of this.#stack.slice(0, Math.max(0, keptCount)).entries()) {
      this.#classes.join(this.#classes.at(behind.node, slot), word);
    }
  }
}

/** The operands that are about as large as the result. */
function sameSized(name: string, a: Traced, b: Traced): readonly Traced[] {
  switch (name) {
    case "ADD":
    case "SUB":
      return [a, b];
    case "MUL":
      if (isScale(a)) return [b];
      return isScale(b) ? [a] : [];
    case "SHL":
      return typeof a === "bigint" && a <= SCALE_BITS_MAX ? [b] : [];
    case "AND":
      // Rounded down, as to whole words.
      if (isNegativeSmall(a)) return [b];
      return isNegativeSmall(b) ? [a] : [];
    default:
      return [];
  }
}

/** Whether a constant among sums is no small number, nor a small one to take away. */
function isWide(constant: bigint): boolean {
  return constant >> 64n !== 0n && !isNegativeSmall(constant);
}

function isNegativeSmall(word: Traced): boolean {
  if (typeof word === "number") return false;
  const signed = BigInt.asIntN(256, word);
  return signed < 0n && signed >= -(1n << 63n);
}

function isScale(word: Traced): boolean {
  return typeof word === "bigint" && word < 1n << SCALE_BITS_MAX;
}
