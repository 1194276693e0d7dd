// Which places of a byte code may be jumped to: JUMPDEST bytes that are no operand of a PUSH. Every first call of a code waits for
// this, so it goes 64 bytes at a time: vector compares find all PUSH and JUMPDEST bytes, and only from PUSH to PUSH one has to walk.
//
//   code     60 01 5b 61 5b 00 ...        JUMPDEST bits  0 0 1 0 1 0
//   operands  0  1  0  0  1  1            map            0 0 1 0 0 0

import { CODE_MAP_JUMPDEST } from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Operand32, type Operand64, type Value, type Var } from "#wasm/code.ts";
import { V128 } from "#wasm/opcodes.ts";

const JUMPDEST = 0x5b;
const PUSH1 = 0x60;
/** Under these bits PUSH1 to PUSH32 are all as PUSH1 is. */
const PUSH_MASK = 0xe0;
const CHUNK_SIZE_BYTES = 64;
const VECTOR_SIZE_BYTES = 16;

/** Emits the body of a function (code, size, map): the map is zero before, and code is followed by 64 zero bytes. */
export function emitJumpMap(code: Code): void {
  const at = code.i32(code.param(0, "i32"));
  const end = code.i32(i32.add(at, code.param(1, "i32")));
  const map = code.i32(code.param(2, "i32"));
  // Bytes at the start of the chunk that are operands of a PUSH before it.
  const skipped = code.i64(0n);
  code.while(i32.ltU(at, end), () => {
    const operands = code.i64(i64.xor(i64.shl(-1n, skipped), -1n));
    emitOperands(code, at, operands, skipped);
    const places = code.i64(maskOf(code, at, 0xff, JUMPDEST));
    code.set(places, i64.and(places, i64.xor(operands, -1n)));
    code.while(i64.ne(places, 0n), () => {
      code.store8(i32.add(map, i32.wrap(i64.ctz(places))), 0, CODE_MAP_JUMPDEST);
      code.set(places, i64.and(places, i64.sub(places, 1n)));
    });
    code.set(at, i32.add(at, CHUNK_SIZE_BYTES));
    code.set(map, i32.add(map, CHUNK_SIZE_BYTES));
  });
}

/** Adds the operands of the chunk's PUSH bytes to those that were skipped; `skipped` becomes the count for the next chunk. */
function emitOperands(code: Code, at: Var<"i32">, operands: Var<"i64">, skipped: Var<"i64">): void {
  const pushes = code.i64(i64.and(maskOf(code, at, PUSH_MASK, PUSH1), i64.xor(operands, -1n)));
  const place = code.i64();
  const size = code.i64();
  const behind = code.i64();
  const behindOperand = code.i64();
  code.while(i64.ne(pushes, 0n), () => {
    code.set(place, i64.ctz(pushes));
    code.set(size, i64.sub(i64.load8(i32.add(at, i32.wrap(place))), PUSH1 - 1));
    // Shifted in steps, since a shift by 64 would do nothing.
    code.set(behind, i64.shl(i64.shl(-1n, place), 1n));
    code.set(behindOperand, i64.shl(behind, size));
    code.set(operands, i64.or(operands, i64.xor(behind, behindOperand)));
    code.set(pushes, i64.and(pushes, behindOperand));
    code.set(skipped, i64.add(i64.add(place, size), 1n));
  });
  const rest = i64.sub(skipped, CHUNK_SIZE_BYTES);
  code.set(skipped, i64.select(i64.gtS(skipped, CHUNK_SIZE_BYTES), rest, 0n));
}

/** One bit for each byte of the chunk: whether its bits under a mask are those of `byte`. */
function maskOf(code: Code, at: Var<"i32">, mask: number, byte: number): Operand64 {
  let bits: Operand64 = 0n;
  for (let offset = 0; offset < CHUNK_SIZE_BYTES; offset += VECTOR_SIZE_BYTES) {
    const part = i64.extend(vectorMask(code, i32.add(at, offset), mask, byte));
    bits = offset === 0 ? part : i64.or(bits, i64.shl(part, offset));
  }
  return bits;
}

function vectorMask(code: Code, address: Operand32, mask: number, byte: number): Value<"i32"> {
  return {
    type: "i32",
    emit: (f) => {
      code.push("i32", address);
      f.memory(V128.load, 0);
      if (mask !== 0xff) {
        f.i32Const(mask);
        f.op(V128.i8x16Splat);
        f.op(V128.and);
      }
      f.i32Const(byte);
      f.op(V128.i8x16Splat);
      f.op(V128.i8x16Eq);
      f.op(V128.i8x16Bitmask);
    },
  };
}
