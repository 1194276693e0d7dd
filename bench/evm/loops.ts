// Programs of our own: loops around one opcode each, written in mnemonics, and Solidity that is compiled here. Sizes are
// such that anvil takes some ten milliseconds; a seed other than zero keeps values from degenerating.

import { must } from "#base/assert.ts";
import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { assemble } from "#test/evm/fixtures.ts";
import { smokeOr } from "../harness.ts";
import type { Kind } from "./kinds.ts";
import { PLAIN_BLOCK, type Program, sortAlloc } from "./program.ts";
import { compiledContract } from "./solidity.ts";

const CALLER = fromHex("1111111111111111111111111111111111111111");
const CONTRACT = fromHex("cccccccccccccccccccccccccccccccccccccccc");
const WARM_UP_CONTRACT = fromHex("7761726d757000000000000000000000000000c0");
const WARM_UP_CALLER = fromHex("7761726d757000000000000000000000000000ca");

/** Odd constants of full width. */
const C = "9e3779b97f4a7c15f39cc0605cedc8341082276bf3a27251f86c6a11d0c18e95";
const MODULUS = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
const DIVISOR = "d3c21bcecceda1d3c21bcecceda10001";

// The body of a loop; the stack is (value, rounds left), and stays so.
const BODIES: readonly (readonly [string, Kind, number, string])[] = [
  ["loop/fib-add", "compute", 300_000, fibonacci()],
  ["loop/mul", "compute", 150_000, loop(`SWAP1 ${`${C} MUL DUP2 ADD `.repeat(4)} SWAP1`)],
  ["loop/mload-mstore", "compute", 200_000, loop("DUP1 3e0 AND DUP1 MLOAD DUP4 ADD DUP1 SWAP2 MSTORE SWAP2 POP")],
  ["loop/addmod", "addmod", 200_000, loop(`${MODULUS} ${C} DUP4 ADDMOD SWAP2 POP`)],
  ["loop/div-256-128", "div", 200_000, loop(`${DIVISOR} ${C} DUP4 MUL DIV SWAP2 POP`)],
  ["loop/mulmod", "mulmod", 100_000, loop(`${MODULUS} ${C} DUP4 MULMOD SWAP2 POP`)],
  ["loop/mulmod-variable", "mulmod", 100_000, loop(`1 DUP3 NOT OR ${C} DUP4 MULMOD DUP2 ADD SWAP2 POP`)],
  ["loop/keccak-32", "keccak", 40_000, loop("DUP2 0 MSTORE 20 0 KECCAK256 SWAP2 POP")],
  ["loop/sload-sstore", "call", 50_000, loop("DUP1 3ff AND DUP1 SLOAD DUP3 ADD SWAP1 SSTORE")],
];

const SOLIDITY: readonly (readonly [string, string, Kind, readonly number[]])[] = [
  ["solidity/sieve", "Sieve", "compute", [smokeOr(30_000, 300)]],
  ["solidity/bubble-sort", "BubbleSort", "compute", [smokeOr(200, 12)]],
  ["solidity/mandelbrot", "Mandelbrot", "compute", [smokeOr(28, 4)]],
  ["solidity/quicksort", "QuickSort", "compute", [smokeOr(3_000, 30)]],
  ["solidity/token-16-recipients", "TokenLoop", "call", [smokeOr(5_000, 20), 16]],
  ["solidity/token-all-distinct", "TokenLoop", "call", [smokeOr(3_000, 20), smokeOr(3_000, 20)]],
];

/** All of them. */
export function ownPrograms(): Program[] {
  const loops = BODIES.map(([name, kind, count, source]) => {
    return program(name, kind, fromHex(assemble(source)), words([smokeOr(count, Math.ceil(count / 1000))]));
  });
  const compiled = SOLIDITY.map(([name, contract, kind, sizes]) => {
    const { code, selector } = compiledContract(contract, "run");
    return program(name, kind, code, concatBytes(selector, words(sizes)));
  });
  return [...loops, ...compiled];
}

/** A loop that shares neither code nor address with any program, to make an engine warm. */
export function warmUpProgram(roundCount: number): Program {
  const source = loop(`SWAP1 ${C} ADD ${DIVISOR} SWAP1 MUL DUP2 XOR SWAP1 DUP1 3e0 AND MLOAD POP DUP2 0 MSTORE`);
  const made = program("warm-up", "compute", fromHex(assemble(source)), words([roundCount]));
  const { code } = must(made.alloc.at(-1), "the contract");
  const account = { balance: 0n, nonce: 0n, storage: [] };
  return {
    ...made,
    alloc: [
      { ...account, address: WARM_UP_CONTRACT, code },
      { ...account, address: WARM_UP_CALLER, code: new Uint8Array(0) },
    ],
    message: { ...made.message, from: WARM_UP_CALLER, to: WARM_UP_CONTRACT },
  };
}

/**
 * Many different contracts, one message to each, so that meeting new code is nothing new: state and events, some with value, some that
 * call the contract before, and some that revert.
 */
export function warmUpCrowd(count: number): Program[] {
  const account = { balance: 0n, nonce: 0n, storage: [] };
  const addresses = Array.from({ length: count }, (_, i) => {
    return concatBytes(WARM_UP_CONTRACT.subarray(0, 16), bigintToBytes(BigInt(i), 4));
  });
  const crowd = addresses.map((address, i) => {
    const padding = new Uint8Array((i * 61) % 4096).fill(0x5b);
    const code = fromHex(assemble(crowdSource(i, addresses[Math.max(0, i - 1)]!)));
    const storage = [{ slot: bigintToBytes(BigInt(i + 1), 32), value: bigintToBytes(1n, 32) }];
    return { ...account, storage, address, code: concatBytes(code, padding) };
  });
  const single = warmUpProgram(1);
  const caller = single.alloc.filter(({ code }) => code.length === 0).map((each) => ({ ...each, balance: 10n ** 30n }));
  const alloc = sortAlloc([...crowd, ...caller]);
  return addresses.map((to, i) => {
    return { ...single, alloc, message: { ...single.message, to, value: i % 2 === 0 ? 0n : 1n } };
  });
}

function crowdSource(i: number, before: Uint8Array): string {
  const [key, other] = [(i + 1).toString(16), toBareHex(before)];
  const own = `CALLVALUE ${key} SLOAD ADD ${key} SSTORE ${"1 ADD DUP1 SLOAD ADD ".repeat(8)}
    ${key} 0 MSTORE CALLER 20 MSTORE 20 0 KECCAK256 40 0 KECCAK256 CALLER 20 0 LOG2 0 CALLDATALOAD ADD 0 MSTORE`;
  const ends = [
    "20 0 RETURN",
    `20 0 0 0 0 ${other} GAS CALL 0 0 0 0 CALLVALUE CALLER GAS CALL ADD 20 MSTORE RETURNDATASIZE 0 40 RETURNDATACOPY 60 0 RETURN`,
    `CALLDATASIZE 0 0 CALLDATACOPY 20 0 CALLDATASIZE 0 ${other} GAS DELEGATECALL POP 20 0 ${other} BALANCE 0 MSTORE RETURN`,
    `20 0 20 0 ${other} GAS STATICCALL POP ${other} EXTCODESIZE 0 MSTORE 24 0 REVERT`,
  ];
  return `${i % 4 === 2 ? "0" : `0 ${own}`} ${ends[i % 4]}`;
}

function program(name: string, kind: Kind, code: Uint8Array, data: Uint8Array): Program {
  return {
    name,
    kind,
    fork: "cancun",
    block: PLAIN_BLOCK,
    alloc: sortAlloc([
      { address: CALLER, balance: 10n ** 30n, nonce: 0n, code: new Uint8Array(0), storage: [] },
      { address: CONTRACT, balance: 0n, nonce: 1n, code, storage: [] },
    ]),
    message: { from: CALLER, to: CONTRACT, value: 0n, data },
  };
}

function words(values: readonly number[]): Uint8Array {
  return concatBytes(...values.map((value) => bigintToBytes(BigInt(value), 32)));
}

function loop(body: string): string {
  const seed = Buffer.from(keccak256(fromHex("00"))).toString("hex");
  return `${seed} 0 CALLDATALOAD
    loop: DUP1 ISZERO @done JUMPI
      ${body} 1 SWAP1 SUB
    @loop JUMP
    done: POP 0 MSTORE 20 0 RETURN`;
}

// The stack is (a, b, rounds left).
function fibonacci(): string {
  return `0 1 0 CALLDATALOAD
    loop: DUP1 ISZERO @done JUMPI
      1 SWAP1 SUB SWAP2 DUP2 ADD SWAP1 SWAP2
    @loop JUMP
    done: POP 0 MSTORE 20 0 RETURN`;
}
