// Rows 0x54, 0x55, 0x5c and 0x5d: persistent and transient storage. The links know slots, journal and prices.

import type { Opcode } from "./opcode.ts";
import { always, callForWord, callWithGasForWord, price, scheduled, since } from "./row.ts";

/** A warm access. @see EIP-1153, EIP-2929 */
const TRANSIENT_GAS = 100;

/** See the head of the file. */
export const STORAGE: readonly Opcode[] = [
  {
    kind: "word",
    byte: 0x54,
    name: "SLOAD",
    inputs: 1,
    outputs: 1,
    exists: always,
    gas: scheduled("sload"),
    endsSegment: true,
    emit: (c, [key]) => callWithGasForWord(c, "sload", key!),
  },
  {
    kind: "word",
    byte: 0x55,
    name: "SSTORE",
    inputs: 2,
    outputs: 0,
    exists: always,
    gas: price(0),
    startsSegment: true,
    endsSegment: true,
    emit: (c, [key, value]) => {
      c.callWithGas("sstore", [...key!, ...value!], []);
      return null;
    },
  },
  {
    kind: "word",
    byte: 0x5c,
    name: "TLOAD",
    inputs: 1,
    outputs: 1,
    exists: since("cancun"),
    gas: price(TRANSIENT_GAS),
    emit: (c, [key]) => callForWord(c, "tload", key!),
  },
  {
    kind: "word",
    byte: 0x5d,
    name: "TSTORE",
    inputs: 2,
    outputs: 0,
    exists: since("cancun"),
    gas: price(TRANSIENT_GAS),
    startsSegment: true,
    emit: (c, [key, value]) => {
      c.callWithGas("tstore", [...key!, ...value!], []);
      return null;
    },
  },
];
