// The inverse modulo a prime in WebAssembly, in variable time, by division steps: 62 steps at a time are computed on the
// lowest words alone and then applied to the whole numbers, which are kept in signed limbs of 62 bits.
//
// @see Bernstein, Yang, "Fast constant-time gcd computation and modular inversion"; Wuille, "The safegcd implementation
// in libsecp256k1 explained", for steps in variable time

import type { FunctionEmitter, FunctionIndex, Local } from "../function-emitter.ts";
import { CONTROL, I64 } from "../opcodes.ts";
import { behind, type KernelModule, KernelProgram, type Place } from "./kernel-program.ts";
import type { PrimeField } from "./prime-field.ts";

const LIMB_BITS = 62;
const LIMB_MASK = (1n << 62n) - 1n;

type Matrix = { readonly u: Local; readonly v: Local; readonly q: Local; readonly r: Local };
type ModularRow = {
  readonly a: Local;
  readonly b: Local;
  readonly low: Local;
  readonly high: Local;
  /** Of the modulus. */
  readonly factor: Local;
};
type Numbers = { readonly d: Place; readonly e: Place; readonly f: Place; readonly g: Place };

/**
 * Defines a function (destination, operand) of canonical numbers in limbs of 64 bits: 1/a, or 0 for 0. In Montgomery
 * form the result lacks a factor R³, which is the caller's to multiply.
 */
export function defineModularInverse(module: KernelModule, field: PrimeField): FunctionIndex {
  const limbCount = Math.floor((64 * field.limbCount) / LIMB_BITS) + 1;
  const numbers: Numbers = {
    d: module.reserve(8 * limbCount),
    e: module.reserve(8 * limbCount),
    f: module.reserve(8 * limbCount),
    g: module.reserve(8 * limbCount),
  };
  return module.builder.defineFunction({ params: ["i32", "i32"], results: [] }, (f) => {
    new InverseEmitter(f, new KernelProgram(f, module.base), { field, limbCount, numbers }).emit();
  });
}

class InverseEmitter {
  readonly #f: FunctionEmitter;
  readonly #p: KernelProgram;
  readonly #field: PrimeField;
  readonly #count: number;
  readonly #modulus: readonly bigint[];
  readonly #numbers: Numbers;
  readonly #matrix: Matrix;
  readonly #low: Local;
  readonly #high: Local;

  constructor(f: FunctionEmitter, p: KernelProgram, shape: { field: PrimeField; limbCount: number; numbers: Numbers }) {
    this.#f = f;
    this.#p = p;
    this.#field = shape.field;
    this.#count = shape.limbCount;
    this.#numbers = shape.numbers;
    this.#modulus = Array.from({ length: this.#count }, (_, i) => (shape.field.modulus >> BigInt(62 * i)) & LIMB_MASK);
    const [u, v, q, r, low, high] = f.locals("i64", 6) as [Local, Local, Local, Local, Local, Local];
    this.#matrix = { u, v, q, r };
    this.#low = low;
    this.#high = high;
  }

  emit(): void {
    const f = this.#f;
    const eta = f.local("i64");
    const { d, e, f: larger, g } = this.#numbers;
    this.#p.clear(d, 8 * this.#count);
    this.#p.clear(e, 8 * this.#count);
    this.#store(e, 0, () => f.i64Const(1));
    for (let i = 0; i < this.#count; i++) this.#store(larger, i, () => f.i64Const(this.#modulus[i]!));
    this.#split(g, { at: f.param(1), offset: 0 });
    f.i64Const(-1);
    f.set(eta);
    f.block((done) => {
      f.loop((again) => {
        for (let i = 0; i < this.#count; i++) {
          this.#load(g, i);
          if (i > 0) f.op(I64.or);
        }
        f.op(I64.eqz);
        f.brIf(done);
        this.#divisionSteps(eta);
        this.#applyModulo(d, e);
        this.#applyExactly(larger, g);
        f.br(again);
      });
    });
    this.#normalize(d, larger);
    this.#join({ at: f.param(0), offset: 0 }, d);
  }

  // 62 steps on the lowest words of f and g; leaves them as a matrix.
  #divisionSteps(eta: Local): void {
    const f = this.#f;
    const { u, v, q, r } = this.#matrix;
    const [x, y, left, zeros, w, t] = f.locals("i64", 6) as [Local, Local, Local, Local, Local, Local];
    for (const [local, value] of [
      [u, 1],
      [v, 0],
      [q, 0],
      [r, 1],
      [left, LIMB_BITS],
    ] as const) {
      f.i64Const(value);
      f.set(local);
    }
    // The two lowest limbs give 64 bits.
    for (const [local, number] of [
      [x, this.#numbers.f],
      [y, this.#numbers.g],
    ] as const) {
      this.#load(number, 0);
      this.#load(number, 1);
      f.i64Const(LIMB_BITS);
      f.op(I64.shl);
      f.op(I64.or);
      f.set(local);
    }
    f.block((done) => {
      f.loop((again) => {
        this.#dropZeros({ y, left, zeros, eta });
        f.get(left);
        f.op(I64.eqz);
        f.brIf(done);
        this.#swapWhenNegative({ x, y, eta, t });
        this.#cancelLowBits({ x, y, left, eta, w });
        f.br(again);
      });
    });
  }

  #dropZeros({ y, left, zeros, eta }: { y: Local; left: Local; zeros: Local; eta: Local }): void {
    const f = this.#f;
    const { u, v } = this.#matrix;
    f.get(y);
    f.i64Const(-1);
    f.get(left);
    f.op(I64.shl);
    f.op(I64.or);
    f.op(I64.ctz);
    f.set(zeros);
    for (const [local, op] of [
      [y, I64.shrU],
      [u, I64.shl],
      [v, I64.shl],
      [eta, I64.sub],
      [left, I64.sub],
    ] as const) {
      f.get(local);
      f.get(zeros);
      f.op(op);
      f.set(local);
    }
  }

  #swapWhenNegative({ x, y, eta, t }: { x: Local; y: Local; eta: Local; t: Local }): void {
    const f = this.#f;
    const { u, v, q, r } = this.#matrix;
    f.get(eta);
    f.i64Const(0);
    f.op(I64.ltS);
    f.if(() => {
      f.i64Const(0);
      f.get(eta);
      f.op(I64.sub);
      f.set(eta);
      for (const [first, second] of [
        [x, y],
        [u, q],
        [v, r],
      ] as const) {
        f.get(first);
        f.set(t);
        f.get(second);
        f.set(first);
        f.i64Const(0);
        f.get(t);
        f.op(I64.sub);
        f.set(second);
      }
    });
  }

  // y += x w with w = -y/x modulo 2^min(eta + 1, left, 6), which clears that many bits of y.
  #cancelLowBits({ x, y, left, eta, w }: { x: Local; y: Local; left: Local; eta: Local; w: Local }): void {
    const f = this.#f;
    const { u, v, q, r } = this.#matrix;
    // x² - 2 is -1/x² modulo 64 for odd x, so x (x² - 2) is -1/x.
    f.get(x);
    f.get(x);
    f.get(x);
    f.op(I64.mul);
    f.i64Const(2);
    f.op(I64.sub);
    f.op(I64.mul);
    f.get(y);
    f.op(I64.mul);
    f.i64Const(-1);
    f.i64Const(64);
    f.get(eta);
    f.i64Const(1);
    f.op(I64.add);
    f.get(left);
    f.get(eta);
    f.get(left);
    f.op(I64.ltS);
    f.op(CONTROL.select);
    f.op(I64.sub);
    f.op(I64.shrU);
    f.op(I64.and);
    f.i64Const(63);
    f.op(I64.and);
    f.set(w);
    for (const [to, from] of [
      [y, x],
      [q, u],
      [r, v],
    ] as const) {
      f.get(to);
      f.get(from);
      f.get(w);
      f.op(I64.mul);
      f.op(I64.add);
      f.set(to);
    }
  }

  // (d, e) = matrix (d, e) / 2^62 modulo the prime, within (-2p, p).
  #applyModulo(d: Place, e: Place): void {
    const f = this.#f;
    const rows = this.#modularRows(d, e);
    const inverse = modularInverseOfWord(this.#modulus[0]!);
    for (let i = 0; i < this.#count; i++) {
      for (const row of rows) {
        this.#multiplyAdd(
          row,
          () => f.get(row.a),
          () => this.#load(d, i),
        );
        this.#multiplyAdd(
          row,
          () => f.get(row.b),
          () => this.#load(e, i),
        );
        if (i === 0) {
          f.get(row.factor);
          f.i64Const(inverse);
          f.get(row.low);
          f.op(I64.mul);
          f.get(row.factor);
          f.op(I64.add);
          f.i64Const(LIMB_MASK);
          f.op(I64.and);
          f.op(I64.sub);
          f.set(row.factor);
        }
        const limb = this.#modulus[i]!;
        if (limb === 0n) continue;
        this.#multiplyAdd(
          row,
          () => f.i64Const(limb),
          () => f.get(row.factor),
        );
      }
      this.#storeLimb(rows, [d, e], i);
    }
  }

  // Accumulators, and the multiples of the modulus that make up for negative operands.
  #modularRows(d: Place, e: Place): readonly ModularRow[] {
    const f = this.#f;
    const { u, v, q, r } = this.#matrix;
    const [signD, signE, factor, factor2, low2, high2] = f.locals("i64", 6) as [
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
    ];
    for (const [local, number] of [
      [signD, d],
      [signE, e],
    ] as const) {
      this.#load(number, this.#count - 1);
      f.i64Const(63);
      f.op(I64.shrS);
      f.set(local);
    }
    const rows = [
      { a: u, b: v, low: this.#low, high: this.#high, factor },
      { a: q, b: r, low: low2, high: high2, factor: factor2 },
    ];
    for (const row of rows) {
      f.get(row.a);
      f.get(signD);
      f.op(I64.and);
      f.get(row.b);
      f.get(signE);
      f.op(I64.and);
      f.op(I64.add);
      f.set(row.factor);
      this.#clear(row);
    }
    return rows;
  }

  // With both rows through limb i, limb i - 1 of the results is known and no longer an operand.
  #storeLimb(rows: readonly { low: Local; high: Local }[], numbers: readonly [Place, Place], i: number): void {
    rows.forEach((row, index) => {
      if (i > 0) this.#store(numbers[index]!, i - 1, () => this.#lowLimb(row));
      this.#shift(row);
      if (i === this.#count - 1) this.#store(numbers[index]!, i, () => this.#f.get(row.low));
    });
  }

  // (f, g) = matrix (f, g) / 2^62, which divides.
  #applyExactly(first: Place, second: Place): void {
    const f = this.#f;
    const { u, v, q, r } = this.#matrix;
    const [low2, high2] = f.locals("i64", 2) as [Local, Local];
    const rows = [
      { a: u, b: v, low: this.#low, high: this.#high },
      { a: q, b: r, low: low2, high: high2 },
    ];
    for (const row of rows) this.#clear(row);
    for (let i = 0; i < this.#count; i++) {
      for (const row of rows) {
        this.#multiplyAdd(
          row,
          () => f.get(row.a),
          () => this.#load(first, i),
        );
        this.#multiplyAdd(
          row,
          () => f.get(row.b),
          () => this.#load(second, i),
        );
      }
      this.#storeLimb(rows, [first, second], i);
    }
  }

  // d, negated where f is -1 and not 1, into [0, p).
  #normalize(d: Place, larger: Place): void {
    const f = this.#f;
    const [mask, sign] = f.locals("i64", 2) as [Local, Local];
    const signOf = (number: Place, to: Local) => {
      this.#load(number, this.#count - 1);
      f.i64Const(63);
      f.op(I64.shrS);
      f.set(to);
    };
    const addModulus = () => {
      for (let i = 0; i < this.#count; i++) {
        this.#store(d, i, () => {
          this.#load(d, i);
          f.i64Const(this.#modulus[i]!);
          f.get(mask);
          f.op(I64.and);
          f.op(I64.add);
        });
      }
    };
    const carry = () => {
      for (let i = 0; i + 1 < this.#count; i++) {
        this.#store(d, i + 1, () => {
          this.#load(d, i + 1);
          this.#load(d, i);
          f.i64Const(LIMB_BITS);
          f.op(I64.shrS);
          f.op(I64.add);
        });
        this.#store(d, i, () => {
          this.#load(d, i);
          f.i64Const(LIMB_MASK);
          f.op(I64.and);
        });
      }
    };
    signOf(d, mask);
    addModulus();
    signOf(larger, sign);
    for (let i = 0; i < this.#count; i++) {
      this.#store(d, i, () => {
        this.#load(d, i);
        f.get(sign);
        f.op(I64.xor);
        f.get(sign);
        f.op(I64.sub);
      });
    }
    carry();
    signOf(d, mask);
    addModulus();
    carry();
  }

  #split(to: Place, from: Place): void {
    const f = this.#f;
    for (let i = 0; i < this.#count; i++) {
      const word = Math.floor((LIMB_BITS * i) / 64);
      const shift = (LIMB_BITS * i) % 64;
      this.#store(to, i, () => {
        this.#load(from, word);
        f.i64Const(shift);
        f.op(I64.shrU);
        if (shift > 64 - LIMB_BITS && word + 1 < this.#field.limbCount) {
          this.#load(from, word + 1);
          f.i64Const(64 - shift);
          f.op(I64.shl);
          f.op(I64.or);
        }
        f.i64Const(LIMB_MASK);
        f.op(I64.and);
      });
    }
  }

  #join(to: Place, from: Place): void {
    const f = this.#f;
    for (let word = 0; word < this.#field.limbCount; word++) {
      const limb = Math.floor((64 * word) / LIMB_BITS);
      const shift = (64 * word) % LIMB_BITS;
      this.#store(to, word, () => {
        this.#load(from, limb);
        f.i64Const(shift);
        f.op(I64.shrU);
        this.#load(from, limb + 1);
        f.i64Const(LIMB_BITS - shift);
        f.op(I64.shl);
        f.op(I64.or);
      });
    }
  }

  #multiplyAdd(row: { low: Local; high: Local }, a: () => void, b: () => void): void {
    const f = this.#f;
    f.get(row.low);
    f.get(row.high);
    a();
    b();
    f.op(I64.mulWideS);
    f.op(I64.add128);
    f.set(row.high);
    f.set(row.low);
  }

  #lowLimb(row: { low: Local }): void {
    this.#f.get(row.low);
    this.#f.i64Const(LIMB_MASK);
    this.#f.op(I64.and);
  }

  #shift(row: { low: Local; high: Local }): void {
    const f = this.#f;
    f.get(row.low);
    f.i64Const(LIMB_BITS);
    f.op(I64.shrU);
    f.get(row.high);
    f.i64Const(64 - LIMB_BITS);
    f.op(I64.shl);
    f.op(I64.or);
    f.set(row.low);
    f.get(row.high);
    f.i64Const(LIMB_BITS);
    f.op(I64.shrS);
    f.set(row.high);
  }

  #clear(row: { low: Local; high: Local }): void {
    this.#f.i64Const(0);
    this.#f.set(row.low);
    this.#f.i64Const(0);
    this.#f.set(row.high);
  }

  #load(number: Place, limb: number): void {
    this.#p.push({ at: number.at, offset: 0 });
    this.#f.memory(I64.load, number.offset + 8 * limb);
  }

  #store(number: Place, limb: number, value: () => void): void {
    this.#p.push({ at: number.at, offset: 0 });
    value();
    this.#f.memory(I64.store, behind(number, 8 * limb).offset);
  }
}

// 1/a modulo 2^62 for odd a.
function modularInverseOfWord(a: bigint): bigint {
  let inverse = 1n;
  for (let i = 0; i < 6; i++) inverse = BigInt.asUintN(64, inverse * (2n - a * inverse));
  return inverse & LIMB_MASK;
}
