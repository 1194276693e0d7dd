// Row 0x20: the hash of a range of memory.

import type { Opcode } from "./opcode.ts";
import { always, callWithGasForWord, price, saturated } from "./row.ts";

/** KECCAK256. */
export const KECCAK: readonly Opcode[] = [
  {
    kind: "word",
    byte: 0x20,
    name: "KECCAK256",
    inputs: 2,
    outputs: 1,
    exists: always,
    gas: price(30),
    emit: (c, [offset, size]) => {
      const hash = callWithGasForWord(c, "keccak", [saturated(c.code, offset!), saturated(c.code, size!)]);
      c.reloadMemorySize();
      return hash;
    },
  },
];
