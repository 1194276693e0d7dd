// Writes one region as one WebAssembly function (frame, gas, depth) → status, gas. Between nodes every stack slot lies in its home
// variables, so that control can leave before any node: the homes go to the frame's stack in memory, and a number says where to.
//
//   enter, load the slots ▸ nodes as blocks and loops, nested along the dominator tree ▸ one way out per stack height
//                                      └▸ routines: words to memory, native call, results from memory
//
// Each way out stores one slot and falls into the next lower one, so nothing is kept alive that does not lie on the stack. Then
// the interpreter goes on, or another region by a tail call, or the caller of the routine at the place that its status names.

import { assert } from "#base/assert.ts";
import {
  CODE_MAP_JUMPDEST,
  CODE_MAP_WIDE,
  type ExitReason,
  FRAME,
  WORD_SIZE_BYTES,
} from "#formats/memory/evm-arena.ts";
import { Code, i32, i64, type Var } from "#wasm/code.ts";
import type { FunctionEmitter, FunctionIndex, Label, TableIndex } from "#wasm/function-emitter.ts";
import type { Instruction } from "../bytecode/pieces.ts";
import { STACK_WORD_COUNT_MAX } from "../gas/rules.ts";
import type { FrameOpcode } from "../opcodes/opcode.ts";
import { TO_ENTRY, TO_INTERPRETER } from "../runtime/status.ts";
import { conditionOf } from "../words/comparison.ts";
import { orAll } from "../words/limbs.ts";
import { storeLimbs } from "../words/memory.ts";
import type { Limb, Word } from "../words/word.ts";
import { CompiledFrame, exitNumber, REGION_FUNCTION } from "./compiled-frame.ts";
import { leaveToInterpreter } from "./entry.ts";
import { changedSlots, type Flow, type FlowNode } from "./flow.ts";
import type { ModuleParts } from "./module-parts.ts";
import { narrowSlots } from "./narrow-slots.ts";
import { type Edge, type Node, type Point, type Region, type Routine, resultSlots } from "./nodes.ts";
import {
  joinKnowledge,
  knowledgeOf,
  OperandStack,
  SlotHomes,
  type SlotKnowledge,
  STORED_SLOT,
  UNKNOWN_SLOT,
} from "./operand-stack.ts";

/** Where a region's calls and edges to other regions go on. */
export interface RegionLinks {
  /** Number of the region that begins at a point, or null when there is none and the interpreter goes on. */
  regionAt(point: Point): number | null;
  /** The functions of all regions, by number. */
  readonly regions: TableIndex;
  /** Number of the region whose root a node is. */
  regionOf(root: Node): number;
  /** The point behind a node that ends with a call. */
  behindFrame(node: Node): Point;
  /** Whether slots at the head of a loop there may be taken for numbers below 2^64. */
  mayGuess(pc: number): boolean;
  /** The region function of a routine, and its number. */
  routine(pc: number): { readonly index: FunctionIndex; readonly number: number };
}

// What `#exit` says besides numbers of ways out to the interpreter. The sign bit alone: the number of a region.
const EXIT_TO_REGION = 0x8000_0000;
// Both upper bits: a place in the code that the code itself computed.
const EXIT_TO_JUMP = 0xc000_0000;
const EXIT_KIND_SHIFT = 30;
const EXIT_TARGET_MASK = 0x3fff_ffff;

/** Native calls of routines inside each other, before the driver is asked to go on: deep recursion must not use up the native stack. */
const ROUTINE_DEPTH_MAX = 100;

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
  /** Most words between nodes, and at any time. */
  readonly #height: number;
  readonly #peak: number;
  /** Slots below are neither looked at nor changed. */
  readonly #lowestSlot: number;
  readonly #changed = new Set<number>();
  readonly #narrowSlots: ReadonlyMap<FlowNode, readonly number[]>;
  readonly #knowledge = new Map<FlowNode, SlotKnowledge[]>();
  readonly #labels = new Map<FlowNode, Label>();
  readonly #exits: Label[] = [];
  /** Address of slot 0: below the frame's stack where heights are relative. */
  readonly #stack: Var<"i32">;
  readonly #exit: Var<"i32">;
  readonly #condition: Var<"i32">;

  constructor(code: Code, region: Region, flow: Flow, parts: ModuleParts, links: RegionLinks) {
    this.#code = code;
    this.#flow = flow;
    this.#parts = parts;
    this.#links = links;
    this.#frame = new CompiledFrame(code, parts);
    this.#height = Math.max(...region.nodes.map(heightAround));
    this.#lowestSlot = Math.min(...region.nodes.map(({ point, piece }) => point.height - piece.required));
    this.#peak = Math.max(...region.nodes.map(({ point, piece }) => point.height + piece.growth));
    const { frame } = this.#frame;
    const rootHeight = region.root.point.height;
    this.#stack = code.i32(i32.sub(i32.load(frame, FRAME.stackTop), rootHeight * WORD_SIZE_BYTES));
    this.#homes = new SlotHomes(code, this.#height);
    this.#exit = code.i32();
    this.#condition = code.i32();
    for (const node of region.nodes) for (const slot of changedSlots(node)) this.#changed.add(slot);
    this.#narrowSlots = narrowSlots(flow);
  }

  emit(): void {
    const { root } = this.#flow;
    if (root.node.point.isRelative) this.#checkRoom(root.node.point);
    this.#loadSlots(root.node.point.height);
    this.#knowledge.set(root, this.#knowledgeAtRoot(root.node.point));
    this.#frame.run(() => {
      if (!root.isLoopHeader && this.#leadsElsewhere()) this.#frame.poll();
      this.#openExits(0, () => this.#emitTree(root));
      this.#leaveByExit();
    });
  }

  /** Whether it may come round to itself by way of other functions; a loop within it polls at its own head. */
  #leadsElsewhere(): boolean {
    return this.#flow.nodes.some(({ node }) => {
      if (node.piece.end.kind === "frame") return true;
      return [node.taken, node.next].some((edge) => edge !== null && this.#isOutside(edge));
    });
  }

  #isOutside(edge: Edge): boolean {
    if (edge.kind === "node") return !this.#flow.of.has(edge.node);
    return edge.kind === "region" || edge.kind === "call";
  }

  /** Heights inside a relative region are not known, so the room that all of it needs is asked for at the start. */
  #checkRoom({ pc, height }: Point): void {
    const code = this.#code;
    const { frame, context, stack, gas } = this.#frame;
    const available = code.i32(i32.sub(i32.load(frame, FRAME.stackTop), stack));
    const needed = (height - this.#lowestSlot) * WORD_SIZE_BYTES;
    const most = (STACK_WORD_COUNT_MAX - (this.#peak - height)) * WORD_SIZE_BYTES;
    code.if(i32.or(i32.ltU(available, needed), i32.gtU(available, most)), () => {
      leaveToInterpreter(code, { frame, context }, pc, "stack");
      code.return(TO_INTERPRETER, gas);
    });
  }

  #loadSlots(height: number): void {
    for (let slot = this.#lowestSlot; slot < height; slot++) this.#loadSlot(slot);
  }

  #loadSlot(slot: number): void {
    for (const [limb, home] of this.#homes.home(slot).entries()) {
      this.#code.set(home, i64.load(this.#stack, slot * WORD_SIZE_BYTES + 8 * limb));
    }
  }

  #storeSlot(slot: number): void {
    storeLimbs(this.#code, this.#stack, slot * WORD_SIZE_BYTES, this.#homes.home(slot) as unknown as Word);
  }

  #knowledgeAtRoot({ height, labels }: Point): SlotKnowledge[] {
    const knowledge: SlotKnowledge[] = Array.from({ length: height }, () => STORED_SLOT);
    for (const [slot, label] of labels) knowledge[slot] = { limbs: [label, 0n, 0n, 0n], isStored: true };
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
    this.#storeSlot(slot);
  }

  #leaveByExit(): void {
    const frame = this.#frame;
    const code = this.#code;
    const exit = this.#exit;
    const isJump = i32.eq(i32.shrU(exit, EXIT_KIND_SHIFT), EXIT_TO_JUMP >>> EXIT_KIND_SHIFT);
    code.if(isJump, () => frame.leave(i32.xor(i32.and(exit, EXIT_TARGET_MASK), -1)));
    code.if(
      i32.ltS(exit, 0),
      () => {
        // In place of this one, so that callers of routines wait for the rest of it, and loops over regions need no stack.
        code.pushAll([frame.frame, frame.gas, frame.depth, i32.xor(exit, EXIT_TO_REGION)]);
        code.f.returnCallIndirect(this.#parts.module.type(REGION_FUNCTION), this.#links.regions);
      },
      () => frame.leaveByExit(exit),
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
      if (this.#links.mayGuess(flow.node.point.pc)) this.#guess(flow, knowledge);
      this.#emitWithin(flow, 0);
    });
  }

  /** Leaves when a slot that is taken for a number below 2^64 holds none; behind it such slots have one limb. */
  #guess(flow: FlowNode, knowledge: SlotKnowledge[]): void {
    const code = this.#code;
    const upper: Limb[] = [];
    for (const slot of this.#narrowSlots.get(flow) ?? []) {
      const known = knowledge[slot]!;
      if (slot < this.#lowestSlot || known.limbs.slice(1).every((limb) => limb !== null)) continue;
      upper.push(...this.#homes.word(slot, known).slice(1));
      knowledge[slot] = { ...known, limbs: [known.limbs[0]!, 0n, 0n, 0n] };
    }
    if (upper.length === 0) return;
    code.if(i64.ne(orAll(upper), 0), () => {
      const { pc, height } = flow.node.point;
      const place = code.i32(i32.add(i32.load(this.#frame.frame, FRAME.codeMap), pc));
      code.store8(place, 0, i32.or(i32.load8(place), CODE_MAP_WIDE));
      this.#exitTo(height, pc, "wide");
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
    this.#frame.chargeAtOnce(node.gas, () => this.#exitTo(point.height, point.pc, "gas"));
    const before = this.#knowledge.get(flow)!;
    const words = before.map((known, slot) => this.#homes.word(slot, known));
    const stack = new OperandStack(words);
    const condition = this.#condition;
    const isOpen = code.scope(() => {
      const decided = this.#emitInstructions(node, stack, before, condition);
      if (decided === null) return false;
      this.#homes.settle(stack.words, before);
      return true;
    });
    if (isOpen) this.#emitEdges(flow, knowledgeOf(stack.words, node.fates, before), condition);
  }

  /** @returns null when the node ends the function itself */
  #emitInstructions(
    node: Node,
    stack: OperandStack,
    before: readonly SlotKnowledge[],
    condition: Var<"i32">,
  ): true | null {
    for (const instruction of node.instructions) {
      const { opcode } = instruction;
      if (opcode.kind === "jump") {
        stack.take(1);
      } else if (opcode.kind === "jumpi") {
        const [, word] = stack.take(2);
        if (node.isTaken === null) this.#code.set(condition, conditionOf(this.#code, word!));
      } else if (opcode.kind === "frame") {
        this.#emitFrameOpcode(node, stack, before, opcode);
        return null;
      } else if (!this.#frame.emitInstruction(stack, instruction)) return null;
    }
    return true;
  }

  /** The stack goes to memory, and the driver comes back through the region that begins behind the call. */
  #emitFrameOpcode(
    node: Node,
    stack: OperandStack,
    before: readonly SlotKnowledge[],
    { link, byte }: Pick<FrameOpcode, "link" | "byte">,
  ): void {
    const code = this.#code;
    const frame = this.#frame;
    const { words } = stack;
    for (let slot = this.#lowestSlot; slot < words.length; slot++) {
      if (slot < before.length && before[slot]!.isStored && this.#isHome(words[slot]!, slot, before[slot]!)) continue;
      storeLimbs(code, this.#stack, slot * WORD_SIZE_BYTES, words[slot]!);
    }
    const behind = this.#links.behindFrame(node);
    const region = this.#links.regionAt(behind);
    code.store32(frame.frame, FRAME.pc, behind.pc);
    code.store32(frame.frame, FRAME.stackTop, i32.add(this.#stack, words.length * WORD_SIZE_BYTES));
    const entry = region === null ? 0 : i32.add(i32.global(this.#parts.entryBase), region);
    code.store32(frame.frame, FRAME.entry, entry);
    frame.callFrameLink(link, byte);
  }

  /** Whether a word is what lay in the slot's home at the start of the node. */
  #isHome(word: Word, slot: number, before: SlotKnowledge): boolean {
    return word.every((limb, i) => limb === this.#homes.home(slot)[i] || limb === before.limbs[i]);
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
    if (edge.kind === "call") {
      this.#emitCall(from, edge, knowledge);
      return;
    }
    assert(edge.kind !== "open", "regions are followed when all routines are known");
    if (edge.kind === "dynamic") {
      this.#emitDynamicJump(height, edge.jump);
      return;
    }
    if (edge.kind === "region") {
      const region = this.#links.regionAt(edge.point);
      if (region === null) this.#exitTo(height, edge.point.pc, "size");
      else this.#exitWith(height, EXIT_TO_REGION | region | 0);
      return;
    }
    const target = this.#flow.of.get(edge.node);
    if (target === undefined) {
      this.#exitWith(height, EXIT_TO_REGION | this.#links.regionOf(edge.node) | 0);
      return;
    }
    const isBack = target.order <= from.order;
    if (!isBack) this.#learn(target, knowledge);
    if (isBack || target.isMerge) this.#code.f.br(this.#labels.get(target)!);
    else this.#emitTree(target);
  }

  /** The routine finds its operands in memory and leaves its results there; what lies deeper stays in the homes. */
  #emitCall(from: FlowNode, edge: Extract<Edge, { kind: "call" }>, knowledge: SlotKnowledge[]): void {
    const code = this.#code;
    const compiled = this.#frame;
    const { frame, context, gas, depth } = compiled;
    const height = knowledge.length;
    const { index, number } = this.#links.routine(edge.routine.pc);
    for (let slot = this.#lowestSlot; slot < height; slot++) if (!knowledge[slot]!.isStored) this.#storeSlot(slot);
    code.store32(frame, FRAME.stackTop, i32.add(this.#stack, height * WORD_SIZE_BYTES));
    code.if(i32.geU(depth, ROUTINE_DEPTH_MAX), () => {
      code.store32(frame, FRAME.entry, i32.add(i32.global(this.#parts.entryBase), number));
      compiled.leave(TO_ENTRY);
    });
    const status = this.#condition;
    code.call(index, frame, gas, i32.add(depth, 1));
    code.pop([status, gas]);
    code.if(i32.ne(status, ~edge.label), () => {
      // It went elsewhere: out of compiled code, or to a place that the stack here was not made for.
      code.if(i32.ltS(status, 0), () => {
        leaveToInterpreter(code, { frame, context }, i32.xor(status, -1), "jump");
        code.set(status, TO_INTERPRETER);
      });
      compiled.leave(status);
    });
    compiled.reloadMemorySize();
    this.#emitEdge(from, edge.next, this.#takeResults(from.node, edge.routine, knowledge));
  }

  #takeResults(node: Node, routine: Routine, knowledge: readonly SlotKnowledge[]): SlotKnowledge[] {
    const height = knowledge.length + routine.delta;
    const behind = knowledge.slice(0, height).map((known) => ({ ...known, isStored: true }));
    for (const slot of resultSlots(node, routine)) {
      this.#loadSlot(slot);
      behind[slot] = STORED_SLOT;
    }
    return behind;
  }

  /** The target is the top of the stack: the place that a routine returns to. */
  #emitDynamicJump(height: number, jump: Instruction): void {
    const code = this.#code;
    const { frame, gas, rules } = this.#frame;
    const [low, ...high] = this.#homes.home(height - 1);
    const cost = jump.opcode.gas(rules);
    const codeSize = i64.extend(i32.load(frame, FRAME.codeSize));
    const isInside = i32.and(i64.ltU(low!, codeSize), i64.eqz(i64.or(i64.or(high[0]!, high[1]!), high[2]!)));
    code.if(i32.and(isInside, i64.geS(gas, cost)), () => {
      const map = i32.load8(i32.add(i32.load(frame, FRAME.codeMap), i32.wrap(low!)));
      code.if(i32.and(map, CODE_MAP_JUMPDEST), () => {
        code.set(gas, i64.sub(gas, cost));
        code.set(this.#exit, i32.or(i32.wrap(low!), EXIT_TO_JUMP));
        this.#exitAt(height - 1);
      });
    });
    this.#exitTo(height, jump.pc, "jump");
  }

  #learn(target: FlowNode, knowledge: SlotKnowledge[]): void {
    const known = this.#knowledge.get(target);
    this.#knowledge.set(target, known === undefined ? [...knowledge] : joinKnowledge(known, knowledge));
  }

  #exitTo(height: number, pc: number, reason: ExitReason): void {
    this.#exitWith(height, exitNumber(pc, reason));
  }

  #exitWith(height: number, exit: number): void {
    this.#code.set(this.#exit, exit);
    this.#exitAt(height);
  }

  #exitAt(height: number): void {
    const code = this.#code;
    code.store32(this.#frame.frame, FRAME.stackTop, i32.add(this.#stack, height * WORD_SIZE_BYTES));
    code.f.br(this.#exits[height]!);
  }
}

/** The most words that lie on the stack at a node's start or behind it, a call included. */
function heightAround({ point, fates, taken, next }: Node): number {
  let height = Math.max(point.height, fates.length);
  for (const edge of [taken, next]) {
    if (edge?.kind === "call") height = Math.max(height, fates.length + edge.routine.delta);
  }
  return height;
}
