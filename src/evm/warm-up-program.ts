// A byte code that runs nearly every opcode once, the words of arithmetic with operands of full width, so that whoever runs it often has
// used each function of the engine. It has no loops; groups whose opcodes a fork does not have are left out.

import { concatBytes } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import type { Rules } from "./gas/rules.ts";
import { opcodesAt } from "./opcodes/table.ts";

const A = "9e3779b97f4a7c15f39cc0605cedc8341082276bf3a27251f86c6a11d0c18e95";
const B = "d3c21bcecceda1d3c21bcecceda10001";
const NEGATIVE = "ffffffffffffffffffffffffffffffffd3c21bcecceda1d3c21bcecceda10001";

/** Stack-neutral groups of mnemonics and numbers in hex, which are pushed. CALLEE is the address of a contract that reverts. */
const GROUPS: readonly string[] = [
  ...["MUL", "DIV", "MOD", "SDIV", "SMOD", "EQ", "LT", "GT", "SLT", "SGT", "AND", "OR", "XOR", "ADD", "SUB"].flatMap(
    (name) => [`${B} ${A} ${name} POP`, `${NEGATIVE} ${A} ${name} POP`],
  ),
  `3 ${A} DIV POP 3 ${A} MOD POP ${A} ${A} MUL POP ${NEGATIVE} ${NEGATIVE} SDIV POP`,
  `${A} ${B} ${A} ADDMOD POP ${B} ${A} ${A} ADDMOD POP`,
  `${A} ${B} ${A} MULMOD POP ${B} ${A} ${A} MULMOD POP`,
  `10001 ${A} EXP POP ${A} ISZERO POP ${A} NOT POP ${A} 3 BYTE POP ${A} 2 SIGNEXTEND POP`,
  `${A} 7f SHL POP ${A} 7f SHR POP ${NEGATIVE} 7f SAR POP`,
  `${A} CLZ POP`,
  `${A} 20 MSTORE 7 3 MSTORE8 20 MLOAD POP`,
  "20 0 40 MCOPY",
  "0 CALLDATALOAD POP 40 0 0 CALLDATACOPY 40 0 0 CODECOPY",
  "20 0 KECCAK256 POP 40 0 KECCAK256 POP 100 0 KECCAK256 POP",
  "20 0 LOG0 1 20 0 LOG1 2 1 20 0 LOG2 3 2 1 20 0 LOG3 4 3 2 1 20 0 LOG4",
  "5 SLOAD 1 ADD 5 SSTORE 5 SLOAD POP 0 6 SSTORE 7 7 SSTORE 0 7 SSTORE",
  "1 2 TSTORE 2 TLOAD POP",
  "CALLEE BALANCE POP CALLEE EXTCODESIZE POP 20 0 0 CALLEE EXTCODECOPY",
  "CALLEE EXTCODEHASH POP",
  "SELFBALANCE POP",
  "1 BLOCKHASH POP ADDRESS POP ORIGIN POP CALLER POP CALLVALUE POP GASPRICE POP COINBASE POP TIMESTAMP POP",
  "NUMBER POP GASLIMIT POP CODESIZE POP MSIZE POP PC POP CALLDATASIZE POP GAS POP",
  "CHAINID POP",
  "BASEFEE POP",
  "0 BLOBHASH POP BLOBBASEFEE POP",
  "40 0 20 0 0 CALLEE 4000 CALL POP 0 0 0 0 1 CALLER 4000 CALL POP",
  "40 0 20 0 CALLEE 4000 DELEGATECALL POP",
  "40 0 20 0 CALLEE 4000 STATICCALL POP RETURNDATASIZE 0 0 RETURNDATACOPY",
  "0 0 0 CREATE POP",
];
const END = "40 0 RETURN";

/** The byte code for a fork. @param callee 20 bytes */
export function warmUpProgram(rules: Rules, callee: Uint8Array): Uint8Array {
  const rows = opcodesAt(rules);
  const bytes = new Map([...rows.values()].map(({ name, byte }) => [name, byte]));
  const codes = [...GROUPS, END].flatMap((group) => {
    const words = group.split(" ").map((word) => wordBytes(word, bytes, callee));
    return words.every((word) => word !== null) ? words : [];
  });
  return concatBytes(...codes);
}

/** A byte code that reverts with a word. */
export const REVERTING_PROGRAM: Uint8Array = fromHex("600160005260206000fd");

const NUMBER = /^[0-9a-f]+$/;
const PUSH_ZERO_BYTES = 0x5f;

function wordBytes(word: string, bytes: ReadonlyMap<string, number>, callee: Uint8Array): Uint8Array | null {
  if (word === "CALLEE") return concatBytes(Uint8Array.of(PUSH_ZERO_BYTES + callee.length), callee);
  if (NUMBER.test(word)) {
    const number = fromHex(word.length % 2 === 0 ? word : `0${word}`);
    return concatBytes(Uint8Array.of(PUSH_ZERO_BYTES + number.length), number);
  }
  const byte = bytes.get(word);
  return byte === undefined ? null : Uint8Array.of(byte);
}
