// Programs for the classes of faults that engines are known to have had: each runs on every fork, and with gas limits from
// nothing to enough. Contract A is called; B and C are beside it. What fuzzing itself found is in `cases/`.

import { fromHex, toBareHex } from "#base/hex.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { AUTHORITY_KEYS, BENEFICIARY, CONTRACTS } from "./operands.ts";
import { programFromText } from "./program.ts";
import type { World, WorldAccount, WorldTransaction } from "./world.ts";

/** A case: what it is about, and its programs as text. `A`, `B`, `C`, `K` stand for a PUSH of an address. */
export type KnownCase = {
  readonly about: string;
  readonly a: string;
  readonly b?: string;
  readonly c?: string;
  /** Code of the account of the first authority key. */
  readonly k?: string;
  readonly input?: string;
  /** Gas limits of the run instead of the usual ones, for what takes more. */
  readonly gas?: readonly number[];
  /** How often A is called, each time by a transaction of its own. */
  readonly times?: number;
};

const ADDRESS_WORDS: ReadonlyMap<string, string> = new Map(
  [...CONTRACTS.slice(0, 3), AUTHORITY_KEYS[0].address].map((address, i) => ["ABCK"[i]!, `0x${toBareHex(address)}`]),
);

const RETURN_WORD = "0x00 MSTORE 0x20 0x00 RETURN";
/** Uses some 80,000 gas, so that a refund is not cut to a share of it. */
const BURN = "0x8000 0x00 KECCAK256 POP ".repeat(12);
const callTo = (target: string, input = "0x20 0x00", output = "0x20 0x00") =>
  `${output} ${input} 0x00 ${target} GAS CALL`;

const byteOf = (number: number) => number.toString(16).padStart(2, "0");
const WORD_OF_BYTES = Array.from({ length: 32 }, (_, i) => byteOf(i + 1)).join("");
/** The second operand first, as the stack wants it: 7 and 3 with all signs. */
const SIGNED_PAIRS = ["0x03 0x07", "0x03 0x06 NOT", "0x02 NOT 0x07", "0x02 NOT 0x06 NOT"];

/** Returns the results of all expressions, one behind the other. */
function resultsOf(expressions: readonly string[]): string {
  const stores = expressions.map((expression, i) => `${expression} 0x${(32 * i).toString(16).padStart(4, "0")} MSTORE`);
  return `${stores.join(" ")} MSIZE 0x00 RETURN`;
}

/** One line per class. */
export const KNOWN_CASES: readonly KnownCase[] = [
  { about: "a PUSH cut short by the end of the code", a: "0x01 0x00 SSTORE raw:61ff" },
  { about: "a PUSH32 without any data at the end", a: "0x01 0x00 SSTORE raw:7f" },
  { about: "a JUMPDEST as last byte", a: "@1 JUMP 1:" },
  { about: "code that ends without STOP", a: "0x01 0x02 ADD" },
  { about: "a jump into push data", a: "@1+1 JUMP {1 } 0x5b5b 0x01 0x00 SSTORE" },
  { about: "a jump over push data that looks like a PUSH", a: "@2 JUMP 0x605b 2: 0x01 0x00 SSTORE" },
  { about: "a destination above 2^32 whose low bits fit", a: "@1 0x0100000000 ADD JUMP 1: 0x01 0x00 SSTORE" },
  { about: "a destination above 2^64 whose low bits fit", a: "@1 0x010000000000000000 ADD JUMP 1: 0x01 0x00 SSTORE" },
  { about: "JUMPI with a bad destination that is not taken", a: "0x00 0xffff JUMPI 0x01 0x00 SSTORE" },
  {
    about: "JUMPI whose condition has only high bits",
    a: `0x01${"00".repeat(31)} @1 JUMPI INVALID 1: 0x01 0x00 SSTORE`,
  },
  { about: "constant JUMPI, taken and not taken", a: "0x01 @1 JUMPI INVALID 1: 0x00 @2 JUMPI 0x07 0x00 SSTORE 2:" },
  {
    about: "the same code reached with two heights",
    a: `0x00 CALLDATALOAD @1 JUMPI 0x11 1: 0x22 0x33 ADD ${RETURN_WORD}`,
  },
  {
    about: "one internal function from two places, each with its return address",
    a: `@1 0x03 @9 JUMP 1: @2 SWAP1 @9 JUMP 2: ${RETURN_WORD} 9: DUP1 MUL SWAP1 JUMP`,
  },
  { about: "a return address that went through memory", a: `@1 0x40 MSTORE 0x05 0x40 MLOAD JUMP 1: ${RETURN_WORD}` },
  {
    about: "a loop that leaves one operand more each time",
    a: `0x05 1: DUP1 0x01 SWAP1 SUB DUP1 @1 JUMPI ${RETURN_WORD}`,
  },
  { about: "stack overflow in a loop", a: "CALLVALUE 1: DUP1 GAS @1 JUMP" },
  { about: "stack overflow in the middle of a block", a: `${"CALLVALUE ".repeat(1020)} 0x01 0x02 0x03 0x04 0x05 0x06` },
  { about: "a stack exactly full", a: `${"CALLVALUE ".repeat(1021)} 0x01 0x02 0x03 ADD 0x00 SSTORE` },
  { about: "SWAP16 and DUP16 with one operand too few", a: `${"PC ".repeat(15)} DUP16` },
  { about: "underflow after a jump", a: "0x01 @1 JUMP 1: ADD" },
  { about: "LOG pays for its topics before it fails", a: "0x01 0x02 0x03 0x04 0xffffffff 0x00 LOG4" },
  { about: "LOG in a static call", a: `0x00 0x00 0x00 0x00 B GAS STATICCALL ${RETURN_WORD}`, b: "0x00 0x00 LOG0" },
  {
    about: "SELFDESTRUCT in a static call",
    a: `0x00 0x00 0x00 0x00 B GAS STATICCALL GAS ${RETURN_WORD}`,
    b: "0xdead SELFDESTRUCT",
  },
  {
    about: "SSTORE in a static call",
    a: `0x00 0x00 0x00 0x00 B GAS STATICCALL GAS ADD ${RETURN_WORD}`,
    b: "0x01 0x00 SSTORE",
  },
  {
    about: "a call with value in a static call",
    a: `0x00 0x00 0x00 0x00 B GAS STATICCALL GAS ADD ${RETURN_WORD}`,
    b: "0x00 0x00 0x00 0x00 0x01 C GAS CALL",
  },
  {
    about: "CREATE in a static call",
    a: `0x00 0x00 0x00 0x00 B GAS STATICCALL GAS ADD ${RETURN_WORD}`,
    b: "0x00 0x00 0x00 CREATE",
  },
  {
    about: "TSTORE in a static call",
    a: `0x00 0x00 0x00 0x00 B GAS STATICCALL GAS ADD ${RETURN_WORD}`,
    b: "0x01 0x00 TSTORE",
  },
  {
    about: "identity with overlapping input and output, then the return data",
    a: `0x112233445566778899aabbccddeeff 0x20 MSTORE 0x20 0x28 0x20 0x20 0x00 0x04 GAS CALL RETURNDATASIZE 0x00 0x60 RETURNDATACOPY 0x80 0x00 RETURN`,
  },
  {
    about: "return data stays when the memory it came from changes",
    a: `${callTo("B")} 0xff 0x00 MSTORE RETURNDATASIZE 0x00 0x20 RETURNDATACOPY 0x40 0x00 RETURN`,
    b: "0x1234 0x00 MSTORE 0x20 0x00 RETURN",
  },
  { about: "RETURNDATACOPY one byte beyond", a: `${callTo("B")} 0x21 0x00 0x00 RETURNDATACOPY`, b: "0x20 0x00 RETURN" },
  {
    about: "RETURNDATACOPY of nothing at the very end",
    a: `${callTo("B")} 0x00 0x20 0x00 RETURNDATACOPY 0x01 0x00 SSTORE`,
    b: "0x20 0x00 RETURN",
  },
  {
    about: "RETURNDATACOPY whose end overflows",
    a: "0x02 0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff 0x00 RETURNDATACOPY",
  },
  {
    about: "a creation that fails leaves what it reverted with, one that succeeds leaves nothing",
    a:
      "#1 @1 0x00 CODECOPY #1 0x00 0x00 CREATE RETURNDATASIZE ADD #2 @2 0x00 CODECOPY #2 0x00 0x00 CREATE RETURNDATASIZE " +
      `ADD ADD ${RETURN_WORD} {1 0x20 0x00 REVERT } {2 0x20 0x00 RETURN }`,
  },
  {
    about: "created code that begins with 0xef",
    a: `#1 @1 0x00 CODECOPY #1 0x00 0x00 CREATE ${RETURN_WORD} {1 0xef 0x00 MSTORE8 0x01 0x00 RETURN }`,
  },
  { about: "creation code that begins with 0xef", a: `0xef 0x00 MSTORE8 0x02 0x00 0x00 CREATE GAS ADD ${RETURN_WORD}` },
  { about: "creation code above its greatest size", a: `0xc001 0x00 0x00 CREATE ${RETURN_WORD}` },
  {
    about: "creation with more value than there is",
    a: `0x00 0x00 0xffffffff CREATE RETURNDATASIZE ADD ${RETURN_WORD}`,
  },
  {
    about: "the same CREATE2 twice",
    a:
      "#1 @1 0x00 CODECOPY 0x07 #1 0x00 0x00 CREATE2 GAS 0x07 #1 0x00 0x00 CREATE2 GAS SUB 0x20 MSTORE 0x00 " +
      "MSTORE 0x40 0x00 RETURN {1 0x01 0x00 SSTORE 0x00 0x00 RETURN }",
    times: 2,
  },
  {
    about: "SELFDESTRUCT in the transaction of the creation, then a call of what is left",
    a:
      "#1 @1 0x00 CODECOPY #1 0x00 0x01 CREATE 0x00 0x00 0x00 0x00 0x00 DUP6 GAS CALL POP DUP1 EXTCODESIZE " +
      `SWAP1 BALANCE ADD ${RETURN_WORD} {1 #2 @2 0x00 CODECOPY #2 0x00 RETURN {2 A SELFDESTRUCT } }`,
    times: 2,
  },
  { about: "SELFDESTRUCT to itself", a: "ADDRESS SELFDESTRUCT", times: 2 },
  {
    about: "SELFDESTRUCT of an old contract, and its code called again",
    a: `${callTo("B")} ${callTo("B")} B EXTCODESIZE ADD ADD ${RETURN_WORD}`,
    b: "C SELFDESTRUCT",
    times: 2,
  },
  {
    about: "precompiles are warm, what is beside them is not",
    a:
      "GAS 0x01 BALANCE POP GAS 0x11 BALANCE POP GAS 0x12 BALANCE POP GAS 0x0100 BALANCE POP GAS 0x0a BALANCE " +
      "POP GAS 0x20 0x00 MSTORE 0x20 MSTORE 0x40 MSTORE 0x60 MSTORE 0x80 MSTORE 0xa0 MSTORE 0xc0 0x00 RETURN",
  },
  {
    about: "warm in a frame that reverted is cold again",
    a: `${callTo("B")} GAS 0xdead BALANCE POP GAS SWAP1 SUB ${RETURN_WORD}`,
    b: "0xdead BALANCE 0x00 0x00 REVERT",
  },
  {
    about: "a slot warmed in a frame that reverted",
    a: `0x00 0x00 0x00 0x00 B GAS DELEGATECALL GAS 0x05 SLOAD POP GAS SWAP1 SUB ${RETURN_WORD}`,
    b: "0x05 SLOAD 0x00 0x00 REVERT",
  },
  {
    about: "SSTORE through all of its prices",
    a:
      "0x01 0x00 SSTORE 0x00 0x00 SSTORE 0x02 0x00 SSTORE 0x02 0x00 SSTORE 0x00 0x01 SSTORE 0x03 0x01 SSTORE " +
      "0x05 0x01 SSTORE 0x00 0x01 SSTORE 0x05 0x01 SSTORE",
    times: 2,
  },
  {
    about: "SSTORE of what is there already, with the gas of the sentry, one more and one less",
    a: `${[0x0901, 0x0902, 0x0903].map((gas) => `0x00 0x00 0x00 0x00 0x00 B 0x0${gas.toString(16)} CALL`).join(" ")} ADD ADD ${RETURN_WORD}`,
    b: "0x01 0x00 SSTORE",
  },
  {
    about: "refunds above the cap",
    a: "0x00 0x00 SSTORE 0x00 0x01 SSTORE 0x00 0x02 SSTORE 0x00 0x03 SSTORE",
    times: 2,
  },
  {
    about: "a refund of a frame that reverted",
    a: `0x00 0x00 0x00 0x00 B GAS DELEGATECALL ${RETURN_WORD}`,
    b: "0x00 0x00 SSTORE 0x00 0x01 SSTORE 0x00 0x00 REVERT",
  },
  {
    about: "63/64 of the gas, and all but it",
    a: `0x00 0x00 0x00 0x00 0x00 B 0xffffffffffffffff CALL GAS ADD ${RETURN_WORD}`,
    b: "GAS 0x00 SSTORE INVALID",
  },
  {
    about: "the stipend alone runs a small contract",
    a: `0x00 0x00 0x00 0x00 0x01 B 0x00 CALL ${RETURN_WORD}`,
    b: "GAS 0x00 MSTORE 0x20 0x00 LOG0",
  },
  {
    about: "value to an account that is not there",
    a: `0x00 0x00 0x00 0x00 0x01 0xdead01 GAS CALL 0x00 0x00 0x00 0x00 0x00 0xdead02 GAS CALL ADD ${RETURN_WORD}`,
  },
  {
    about: "more value than there is",
    a: `0x00 0x00 0x00 0x00 0xffffffffff B GAS CALL RETURNDATASIZE ADD GAS ADD ${RETURN_WORD}`,
  },
  {
    about: "CALLCODE with value",
    a: `0x20 0x00 0x00 0x00 0x01 B GAS CALLCODE 0x00 MLOAD ADD ${RETURN_WORD}`,
    b: `CALLER CALLVALUE ADD ADDRESS ADD ${RETURN_WORD}`,
  },
  {
    about: "DELEGATECALL keeps caller and value",
    a: `0x20 0x00 0x00 0x00 B GAS DELEGATECALL 0x00 MLOAD ADD ${RETURN_WORD}`,
    b: `CALLER CALLVALUE ADD ADDRESS ADD ${RETURN_WORD}`,
  },
  { about: "a memory offset that overflows 64 bits", a: "0x01 0xfffffffffffffff8 MSTORE" },
  { about: "a memory range whose end overflows 64 bits", a: "0xffffffffffffffff 0x02 KECCAK256" },
  {
    about: "huge offsets with no length",
    a:
      "0x00 0xffffffffffffffffffffffffffffffff KECCAK256 0x00 0x00 0xffffffffffffffffffffffffffffffff CALLDATACOPY " +
      `0x00 0x00 0xffffffffffffffffffffff CODECOPY MSIZE ADD ${RETURN_WORD}`,
  },
  { about: "RETURN of nothing at a huge offset", a: "0x00 0xffffffffffffffffffffffffffffffff RETURN" },
  {
    about: "MCOPY that overlaps forwards and backwards",
    a:
      "0x0102030405060708 0x00 MSTORE 0x20 0x00 0x08 MCOPY 0x20 0x10 0x04 MCOPY 0x00 0xffffff 0xffffffffffffff " +
      "MCOPY MSIZE 0x40 MSTORE 0x60 0x00 RETURN",
  },
  {
    about: "CALLDATACOPY and CODECOPY beyond the end",
    a: "0x40 0x10 0x00 CALLDATACOPY 0x40 0x08 0x40 CODECOPY 0x20 0xffffffffffffffffff 0x00 CALLDATACOPY 0x80 0x00 RETURN",
    input: "0x1122334455667788",
  },
  {
    about: "EXTCODECOPY of itself and of nobody",
    a: "0x40 0x00 0x00 ADDRESS EXTCODECOPY 0x20 0x00 0x20 0xdead01 EXTCODECOPY 0x20 0xffffffffffffffffff 0x40 B EXTCODECOPY 0x60 0x00 RETURN",
    b: "0x01",
  },
  {
    about: "EXTCODEHASH of nobody, of an account without code, of itself",
    a: `0xdead01 EXTCODEHASH K EXTCODEHASH ADD ADDRESS EXTCODEHASH ADD 0x04 EXTCODEHASH ADD ${RETURN_WORD}`,
  },
  {
    about: "addresses with bits above the 160th",
    a: `0xffffffffffffffffffffffff00000000000000000000000000000000c0de0001 DUP1 BALANCE SWAP1 EXTCODESIZE ADD ${RETURN_WORD}`,
    b: "0x01",
  },
  {
    about: "BLOCKHASH at the edges of its range",
    a:
      "NUMBER BLOCKHASH 0x01 NUMBER SUB BLOCKHASH ADD 0x0100 NUMBER SUB BLOCKHASH ADD 0x0101 NUMBER SUB BLOCKHASH " +
      `ADD 0x00 NOT BLOCKHASH ADD ${RETURN_WORD}`,
  },
  {
    about: "a call to a delegated account",
    a: `${callTo("K")} 0x00 MLOAD ADD K EXTCODESIZE ADD K EXTCODEHASH ADD ${RETURN_WORD}`,
    b: `ADDRESS CODESIZE ADD 0x00 SLOAD ADD ${RETURN_WORD}`,
    k: "raw:ef010000000000000000000000000000000000c0de0001",
  },
  {
    about: "a delegation to a delegated account, to itself",
    a: `${callTo("K")} GAS ADD ${RETURN_WORD}`,
    k: `raw:ef0100${toBareHex(AUTHORITY_KEYS[0].address)}`,
  },
  {
    about: "a delegation to a precompile",
    a: `${callTo("K")} GAS ADD ${RETURN_WORD}`,
    k: "raw:ef01000000000000000000000000000000000000000004",
  },
  {
    about: "transient storage over a call that reverts",
    a: `0x01 0x00 TSTORE 0x00 0x00 0x00 0x00 B GAS DELEGATECALL 0x00 TLOAD ADD ${RETURN_WORD}`,
    b: "0x09 0x00 TSTORE 0x00 0x00 REVERT",
    times: 2,
  },
  {
    about: "transient storage in a call of itself",
    a: `0x00 TLOAD @1 JUMPI 0x01 0x00 TSTORE 0x00 0x00 0x00 0x00 0x00 ADDRESS GAS CALL 0x00 TLOAD ${RETURN_WORD} 1: 0x02 0x00 TSTORE`,
  },
  {
    about: "signed division of the least number by minus one",
    a: `0x00 NOT 0x01 0xff SHL SDIV 0x00 NOT 0x01 0xff SHL SMOD ADD ${RETURN_WORD}`,
  },
  {
    about: "shifts by 255, 256, and by more than 64 bits hold",
    a: `0x00 NOT 0xff SHR 0x00 NOT 0x0100 SHR ADD 0x00 NOT 0x010000000000000000 SAR ADD 0x01 0x0100 SHL ADD ${RETURN_WORD}`,
  },
  {
    about: "SIGNEXTEND and BYTE at their edges",
    a: `0x80 0x00 SIGNEXTEND 0x80 0x1f SIGNEXTEND ADD 0xff 0x1f BYTE ADD 0xff 0x20 BYTE ADD 0xff 0x010000000000000000 SIGNEXTEND ADD ${RETURN_WORD}`,
  },
  {
    about: "ADDMOD and MULMOD with sums above 2^256 and modulus 0",
    a: `0x03 0x00 NOT 0x00 NOT ADDMOD 0x00 NOT 0x00 NOT 0x00 NOT MULMOD ADD 0x00 0x05 0x06 MULMOD ADD ${RETURN_WORD}`,
  },
  { about: "EXP with a long exponent", a: `0x0100000000000001 0x03 EXP 0x00 0x00 EXP ADD ${RETURN_WORD}` },
  {
    about: "an empty creation, and one of code that stops",
    a: `0x00 0x00 0x00 CREATE EXTCODESIZE 0x01 0x00 0x00 CREATE EXTCODEHASH ADD ${RETURN_WORD}`,
  },
  {
    about: "a call to a contract that calls back",
    a: `0x00 SLOAD 0x01 ADD DUP1 0x00 SSTORE 0x05 LT @1 JUMPI ${callTo("B")} 1: 0x00 SLOAD ${RETURN_WORD}`,
    b: `0x00 0x00 0x00 0x00 0x00 A GAS CALL`,
  },
  {
    about: "gas between every two instructions",
    a: `GAS GAS 0x00 MSTORE GAS 0x00 MLOAD GAS ADD ADD ADD ${RETURN_WORD}`,
  },
  { about: "MSIZE after reads", a: `0x40 MLOAD POP MSIZE 0x7f MLOAD POP MSIZE ADD ${RETURN_WORD}` },
  {
    about: "a failed block charge in the middle of writes",
    a: "0x01 0x00 SSTORE 0x02 0x01 SSTORE 0x00 0x00 LOG0 0x03 0x02 SSTORE 0x04 0x03 SSTORE",
  },
  {
    about: "refunds below the cap: slots cleared, set again, set back",
    a: `${BURN} 0x00 0x00 SSTORE 0x00 0x01 SSTORE 0x09 0x01 SSTORE 0x00 0x02 SSTORE 0x03 0x02 SSTORE 0x09 0x03 SSTORE 0x04 0x03 SSTORE`,
    times: 2,
  },
  {
    about: "refunds below the cap: new slots taken back",
    a: `${BURN} 0x01 0x09 SSTORE 0x00 0x09 SSTORE 0x01 0x0a SSTORE 0x02 0x0a SSTORE 0x00 0x0a SSTORE`,
    times: 2,
  },
  {
    about: "a static frame's calls are static too, of whatever kind",
    a: `0x00 0x00 0x00 0x00 B GAS STATICCALL 0x20 0x00 0x00 0x00 B GAS STATICCALL 0x00 MLOAD ADD ADD ${RETURN_WORD}`,
    b: `0x00 0x00 0x00 0x00 0x00 C 0x7530 CALL 0x00 0x00 0x00 0x00 C 0x7530 DELEGATECALL ADD ${RETURN_WORD}`,
    c: "0x07 0x05 SSTORE",
  },
  {
    about: "a refused creation leaves no return data",
    a: `${callTo("B")} 0x00 0x00 0xffffffffff CREATE RETURNDATASIZE ADD RETURNDATASIZE ${RETURN_WORD}`,
    b: "0x40 0x00 RETURN",
  },
  {
    about: "signs of quotients and rests",
    a: resultsOf(["SDIV", "SMOD"].flatMap((name) => SIGNED_PAIRS.map((pair) => `${pair} ${name}`))),
  },
  {
    about: "signs of shifted and extended words",
    a: resultsOf([
      ...[0, 1, 7, 8, 29, 30, 31, 32].map((n) => `0x${"80".repeat(32)} 0x${byteOf(n)} SIGNEXTEND`),
      ...[0, 1, 29, 30, 31, 32].map((n) => `0x${WORD_OF_BYTES} 0x${byteOf(n)} BYTE`),
      ...[0, 1, 63, 64, 65, 191, 192, 193, 255].map((n) => `0x${"80".repeat(32)} 0x${byteOf(n)} SAR`),
      `0x${"80".repeat(32)} 0x0100 SAR`,
    ]),
  },
  {
    about: "comparisons across the sign",
    a: resultsOf(["LT", "GT", "SLT", "SGT"].flatMap((name) => SIGNED_PAIRS.map((pair) => `${pair} ${name}`))),
  },
  {
    about: "calls of itself down to the greatest depth",
    a: `0x20 0x00 0x00 0x00 0x00 ADDRESS 0x02bc GAS SUB CALL 0x00 MLOAD ADD ${RETURN_WORD}`,
    gas: [2 ** 41, 16_000_000],
  },
  {
    about: "code of the greatest size, and one byte more",
    a: `#1 @1 0x00 CODECOPY 0x6000 0x60 MSTORE #1 0x00 0x00 CREATE GAS 0x6001 #1 0x00 0x00 CREATE2 GAS ADD ADD ADD ${RETURN_WORD} {1 0x6000 0x00 RETURN }`,
    gas: [5_000_000, 12_000_000],
  },
  {
    about: "code one byte above the greatest size",
    a: `#1 @1 0x00 CODECOPY #1 0x00 0x00 CREATE GAS ADD ${RETURN_WORD} {1 0x6001 0x00 RETURN }`,
    gas: [5_100_000, 12_000_000],
  },
  {
    about: "creation code of the greatest size",
    a: `0xc000 0x00 0x00 CREATE GAS ADD ${RETURN_WORD}`,
    gas: [200_000, 9_000_000],
  },
];

const BLOCK_GAS_LIMIT = 1n << 42n;

/** The world of a case under a fork, with so much gas for the run. */
export function knownWorld(known: KnownCase, fork: Hardfork, gas: bigint): World {
  const accounts: WorldAccount[] = [];
  for (const [address, text] of [
    [CONTRACTS[0]!, known.a],
    [CONTRACTS[1]!, known.b],
    [CONTRACTS[2]!, known.c],
    [AUTHORITY_KEYS[0].address, known.k],
  ] as const) {
    if (text === undefined) continue;
    const code = programFromText(text.replace(/\b[ABCK]\b/g, (name) => ADDRESS_WORDS.get(name)!));
    const storage = [0, 1, 2, 3].map((slot) => [wordOf(slot), wordOf(slot + 1)] as const);
    accounts.push({ address, nonce: address === CONTRACTS[0] ? 1n : 0n, balance: 1000n, code, storage });
  }
  const call: WorldTransaction = {
    kind: "transaction",
    type: 0,
    to: CONTRACTS[0]!,
    input: known.input === undefined ? [] : [{ kind: "bytes", bytes: fromHex(known.input) }],
    value: 0n,
    gasLimit: 21_000n + gas,
    accessList: [],
    authorizations: [],
    blobHashCount: 0,
  };
  return {
    fork,
    blockNumber: 300n,
    blockGasLimit: BLOCK_GAS_LIMIT,
    beneficiary: BENEFICIARY,
    accounts,
    transactions: Array.from({ length: known.times ?? 1 }, () => call),
  };
}

function wordOf(value: number): Uint8Array {
  const word = new Uint8Array(32);
  word[31] = value;
  return word;
}
