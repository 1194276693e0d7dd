// The compression function of BLAKE2b in WebAssembly, with any number of rounds. Ten rounds are written out, since their
// order of message words repeats after ten; the 16 words of the working state live in locals, message words are loaded
// where they are used.
//
// The kernel's range, from `base` (a multiple of 8), all words little-endian:
//
//   0     state, 8 × 8; the result replaces it
//   64    message block, 16 × 8
//   192   counter, 2 × 8
//
// @see RFC 7693, section 3.2; EIP-152

import { ModuleBuilder } from "../assembler.ts";
import type { FunctionEmitter, Local } from "../function-emitter.ts";
import { I32, I64 } from "../opcodes.ts";

/** Size of the kernel's range, bytes. */
export const BLAKE2F_RANGE_SIZE_BYTES = 208;

const MESSAGE_OFFSET = 64;
const COUNTER_OFFSET = 192;

/** What the module exports. */
export type Blake2fKernel = {
  /** Compresses the block in the range; `rounds` is unsigned, `isLast` is 0 or 1. */
  readonly compress: (rounds: number, isLast: number) => void;
};

/** The module's bytes. Imports `env.memory` and `env.base`. */
export function emitBlake2fModule(shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 65_536, shared });
  const baseGlobal = module.importGlobal({ module: "env", name: "base" }, "i32");
  const compress = module.defineFunction({ params: ["i32", "i32"], results: [] }, (f) => {
    const base = f.local("i32");
    f.globalGet(baseGlobal);
    f.set(base);
    emitCompress(f, base);
  });
  module.exportFunction("compress", compress);
  return module.build();
}

function emitCompress(f: FunctionEmitter, base: Local): void {
  const [remaining, isLast] = f.params as [Local, Local];
  const v = f.locals("i64", 16);
  for (let i = 0; i < 8; i++) {
    f.get(base);
    f.memory(I64.load, 8 * i);
    f.set(v[i]!);
    f.i64Const(INITIAL_VALUES[i]!);
    if (i === 4 || i === 5) {
      f.get(base);
      f.memory(I64.load, COUNTER_OFFSET + 8 * (i - 4));
      f.op(I64.xor);
    }
    if (i === 6) {
      f.i64Const(0);
      f.get(isLast);
      f.op(I64.extendI32U);
      f.op(I64.sub);
      f.op(I64.xor);
    }
    f.set(v[8 + i]!);
  }
  f.block((done) => {
    f.loop((again) => {
      for (const order of MESSAGE_ORDERS) {
        f.get(remaining);
        f.op(I32.eqz);
        f.brIf(done);
        emitRound(f, { v, base, order });
        f.get(remaining);
        f.i32Const(1);
        f.op(I32.sub);
        f.set(remaining);
      }
      f.br(again);
    });
  });
  for (let i = 0; i < 8; i++) {
    f.get(base);
    f.get(base);
    f.memory(I64.load, 8 * i);
    f.get(v[i]!);
    f.op(I64.xor);
    f.get(v[8 + i]!);
    f.op(I64.xor);
    f.memory(I64.store, 8 * i);
  }
}

// Columns, then diagonals.
function emitRound(f: FunctionEmitter, at: { v: readonly Local[]; base: Local; order: readonly number[] }): void {
  for (let i = 0; i < 8; i++) {
    const shift = i < 4 ? 0 : 1;
    const [a, b, c, d] = [0, 1, 2, 3].map((row) => at.v[4 * row + ((i + shift * row) % 4)]!) as [
      Local,
      Local,
      Local,
      Local,
    ];
    emitHalfMix(f, { a, b, c, d, base: at.base, word: at.order[2 * i]!, turnD: 32, turnB: 24 });
    emitHalfMix(f, { a, b, c, d, base: at.base, word: at.order[2 * i + 1]!, turnD: 16, turnB: 63 });
  }
}

type HalfMix = { a: Local; b: Local; c: Local; d: Local; base: Local; word: number; turnD: number; turnB: number };

function emitHalfMix(f: FunctionEmitter, { a, b, c, d, base, word, turnD, turnB }: HalfMix): void {
  f.get(a);
  f.get(b);
  f.op(I64.add);
  f.get(base);
  f.memory(I64.load, MESSAGE_OFFSET + 8 * word);
  f.op(I64.add);
  f.tee(a);
  f.get(d);
  f.op(I64.xor);
  f.i64Const(turnD);
  f.op(I64.rotr);
  f.tee(d);
  f.get(c);
  f.op(I64.add);
  f.tee(c);
  f.get(b);
  f.op(I64.xor);
  f.i64Const(turnB);
  f.op(I64.rotr);
  f.set(b);
}

// @see RFC 7693, section 2.6: as SHA-512's
const INITIAL_VALUES: readonly bigint[] = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
];

// @see RFC 7693, section 2.7
const MESSAGE_ORDERS: readonly (readonly number[])[] = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
