// One instance of @ethereumjs/evm, set up for a fork and a chain: names of forks, crypto, and the repairs that
// our conformance runs showed to be needed. Everything that knows the library's inside is in this file.

import { Common, Hardfork as LibraryFork, Mainnet } from "@ethereumjs/common";
import { createEVM, type EVM, EVMError, type EVMMockBlockchainInterface, type ExecResult } from "@ethereumjs/evm";
import { bigintToBytes } from "#base/bytes.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { INIT_CODE_SIZE_MAX } from "#chain/validity.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { recoverPublicKey } from "#crypto/secp256k1.ts";
import { sha256 } from "#crypto/sha256.ts";
import { type HostState, HostTransientStorage } from "./host-state.ts";
import { shortenInterpreter } from "./interpreter-shortcuts.ts";
import type { AccessJournal } from "./journal.ts";
import { createKzgVerifier } from "./kzg.ts";

/** The library's names of our forks. */
const LIBRARY_FORKS: Readonly<Record<Hardfork, LibraryFork>> = {
  frontier: LibraryFork.Chainstart,
  homestead: LibraryFork.Homestead,
  tangerineWhistle: LibraryFork.TangerineWhistle,
  spuriousDragon: LibraryFork.SpuriousDragon,
  byzantium: LibraryFork.Byzantium,
  constantinople: LibraryFork.Constantinople,
  petersburg: LibraryFork.Petersburg,
  istanbul: LibraryFork.Istanbul,
  muirGlacier: LibraryFork.MuirGlacier,
  berlin: LibraryFork.Berlin,
  london: LibraryFork.London,
  arrowGlacier: LibraryFork.ArrowGlacier,
  grayGlacier: LibraryFork.GrayGlacier,
  paris: LibraryFork.Paris,
  shanghai: LibraryFork.Shanghai,
  cancun: LibraryFork.Cancun,
  prague: LibraryFork.Prague,
  osaka: LibraryFork.Osaka,
};

/**
 * Opcodes that a long run cannot avoid, and those whose cost in time is out of line, with a weight by that cost: a call
 * may be a pairing check of milliseconds.
 */
const POLL_WEIGHTS: ReadonlyMap<number, number> = new Map([
  [0x0a, 4], // EXP
  [0x20, 4], // KECCAK256
  [0x56, 1], // JUMP
  [0x57, 1], // JUMPI
  [0xf0, 64], // CREATE
  [0xf1, 64], // CALL
  [0xf2, 64], // CALLCODE
  [0xf4, 64], // DELEGATECALL
  [0xf5, 64], // CREATE2
  [0xfa, 64], // STATICCALL
]);

/** Weight between two looks at the deadline. */
const POLL_INTERVAL = 256;

const LOG0 = 0xa0;
const CREATE = 0xf0;
const CREATE2 = 0xf5;
const EOF_PREFIX = 0xef;

/** What `runCall` needs besides its message. */
export type Library = { readonly evm: EVM; readonly precompiles: ReadonlySet<string> };

/** Thrown through the library when the deadline has passed. */
export class DeadlinePassed extends Error {
  override readonly name = "DeadlinePassed";
}

/**
 * Sets up the library.
 * @param options.deadlinePassed asked from time to time while code runs; true unwinds the run by {@link DeadlinePassed}
 * @param options.pauseIfDue asked between opcodes; what it returns is awaited before the next one
 */
export async function createLibrary(options: {
  fork: Hardfork;
  chainId: bigint;
  state: HostState;
  blockHash: (number: bigint) => Uint8Array;
  deadlinePassed: () => boolean;
  pauseIfDue: () => Promise<void> | null;
}): Promise<Library> {
  const common = createCommon(options.fork, options.chainId);
  const evm = (await createEVM({
    common,
    stateManager: options.state,
    blockchain: createBlockHashes(options.blockHash),
  })) as EVM;
  const inside = evm as unknown as EvmInside;
  inside._emit = () => DONE;
  inside.pauseIfDue = options.pauseIfDue;
  inside.transientStorage = new HostTransientStorage(options.state);
  repairCreations(inside._opcodeMap);
  repairRevertedCreations(inside);
  checkLogOperands(inside._opcodeMap);
  pollDeadline(inside._opcodeMap, options.deadlinePassed);
  memoize(common);
  return { evm, precompiles: new Set(evm.precompiles.keys()) };
}

/** Puts our journal in the place of the library's. */
export function installJournal(evm: EVM, journal: AccessJournal): void {
  (evm as unknown as EvmInside).journal = journal;
}

/** Whether a thrown value is the library's way to end a frame. */
export function isEvmError(error: unknown): error is EVMError {
  return error instanceof EVMError;
}

const DONE: Promise<void> = Promise.resolve();

type OpcodeHandler = (run: RunState, common: Common) => unknown;

type OpcodeEntry = { opcodeInfo: unknown; opHandler: OpcodeHandler; gasHandler: unknown };

type RunState = NonNullable<ExecResult["runState"]>;

type EvmInside = {
  _emit: () => Promise<void>;
  pauseIfDue: () => Promise<void> | null;
  _opcodeMap: OpcodeEntry[];
  transientStorage: HostTransientStorage;
  journal: AccessJournal;
  _executeCreate: (message: object) => Promise<{ execResult: ExecResult }>;
  runInterpreter: (message: object, options?: object) => Promise<ExecResult>;
};

function createCommon(fork: Hardfork, chainId: bigint): Common {
  return new Common({
    chain: { ...Mainnet, name: "host", chainId: chainId.toString() },
    hardfork: LIBRARY_FORKS[fork],
    customCrypto: { keccak256, sha256, ecrecover: recoverForPrecompile, kzg: createKzgVerifier() },
  });
}

function recoverForPrecompile(hash: Uint8Array, v: bigint, r: Uint8Array, s: Uint8Array): Uint8Array {
  const publicKey = recoverPublicKey(hash, r, s, Number(v) - 27);
  if (publicKey === null) throw new Error("no public key fits the signature");
  return publicKey;
}

function createBlockHashes(blockHash: (number: bigint) => Uint8Array): EVMMockBlockchainInterface {
  const source: EVMMockBlockchainInterface = {
    getBlock: (number) => Promise.resolve({ hash: () => blockHash(BigInt(number)) }),
    putBlock: () => DONE,
    shallowCopy: () => source,
  };
  return source;
}

/** Parameters, EIPs and forks of one instance never change, yet the library searches lists for them at every opcode. */
function memoize(common: Common): void {
  const parameters = new Map<string, bigint>();
  const findParameter = common.param.bind(common);
  common.param = (name) => {
    const known = parameters.get(name);
    if (known !== undefined) return known;
    const value = findParameter(name);
    parameters.set(name, value);
    return value;
  };
  const eips = new Map<number, boolean>();
  const findEip = common.isActivatedEIP.bind(common);
  common.isActivatedEIP = (eip) => {
    const known = eips.get(eip);
    if (known !== undefined) return known;
    const answer = findEip(eip);
    eips.set(eip, answer);
    return answer;
  };
  const forks = new Map<string, boolean>();
  const compareForks = common.gteHardfork.bind(common);
  common.gteHardfork = (fork) => {
    const known = forks.get(fork);
    if (known !== undefined) return known;
    const answer = compareForks(fork);
    forks.set(fork, answer);
    return answer;
  };
  const consensusType = common.consensusType();
  const consensusAlgorithm = common.consensusAlgorithm();
  common.consensusType = () => consensusType;
  common.consensusAlgorithm = () => consensusAlgorithm;
}

/**
 * Creation code that begins with 0xef00 is code like any other in these forks: it runs, and halts at its first byte. The
 * library skips such a creation as if it had cost nothing, keeping the creator's nonce and gas.
 */
function repairCreations(opcodes: OpcodeEntry[]): void {
  for (const opcode of [CREATE, CREATE2]) {
    const entry = opcodes[opcode]!;
    // Before Constantinople CREATE2 is the entry of INVALID.
    if ((entry.opcodeInfo as { code: number }).code !== opcode) continue;
    const run = entry.opHandler;
    opcodes[opcode] = {
      ...entry,
      opHandler: (state, common) => (beginsWithEof(state) ? create(state, opcode) : run(state, common)),
    };
  }
}

/**
 * Only code that is deployed must not begin with 0xef. The library applies that to what a failed creation reverts with, and takes
 * all its gas; so it is shown other bytes there.
 */
function repairRevertedCreations(inside: EvmInside): void {
  // Of the creation whose code runs next; the library passes a copy of the message on.
  let entered: { output: Uint8Array | null } | null = null;
  const create = inside._executeCreate.bind(inside);
  const run = inside.runInterpreter.bind(inside);
  inside._executeCreate = async (message) => {
    const creation: { output: Uint8Array | null } = { output: null };
    entered = creation;
    const result = await create(message);
    entered = null;
    const { output } = creation;
    return output === null ? result : { ...result, execResult: { ...result.execResult, returnValue: output } };
  };
  inside.runInterpreter = async (message, options) => {
    const creation = entered;
    entered = null;
    const result = await run(message, options);
    const { exceptionError, returnValue } = result;
    if (creation === null || exceptionError === undefined || returnValue[0] !== EOF_PREFIX) return result;
    creation.output = returnValue;
    return { ...result, returnValue: new Uint8Array(returnValue.length) };
  };
}

function beginsWithEof(state: RunState): boolean {
  // With fewer operands the library's own handler reports the underflow.
  if (state.stack.length < 3) return false;
  const [, offset, length] = state.stack.peek(3);
  if (length! < 2n || length! > BigInt(INIT_CODE_SIZE_MAX)) return false;
  const start = state.memory.read(Number(offset), 2);
  return start[0] === EOF_PREFIX && start[1] === 0x00;
}

async function create(state: RunState, opcode: number): Promise<void> {
  const [value, offset, length] = state.stack.popN(3);
  const gas = state.messageGasLimit!;
  delete state.messageGasLimit;
  const code = state.memory.read(Number(offset), Number(length));
  const salt = opcode === CREATE2 ? bigintToBytes(state.stack.pop(), 32) : undefined;
  state.stack.push(await state.interpreter.create(gas, value!, code, salt));
}

/** The library takes the operands of LOG in two steps; one check before keeps the stack height whole for the halt's words. */
function checkLogOperands(opcodes: OpcodeEntry[]): void {
  for (let topicCount = 0; topicCount <= 4; topicCount++) {
    const entry = opcodes[LOG0 + topicCount]!;
    const run = entry.opHandler;
    const checked: OpcodeHandler = (state, common) => {
      if (state.stack.length < topicCount + 2) throw new EVMError(EVMError.errorMessages.STACK_UNDERFLOW);
      return run(state, common);
    };
    opcodes[LOG0 + topicCount] = { ...entry, opHandler: checked };
  }
}

function pollDeadline(opcodes: OpcodeEntry[], deadlinePassed: () => boolean): void {
  let weightSinceLook = 0;
  for (const [opcode, weight] of POLL_WEIGHTS) {
    const entry = opcodes[opcode]!;
    const run = entry.opHandler;
    const polled: OpcodeHandler = (state, common) => {
      shortenInterpreter(state.interpreter);
      weightSinceLook += weight;
      if (weightSinceLook >= POLL_INTERVAL) {
        weightSinceLook = 0;
        if (deadlinePassed()) throw new DeadlinePassed();
      }
      return run(state, common);
    };
    opcodes[opcode] = { ...entry, opHandler: polled };
  }
}
