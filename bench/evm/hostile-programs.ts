// Code that is made to be expensive: for a compiler (huge blocks, webs of jumps), for frames, for memory, for the state, for
// precompiles. Each runs until its gas is out, or does a stated amount. What matters is the time it takes per unit of gas.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "#base/assert.ts";
import { bigintToBytes } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import type { GenesisState } from "#state/table.ts";
import { assemble } from "#test/evm/fixtures.ts";
import { PRECOMPILE_VECTOR_SETS, type PrecompileVector } from "#test/evm/precompile-vectors.ts";
import { vectorsFolder } from "#test/vectors.ts";
import { smokeOr } from "../harness.ts";
import { driverMessage, GAS_LIMIT, PLAIN_BLOCK, type Program, sortAlloc, withDriver } from "./program.ts";

/** The gas of most cases: a block's worth. */
export const HOSTILE_GAS: bigint = BigInt(smokeOr(30_000_000, 300_000));

const CODE_SIZE_MAX = 24_576;
const CALLER = fromHex("1111111111111111111111111111111111111111");
const CONTRACT = fromHex("cccccccccccccccccccccccccccccccccccccccc");
const CHILD = fromHex("dddddddddddddddddddddddddddddddddddddddd");
const CHILD_HEX = toBareHex(CHILD);
/** The first of many contracts at consecutive addresses. */
const CROWD = 0x00aa_0000_0000n;
const CROWD_COUNT = smokeOr(1000, 20);
const PRECOMPILE_GAS = smokeOr(2_000_000, 100_000);
const PRECOMPILE_VECTORS_PER_FILE = smokeOr(12, 1);

const WIDE = `7f${"9e3779b97f4a7c15f39cc0605cedc8341082276bf3a27251f86c6a11d0c18e95"}`;
/** 192 bits, so that remainders are long divisions. */
const DIVISOR = `77${"d3c21bcecceda1d3c21bcecceda1d3c21bcecceda1000001"}`;

// Units that fill a block of 24 KB, which is then run over and over; the stack before is (divisor, value).
const BLOCKS: Readonly<Record<string, string>> = {
  "mod, 2 bytes a site": "8106",
  "mod, full width": "81810601",
  "smod, full width": "81810701",
  "div, full width": "81810401",
  "sdiv, full width": "81810501",
  "addmod, full width": "8181800801",
  "mulmod, full width": "8181800901",
  mul: "8102",
  "exp, full width": "80820a18",
  "exp by 2": "6002900a19",
  signextend: "60070b19",
  sar: "8160071d18",
  byte: "60031a19",
  jumpdests: "5b",
  "push1 pop": "600150",
  "push32 pop": `${WIDE}50`,
  "swap chains": "909192939495969798999a9b9c9d9e9f",
  "dup16 swap15 pop": "8f9e50",
  "gas pop": "5a50",
  "msize pop": "5950",
  "mload from a variable": "8061ffff165150600101",
  "mstore to a variable": "80610fff16819052600101",
  "calldataload far away": "19803550",
  "keccak of a word": "60205f205f52",
  "keccak of nothing": "5f5f2050",
  "sload warm": "5f5450",
  "sstore warm": "5a5f55",
  "tload tstore": "5f5c5f5d",
  "balance warm": "303150",
  selfbalance: "4750",
  blockhash: "5f4050",
  "extcodesize warm": "303b50",
  "extcodehash warm": "303f50",
  "call of an empty account": "5f5f5f5f5f60fe5af150",
  "call of the identity": "5f5f5f5f5f60045af150",
  "call of code that stops": `5f5f5f5f5f73${CHILD_HEX}5af150`,
  "delegatecall of code that stops": `5f5f5f5f73${CHILD_HEX}5af450`,
  "mcopy of a word": "60205f60205e",
  "log0 of nothing": "5f5fa0",
};

// Loops in mnemonics; the stack before is (a counter). What is read by number is read by ever new numbers.
const LOOPS: Readonly<Record<string, string>> = {
  "memory/grow by a word": "0 MSIZE MSTORE",
  "memory/grow by a page": "0 MSIZE 1000 ADD MSTORE8",
  "memory/mcopy of 64 KiB": "10000 1 0 MCOPY",
  "memory/codecopy of 64 KiB": "10000 0 0 CODECOPY",
  "memory/calldatacopy of 64 KiB": "10000 0 0 CALLDATACOPY",
  "memory/keccak of 64 KiB": "10000 0 KECCAK256 POP",
  "state/sload, cold": "1 ADD DUP1 SLOAD POP",
  "state/sstore, new slots": "1 ADD DUP1 DUP1 SSTORE",
  "state/sstore, same slot": "1 ADD DUP1 0 SSTORE",
  "state/tstore, new slots": "1 ADD DUP1 DUP1 TSTORE",
  "state/balance, cold": "1 ADD DUP1 BALANCE POP",
  "state/extcodehash, cold": "1 ADD DUP1 EXTCODEHASH POP",
  "state/extcodesize, cold": "1 ADD DUP1 EXTCODESIZE POP",
  "state/call, cold": "1 ADD 0 0 0 0 0 DUP6 GAS CALL POP",
  "state/call with value, new accounts": "1 ADD 0 0 0 0 1 DUP6 GAS CALL POP",
  "logs/log4 of nothing": "DUP1 DUP1 DUP1 DUP1 0 0 LOG4",
  "logs/log0 of 8 KiB": "2000 0 LOG0",
  "create/empty": "0 0 0 CREATE POP",
  "create/create2 of 48 KiB that stop": "1 ADD DUP1 c000 0 0 CREATE2 POP",
  "create/code of 24 KiB": "6160005ff3 d8 SHL 0 MSTORE 5 0 0 CREATE POP",
  "create/selfdestruct": "33ff f0 SHL 0 MSTORE 2 0 0 CREATE POP",
};

/** Every case. */
export function hostilePrograms(): Program[] {
  return [
    ...Object.entries(BLOCKS).map(([name, unit]) => contract(`block/${name}`, blockOf(unit), [child("00")])),
    ...jumpPrograms(),
    ...Object.entries(LOOPS).map(([name, body]) => contract(name, loopOf(body), [child("00")])),
    ...framePrograms(),
    ...crowdPrograms(),
    ...precompilePrograms(),
  ];
}

function jumpPrograms(): Program[] {
  return [
    contract("jumps/table storm", tableStorm()),
    contract("jumps/ladder in scrambled order", scrambledLadder()),
    contract("jumps/jumpi that falls through", blockOf("5b5f5f57")),
    contract("jumps/web at every stack height", heightsWeb()),
    contract("jumps/a function from everywhere", returnLabels()),
  ];
}

/** A dispatcher that jumps to one of 4096 blocks by a value that no analysis knows. */
function tableStorm(): Uint8Array {
  const blockCount = 4096;
  const base = 0x40;
  // (x) → (5x + 1) mod 4096, then base + 4x.
  const dispatcher = "5f5b600502600101610fff168060021b604001".concat("56").padEnd(base * 2, "00");
  return fromHex(dispatcher + "5b600156".repeat(blockCount));
}

/** Blocks that each jump to another, none to its neighbour, until all were seen; then again. */
function scrambledLadder(): Uint8Array {
  const count = 4096;
  const strideBytes = 5;
  const blocks = Array.from({ length: count }, (_, i) => {
    const next = ((i * 5 + 1) % count) * strideBytes;
    return `5b61${hex(next, 2)}56`;
  });
  return fromHex(blocks.join(""));
}

/** Many small blocks that are reached with 1 to 1000 words on the stack. */
function heightsWeb(): Uint8Array {
  const blockBytes = 6;
  const count = Math.floor((CODE_SIZE_MAX - 64) / blockBytes);
  const web = Array.from({ length: count }, (_, i) => `5b5f61${hex((i + 1) * blockBytes, 2)}57`).join("");
  // Leaves one word more every time; the gas is out before the stack is full.
  return fromHex(`${web}5b5f5f56`);
}

/** One function, called from thousands of places with a return label each. */
function returnLabels(): Uint8Array {
  const siteBytes = 8;
  const count = Math.floor((CODE_SIZE_MAX - 64) / siteBytes);
  const body = 1 + count * siteBytes + 2;
  const sites = Array.from({ length: count }, (_, i) => `61${hex(1 + i * siteBytes + 7, 2)}61${hex(body, 2)}565b`);
  return fromHex(`5b${sites.join("")}5f565b56`);
}

function framePrograms(): Program[] {
  const self = toBareHex(CONTRACT);
  const memory = (size: string) => `0 ${size} MSTORE`;
  const returnBig = fromHex(assemble("10000 0 RETURN"));
  const expand = fromHex(assemble("0 18000 MSTORE STOP"));
  const recursion = (name: string, source: string, gas = GAS_LIMIT - 1n) => {
    return withGas(contract(`recursion/${name}`, fromHex(assemble(source))), gas);
  };
  return [
    recursion("call", `0 0 0 0 0 ${self} GAS CALL`),
    recursion("call, 32 KiB a frame", `${memory("7fe0")} 0 0 0 0 0 ${self} GAS CALL`),
    recursion("call, 256 KiB a frame, a block's gas", `${memory("3ffe0")} 0 0 0 0 0 ${self} GAS CALL`, HOSTILE_GAS),
    recursion("delegatecall", `${memory("1000")} 0 0 0 0 ${self} GAS DELEGATECALL`),
    recursion("staticcall, 32 KiB passed on", `8000 0 8000 0 ${self} GAS STATICCALL`),
    recursion("create", "CODESIZE 0 0 CODECOPY CODESIZE 0 0 CREATE"),
    recursion("callcode", `0 0 0 0 0 ${self} GAS CALLCODE`),
    contract("memory/a frame that takes 96 KiB", loopOf(`0 0 0 0 0 ${CHILD_HEX} GAS CALL POP`), [child(expand)]),
    contract(
      "returndata/64 KiB, copied",
      loopOf(`0 0 0 0 0 ${CHILD_HEX} GAS CALL POP RETURNDATASIZE 0 0 RETURNDATACOPY`),
      [child(returnBig)],
    ),
    contract("returndata/64 KiB into the output", loopOf(`10000 0 0 0 0 ${CHILD_HEX} GAS CALL POP`), [
      child(returnBig),
    ]),
    contract("returndata/identity onto itself", loopOf("10000 1 10000 0 0 4 GAS CALL POP")),
    contract("returndata/reverts of 64 KiB", loopOf(`0 0 0 0 0 ${CHILD_HEX} GAS CALL POP`), [
      child(fromHex(assemble("10000 0 REVERT"))),
    ]),
  ];
}

/** A thousand different contracts of full size. */
function crowdPrograms(): Program[] {
  const crowd: GenesisState[] = Array.from({ length: CROWD_COUNT }, (_, i) => {
    // Jumps over everything to its end, so that every byte has to be looked at.
    const end = CODE_SIZE_MAX - 2;
    const filler = `5b60${hex(i & 0xff, 1)}61${hex(i, 2)}50`
      .repeat(Math.floor((end - 4) / 7))
      .padEnd(2 * (end - 4), "5b");
    return {
      address: bigintToBytes(CROWD + BigInt(i), 20),
      balance: 0n,
      nonce: 1n,
      code: fromHex(`61${hex(end, 2)}56${filler}5b00`),
      storage: [],
    };
  });
  const over = (name: string, body: string) => {
    const source = `${CROWD.toString(16)} loop: DUP1 ${(CROWD + BigInt(CROWD_COUNT)).toString(16)} EQ @done JUMPI
      ${body} 1 ADD @loop JUMP done: STOP`;
    return contract(`crowd/${name}`, fromHex(assemble(source)), crowd);
  };
  return [
    over(`${CROWD_COUNT} contracts called once`, "0 0 0 0 0 DUP6 GAS CALL POP"),
    over(`${CROWD_COUNT} contracts delegated to`, "0 0 0 0 DUP5 GAS DELEGATECALL POP"),
    over(`code of ${CROWD_COUNT} contracts copied`, "6000 0 0 DUP4 EXTCODECOPY"),
    over(`${CROWD_COUNT} sizes of code`, "DUP1 EXTCODESIZE POP"),
  ];
}

/** The vectors of every precompile, evenly chosen, each called for about the same gas; and the hashes over sizes. */
function precompilePrograms(): Program[] {
  const folder = vectorsFolder("precompiles");
  const programs: Program[] = [];
  for (const [file, address, fork] of folder === null ? [] : PRECOMPILE_VECTOR_SETS) {
    // One that fails takes all the gas it is given.
    if (file.startsWith("fail") || (fork !== "osaka" && address !== 10)) continue;
    const vectors = JSON.parse(readFileSync(join(folder!, "geth", `${file}.json`), "utf8")) as PrecompileVector[];
    const step = Math.max(1, Math.floor(vectors.length / PRECOMPILE_VECTORS_PER_FILE));
    for (let i = 0; i < vectors.length; i += step) {
      const { Input, Name, Gas } = must(vectors[i], file);
      programs.push(precompile(`precompile/${file} #${i} ${shorten(Name)}`, address, fromHex(Input), Gas ?? 1000));
    }
  }
  for (const [name, address, wordGas] of [
    ["sha256", 2, 12],
    ["ripemd160", 3, 120],
    ["identity", 4, 3],
  ] as const) {
    for (const size of [0, 64, 8192]) {
      const gas = 15 * (address === 3 ? 40 : address === 2 ? 4 : 1) + (wordGas * size) / 32;
      programs.push(precompile(`precompile/${name} of ${size} bytes`, address, new Uint8Array(size).fill(7), gas));
    }
  }
  return programs;
}

/** Some vectors are named by a sentence and a path. */
function shorten(name: string): string {
  return name.length <= 28 ? name : `...${name.slice(-25)}`;
}

function precompile(name: string, address: number, data: Uint8Array, gas: number): Program {
  const single = contract(name, new Uint8Array(0));
  const to = bigintToBytes(BigInt(address), 20);
  const driven = withDriver({ ...single, fork: "osaka", message: { ...single.message, to, data } });
  const count = Math.max(1, Math.min(10_000, Math.floor(PRECOMPILE_GAS / (gas + 130))));
  const limit = BigInt(2 * count * gas + 50 * data.length + 2 * PRECOMPILE_GAS);
  return { ...driven, message: { ...driverMessage(driven, count), gas: limit } };
}

function contract(name: string, code: Uint8Array, others: readonly GenesisState[] = []): Program {
  return {
    name,
    kind: "compute",
    fork: "osaka",
    block: PLAIN_BLOCK,
    alloc: sortAlloc([
      { address: CALLER, balance: 10n ** 30n, nonce: 0n, code: new Uint8Array(0), storage: [] },
      { address: CONTRACT, balance: 10n ** 24n, nonce: 1n, code, storage: [] },
      ...others,
    ]),
    message: { from: CALLER, to: CONTRACT, value: 0n, data: new Uint8Array(0), gas: HOSTILE_GAS },
  };
}

function withGas(program: Program, gas: bigint): Program {
  return { ...program, message: { ...program.message, gas } };
}

function child(code: Uint8Array | string): GenesisState {
  return {
    address: CHILD,
    balance: 0n,
    nonce: 1n,
    code: typeof code === "string" ? fromHex(code) : code,
    storage: [],
  };
}

/** A block of full size between a label and a jump back to it; sixteen more words lie below, for the swaps. */
function blockOf(unit: string): Uint8Array {
  const setUp = `${DIVISOR}${WIDE}`;
  const deep = Array.from({ length: 16 }, (_, i) => `60${hex(i + 1, 1)}`).join("");
  const start = (deep.length + setUp.length) / 2;
  const room = CODE_SIZE_MAX - start - 5;
  const units = unit.repeat(Math.floor(room / (unit.length / 2)));
  return fromHex(`${deep}${setUp}5b${units}60${hex(start, 1)}56`);
}

function loopOf(body: string): Uint8Array {
  return fromHex(assemble(`100000000 loop: ${body} @loop JUMP`));
}

function hex(value: number, sizeBytes: number): string {
  return value.toString(16).padStart(2 * sizeBytes, "0");
}
