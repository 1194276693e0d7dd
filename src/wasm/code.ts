// Expressions over the function emitter: operands nest as values instead of being pushed one by one, and local variables
// are taken from a pool. Everything is written straight to bytes when a statement is made.
//
//   const sum = code.i64(i64.add(a, i64.load(address, 8)));
//   code.if(i64.eqz(sum), () => code.return(0));
//
// A variable holds whatever its local held before until it is set: locals are reused.

import { assert } from "#base/assert.ts";
import { wasmFeatures } from "./features.ts";
import type { FunctionEmitter, FunctionIndex, GlobalIndex, Label, Local, ValueType } from "./function-emitter.ts";
import { CONTROL, I32, I64, type LaneOpcode, type MemoryOpcode, type PlainOpcode, V128 } from "./opcodes.ts";

type NumberType = "i32" | "i64" | "v128";

/** A local variable of one type. */
export type Var<T extends NumberType = NumberType> = { readonly local: Local; readonly type: T };

/** Something that pushes one value of a type when it is emitted. */
export type Value<T extends NumberType = NumberType> = {
  readonly type: T;
  readonly emit: (f: FunctionEmitter) => void;
};

/** What an expression takes as a 32-bit operand. Numbers are constants. */
export type Operand32 = Var<"i32"> | Value<"i32"> | number;
/** What an expression takes as a 64-bit operand. Numbers and bigints are constants. */
export type Operand64 = Var<"i64"> | Value<"i64"> | bigint | number;
/** What an expression takes as a 128-bit operand. */
export type Vector = Var<"v128"> | Value<"v128">;

/** Emits a 32-bit operand. */
export function push32(f: FunctionEmitter, operand: Operand32): void {
  if (typeof operand === "number") f.i32Const(operand);
  else pushTyped(f, operand);
}

/** Emits a 64-bit operand. */
export function push64(f: FunctionEmitter, operand: Operand64): void {
  if (typeof operand === "number" || typeof operand === "bigint") f.i64Const(operand);
  else pushTyped(f, operand);
}

/** Emits an operand that is no constant. */
export function pushTyped(f: FunctionEmitter, operand: Var | Value): void {
  if ("local" in operand) f.get(operand.local);
  else operand.emit(f);
}

function value<T extends NumberType>(type: T, emit: (f: FunctionEmitter) => void): Value<T> {
  return { type, emit };
}

const binary32 = (opcode: PlainOpcode) => (a: Operand32, b: Operand32) =>
  value("i32", (f) => {
    push32(f, a);
    push32(f, b);
    f.op(opcode);
  });

const binary64 = (opcode: PlainOpcode) => (a: Operand64, b: Operand64) =>
  value("i64", (f) => {
    push64(f, a);
    push64(f, b);
    f.op(opcode);
  });

const unary64 = (opcode: PlainOpcode) => (a: Operand64) =>
  value("i64", (f) => {
    push64(f, a);
    f.op(opcode);
  });

const compare64 = (opcode: PlainOpcode) => (a: Operand64, b: Operand64) =>
  value("i32", (f) => {
    push64(f, a);
    push64(f, b);
    f.op(opcode);
  });

const load =
  <T extends NumberType>(type: T, opcode: MemoryOpcode) =>
  (address: Operand32, offset = 0) =>
    value(type, (f) => {
      push32(f, address);
      f.memory(opcode, offset);
    });

/** Expressions of 32 bits. */
export const i32 = {
  add: binary32(I32.add),
  sub: binary32(I32.sub),
  mul: binary32(I32.mul),
  divU: binary32(I32.divU),
  remU: binary32(I32.remU),
  and: binary32(I32.and),
  or: binary32(I32.or),
  xor: binary32(I32.xor),
  shl: binary32(I32.shl),
  shrU: binary32(I32.shrU),
  rotl: binary32(I32.rotl),
  eq: binary32(I32.eq),
  ne: binary32(I32.ne),
  ltU: binary32(I32.ltU),
  leU: binary32(I32.leU),
  gtU: binary32(I32.gtU),
  geU: binary32(I32.geU),
  ltS: binary32(I32.ltS),
  gtS: binary32(I32.gtS),
  eqz: (a: Operand32) =>
    value("i32", (f) => {
      push32(f, a);
      f.op(I32.eqz);
    }),
  /** The low half of a 64-bit value. */
  wrap: (a: Operand64) =>
    value("i32", (f) => {
      push64(f, a);
      f.op(I32.wrapI64);
    }),
  load: load("i32", I32.load),
  load8: load("i32", I32.load8U),
  load16: load("i32", I32.load16U),
  global: (global: GlobalIndex) => value("i32", (f) => f.globalGet(global)),
  /** `whenTrue` when the condition is not zero, else `whenFalse`; both are evaluated. */
  select: (condition: Operand32, whenTrue: Operand32, whenFalse: Operand32) =>
    value("i32", (f) => {
      push32(f, whenTrue);
      push32(f, whenFalse);
      push32(f, condition);
      f.op(CONTROL.select);
    }),
} as const;

/** Expressions of 64 bits. */
export const i64 = {
  add: binary64(I64.add),
  sub: binary64(I64.sub),
  mul: binary64(I64.mul),
  divS: binary64(I64.divS),
  divU: binary64(I64.divU),
  remS: binary64(I64.remS),
  remU: binary64(I64.remU),
  and: binary64(I64.and),
  or: binary64(I64.or),
  xor: binary64(I64.xor),
  shl: binary64(I64.shl),
  shrU: binary64(I64.shrU),
  shrS: binary64(I64.shrS),
  rotl: binary64(I64.rotl),
  eq: compare64(I64.eq),
  ne: compare64(I64.ne),
  ltU: compare64(I64.ltU),
  leU: compare64(I64.leU),
  gtU: compare64(I64.gtU),
  geU: compare64(I64.geU),
  ltS: compare64(I64.ltS),
  leS: compare64(I64.leS),
  gtS: compare64(I64.gtS),
  geS: compare64(I64.geS),
  eqz: (a: Operand64) =>
    value("i32", (f) => {
      push64(f, a);
      f.op(I64.eqz);
    }),
  clz: unary64(I64.clz),
  ctz: unary64(I64.ctz),
  /** The lowest 8, 16 or 32 bits, sign-extended. */
  extend8S: unary64(I64.extend8S),
  extend16S: unary64(I64.extend16S),
  extend32S: unary64(I64.extend32S),
  /** A 32-bit value, unsigned. */
  extend: (a: Operand32) =>
    value("i64", (f) => {
      push32(f, a);
      f.op(I64.extendI32U);
    }),
  load: load("i64", I64.load),
  load8: load("i64", I64.load8U),
  load32: load("i64", I64.load32U),
  global: (global: GlobalIndex) => value("i64", (f) => f.globalGet(global)),
  /** `whenTrue` when the condition is not zero, else `whenFalse`; both are evaluated. */
  select: (condition: Operand32, whenTrue: Operand64, whenFalse: Operand64) =>
    value("i64", (f) => {
      push64(f, whenTrue);
      push64(f, whenFalse);
      push32(f, condition);
      f.op(CONTROL.select);
    }),
} as const;

/** Expressions of 128 bits. */
export const v128 = {
  load: load("v128", V128.load),
  /** A constant of 16 bytes. */
  constant: (bytes: Uint8Array) => value("v128", (f) => f.v128Const(bytes)),
  /** One 64-bit value in both lanes. */
  splat64: (a: Operand64) =>
    value("v128", (f) => {
      push64(f, a);
      f.op(V128.i64x2Splat);
    }),
  /** Bytes of two vectors in a constant order; see `FunctionEmitter.shuffle`. */
  shuffle: (a: Vector, b: Vector, lanes: readonly number[]) =>
    value("v128", (f) => {
      pushTyped(f, a);
      pushTyped(f, b);
      f.shuffle(lanes);
    }),
  /** One half as a 64-bit value. */
  lane64: (a: Vector, lane: 0 | 1) =>
    value("i64", (f) => {
      pushTyped(f, a);
      f.lane(V128.i64x2ExtractLane as LaneOpcode, lane);
    }),
  /** Two 64-bit values, low lane first. */
  make64: (low: Operand64, high: Operand64) =>
    value("v128", (f) => {
      push64(f, low);
      f.op(V128.i64x2Splat);
      push64(f, high);
      f.lane(V128.i64x2ReplaceLane, 1);
    }),
} as const;

/** 128 bits as two operands: low and high half. */
export type Pair = readonly [Operand64, Operand64];

type Scope = { readonly taken: Var[]; readonly outer: Scope | null };

/** Statements of one function body. */
export class Code {
  /** The emitter beneath, for what has no expression form. */
  readonly f: FunctionEmitter;
  /** Whether products of 128 bits are one instruction; else they are made of 32-bit halves. */
  readonly wideArithmetic: boolean;
  readonly #free: Record<NumberType, Local[]> = { i32: [], i64: [], v128: [] };
  #scope: Scope | null = null;

  /** @param wideArithmetic what the engine has, unless told */
  constructor(f: FunctionEmitter, wideArithmetic = wasmFeatures().wideArithmetic) {
    this.f = f;
    this.wideArithmetic = wideArithmetic;
  }

  /** The parameter at `index`, which must have this type. */
  param<T extends NumberType>(index: number, type: T): Var<T> {
    return { local: this.f.param(index), type };
  }

  /** A variable of 32 bits, set when a value is given. */
  i32(initial?: Operand32): Var<"i32"> {
    const variable = this.#take("i32");
    if (initial !== undefined) this.set(variable, initial);
    return variable;
  }

  /** A variable of 64 bits, set when a value is given. */
  i64(initial?: Operand64): Var<"i64"> {
    const variable = this.#take("i64");
    if (initial !== undefined) this.set(variable, initial);
    return variable;
  }

  /** A variable of 128 bits, set when a value is given. */
  v128(initial?: Vector): Var<"v128"> {
    const variable = this.#take("v128");
    if (initial !== undefined) {
      pushTyped(this.f, initial);
      this.f.set(variable.local);
    }
    return variable;
  }

  /** Runs `body`; the variables that it takes are free again afterwards. Scopes nest. */
  scope<R>(body: () => R): R {
    const scope: Scope = { taken: [], outer: this.#scope };
    this.#scope = scope;
    const result = body();
    for (const { type, local } of scope.taken) this.#free[type].push(local);
    this.#scope = scope.outer;
    return result;
  }

  /** Lets a variable that the innermost scope took live on in the scope around it; others are left alone. */
  keep(variable: Var): void {
    const scope = this.#scope;
    const index = scope === null ? -1 : scope.taken.findIndex(({ local }) => local === variable.local);
    if (scope === null || index < 0) return;
    scope.taken.splice(index, 1);
    scope.outer?.taken.push(variable);
  }

  /** Assigns a variable. */
  set<T extends "i32" | "i64">(variable: Var<T>, operand: T extends "i32" ? Operand32 : Operand64): void {
    this.push(variable.type, operand as Operand32 & Operand64);
    this.f.set(variable.local);
  }

  /** Pushes an operand. */
  push(type: "i32" | "i64", operand: Operand32 | Operand64): void {
    if (type === "i32") push32(this.f, operand as Operand32);
    else push64(this.f, operand as Operand64);
  }

  /** Pops the results of what was pushed last into variables, the last result first. */
  pop(variables: readonly Var[]): void {
    for (let i = variables.length - 1; i >= 0; i--) this.f.set(variables[i]!.local);
  }

  /** Pushes operands by their own types; numbers are 32-bit and bigints 64-bit constants. */
  pushAll(operands: readonly (Var | Value | number | bigint)[]): void {
    for (const operand of operands) {
      if (typeof operand === "number") this.f.i32Const(operand);
      else if (typeof operand === "bigint") this.f.i64Const(operand);
      else pushTyped(this.f, operand);
    }
  }

  /** Calls a function without results, or whose results `pop` takes. Numbers are 32-bit, bigints 64-bit constants. */
  call(target: FunctionIndex, ...operands: readonly (Var | Value | number | bigint)[]): void {
    this.pushAll(operands);
    this.f.call(target);
  }

  /** A call with one 32-bit result as an expression. */
  call32(target: FunctionIndex, ...operands: readonly (Var | Value | number | bigint)[]): Value<"i32"> {
    return value("i32", () => this.call(target, ...operands));
  }

  /** A call with one 64-bit result as an expression. */
  call64(target: FunctionIndex, ...operands: readonly (Var | Value | number | bigint)[]): Value<"i64"> {
    return value("i64", () => this.call(target, ...operands));
  }

  /** The product of two unsigned 64-bit values: low and high half, new variables. */
  mulWide(a: Operand64, b: Operand64): [Var<"i64">, Var<"i64">] {
    const low = this.i64();
    const high = this.i64();
    if (this.wideArithmetic) {
      push64(this.f, a);
      push64(this.f, b);
      this.f.op(I64.mulWideU);
      this.pop([low, high]);
    } else {
      this.scope(() => this.#mulHalves(this.i64(a), this.i64(b), low, high));
    }
    return [low, high];
  }

  /** The product of signed values: low and high half, new variables. */
  mulWideSigned(a: Operand64, b: Operand64): [Var<"i64">, Var<"i64">] {
    if (this.wideArithmetic) {
      const [low, high] = [this.i64(), this.i64()];
      push64(this.f, a);
      push64(this.f, b);
      this.f.op(I64.mulWideS);
      this.pop([low, high]);
      return [low, high];
    }
    const [low, high] = this.mulWide(a, b);
    const correction = i64.add(i64.and(i64.shrS(a, 63), b), i64.and(i64.shrS(b, 63), a));
    this.set(high, i64.sub(high, correction));
    return [low, high];
  }

  /** a · b + c + d of unsigned 64-bit values, which 128 bits hold: low and high half, new variables. */
  mulAdd(a: Operand64, b: Operand64, c: Operand64, d: Operand64 = 0n): [Var<"i64">, Var<"i64">] {
    if (!this.wideArithmetic) {
      const product = this.mulWide(a, b);
      for (const term of [c, d]) if (term !== 0n) this.#addToPair(product, this.i64(term));
      return product;
    }
    const low = this.i64();
    const high = this.i64();
    push64(this.f, a);
    push64(this.f, b);
    this.f.op(I64.mulWideU);
    for (const term of [c, d]) {
      if (term === 0n) continue;
      push64(this.f, term);
      this.f.i64Const(0);
      this.f.op(I64.add128);
    }
    this.pop([low, high]);
    return [low, high];
  }

  /** The sum of two pairs (low, high) modulo 2^128, new variables. */
  add128(a: Pair, b: Pair): [Var<"i64">, Var<"i64">] {
    if (this.wideArithmetic) return this.#wide(I64.add128, a, b);
    const addend = this.i64(b[0]);
    const low = this.i64(i64.add(a[0], addend));
    return [low, this.i64(i64.add(i64.add(a[1], b[1]), i64.extend(i64.ltU(low, addend))))];
  }

  /** The difference of two pairs (low, high) modulo 2^128, new variables. */
  sub128(a: Pair, b: Pair): [Var<"i64">, Var<"i64">] {
    if (this.wideArithmetic) return this.#wide(I64.sub128, a, b);
    const from = this.i64(a[0]);
    const taken = this.i64(b[0]);
    const high = this.i64(i64.sub(i64.sub(a[1], b[1]), i64.extend(i64.ltU(from, taken))));
    return [this.i64(i64.sub(from, taken)), high];
  }

  /** Stores 32 bits. */
  store32(address: Operand32, offset: number, operand: Operand32): void {
    push32(this.f, address);
    push32(this.f, operand);
    this.f.memory(I32.store, offset);
  }

  /** Stores the low 8 bits. */
  store8(address: Operand32, offset: number, operand: Operand32): void {
    push32(this.f, address);
    push32(this.f, operand);
    this.f.memory(I32.store8, offset);
  }

  /** Stores 64 bits. */
  store64(address: Operand32, offset: number, operand: Operand64): void {
    push32(this.f, address);
    push64(this.f, operand);
    this.f.memory(I64.store, offset);
  }

  /** Stores 128 bits. */
  store128(address: Operand32, offset: number, operand: Vector): void {
    push32(this.f, address);
    pushTyped(this.f, operand);
    this.f.memory(V128.store, offset);
  }

  /** Copies bytes; the ranges may overlap. */
  copy(destination: Operand32, source: Operand32, sizeBytes: Operand32): void {
    push32(this.f, destination);
    push32(this.f, source);
    push32(this.f, sizeBytes);
    this.f.memoryCopy();
  }

  /** Fills bytes. */
  fill(destination: Operand32, byte: Operand32, sizeBytes: Operand32): void {
    push32(this.f, destination);
    push32(this.f, byte);
    push32(this.f, sizeBytes);
    this.f.memoryFill();
  }

  /** Branches on a condition. */
  if(condition: Operand32, whenTrue: () => void, whenFalse?: () => void): void {
    push32(this.f, condition);
    this.f.if(whenTrue, whenFalse);
  }

  /** Repeats while a condition holds. */
  while(condition: Operand32, body: (done: Label) => void): void {
    this.f.block((done) => {
      this.f.loop((again) => {
        push32(this.f, condition);
        this.f.op(I32.eqz);
        this.f.brIf(done);
        body(done);
        this.f.br(again);
      });
    });
  }

  /** Leaves to a label when a condition holds. */
  brIf(condition: Operand32, label: Label): void {
    push32(this.f, condition);
    this.f.brIf(label);
  }

  /** Returns; numbers are 32-bit, bigints 64-bit constants. */
  return(...operands: readonly (Var | Value | number | bigint)[]): void {
    this.pushAll(operands);
    this.f.op(CONTROL.return);
  }

  #wide(opcode: PlainOpcode, a: Pair, b: Pair): [Var<"i64">, Var<"i64">] {
    const low = this.i64();
    const high = this.i64();
    for (const operand of [...a, ...b]) push64(this.f, operand);
    this.f.op(opcode);
    this.pop([low, high]);
    return [low, high];
  }

  #addToPair([low, high]: readonly [Var<"i64">, Var<"i64">], term: Var<"i64">): void {
    this.set(low, i64.add(low, term));
    this.set(high, i64.add(high, i64.extend(i64.ltU(low, term))));
  }

  // Schoolbook with 32-bit digits; no sum below exceeds 64 bits.
  #mulHalves(a: Var<"i64">, b: Var<"i64">, low: Var<"i64">, high: Var<"i64">): void {
    const half = 0xffff_ffffn;
    const aLow = this.i64(i64.and(a, half));
    const aHigh = this.i64(i64.shrU(a, 32));
    const bLow = this.i64(i64.and(b, half));
    const bHigh = this.i64(i64.shrU(b, 32));
    const middle = this.i64(i64.add(i64.mul(aHigh, bLow), i64.shrU(i64.mul(aLow, bLow), 32)));
    const other = this.i64(i64.add(i64.mul(aLow, bHigh), i64.and(middle, half)));
    this.set(high, i64.add(i64.add(i64.mul(aHigh, bHigh), i64.shrU(middle, 32)), i64.shrU(other, 32)));
    this.set(low, i64.mul(a, b));
  }

  #take<T extends NumberType>(type: T): Var<T> {
    const local = this.#free[type].pop() ?? this.f.local(type as ValueType);
    this.#scope?.taken.push({ type, local });
    assert(local >= 0, "a local has an index");
    return { local, type };
  }
}
