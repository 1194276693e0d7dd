// The statements of generated programs that branch: conditions, loops, internal functions as solc makes them, jump tables,
// jumps that lead nowhere, and stacks at their limit.

import { type CodeWriter, OP } from "./code-writer.ts";
import { drawAddress, drawOperand, drawRange, operandOf } from "./operands.ts";
import {
  type NestedCode,
  type NestedData,
  need,
  writeComputation,
  writeCreation,
  writeEnding,
  writeOperand,
  writeStatement,
  writeWildInstructions,
} from "./statements.ts";

/** An internal function that is called and still has to be written. */
type PendingFunction = {
  readonly id: number;
  readonly arguments: number;
  readonly results: number;
  readonly isRecursive: boolean;
};

const STACK_LIMIT = 1024;
const FUNCTIONS_MAX = 4;
const JUMP_CASE_SIZE = 7;

/** A body of statements within one program. */
export class Body {
  readonly #writer: CodeWriter;
  readonly #nested: NestedCode;
  readonly #data: NestedData;
  readonly #functions: PendingFunction[] = [];
  readonly #written: PendingFunction[] = [];
  #budget: number;

  /** @param budget how many statements the whole program may have */
  constructor(writer: CodeWriter, nested: NestedCode, data: NestedData, budget: number) {
    this.#writer = writer;
    this.#nested = nested;
    this.#data = data;
    this.#budget = budget;
  }

  /** Writes the whole program: statements, the end, the internal functions, nested code, an odd tail. */
  write(): void {
    while (this.#budget > 0) this.#statement(0);
    this.#finish();
  }

  /** Writes a program of arithmetic, in stretches with a branch or a loop here and there. */
  writeComputing(): void {
    const { random } = this.#writer;
    while (this.#budget > 0) {
      if (random.chance(0.06)) this.#condition(3);
      else if (random.chance(0.04)) this.#loop(3);
      else writeComputation(this.#writer);
      this.#budget--;
    }
    this.#finish();
  }

  #finish(): void {
    const writer = this.#writer;
    writeEnding(writer);
    for (;;) {
      const next = this.#functions.pop();
      if (next === undefined) break;
      this.#function(next);
    }
    this.#data.flush();
    this.#tail();
  }

  #statements(count: number, depth: number): void {
    for (let i = 0; i < count && this.#budget > 0; i++) this.#statement(depth);
  }

  #statement(depth: number): void {
    this.#budget--;
    const writer = this.#writer;
    const { random } = writer;
    const kind = random.below(100);
    if (kind < 68 || depth > 3) {
      writeStatement(writer);
      return;
    }
    if (kind < 78) {
      this.#condition(depth);
      return;
    }
    if (kind < 83) {
      if (random.chance(0.12)) this.#twoHeadedLoop(depth);
      else this.#loop(depth);
      return;
    }
    if (kind < 89) {
      this.#callFunction();
      return;
    }
    if (kind < 92) {
      this.#jumpTable();
      return;
    }
    if (kind < 94) {
      this.#jumpThroughMemory();
      return;
    }
    if (kind < 97) {
      random.chance(0.7) ? writeCreation(writer, this.#nested, this.#data) : writeStatement(writer);
      return;
    }
    if (random.chance(0.75)) {
      writeStatement(writer);
      return;
    }
    if (random.chance(0.6)) {
      this.#oddity();
      return;
    }
    const skipId = writer.newId();
    this.#conditionWord();
    writer.pushPosition(skipId);
    writer.op(OP.JUMPI, 2, 0);
    const before = writer.height;
    this.#oddity();
    writer.label(skipId, Math.min(before, writer.height));
  }

  /** `if`, `if else`, or a conditional end of the frame; branches may leave different numbers of operands. */
  #condition(depth: number): void {
    const writer = this.#writer;
    const { random } = writer;
    const elseId = writer.newId();
    this.#conditionWord();
    writer.pushPosition(elseId);
    writer.op(OP.JUMPI, 2, 0);
    const before = writer.height;
    if (random.chance(0.12)) {
      this.#endFrame();
      writer.label(elseId, before);
      return;
    }
    this.#statements(1 + random.below(4), depth + 1);
    if (random.chance(0.9)) writer.settle(before);
    if (!random.chance(0.4)) {
      writer.label(elseId, Math.min(before, writer.height));
      return;
    }
    const endId = writer.newId();
    const after = writer.height;
    writer.pushPosition(endId);
    writer.op(OP.JUMP, 1, 0);
    writer.label(elseId, before);
    this.#statements(1 + random.below(3), depth + 1);
    if (random.chance(0.9)) writer.settle(after);
    writer.label(endId, Math.min(after, writer.height));
  }

  /** A word that is zero about half the time; sometimes a constant. */
  #conditionWord(): void {
    const writer = this.#writer;
    const { random } = writer;
    const kind = random.below(10);
    if (kind < 1) {
      writer.pushNumber(random.below(2));
      return;
    }
    writeOperand(writer);
    if (kind < 4) {
      writer.pushNumber(1);
      writer.op(OP.AND, 2, 1);
    } else if (kind < 8) {
      writeOperand(writer);
      writer.op(0x10 + random.below(5), 2, 1);
    }
    if (kind % 2 === 0) writer.op(OP.ISZERO, 1, 1);
  }

  /** Ends the frame in the middle of a program. */
  #endFrame(): void {
    const writer = this.#writer;
    const { random } = writer;
    const kind = random.below(10);
    if (kind < 4 && writer.opcodes.has(OP.REVERT)) {
      const { offset, length } = drawRange(random);
      writer.push(length);
      writer.push(offset);
      writer.op(OP.REVERT, 2, 0);
    } else if (kind < 6) writer.op(0x00, 0, 0);
    else if (kind < 7) {
      writer.push(drawAddress(random));
      writer.op(OP.SELFDESTRUCT, 1, 0);
    } else if (kind < 8) writer.op(random.pick([0xfe, 0x0c, 0x21, 0xb0, 0xef, 0x1e, 0x5f, 0x5e, 0xf5, 0x49]), 0, 0);
    else {
      const { offset, length } = drawRange(random);
      writer.push(length);
      writer.push(offset);
      writer.op(OP.RETURN, 2, 0);
    }
  }

  /** A loop that counts down, its counter under whatever the body leaves. */
  #loop(depth: number): void {
    const writer = this.#writer;
    const { random } = writer;
    const startId = writer.newId();
    const endId = writer.newId();
    const count = depth === 0 && random.chance(0.006) ? 200 + random.below(1500) : 1 + random.below(6);
    const isLong = count > 100;
    writer.pushNumber(count);
    const before = writer.height;
    const checksFirst = random.chance(0.5);
    writer.label(startId);
    if (checksFirst) {
      writer.dup(1);
      writer.op(OP.ISZERO, 1, 1);
      writer.pushPosition(endId);
      writer.op(OP.JUMPI, 2, 0);
    }
    // The body cannot see the counter as one of its operands.
    writer.height = 0;
    if (isLong) for (let i = 0; i < 3; i++) this.#pure();
    else this.#statements(1 + random.below(4), depth + 2);
    writer.settle(0);
    writer.height = before;
    writer.pushNumber(1);
    writer.swap(1);
    writer.op(OP.SUB, 2, 1);
    if (checksFirst) {
      writer.pushPosition(startId);
      writer.op(OP.JUMP, 1, 0);
    } else {
      writer.dup(1);
      writer.pushPosition(startId);
      writer.op(OP.JUMPI, 2, 0);
    }
    if (checksFirst) writer.label(endId, before);
    writer.op(OP.POP, 1, 0);
  }

  /** A loop that is entered at its head or in its middle. */
  #twoHeadedLoop(depth: number): void {
    const writer = this.#writer;
    const { random } = writer;
    const headId = writer.newId();
    const middleId = writer.newId();
    writer.pushNumber(1 + random.below(4));
    const before = writer.height;
    this.#conditionWord();
    writer.pushPosition(middleId);
    writer.op(OP.JUMPI, 2, 0);
    writer.label(headId);
    writer.height = 0;
    this.#statements(1 + random.below(2), depth + 2);
    writer.settle(0);
    writer.label(middleId);
    this.#statements(1 + random.below(2), depth + 2);
    writer.settle(0);
    writer.height = before;
    writer.pushNumber(1);
    writer.swap(1);
    writer.op(OP.SUB, 2, 1);
    writer.dup(1);
    writer.pushPosition(headId);
    writer.op(OP.JUMPI, 2, 0);
    writer.op(OP.POP, 1, 0);
  }

  /** A cheap step for the body of a long loop. */
  #pure(): void {
    const writer = this.#writer;
    writeOperand(writer);
    writeOperand(writer);
    writer.op(writer.random.pick(writer.opcodes.binary), 2, 1);
    writer.op(OP.POP, 1, 0);
  }

  /** Calls an internal function: its return address beneath the arguments, as solc does. */
  #callFunction(): void {
    const writer = this.#writer;
    const { random } = writer;
    const callee = this.#pickFunction();
    const returnId = writer.newId();
    writer.pushPosition(returnId);
    const base = writer.height - 1;
    if (callee.isRecursive) writer.pushNumber(random.below(5));
    else for (let i = 0; i < callee.arguments; i++) writeOperand(writer);
    writer.pushPosition(callee.id);
    writer.op(OP.JUMP, 1, 0);
    writer.label(returnId, base + callee.results);
  }

  #pickFunction(): PendingFunction {
    const { random } = this.#writer;
    const all = [...this.#functions, ...this.#written];
    if (all.length > 0 && (all.length >= FUNCTIONS_MAX || random.chance(0.5))) return random.pick(all);
    const isRecursive = random.chance(0.2);
    const created = {
      id: this.#writer.newId(),
      arguments: isRecursive ? 1 : random.below(4),
      results: isRecursive ? 1 : random.below(3),
      isRecursive,
    };
    this.#functions.push(created);
    return created;
  }

  #function(callee: PendingFunction): void {
    this.#written.push(callee);
    const writer = this.#writer;
    const { random } = writer;
    writer.label(callee.id, callee.arguments);
    if (callee.isRecursive) {
      this.#recursion(callee);
      return;
    }
    this.#budget = 1 + random.below(5);
    while (this.#budget > 0) this.#statement(2);
    writer.settle(callee.results);
    if (callee.results > 0) writer.swap(callee.results);
    writer.op(OP.JUMP, 1, 0);
  }

  /** f(n) = n = 0 ? n : g(n, f(n - 1)); the stack holds the return address and n. */
  #recursion(callee: PendingFunction): void {
    const writer = this.#writer;
    const { random } = writer;
    const baseId = writer.newId();
    const innerId = writer.newId();
    writer.dup(1);
    writer.op(OP.ISZERO, 1, 1);
    writer.pushPosition(baseId);
    writer.op(OP.JUMPI, 2, 0);
    writer.pushPosition(innerId);
    writer.pushNumber(1);
    writer.dup(3);
    writer.op(OP.SUB, 2, 1);
    writer.pushPosition(callee.id);
    writer.op(OP.JUMP, 1, 0);
    writer.label(innerId, 2);
    writer.op(random.pick(writer.opcodes.binary), 2, 1);
    writer.label(baseId, 1);
    writer.swap(1);
    writer.op(OP.JUMP, 1, 0);
  }

  /** A computed jump into one of two or four cases of equal size. */
  #jumpTable(): void {
    const writer = this.#writer;
    const { random } = writer;
    const caseCount = random.pick([2, 4]);
    const firstId = writer.newId();
    const endId = writer.newId();
    writeOperand(writer);
    writer.pushNumber(caseCount - 1);
    writer.op(OP.AND, 2, 1);
    writer.pushNumber(JUMP_CASE_SIZE);
    writer.op(0x02, 2, 1);
    writer.pushPosition(firstId);
    writer.op(OP.ADD, 2, 1);
    writer.op(OP.JUMP, 1, 0);
    const before = writer.height;
    for (let i = 0; i < caseCount; i++) {
      writer.label(i === 0 ? firstId : writer.newId(), before);
      writer.raw(operandOf(1 + random.below(255)));
      writer.height++;
      writer.pushPosition(endId);
      writer.op(OP.JUMP, 1, 0);
    }
    writer.label(endId, before + 1);
  }

  /** A jump whose destination went through memory, or through XOR with a condition. */
  #jumpThroughMemory(): void {
    const writer = this.#writer;
    const { random } = writer;
    const id = writer.newId();
    if (random.chance(0.5)) {
      const offset = 32 * random.below(6);
      writer.pushPosition(id);
      writer.pushNumber(offset);
      writer.op(OP.MSTORE, 2, 0);
      if (random.chance(0.3)) writeStatement(writer);
      writer.pushNumber(offset);
      writer.op(OP.MLOAD, 1, 1);
      writer.op(OP.JUMP, 1, 0);
      writer.label(id);
      return;
    }
    const otherId = writer.newId();
    this.#conditionWord();
    writer.op(OP.ISZERO, 1, 1);
    writer.pushPosition(id);
    writer.pushPosition(otherId);
    writer.op(OP.XOR, 2, 1);
    writer.op(0x02, 2, 1);
    writer.pushPosition(id);
    writer.op(OP.XOR, 2, 1);
    writer.op(OP.JUMP, 1, 0);
    writer.label(id);
    writer.op(OP.NUMBER, 0, 1);
    writer.label(otherId, writer.height - 1);
  }

  #oddity(): void {
    const writer = this.#writer;
    const { random } = writer;
    const kind = random.below(12);
    if (kind < 2) {
      writeWildInstructions(writer, 1 + random.below(6));
      return;
    }
    if (kind < 4) {
      this.#jumpIntoPushData();
      return;
    }
    if (kind < 6) {
      this.#constantBranch();
      return;
    }
    if (kind < 8) {
      this.#badJump();
      return;
    }
    if (kind < 9) {
      this.#fillStack();
      return;
    }
    if (kind < 10) {
      need(writer, 1);
      // Reaches below what is known to be there.
      writer.raw(random.chance(0.5) ? OP.DUP1 + random.below(16) : OP.SWAP1 + random.below(16));
      return;
    }
    if (kind < 11) {
      writer.raw({ kind: "label", id: writer.newId() });
      return;
    }
    writer.raw(random.pick([0x0c, 0x1e, 0x21, 0x49, 0x4b, 0x5c, 0x5e, 0x5f, 0xa5, 0xb0, 0xef, 0xf5, 0xfb, 0xfe]));
  }

  #jumpIntoPushData(): void {
    const writer = this.#writer;
    const { random } = writer;
    const markId = writer.newId();
    this.#conditionWord();
    writer.pushPosition(markId, 1 + random.below(2));
    writer.op(OP.JUMPI, 2, 0);
    writer.raw({ kind: "code", id: markId, items: [] });
    writer.push(Uint8Array.of(0x5b, 0x5b, 0x5b));
  }

  #constantBranch(): void {
    const writer = this.#writer;
    const { random } = writer;
    const id = writer.newId();
    const isTaken = random.chance(0.5);
    writer.pushNumber(isTaken ? 1 + random.below(3) : 0);
    if (random.chance(0.8)) writer.pushPosition(id);
    else writer.push(drawOperand(random));
    writer.op(OP.JUMPI, 2, 0);
    const before = writer.height;
    if (isTaken) writeWildInstructions(writer, random.below(3));
    writer.label(id, before);
  }

  #badJump(): void {
    const writer = this.#writer;
    const { random } = writer;
    const id = writer.newId();
    this.#conditionWord();
    writer.pushPosition(id);
    writer.push(operandOf(1n << BigInt(random.pick([16, 31, 32, 33, 64, 128, 255]))));
    writer.op(OP.ADD, 2, 1);
    writer.op(OP.JUMPI, 2, 0);
    writer.label(id);
  }

  /** Brings the stack to a few operands below or above its limit. */
  #fillStack(): void {
    const writer = this.#writer;
    const { random } = writer;
    const isHalfFull = random.chance(0.4);
    const count = isHalfFull ? 245 + random.below(20) : STACK_LIMIT - 12 + random.below(14);
    writer.pushNumber(random.below(256));
    for (let i = 1; i < count; i++) writer.raw(OP.DUP1);
    for (let i = random.below(6); i > 0; i--) {
      if (isHalfFull) writeStatement(writer);
      else writeOperand(writer);
    }
    if (random.chance(0.5)) for (let i = 1; i < count; i++) writer.raw(OP.POP);
  }

  /** Bytes at the very end of the code: a PUSH cut short, a JUMPDEST, data. */
  #tail(): void {
    const writer = this.#writer;
    const { random } = writer;
    const kind = random.below(40);
    if (kind === 0) writer.raw({ kind: "bytes", bytes: Uint8Array.of(0x60 + random.below(32)) });
    else if (kind === 1) writer.raw({ kind: "bytes", bytes: Uint8Array.of(0x7f, 0x5b, 0x5b) });
    else if (kind === 2) writer.raw({ kind: "label", id: writer.newId() });
    else if (kind === 3) writer.raw({ kind: "bytes", bytes: random.bytes(1 + random.below(40)) });
  }
}
