// The statements of generated programs that go straight on: arithmetic, memory, storage, logs, calls, creations. Each leaves
// the writer's count of operands right. What branches is in `control-flow.ts`.

import type { SeededRandom } from "#base/random.ts";
import { isAtLeast } from "#chain/hardforks.ts";
import { opcodeName } from "#evm/opcodes/names.ts";
import { type CodeWriter, type ForkOpcodes, OP } from "./code-writer.ts";
import {
  drawAddress,
  drawCallee,
  drawCount,
  drawOffset,
  drawOperand,
  drawPrecompile,
  drawRange,
  drawSlot,
  operandOf,
} from "./operands.ts";
import type { Program } from "./program.ts";

/** Operands that a statement keeps on the stack before it drops some. */
const HEIGHT_KEPT_MAX = 12;

/** Makes the code of a contract that a program creates; given by the generator, as such code is a program itself. */
export type NestedCode = (random: SeededRandom) => Program;

/** Constants that gas arguments of calls take. */
const CALL_GAS = [0, 1, 100, 700, 2299, 2300, 2301, 2600, 5000, 9000, 30_000, 1 << 24].map(operandOf);
const CALL_GAS_LARGE = [1n << 32n, 1n << 63n, (1n << 64n) - 1n, 1n << 64n, -1n].map(operandOf);
const VALUES = [0, 0, 0, 0, 0, 0, 1, 1, 2, 1000, 1n << 64n, -1n].map(operandOf);

/** Pushes an operand: a constant, or something that is known only when it runs. */
export function writeOperand(writer: CodeWriter): void {
  const { random } = writer;
  const kind = random.below(16);
  if (kind < 8) writer.push(drawOperand(random));
  else if (kind < 11) {
    writer.pushNumber(32 * random.below(4));
    writer.op(OP.CALLDATALOAD, 1, 1);
  } else if (kind < 13) writer.op(random.pick(writer.opcodes.environment), 0, 1);
  else if (kind < 15 && writer.height > 0) writer.dup(1 + random.below(Math.min(writer.height, 16)));
  else {
    writer.pushNumber(32 * random.below(5));
    writer.op(OP.MLOAD, 1, 1);
  }
}

/** Sees to it that `count` operands are there. */
export function need(writer: CodeWriter, count: number): void {
  while (writer.height < count) writeOperand(writer);
}

function writeArithmetic(writer: CodeWriter): void {
  const { random, opcodes } = writer;
  const kind = random.below(16);
  if (kind < 11) {
    const opcode = random.pick(opcodes.binary);
    need(writer, 1);
    if (random.chance(0.5)) writeOperand(writer);
    else need(writer, 2);
    const isCount = opcode === OP.BYTE || opcode === OP.SIGNEXTEND || (opcode >= OP.SHL && opcode <= OP.SAR);
    if (isCount && random.chance(0.8)) {
      writer.op(OP.POP, 1, 0);
      writer.push(drawCount(random));
    } else if (opcode === OP.EXP && random.chance(0.7)) {
      writer.op(OP.POP, 1, 0);
      writer.push(drawCount(random));
      writer.push(drawOperand(random));
      // The base is on top, the exponent beneath; what was there stays.
      writer.op(opcode, 2, 1);
      return;
    }
    need(writer, 2);
    writer.op(opcode, 2, 1);
  } else if (kind < 14) {
    need(writer, 1);
    writer.op(random.pick(opcodes.unary), 1, 1);
  } else {
    for (let count = 0; count < 3; count++) if (random.chance(0.5)) writeOperand(writer);
    need(writer, 3);
    writer.op(random.pick(opcodes.ternary), 3, 1);
  }
}

function writeStackMove(writer: CodeWriter): void {
  const { random, height } = writer;
  const kind = random.below(9);
  if (kind === 8) {
    const depth = 2 + random.below(15);
    need(writer, depth + 1);
    if (random.chance(0.5)) writer.dup(depth);
    else writer.swap(depth);
  } else if (kind < 3) {
    need(writer, 1);
    writer.dup(1 + random.below(Math.min(writer.height, 16)));
  } else if (kind < 6) {
    need(writer, 2);
    writer.swap(1 + random.below(Math.min(writer.height - 1, 16)));
  } else if (height > 0) writer.op(OP.POP, 1, 0);
  else writer.push(drawOperand(random));
}

function writeMemory(writer: CodeWriter): void {
  const { random, opcodes } = writer;
  const kind = random.below(13);
  if (kind < 4) {
    need(writer, 1);
    writer.push(drawOffset(random));
    writer.op(random.chance(0.75) ? OP.MSTORE : OP.MSTORE8, 2, 0);
  } else if (kind < 7) {
    writer.push(drawOffset(random));
    writer.op(OP.MLOAD, 1, 1);
  } else if (kind < 9) {
    const { offset, length } = drawRange(random, 200);
    writer.push(length);
    writer.push(offset);
    writer.op(OP.KECCAK256, 2, 1);
  } else if (kind < 11) {
    const opcode = opcodes.has(OP.MCOPY) ? random.pick([OP.MCOPY, OP.MCOPY, OP.CODECOPY, OP.CALLDATACOPY]) : undefined;
    writeCopy(writer, opcode ?? random.pick([OP.CODECOPY, OP.CALLDATACOPY]));
  } else if (kind < 12) {
    writeReturnDataCopy(writer);
  } else {
    const { offset, length } = drawRange(random);
    writer.push(length);
    writer.push(drawOffset(random));
    writer.push(offset);
    writer.push(drawAddress(random));
    writer.op(OP.EXTCODECOPY, 4, 0);
  }
}

function writeCopy(writer: CodeWriter, opcode: number): void {
  const { random } = writer;
  const { offset, length } = drawRange(random);
  writer.push(length);
  if (random.chance(0.05)) writer.push(drawOperand(random));
  else writer.push(drawOffset(random));
  writer.push(offset);
  writer.op(opcode, 3, 0);
}

/** Mostly within the return data, whatever its size. */
function writeReturnDataCopy(writer: CodeWriter): void {
  const { random } = writer;
  if (!writer.opcodes.has(OP.RETURNDATACOPY)) return;
  const kind = random.below(20);
  if (kind < 15) {
    writer.op(OP.RETURNDATASIZE, 0, 1);
    writer.pushNumber(0);
  } else if (kind < 19) {
    writer.pushNumber(0);
    writer.op(OP.RETURNDATASIZE, 0, 1);
  } else {
    writer.pushNumber(random.below(34));
    writer.push(random.chance(0.8) ? operandOf(random.below(3)) : drawOperand(random));
  }
  writer.pushNumber(32 * random.below(6));
  writer.op(OP.RETURNDATACOPY, 3, 0);
}

function writeStorage(writer: CodeWriter): void {
  const { random, opcodes } = writer;
  const isTransient = opcodes.has(OP.TLOAD) && random.chance(0.3);
  if (random.chance(0.45)) {
    writeLoad(writer);
    return;
  }
  if (random.chance(0.5)) writer.pushNumber(random.below(3));
  else need(writer, 1);
  writer.push(drawSlot(random));
  writer.op(isTransient ? OP.TSTORE : OP.SSTORE, 2, 0);
}

/** What GAS answers, kept where the comparison sees it. */
function writeGasProbe(writer: CodeWriter): void {
  writer.op(OP.GAS, 0, 1);
  if (writer.random.chance(0.5)) {
    writer.pushNumber(32 * writer.random.below(4));
    writer.op(OP.MSTORE, 2, 0);
  }
}

function writeLog(writer: CodeWriter): void {
  const { random } = writer;
  const topicCount = random.below(5);
  need(writer, topicCount);
  const { offset, length } = drawRange(random);
  writer.push(length);
  writer.push(offset);
  writer.op(OP.LOG0 + topicCount, topicCount + 2, 0);
}

function writeEnvironment(writer: CodeWriter): void {
  const { random, opcodes } = writer;
  const kind = random.below(10);
  if (kind < 5) writer.op(random.pick(opcodes.environment), 0, 1);
  else if (kind < 8) {
    writer.push(drawAddress(random));
    writer.op(random.pick(opcodes.ofAddress), 1, 1);
  } else if (kind < 9) {
    const distance = random.pick([0, 1, 2, 255, 256, 257, 300]);
    writer.pushNumber(distance);
    writer.op(OP.NUMBER, 0, 1);
    writer.op(OP.SUB, 2, 1);
    if (random.chance(0.2)) writer.push(drawOperand(random));
    writer.op(OP.BLOCKHASH, 1, 1);
  } else if (opcodes.has(OP.BLOBHASH)) {
    writer.push(random.chance(0.7) ? operandOf(random.below(3)) : drawOperand(random));
    writer.op(OP.BLOBHASH, 1, 1);
  }
}

/** CALL, CALLCODE, DELEGATECALL or STATICCALL, often followed by a look at the return data. */
export function writeCall(writer: CodeWriter): void {
  const { random } = writer;
  const opcode = random.pick(writer.opcodes.calls);
  const output = drawRange(random);
  const input = random.chance(0.3) ? output : drawRange(random, random.chance(0.1) ? 400 : 128);
  writer.push(output.length);
  writer.push(output.offset);
  writer.push(input.length);
  writer.push(input.offset);
  const hasValue = opcode === OP.CALL || opcode === OP.CALLCODE;
  if (hasValue) writer.push(random.pick(VALUES));
  if (random.chance(0.03)) writer.op(0x30, 0, 1);
  else writer.push(random.chance(0.25) ? drawPrecompile(random) : drawAddress(random));
  writeCallGas(writer);
  const operandCount = hasValue ? 7 : 6;
  writer.op(opcode, operandCount, 1);
  if (random.chance(0.4)) writeReturnDataCopy(writer);
  // These ran in this account's own storage.
  const isOwn = opcode === OP.DELEGATECALL || opcode === OP.CALLCODE;
  for (let i = isOwn ? 2 : 1; i > 0; i--) if (random.chance(0.5)) writeLoad(writer);
}

function writeCallGas(writer: CodeWriter): void {
  const { random } = writer;
  const kind = random.below(10);
  if (writer.isCallee ? kind < 1 : kind < 6) writer.op(OP.GAS, 0, 1);
  else if (kind < 9) writer.push(random.pick(CALL_GAS));
  else writer.push(random.pick(CALL_GAS_LARGE));
}

/** A call with all gas to another contract of the world, and a look at the slots that small contracts like to write. */
function writeProbedCall(writer: CodeWriter): void {
  const { random, opcodes } = writer;
  const isOwn = opcodes.has(OP.DELEGATECALL) && random.chance(0.4);
  const opcode = isOwn ? OP.DELEGATECALL : random.pick(opcodes.calls);
  const hasValue = opcode === OP.CALL || opcode === OP.CALLCODE;
  for (const operand of [32, 0, 32, 0]) writer.pushNumber(operand);
  if (hasValue) writer.pushNumber(random.below(8) === 0 ? 1 : 0);
  writer.push(drawCallee(random));
  const passesAll = isAtLeast(opcodes.fork, "tangerineWhistle") && (!writer.isCallee || random.chance(0.2));
  if (passesAll) writer.op(OP.GAS, 0, 1);
  else writer.push(operandOf(6000));
  writer.op(opcode, hasValue ? 7 : 6, 1);
  for (let slot = 0; slot < 2; slot++) {
    writer.pushNumber(slot);
    writer.op(opcodes.has(OP.TLOAD) && random.chance(0.6) ? OP.TLOAD : OP.SLOAD, 1, 1);
    writer.op(OP.ADD, 2, 1);
  }
}

/** Reads a slot, to see what a call left in it. */
function writeLoad(writer: CodeWriter): void {
  const { random } = writer;
  writer.push(drawSlot(random));
  writer.op(writer.opcodes.has(OP.TLOAD) && random.chance(0.4) ? OP.TLOAD : OP.SLOAD, 1, 1);
}

/** CREATE or CREATE2 of a nested program, which comes to memory by CODECOPY. */
export function writeCreation(writer: CodeWriter, nested: NestedCode, data: NestedData): void {
  const { random, opcodes } = writer;
  const id = data.add(nested(random));
  writer.pushLength(id);
  writer.pushPosition(id);
  writer.pushNumber(0);
  writer.op(OP.CODECOPY, 3, 0);
  const opcode = random.pick(opcodes.creations);
  if (opcode === OP.CREATE2) writer.push(drawSlot(random));
  const { offset, length } = drawRange(random);
  if (random.chance(0.04)) {
    writer.push(length);
    writer.push(offset);
  } else {
    writer.pushLength(id);
    writer.pushNumber(0);
  }
  writer.push(random.chance(0.8) ? operandOf(random.below(2)) : random.pick(VALUES));
  writer.op(opcode, opcode === OP.CREATE2 ? 4 : 3, 1);
  if (random.chance(0.35)) callCreated(writer);
  if (random.chance(0.3)) writeReturnDataCopy(writer);
}

/** The address of the new contract is on top. */
function callCreated(writer: CodeWriter): void {
  const { random } = writer;
  const opcode = random.pick(writer.opcodes.calls);
  const hasValue = opcode === OP.CALL || opcode === OP.CALLCODE;
  for (const operand of [32, 0, 32, 0]) writer.pushNumber(operand);
  if (hasValue) writer.pushNumber(random.below(2));
  writer.dup(hasValue ? 6 : 5);
  writeCallGas(writer);
  writer.op(opcode, hasValue ? 7 : 6, 1);
}

/** Programs that a program carries behind its own code. */
export class NestedData {
  readonly #writer: CodeWriter;
  readonly #parts: { readonly id: number; readonly items: Program }[] = [];

  constructor(writer: CodeWriter) {
    this.#writer = writer;
  }

  /** Takes a program in; answers its name. */
  add(items: Program): number {
    const id = this.#writer.newId();
    this.#parts.push({ id, items });
    return id;
  }

  /** Writes all programs; the code before must have ended. */
  flush(): void {
    for (const { id, items } of this.#parts) this.#writer.raw({ kind: "code", id, items });
  }
}

type Statement = (writer: CodeWriter) => void;

const STATEMENTS: readonly (readonly [Statement, weight: number])[] = [
  [writeArithmetic, 22],
  [writeStackMove, 9],
  [writeMemory, 10],
  [writeStorage, 7],
  [writeEnvironment, 5],
  [writeCall, 5],
  [writeProbedCall, 4],
  [writeLog, 2],
  [writeGasProbe, 2],
];
const WEIGHTED: readonly Statement[] = STATEMENTS.flatMap(([statement, weight]) => Array(weight).fill(statement));

/** Arithmetic on two or three fresh words, its result kept: what shows a wrong rule of one opcode best. */
export function writeComputation(writer: CodeWriter): void {
  const { random, opcodes } = writer;
  const opcode = random.chance(0.12) ? random.pick(opcodes.ternary) : random.pick(opcodes.binary);
  if (opcode <= 0x09 && opcode >= 0x08) writer.push(drawOperand(random));
  if (random.chance(0.25)) writeOperand(writer);
  else writer.push(drawOperand(random));
  const isCount = opcode === OP.BYTE || opcode === OP.SIGNEXTEND || (opcode >= OP.SHL && opcode <= OP.SAR);
  if (isCount) writer.push(drawCount(random));
  else writer.push(drawOperand(random));
  if (random.chance(0.15)) writer.swap(1);
  const operandCount = opcode === 0x08 || opcode === 0x09 ? 3 : 2;
  writer.op(opcode, operandCount, 1);
  if (random.chance(0.1)) writer.op(random.pick(opcodes.unary.filter((unary) => unary !== OP.ISZERO)), 1, 1);
  if (writer.height < 2) return;
  // Each of these keeps what either side says.
  writer.op(random.pick([OP.ADD, OP.SUB, OP.XOR]), 2, 1);
}

/** One statement that neither branches nor creates. */
export function writeStatement(writer: CodeWriter): void {
  writer.random.pick(WEIGHTED)(writer);
  if (writer.height > HEIGHT_KEPT_MAX) writer.settle(writer.random.below(HEIGHT_KEPT_MAX));
}

/** Instructions without any regard for the stack. */
export function writeWildInstructions(writer: CodeWriter, count: number): void {
  const { random } = writer;
  for (let i = 0; i < count; i++) {
    if (random.chance(0.4)) writer.raw(drawOperand(random));
    else writer.raw(drawOpcode(random, writer.opcodes));
  }
  // What is on the stack now is anybody's guess.
  writer.height = 0;
}

/** Any byte, but seldom one that the fork gives no meaning. */
export function drawOpcode(random: SeededRandom, opcodes: ForkOpcodes): number {
  for (;;) {
    const byte = random.below(256);
    if ((opcodeName(byte) !== null && opcodes.has(byte)) || random.chance(0.1)) return byte;
  }
}

/** Folds what is on the stack into one word, and ends the frame with it. */
export function writeEnding(writer: CodeWriter): void {
  const { random } = writer;
  const kind = random.below(24);
  if (kind === 0) {
    writer.op(0x00, 0, 0);
    return;
  }
  if (kind === 1) {
    writer.push(drawAddress(random));
    writer.op(OP.SELFDESTRUCT, 1, 0);
    return;
  }
  while (writer.height > 1) writer.op(random.chance(0.5) ? OP.XOR : OP.ADD, 2, 1);
  if (writer.height > 0) {
    writer.pushNumber(0);
    if (random.chance(0.2)) {
      writer.op(OP.SSTORE, 2, 0);
      return;
    }
    writer.op(OP.MSTORE, 2, 0);
  }
  const isRevert = kind < 4 && writer.opcodes.has(OP.REVERT);
  writer.push(random.chance(0.9) ? operandOf(32 * random.below(7)) : drawRange(random).length);
  writer.pushNumber(0);
  writer.op(isRevert ? OP.REVERT : OP.RETURN, 2, 0);
}
