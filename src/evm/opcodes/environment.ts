// Rows 0x30 to 0x3f: what a frame knows of its call, its code and other accounts.

import { CONTEXT, FRAME } from "#formats/memory/evm-arena.ts";
import type { Rules } from "../gas/rules.ts";
import type { LinkName } from "../runtime/links.ts";
import { loadLimbs } from "../words/memory.ts";
import type { Word } from "../words/word.ts";
import type { Opcode, OpcodeContext, StaticGas, WordOpcode } from "./opcode.ts";
import {
  addressOf,
  always,
  callForWord,
  callWithGasForWord,
  fieldWord,
  price,
  saturated,
  scheduled,
  since,
  TIER,
} from "./row.ts";

/** See the head of the file. */
export const ENVIRONMENT: readonly Opcode[] = [
  reading(0x30, "ADDRESS", (c) => loadLimbs(c.code, c.frame, FRAME.address)),
  account(0x31, "BALANCE", "balance", scheduled("balance")),
  reading(0x32, "ORIGIN", (c) => loadLimbs(c.code, c.context, CONTEXT.origin)),
  reading(0x33, "CALLER", (c) => loadLimbs(c.code, c.frame, FRAME.caller)),
  reading(0x34, "CALLVALUE", (c) => loadLimbs(c.code, c.frame, FRAME.value)),
  {
    kind: "word",
    byte: 0x35,
    name: "CALLDATALOAD",
    inputs: 1,
    outputs: 1,
    exists: always,
    gas: price(TIER.veryLow),
    emit: (c, [offset]) => callForWord(c, "callDataLoad", offset!),
  },
  reading(0x36, "CALLDATASIZE", (c) => fieldWord(c.code, c.frame, FRAME.inputSize)),
  copying(0x37, "CALLDATACOPY", "callDataCopy"),
  reading(0x38, "CODESIZE", (c) => fieldWord(c.code, c.frame, FRAME.codeSize)),
  copying(0x39, "CODECOPY", "codeCopy"),
  reading(0x3a, "GASPRICE", (c) => loadLimbs(c.code, c.context, CONTEXT.gasPrice)),
  account(0x3b, "EXTCODESIZE", "extCodeSize", scheduled("extCodeSize")),
  {
    kind: "word",
    byte: 0x3c,
    name: "EXTCODECOPY",
    inputs: 4,
    outputs: 0,
    exists: always,
    gas: scheduled("extCodeCopy"),
    endsSegment: true,
    emit: (c, [address, ...range]) => copy(c, "extCodeCopy", range, addressOf(c.code, address!)),
  },
  reading(0x3d, "RETURNDATASIZE", (c) => fieldWord(c.code, c.context, CONTEXT.returnDataSize), since("byzantium")),
  { ...copying(0x3e, "RETURNDATACOPY", "returnDataCopy", since("byzantium")), startsSegment: true },
  account(0x3f, "EXTCODEHASH", "extCodeHash", scheduled("extCodeHash"), since("constantinople")),
];

/** A row without operands that reads a word of the environment. */
function reading(byte: number, name: string, emit: (c: OpcodeContext) => Word, exists = always): WordOpcode {
  return { kind: "word", byte, name, inputs: 0, outputs: 1, exists, gas: price(TIER.base), emit };
}

/** A row that asks for something of the account that its operand names. */
function account(
  byte: number,
  name: string,
  link: LinkName,
  gas: StaticGas,
  exists: (rules: Rules) => boolean = always,
): WordOpcode {
  const emit: WordOpcode["emit"] = (c, [address]) => callWithGasForWord(c, link, addressOf(c.code, address!));
  return { kind: "word", byte, name, inputs: 1, outputs: 1, exists, gas, endsSegment: true, emit };
}

/** A row that copies bytes into memory: destination, source, size. */
function copying(byte: number, name: string, link: LinkName, exists: (rules: Rules) => boolean = always): WordOpcode {
  const emit: WordOpcode["emit"] = (c, operands) => copy(c, link, operands, []);
  return { kind: "word", byte, name, inputs: 3, outputs: 0, exists, gas: price(TIER.veryLow), emit };
}

function copy(c: OpcodeContext, link: LinkName, range: readonly Word[], before: readonly Word[number][]): null {
  const limbs = range.map((word) => saturated(c.code, word));
  c.callWithGas(link, [...before, ...limbs], []);
  c.reloadMemorySize();
  return null;
}
