// Draws worlds: which contracts, which block, which transactions, how much gas. The same seed and index give the same world.

import { concatBytes } from "#base/bytes.ts";
import { SeededRandom } from "#base/random.ts";
import { HARDFORKS, type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import type { Address } from "#chain/primitives.ts";
import type { AccessListEntry, TransactionType } from "#chain/transaction.ts";
import { CodeWriter, type ForkOpcodes, OP, opcodesOf } from "./code-writer.ts";
import { Body } from "./control-flow.ts";
import {
  AUTHORITY_KEYS,
  BENEFICIARY,
  CONTRACTS,
  drawOperand,
  NOBODY,
  operandOf,
  PRECOMPILES,
  RICH,
  SENDER_KEY,
  SLOTS,
  wordOf,
} from "./operands.ts";
import type { Item, Program } from "./program.ts";
import { drawOpcode, NestedData } from "./statements.ts";
import type { World, WorldAccount, WorldAuthorization, WorldTransaction } from "./world.ts";

/** Forks, the newest most often. */
const FORK_WEIGHTS: readonly Hardfork[] = [
  ...HARDFORKS,
  ...HARDFORKS.filter((fork) => !["muirGlacier", "arrowGlacier", "grayGlacier"].includes(fork)),
  ...Array<Hardfork>(6).fill("shanghai"),
  ...Array<Hardfork>(20).fill("cancun"),
  ...Array<Hardfork>(28).fill("prague"),
  ...Array<Hardfork>(46).fill("osaka"),
];

const BASE_GAS = 21_000n;
const BLOCK_GAS_LIMIT = 60_000_000n;
const DEEP_BLOCK_GAS_LIMIT = 1n << 42n;
const NESTED_DEPTH_MAX = 2;

/** The seed of one world of a run: all that is needed to draw it again. */
export function worldSeed(seed: number, index: number): number {
  return (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(index + 1, 0xc2b2ae35)) >>> 0;
}

/** The world of a seed; of a given fork when one is named. */
export function generateWorld(seed: number, fork: Hardfork | null = null): World {
  const random = new SeededRandom(seed);
  const drawn = random.pick(FORK_WEIGHTS);
  const opcodes = opcodesOf(fork ?? drawn);
  return random.chance(0.0004) ? deepWorld(random, opcodes) : usualWorld(random, opcodes);
}

function usualWorld(random: SeededRandom, opcodes: ForkOpcodes): World {
  const { fork } = opcodes;
  const contractCount = random.pick([1, 2, 2, 3, 3, 4, 4, 4]);
  const accounts: WorldAccount[] = [];
  for (let i = 0; i < contractCount; i++) {
    accounts.push(account(random, CONTRACTS[i]!, contractCode(random, opcodes, i)));
  }
  if (random.chance(0.5)) accounts.push({ address: RICH, nonce: 0n, balance: 10n ** 18n, code: [], storage: [] });
  if (isAtLeast(fork, "prague") && random.chance(0.25)) accounts.push(...delegatedAccounts(random));
  const transactionCount = random.pick([1, 1, 1, 1, 1, 2, 2, 3]);
  const transactions: WorldTransaction[] = [];
  for (let i = 0; i < transactionCount; i++) transactions.push(transaction(random, opcodes));
  return {
    fork,
    blockNumber: random.pick([1n, 10n, 255n, 256n, 257n, 300n, 300n, 1_000_000n]),
    blockGasLimit: BLOCK_GAS_LIMIT,
    beneficiary: random.chance(0.9) ? BENEFICIARY : random.pick([SENDER_KEY.address, ...CONTRACTS]),
    accounts,
    transactions,
  };
}

function account(random: SeededRandom, address: Address, code: Program): WorldAccount {
  const storage: [Uint8Array, Uint8Array][] = [];
  if (random.chance(0.5)) {
    const slots = new Set(SLOTS.map((slot) => slot.toHex()));
    for (const slot of slots) {
      if (random.chance(0.4)) storage.push([paddedWord(Buffer.from(slot, "hex")), wordOf(1 + random.below(3))]);
    }
  }
  return {
    address,
    nonce: random.chance(0.9) ? 1n : 0n,
    balance: BigInt(random.pick([0, 1, 1000, 1e15])),
    code,
    storage,
  };
}

function paddedWord(bytes: Uint8Array): Uint8Array {
  return concatBytes(new Uint8Array(32 - bytes.length), bytes);
}

function delegatedAccounts(random: SeededRandom): WorldAccount[] {
  return AUTHORITY_KEYS.map(({ address }) => {
    const isDelegated = random.chance(0.7);
    const code: Program = isDelegated ? [{ kind: "bytes", bytes: designator(drawTarget(random)) }] : [];
    return { address, nonce: random.chance(0.7) ? 0n : 1n, balance: 10n ** 15n, code, storage: [] };
  });
}

function designator(target: Address): Uint8Array {
  return concatBytes(Uint8Array.of(0xef, 0x01, 0x00), target);
}

function drawTarget(random: SeededRandom): Address {
  if (random.chance(0.75)) return random.pick(CONTRACTS);
  return random.pick([RICH, NOBODY, SENDER_KEY.address, ...AUTHORITY_KEYS.map((key) => key.address), PRECOMPILES[3]!]);
}

/** The code of a contract; the first one is what transactions call, the others are smaller. */
function contractCode(random: SeededRandom, opcodes: ForkOpcodes, index: number): Program {
  const kind = random.below(100);
  if (kind < 3) return wildCode(random, opcodes);
  if (index > 0 && kind < 60) return templateCode(random, opcodes);
  if (index === 0 && kind < 18) return computingCode(random, opcodes);
  const budget = index === 0 ? firstBudget(random) : 2 + random.below(10);
  return structuredCode(random, opcodes, budget, index === 0 ? 0 : 1);
}

function structuredCode(random: SeededRandom, opcodes: ForkOpcodes, budget: number, depth: number): Program {
  const writer = new CodeWriter(random, opcodes, depth === 0 ? "called by transactions" : "callee");
  const data = new NestedData(writer);
  const nested = (nestedRandom: SeededRandom) => creationCode(nestedRandom, opcodes, depth + 1);
  new Body(writer, nested, data, budget).write();
  return writer.program;
}

/** Statements of a contract that transactions call; a few have more blocks than one compiled function takes. */
function firstBudget(random: SeededRandom): number {
  if (random.chance(0.004)) return 200 + random.below(600);
  return 4 + random.below(random.chance(0.1) ? 80 : 26);
}

function computingCode(random: SeededRandom, opcodes: ForkOpcodes): Program {
  const writer = new CodeWriter(random, opcodes, "callee");
  const data = new NestedData(writer);
  new Body(writer, () => [], data, 10 + random.below(30)).writeComputing();
  return writer.program;
}

function wildCode(random: SeededRandom, opcodes: ForkOpcodes): Program {
  const items: Item[] = [];
  const count = 1 + random.below(60);
  const kind = random.below(3);
  if (kind === 0) return [{ kind: "bytes", bytes: random.bytes(count) }];
  for (let i = 0; i < count; i++) items.push(random.chance(0.45) ? drawOperand(random) : drawOpcode(random, opcodes));
  return items;
}

/** Small contracts that do one thing, so that what calls them gets somewhere. */
function templateCode(random: SeededRandom, opcodes: ForkOpcodes): Program {
  const writer = new CodeWriter(random, opcodes, "callee");
  const end = random.chance(0.25) && opcodes.has(OP.REVERT) ? OP.REVERT : OP.RETURN;
  switch (random.below(10)) {
    case 6: // writes everywhere, and may then fail
    case 7:
    case 8:
    case 9:
      return [...writeEverywhere(writer), ...failOrEnd(random, opcodes)];
    case 0: // gives its input back
      writer.op(OP.CALLDATASIZE, 0, 1);
      writer.pushNumber(0);
      writer.pushNumber(0);
      writer.op(OP.CALLDATACOPY, 3, 0);
      writer.op(OP.CALLDATASIZE, 0, 1);
      break;
    case 1: // counts its calls
      writer.pushNumber(0);
      writer.op(OP.SLOAD, 1, 1);
      writer.pushNumber(1);
      writer.op(OP.ADD, 2, 1);
      writer.dup(1);
      writer.pushNumber(0);
      writer.op(OP.SSTORE, 2, 0);
      writer.pushNumber(0);
      writer.op(OP.MSTORE, 2, 0);
      writer.pushNumber(32);
      break;
    case 2: // sets and clears a slot
      writer.pushNumber(0);
      writer.op(OP.CALLDATALOAD, 1, 1);
      writer.pushNumber(1);
      writer.op(OP.SSTORE, 2, 0);
      writer.pushNumber(0);
      writer.pushNumber(1);
      writer.op(OP.SSTORE, 2, 0);
      writer.pushNumber(random.below(3));
      writer.pushNumber(1);
      writer.op(OP.SSTORE, 2, 0);
      writer.pushNumber(0);
      break;
    case 3: // destroys itself
      writer.push(operandOf(random.below(3)));
      return [...writer.program, OP.SELFDESTRUCT];
    case 4: // says who and what
      for (const [index, opcode] of [0x33, 0x34, 0x30, 0x5a].entries()) {
        writer.op(opcode, 0, 1);
        writer.pushNumber(32 * index);
        writer.op(OP.MSTORE, 2, 0);
      }
      writer.pushNumber(128);
      break;
    default: // calls the next one with all it got
      for (const operand of [64, 0, 32, 0]) writer.pushNumber(operand);
      if (!opcodes.has(OP.STATICCALL)) writer.pushNumber(0);
      writer.push(operandOf(BigInt(`0x${random.pick(CONTRACTS).toHex()}`)));
      writer.op(OP.GAS, 0, 1);
      writer.op(opcodes.has(OP.STATICCALL) ? random.pick([OP.STATICCALL, OP.DELEGATECALL]) : OP.CALL, 0, 0);
      writer.pushNumber(64);
  }
  writer.pushNumber(0);
  writer.op(end, 2, 0);
  return writer.program;
}

function writeEverywhere(writer: CodeWriter): Program {
  const { random, opcodes } = writer;
  for (let i = 1 + random.below(2); i > 0; i--) {
    writer.pushNumber(random.below(4));
    writer.push(random.pick(SLOTS.slice(0, 4)));
    writer.op(opcodes.has(OP.TSTORE) && random.chance(0.6) ? OP.TSTORE : OP.SSTORE, 2, 0);
  }
  if (random.chance(0.4)) {
    writer.pushNumber(random.below(33));
    writer.pushNumber(0);
    writer.op(OP.LOG0, 2, 0);
  }
  return writer.program;
}

function failOrEnd(random: SeededRandom, opcodes: ForkOpcodes): Item[] {
  const kind = random.below(6);
  if (kind === 0) return [0xfe];
  if (kind === 1) return [OP.POP];
  if (kind < 4 && opcodes.has(OP.REVERT)) return [operandOf(random.below(65)), operandOf(0), OP.REVERT];
  return kind === 4 ? [operandOf(random.below(65)), operandOf(0), OP.RETURN] : [];
}

/** Code that runs when a contract is created, and what it deploys. */
function creationCode(random: SeededRandom, opcodes: ForkOpcodes, depth: number): Program {
  const kind = random.below(24);
  if (kind === 0) return wildCode(random, opcodes);
  if (kind === 1) return [];
  if (kind === 2) return [{ kind: "bytes", bytes: Uint8Array.of(0xef, random.below(2)) }];
  if (kind < 6 || depth > NESTED_DEPTH_MAX) return structuredCode(random, opcodes, 1 + random.below(5), depth + 1);
  const writer = new CodeWriter(random, opcodes, "callee");
  const data = new NestedData(writer);
  if (kind < 11) {
    const value = random.below(3);
    writer.pushNumber(value);
    writer.push(random.pick(SLOTS));
    writer.op(OP.SSTORE, 2, 0);
  }
  if (kind === 11 || kind === 12) return [...writer.program, ...returnOf(random, kind === 11)];
  const id = data.add(runtimeCode(random, opcodes, depth));
  writer.pushLength(id);
  writer.pushPosition(id);
  writer.pushNumber(0);
  writer.op(OP.CODECOPY, 3, 0);
  writer.pushLength(id);
  writer.pushNumber(0);
  writer.op(random.chance(0.06) && opcodes.has(OP.REVERT) ? OP.REVERT : OP.RETURN, 2, 0);
  data.flush();
  return writer.program;
}

/** Deploys zeroes, around the greatest size, or a first byte that is not allowed. */
function returnOf(random: SeededRandom, isEdge: boolean): Item[] {
  const size = isEdge && random.chance(0.3) ? 24_575 + random.below(4) : random.below(40);
  const first = random.chance(0.5) ? 0xef : 0x60;
  return [operandOf(first), operandOf(0), OP.MSTORE8, operandOf(size), operandOf(0), OP.RETURN];
}

function runtimeCode(random: SeededRandom, opcodes: ForkOpcodes, depth: number): Program {
  const kind = random.below(10);
  if (kind < 5) return templateCode(random, opcodes);
  if (kind < 6) return wildCode(random, opcodes);
  return structuredCode(random, opcodes, 1 + random.below(5), depth + 1);
}

function transaction(random: SeededRandom, opcodes: ForkOpcodes): WorldTransaction {
  const { fork } = opcodes;
  const isCreation = random.chance(0.08);
  const input = isCreation ? creationCode(random, opcodes, 0) : callData(random);
  const type = transactionType(random, fork, isCreation);
  const authorizations = type === 4 ? authorizationList(random) : [];
  const accessList = type >= 1 && random.chance(0.4) ? drawAccessList(random) : [];
  return {
    kind: random.chance(0.1) ? "call" : "transaction",
    type,
    to: isCreation ? null : recipient(random),
    input,
    value: BigInt(random.chance(0.75) ? 0 : random.below(2000)),
    gasLimit: drawGas(random) + ahead(input, isCreation, accessList, authorizations),
    accessList,
    authorizations,
    blobHashCount: type === 3 ? 1 + random.below(3) : 0,
  };
}

/** Roughly what a transaction costs before it runs, and never less. */
function ahead(
  input: Program,
  isCreation: boolean,
  accessList: readonly AccessListEntry[],
  authorizations: readonly WorldAuthorization[],
): bigint {
  let bytes = 0;
  for (const item of input) {
    if (typeof item === "object" && "bytes" in item) bytes += item.bytes.length;
    else bytes += isCreation ? 33 : 0;
  }
  const keys = accessList.reduce((count, entry) => count + entry.storageKeys.length, 0);
  const gas = bytes * 68 + (isCreation ? 33_000 : 0) + accessList.length * 2400 + keys * 1900;
  return BASE_GAS + BigInt(gas + authorizations.length * 25_000);
}

function recipient(random: SeededRandom): Address {
  const kind = random.below(100);
  if (kind < 86) return CONTRACTS[0]!;
  if (kind < 92) return random.pick(CONTRACTS);
  if (kind < 97) return random.pick(AUTHORITY_KEYS).address;
  return random.pick([NOBODY, RICH, SENDER_KEY.address, BENEFICIARY, PRECOMPILES[random.below(14)]!]);
}

function transactionType(random: SeededRandom, fork: Hardfork, isCreation: boolean): TransactionType {
  const kind = random.below(10);
  if (kind < 2 && isAtLeast(fork, "prague") && !isCreation) return 4;
  if (kind < 3 && isAtLeast(fork, "cancun") && !isCreation) return 3;
  if (kind < 7 && isAtLeast(fork, "london")) return 2;
  if (kind < 8 && isAtLeast(fork, "berlin")) return 1;
  return 0;
}

function authorizationList(random: SeededRandom): WorldAuthorization[] {
  return Array.from({ length: 1 + random.below(3) }, () => ({
    authority: random.below(AUTHORITY_KEYS.length),
    address: random.chance(0.1) ? new Uint8Array(20) : drawTarget(random),
    nonce: BigInt(random.pick([0, 0, 0, 1, 1, 2])),
    chainId: BigInt(random.pick([0, 1, 1, 1, 2])),
  }));
}

function drawAccessList(random: SeededRandom): AccessListEntry[] {
  return Array.from({ length: 1 + random.below(2) }, () => ({
    address: drawTarget(random),
    storageKeys: Array.from({ length: random.below(3) }, () => paddedWord(random.pick(SLOTS))),
  }));
}

function callData(random: SeededRandom): Program {
  if (random.chance(0.2)) return [];
  const words = Array.from({ length: 1 + random.below(4) }, () => paddedWord(drawOperand(random)));
  const all = concatBytes(...words);
  const length = random.chance(0.8) ? all.length : random.below(all.length + 1);
  return [{ kind: "bytes", bytes: all.slice(0, length) }];
}

/** Gas for the run itself: from too little for anything to enough for everything. */
function drawGas(random: SeededRandom): bigint {
  const kind = random.below(20);
  if (kind < 2) return BigInt(random.below(1500));
  if (kind < 4) return BigInt(random.below(12_000));
  if (kind < 8) return BigInt(random.below(80_000));
  if (kind < 19) return BigInt(80_000 + random.below(170_000));
  return BigInt(random.chance(0.5) ? random.below(1_000_000) : random.below(250_000));
}

/** A contract that calls itself down to the greatest depth, and says at each level what it got. */
function deepWorld(random: SeededRandom, opcodes: ForkOpcodes): World {
  const writer = new CodeWriter(random, opcodes, "callee");
  const call = random.pick([OP.CALL, ...(opcodes.has(OP.DELEGATECALL) ? [OP.DELEGATECALL] : [])]);
  const memory = random.pick([0, 32, 320]);
  if (memory > 0) {
    writer.op(OP.GAS, 0, 1);
    writer.pushNumber(memory);
    writer.op(OP.MSTORE, 2, 0);
  }
  for (const operand of [32, 0, 0, 0]) writer.pushNumber(operand);
  if (call === OP.CALL) writer.pushNumber(random.below(2));
  writer.op(0x30, 0, 1);
  writer.op(OP.GAS, 0, 1);
  if (!isAtLeast(opcodes.fork, "tangerineWhistle")) {
    writer.pushNumber(700);
    writer.swap(1);
    writer.op(OP.SUB, 2, 1);
  }
  writer.op(call, 0, 0);
  // How many levels are beneath this one.
  writer.pushNumber(0);
  writer.op(OP.MLOAD, 1, 1);
  writer.op(OP.ADD, 2, 1);
  writer.pushNumber(0);
  writer.op(OP.MSTORE, 2, 0);
  writer.pushNumber(32);
  writer.pushNumber(0);
  writer.op(OP.RETURN, 2, 0);
  // EIP-7825 caps a transaction from Osaka on: there the depth is bounded by the gas.
  const gasLimit = isAtLeast(opcodes.fork, "osaka") ? 16_000_000n : 1n << 40n;
  return {
    fork: opcodes.fork,
    blockNumber: 10n,
    blockGasLimit: DEEP_BLOCK_GAS_LIMIT,
    beneficiary: BENEFICIARY,
    accounts: [{ address: CONTRACTS[0]!, nonce: 1n, balance: 5n, code: writer.program, storage: [] }],
    transactions: [
      {
        kind: "transaction",
        type: 0,
        to: CONTRACTS[0]!,
        input: [],
        value: 0n,
        gasLimit,
        accessList: [],
        authorizations: [],
        blobHashCount: 0,
      },
    ],
  };
}
