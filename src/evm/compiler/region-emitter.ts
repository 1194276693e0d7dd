// Writes one region as one WebAssembly function (frame) → status. Between nodes every stack slot lies in its home variables, so that
// control can leave for the interpreter before any node: the homes go to the frame's stack in memory, and the frame's `pc` says where.
//
//   enter, load the slots ▸ nodes as blocks and loops, nested along the dominator tree ▸ one way out per stack height
//
// Each way out stores one slot and falls into the next lower one, so nothing is kept alive that does not lie on the stack.

import { assert } from "#base/assert.ts";
import { CONTEXT, EXIT_REASONS, FRAME, WORD_SIZE_BYTES } from "#formats/memory/evm-arena.ts";
import { Code, i32, i64, type Var } from "#wasm/code.ts";
import type { FunctionEmitter, Label } from "#wasm/function-emitter.ts";
import { TO_ENTRY, TO_INTERPRETER } from "../runtime/status.ts";
import { conditionOf } from "../words/comparison.ts";
import { storeLimbs } from "../words/memory.ts";
import type { Word } from "../words/word.ts";
import { CompiledFrame } from "./compiled-frame.ts";
import type { Flow, FlowNode } from "./flow.ts";
import type { ModuleParts } from "./module-parts.ts";
import type { Edge, ExitReason, Node, Point, Region } from "./nodes.ts";
import {
  joinKnowledge,
  knowledgeOf,
  OperandStack,
  SlotHomes,
  type SlotKnowledge,
  UNKNOWN_SLOT,
} from "./operand-stack.ts";

/** Where a region's calls and edges to other regions go on. */
export interface RegionLinks {
  /** Number of the region that begins at a point, or null when there is none and the interpreter goes on. */
  regionAt(point: Point): number | null;
  /** The point behind a node that ends with a call. */
  behindFrame(node: Node): Point;
}

/** Above this a function's ways out would nest too deep; such code runs in the interpreter. */
export const REGION_HEIGHT_MAX = 256;

// An exit in one number: a reason and a place in the code, or (sign bit) the number of a region.
const EXIT_REASON_SHIFT = 24;
const EXIT_PC_MASK = (1 << EXIT_REASON_SHIFT) - 1;
const EXIT_TO_REGION = 0x8000_0000;

/** The most words that lie on the stack anywhere in a region. */
export function regionHeight(region: Region): number {
  return Math.max(...region.nodes.map(({ point, piece }) => point.height + piece.growth));
}

/** Emits a region's function. */
export function emitRegion(
  f: FunctionEmitter,
  region: Region,
  flow: Flow,
  parts: ModuleParts,
  links: RegionLinks,
): void {
  new RegionEmitter(new Code(f), region, flow, parts, links).emit();
}

class RegionEmitter {
  readonly #code: Code;
  readonly #frame: CompiledFrame;
  readonly #flow: Flow;
  readonly #parts: ModuleParts;
  readonly #links: RegionLinks;
  readonly #homes: SlotHomes;
  readonly #height: number;
  /** Slots below are neither looked at nor changed. */
  readonly #lowestSlot: number;
  readonly #changed = new Set<number>();
  readonly #knowledge = new Map<FlowNode, SlotKnowledge[]>();
  readonly #labels = new Map<FlowNode, Label>();
  readonly #exits: Label[] = [];
  readonly #exit: Var<"i32">;
  readonly #condition: Var<"i32">;

  constructor(code: Code, region: Region, flow: Flow, parts: ModuleParts, links: RegionLinks) {
    this.#code = code;
    this.#flow = flow;
    this.#parts = parts;
    this.#links = links;
    this.#frame = new CompiledFrame(code, parts);
    this.#height = Math.max(...region.nodes.map(({ point, fates }) => Math.max(point.height, fates.length)));
    this.#lowestSlot = Math.min(...region.nodes.map(({ point, piece }) => point.height - piece.required));
    this.#homes = new SlotHomes(code, this.#height);
    this.#exit = code.i32();
    this.#condition = code.i32();
    for (const { fates } of region.nodes) {
      for (const [slot, { origin }] of fates.entries()) if (origin !== slot) this.#changed.add(slot);
    }
  }

  emit(): void {
    const { root } = this.#flow;
    this.#loadSlots(root.node.point.height);
    this.#knowledge.set(root, this.#knowledgeAtRoot(root.node.point));
    this.#frame.run(() => {
      this.#openExits(0, () => this.#emitTree(root));
      this.#leaveByExit();
    });
  }

  #loadSlots(height: number): void {
    const { stack } = this.#frame;
    for (let slot = this.#lowestSlot; slot < height; slot++) {
      for (const [limb, home] of this.#homes.home(slot).entries()) {
        this.#code.set(home, i64.load(stack, slot * WORD_SIZE_BYTES + 8 * limb));
      }
    }
  }

  #knowledgeAtRoot({ height, labels }: Point): SlotKnowledge[] {
    const knowledge: SlotKnowledge[] = Array.from({ length: height }, () => UNKNOWN_SLOT);
    for (const [slot, label] of labels) knowledge[slot] = [label, 0n, 0n, 0n];
    return knowledge;
  }

  /** One block per height, the lowest outermost; behind each the slot below it is stored. */
  #openExits(height: number, body: () => void): void {
    const { f } = this.#code;
    f.block((label) => {
      this.#exits[height] = label;
      if (height < this.#height) this.#openExits(height + 1, body);
      else body();
    });
    const slot = height - 1;
    if (slot < this.#lowestSlot || !this.#changed.has(slot)) return;
    storeLimbs(this.#code, this.#frame.stack, slot * WORD_SIZE_BYTES, this.#homes.home(slot) as unknown as Word);
  }

  #leaveByExit(): void {
    const frame = this.#frame;
    const code = this.#code;
    const exit = this.#exit;
    code.if(
      i32.ltS(exit, 0),
      () => {
        const index = i32.xor(exit, EXIT_TO_REGION);
        code.store32(frame.frame, FRAME.entry, i32.add(i32.global(this.#parts.entryBase), index));
        frame.leave(TO_ENTRY);
      },
      () => {
        code.store32(frame.frame, FRAME.pc, i32.and(exit, EXIT_PC_MASK));
        code.store32(frame.frame, FRAME.entry, 0);
        const counter = code.i32(i32.add(frame.context, i32.shl(i32.shrU(exit, EXIT_REASON_SHIFT), 3)));
        code.store64(counter, CONTEXT.exits, i64.add(i64.load(counter, CONTEXT.exits), 1));
        frame.leave(TO_INTERPRETER);
      },
    );
  }

  #emitTree(flow: FlowNode): void {
    if (!flow.isLoopHeader) {
      this.#emitWithin(flow, 0);
      return;
    }
    // What the loop changes is not known at its head: the way back comes later.
    const knowledge = this.#knowledge.get(flow)!;
    for (const slot of flow.changedSlots) if (slot < knowledge.length) knowledge[slot] = UNKNOWN_SLOT;
    this.#code.f.loop((label) => {
      this.#labels.set(flow, label);
      this.#emitWithin(flow, 0);
    });
  }

  /** A block around the node for each merge that it dominates, the latest outermost; the merge's code follows its block. */
  #emitWithin(flow: FlowNode, from: number): void {
    const merge = flow.merges[from];
    if (merge === undefined) {
      this.#emitNode(flow);
      return;
    }
    const loopLabel = this.#labels.get(merge);
    assert(loopLabel === undefined, "a merge is written once");
    this.#code.f.block((label) => {
      this.#labels.set(merge, label);
      this.#emitWithin(flow, from + 1);
    });
    this.#emitTree(merge);
  }

  #emitNode(flow: FlowNode): void {
    const { node } = flow;
    const { point } = node;
    const code = this.#code;
    if (node.isForcedExit) {
      this.#exitTo(point.height, point.pc, "forced");
      return;
    }
    if (flow.isLoopHeader) this.#frame.poll();
    this.#charge(node);
    const before = this.#knowledge.get(flow)!;
    const words = before.map((known, slot) => this.#homes.word(slot, known));
    const stack = new OperandStack(words);
    const condition = this.#condition;
    const isOpen = code.scope(() => {
      const decided = this.#emitInstructions(node, stack, condition);
      if (decided === null) return false;
      this.#homes.settle(stack.words, before);
      return true;
    });
    if (isOpen) this.#emitEdges(flow, knowledgeOf(stack.words), condition);
  }

  #charge(node: Node): void {
    const code = this.#code;
    const { gas } = this.#frame;
    if (node.gas === 0) return;
    code.set(gas, i64.sub(gas, node.gas));
    code.if(i64.ltS(gas, 0), () => {
      code.set(gas, i64.add(gas, node.gas));
      this.#exitTo(node.point.height, node.point.pc, "gas");
    });
  }

  /** @returns null when the node ends the function itself */
  #emitInstructions(node: Node, stack: OperandStack, condition: Var<"i32">): true | null {
    const frame = this.#frame;
    const code = this.#code;
    for (const instruction of node.instructions) {
      const { opcode } = instruction;
      if (stack.move(instruction)) continue;
      if (opcode.kind === "gas") {
        // The piece ends here, so all static prices before are paid and none behind it.
        stack.words.push([code.i64(frame.gas), 0n, 0n, 0n]);
      } else if (opcode.kind === "jump") {
        stack.take(1);
      } else if (opcode.kind === "jumpi") {
        const [, word] = stack.take(2);
        if (node.isTaken === null) code.set(condition, conditionOf(code, word!));
      } else if (opcode.kind === "word") {
        const result = opcode.emit(frame, stack.take(opcode.inputs));
        if (opcode.outputs === 1) stack.words.push(result!);
      } else if (opcode.kind === "exit") {
        opcode.emit(frame, stack.take(opcode.inputs));
        frame.leave(opcode.status);
        return null;
      } else {
        assert(opcode.kind === "frame", () => `no way to compile ${opcode.name}`);
        this.#emitFrameOpcode(node, stack, opcode.byte, opcode.link);
        return null;
      }
    }
    return true;
  }

  /** The stack goes to memory, and the driver comes back through the region that begins behind the call. */
  #emitFrameOpcode(node: Node, stack: OperandStack, byte: number, link: "call" | "create"): void {
    const code = this.#code;
    const frame = this.#frame;
    const { words } = stack;
    for (let slot = this.#lowestSlot; slot < words.length; slot++) {
      const isHome = slot < this.#height && words[slot]!.every((limb, i) => limb === this.#homes.home(slot)[i]);
      if (isHome && !this.#changed.has(slot)) continue;
      storeLimbs(code, frame.stack, slot * WORD_SIZE_BYTES, words[slot]!);
    }
    const behind = this.#links.behindFrame(node);
    const region = this.#links.regionAt(behind);
    code.store32(frame.frame, FRAME.pc, behind.pc);
    code.store32(frame.frame, FRAME.stackTop, i32.add(frame.stack, words.length * WORD_SIZE_BYTES));
    const entry = region === null ? 0 : i32.add(i32.global(this.#parts.entryBase), region);
    code.store32(frame.frame, FRAME.entry, entry);
    frame.storeGas();
    const status = code.i32(code.call32(frame.links[link], frame.frame, byte));
    // Without a child the driver goes on at once, in the next compiled function or in the interpreter.
    code.return(i32.select(status, status, TO_ENTRY));
  }

  #emitEdges(flow: FlowNode, knowledge: SlotKnowledge[], condition: Var<"i32">): void {
    const { taken, next } = flow.node;
    if (taken !== null && next !== null) {
      this.#code.if(condition, () => this.#emitEdge(flow, taken, knowledge));
      this.#emitEdge(flow, next, knowledge);
      return;
    }
    const only = taken ?? next;
    assert(only !== null, "a node without a way on ends the function itself");
    this.#emitEdge(flow, only, knowledge);
  }

  #emitEdge(from: FlowNode, edge: Edge, knowledge: SlotKnowledge[]): void {
    const height = knowledge.length;
    if (edge.kind === "interpret") {
      this.#exitTo(height, edge.pc, edge.reason);
      return;
    }
    if (edge.kind === "region") {
      const region = this.#links.regionAt(edge.point);
      if (region === null) this.#exitTo(height, edge.point.pc, "size");
      else this.#exitWith(height, EXIT_TO_REGION | region | 0);
      return;
    }
    const target = this.#flow.of.get(edge.node)!;
    const isBack = target.order <= from.order;
    if (!isBack) this.#learn(target, knowledge);
    if (isBack || target.isMerge) this.#code.f.br(this.#labels.get(target)!);
    else this.#emitTree(target);
  }

  #learn(target: FlowNode, knowledge: SlotKnowledge[]): void {
    const known = this.#knowledge.get(target);
    this.#knowledge.set(target, known === undefined ? [...knowledge] : joinKnowledge(known, knowledge));
  }

  #exitTo(height: number, pc: number, reason: ExitReason | "gas"): void {
    assert(pc <= EXIT_PC_MASK, "code is shorter than 16 MiB");
    this.#exitWith(height, (EXIT_REASONS.indexOf(reason) << EXIT_REASON_SHIFT) | pc);
  }

  #exitWith(height: number, exit: number): void {
    const code = this.#code;
    code.set(this.#exit, exit);
    code.store32(this.#frame.frame, FRAME.stackTop, i32.add(this.#frame.stack, height * WORD_SIZE_BYTES));
    code.f.br(this.#exits[height]!);
  }
}
