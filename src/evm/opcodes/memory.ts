// Rows 0x51 to 0x53, 0x59 and 0x5e: the frame's memory. A range within the memory of the moment is accessed inline; otherwise
// `expand` makes it part of memory first.

import { i32, i64, type Operand32, type Operand64 } from "#wasm/code.ts";
import { loadBytes, storeBytes } from "../words/memory.ts";
import { isZeroFrom, type Word } from "../words/word.ts";
import type { Opcode, OpcodeContext } from "./opcode.ts";
import { always, low32, price, saturated, since, TIER } from "./row.ts";

const WORD_SIZE_BYTES = 32;
/** An offset that is known and at most this is compared in 32 bits. */
const KNOWN_OFFSET_MAX = 0x7fff_0000n;

/** See the head of the file. */
export const MEMORY: readonly Opcode[] = [
  {
    kind: "word",
    byte: 0x51,
    name: "MLOAD",
    inputs: 1,
    outputs: 1,
    exists: always,
    gas: price(TIER.veryLow),
    emit: (c, [offset]) => loadBytes(c.code, reach(c, offset!, WORD_SIZE_BYTES), 0),
  },
  {
    kind: "word",
    byte: 0x52,
    name: "MSTORE",
    inputs: 2,
    outputs: 0,
    exists: always,
    gas: price(TIER.veryLow),
    emit: (c, [offset, value]) => {
      storeBytes(c.code, reach(c, offset!, WORD_SIZE_BYTES), 0, value!);
      return null;
    },
  },
  {
    kind: "word",
    byte: 0x53,
    name: "MSTORE8",
    inputs: 2,
    outputs: 0,
    exists: always,
    gas: price(TIER.veryLow),
    emit: (c, [offset, value]) => {
      c.code.store8(reach(c, offset!, 1), 0, low32(value![0]));
      return null;
    },
  },
  {
    kind: "word",
    byte: 0x59,
    name: "MSIZE",
    inputs: 0,
    outputs: 1,
    exists: always,
    gas: price(TIER.base),
    emit: (c) => [c.code.i64(i64.extend(c.memorySize)), 0n, 0n, 0n],
  },
  {
    kind: "word",
    byte: 0x5e,
    name: "MCOPY",
    inputs: 3,
    outputs: 0,
    exists: since("cancun"),
    gas: price(TIER.veryLow),
    emit: (c, operands) => {
      const limbs = operands.map((word) => saturated(c.code, word));
      c.callWithGas("memoryCopy", limbs, []);
      c.reloadMemorySize();
      return null;
    },
  },
];

/** Makes `sizeBytes` from `offset` on part of memory, and answers their address. */
function reach(c: OpcodeContext, offset: Word, sizeBytes: number) {
  c.code.if(isBeyond(c, offset, sizeBytes), () => {
    c.callWithGas("expand", [saturated(c.code, offset), BigInt(sizeBytes)], []);
    c.reloadMemorySize();
  });
  return c.code.i32(i32.add(c.memory, low32(offset[0])));
}

/**
 * Whether the range ends behind memory. With `room` the size of memory less that of the range, less the offset: below 2^32 and not
 * negative when the range fits, so that one look at the high bits of everything answers.
 */
function isBeyond(c: OpcodeContext, offset: Word, sizeBytes: number): Operand32 {
  const [low, ...high] = offset;
  if (isZeroFrom(offset, 1) && typeof low === "bigint" && low <= KNOWN_OFFSET_MAX) {
    return i32.gtU(Number(low) + sizeBytes, c.memorySize);
  }
  const room = i64.sub(i64.sub(i64.extend(c.memorySize), BigInt(sizeBytes)), low);
  let bits: Operand64 = i64.shrU(i64.or(low, room), 32n);
  for (const limb of high) if (limb !== 0n) bits = i64.or(limb, bits);
  return i64.ne(bits, 0n);
}
