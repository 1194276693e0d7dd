// A program to measure: a world, a block and one message into it; made from fixtures or from loops of our own. The same
// message goes to every engine, so what is fixed here (the gas, the block, no fees) is the same for all.

import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { type Address, ZERO_HASH } from "#chain/primitives.ts";
import type { BlockEnvironment, CallMessage } from "#evm/engine.ts";
import type { GenesisState } from "#state/table.ts";
import { assemble } from "#test/evm/fixtures.ts";
import type { Kind } from "./kinds.ts";

/** Gas of every block and, less one, of every message: more than any program needs. */
export const GAS_LIMIT = 1_000_000_000_000n;

/** The message of a program; no fee is paid. */
export type ProgramMessage = {
  readonly from: Address;
  readonly to: Address;
  readonly value: bigint;
  readonly data: Uint8Array;
  /** As much as fits into a block when absent. */
  readonly gas?: bigint;
};

/** The block around the message, as far as a program can tell. */
export type ProgramBlock = {
  readonly number: bigint;
  /** Seconds. */
  readonly timestamp: bigint;
  readonly coinbase: Address;
  readonly prevRandao: Uint8Array;
};

/** What is measured. */
export type Program = {
  /** Unique; what the command line selects by. */
  readonly name: string;
  readonly kind: Kind;
  readonly fork: Hardfork;
  readonly block: ProgramBlock;
  readonly alloc: readonly GenesisState[];
  readonly message: ProgramMessage;
};

/** Who calls the driver. */
export const DRIVER_CALLER: Address = fromHex("00000000000000000000000000000000000d1ce0");

/** The block of programs that ask for none. */
export const PLAIN_BLOCK: ProgramBlock = {
  number: 1n,
  timestamp: 1n,
  coinbase: new Uint8Array(20),
  prevRandao: ZERO_HASH,
};

/** The block as our engines take it. */
export function environmentOf({ fork, block }: Program): BlockEnvironment {
  return {
    chainId: 1n,
    number: block.number,
    timestamp: block.timestamp,
    beneficiary: block.coinbase,
    gasLimit: GAS_LIMIT,
    baseFee: 0n,
    prevRandao: block.prevRandao,
    difficulty: 0n,
    blobBaseFee: 1n,
    excessBlobGas: 0n,
    fork,
    transactionGasCap: null,
  };
}

/** The message as our engines take it. */
export function callMessage(message: ProgramMessage, deadline?: () => boolean): CallMessage {
  return {
    ...message,
    gas: message.gas ?? GAS_LIMIT - 1n,
    gasPrice: 0n,
    accessList: [],
    authorizationList: [],
    blobVersionedHashes: [],
    checks: "call",
    deadline,
  };
}

/**
 * The world with a driver in the place of the sender, so that one message makes many calls with the same sender, value
 * and calldata back to back. The cost of a call is then a slope over their number, free of all that surrounds a message.
 */
export function withDriver(program: Program): Program {
  const { from, to, value } = program.message;
  const code = fromHex(assemble(driverSource(toBareHex(to), value)));
  const sender = toBareHex(from);
  const others = program.alloc.filter(({ address }) => toBareHex(address) !== sender);
  const before = program.alloc.find(({ address }) => toBareHex(address) === sender);
  const driver: GenesisState = {
    address: from,
    balance: before?.balance ?? 0n,
    nonce: before?.nonce ?? 0n,
    code,
    storage: before?.storage ?? [],
  };
  return { ...program, alloc: sortAlloc([...others, driver]) };
}

/** The message that makes the driver call `count` times; it answers how many succeeded, then the last return data. */
export function driverMessage(program: Program, count: number): ProgramMessage {
  const { from, data } = program.message;
  return { from: DRIVER_CALLER, to: from, value: 0n, data: concatBytes(bigintToBytes(BigInt(count), 32), data) };
}

/** Accounts by address, slots by key: the order in which a table is loaded. */
export function sortAlloc(alloc: readonly GenesisState[]): GenesisState[] {
  return alloc
    .map((account) => ({ ...account, storage: [...account.storage].sort((a, b) => Buffer.compare(a.slot, b.slot)) }))
    .sort((a, b) => Buffer.compare(a.address, b.address));
}

// Stack: size of the calldata, successes, calls left.
function driverSource(to: string, value: bigint): string {
  return `
    20 CALLDATASIZE SUB DUP1 20 0 CALLDATACOPY 0 0 CALLDATALOAD
    loop: DUP1 ISZERO @done JUMPI
      0 0 DUP5 0 ${value.toString(16)} ${to} GAS CALL
      SWAP1 1 SWAP1 SUB SWAP2 ADD SWAP1
    @loop JUMP
    done: POP 0 MSTORE RETURNDATASIZE 0 20 RETURNDATACOPY RETURNDATASIZE 20 ADD 0 RETURN`;
}
