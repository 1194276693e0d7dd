// Running a read against the state at one block: which version that is, the block it sees, and starting again when the
// undo ring has passed the version that the read was holding.
//
//   latest, pending   newest published mini-block; NUMBER and TIMESTAMP are those of the open block
//   number, hash      the version after that block's last mini-block; older than the undo window: 4444
//   safe, finalized   the newest sealed block
//   earliest          block 0

import { blobBaseFee, nextExcessBlobGas } from "#chain/base-fee.ts";
import { blobParametersAt, transactionGasCapAt } from "#chain/chain-spec.ts";
import type { BlockHeader } from "#chain/header.ts";
import { type Address, type Hash32, ZERO_HASH } from "#chain/primitives.ts";
import type { BlockEnvironment } from "#evm/engine.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import type { OpenPayload } from "#formats/wire/payloads.ts";
import type { StateSource } from "#state/source.ts";
import type { BlockReference } from "./block-reference.ts";
import type { PinnableState, ReadContext, StoredBlock } from "./context.ts";
import { headerNotFound, prunedHistory, serverError, stateMovedOn } from "./errors.ts";

/** How often a read is started again before it is answered with an error. */
export const STATE_RESTART_COUNT_MAX = 2;

/** The state at one block, held for one attempt of a read. */
export type StateAt = {
  readonly source: StateSource;
  /** The block that code sees; built on demand, as plain look-ups need none. */
  environment(): BlockEnvironment;
};

/**
 * Runs `read` against the state that `reference` names; again, at most twice, when the version is overtaken meanwhile.
 * @param read must have no effect outside, since it may run up to three times
 * @throws {RpcError} header not found, 4444 when the version is no longer held, or the words of a version overtaken twice
 */
export async function withStateAt<T>(
  context: ReadContext,
  reference: BlockReference,
  read: (state: StateAt) => T | Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const watched = new WatchedSource(context.openView());
    let outcome: { readonly value: T } | null = null;
    let failure: unknown = null;
    const state = pinAt(context, watched, reference);
    try {
      outcome = { value: await read(state) };
    } catch (error) {
      failure = error;
    }
    // The flag counts, not the exception: an engine may turn an exception of its Host into a halt.
    if (!watched.isGone && !isVersionGone(failure)) {
      if (outcome === null) throw failure;
      return outcome.value;
    }
    context.meters.undoRestarted();
    if (!isMoving(reference)) throw prunedHistory();
    if (attempt === STATE_RESTART_COUNT_MAX) throw stateMovedOn();
  }
}

/** The sealed block that a reference names; null when there is none. `latest` and `pending` mean the newest sealed one. */
export function findBlock(context: Pick<ReadContext, "store">, reference: BlockReference): StoredBlock | null {
  const { store } = context;
  if (reference.kind === "hash") return store.blockByHash(reference.hash);
  if (reference.kind === "number")
    return reference.number > store.headBlockNumber ? null : store.block(reference.number);
  return store.block(reference.tag === "earliest" ? 0 : store.headBlockNumber);
}

/** The same, but `pending` is null: an open block has neither roots nor a hash. */
export function findSealedBlock(context: Pick<ReadContext, "store">, reference: BlockReference): StoredBlock | null {
  return reference.kind === "tag" && reference.tag === "pending" ? null : findBlock(context, reference);
}

/** Whether the reference names whatever is newest. */
export function isMoving(reference: BlockReference): boolean {
  return reference.kind === "tag" && (reference.tag === "latest" || reference.tag === "pending");
}

/** Whether an error says that the undo ring has passed a reader's version. */
export function isVersionGone(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === "STATE_VERSION_GONE";
}

function pinAt(context: ReadContext, watched: WatchedSource, reference: BlockReference): StateAt {
  if (isMoving(reference)) {
    watched.pin();
    return { source: watched, environment: () => newestEnvironment(context) };
  }
  const block = findBlock(context, reference);
  // An open block is not addressable by number until it is sealed.
  if (block === null) throw headerNotFound();
  const { store, options } = context;
  if (block.header.number + options.stateWindowBlocks < store.headBlockNumber) throw prunedHistory();
  const version = store.stateVersionAfterBlock(block.header.number);
  if (version === null) throw prunedHistory();
  watched.pin(version);
  return { source: watched, environment: () => sealedEnvironment(context, block.header) };
}

function newestEnvironment(context: ReadContext): BlockEnvironment {
  const { store } = context;
  const open = store.openBlock;
  const head = store.block(store.headBlockNumber);
  if (head === null) throw serverError("no block yet");
  return open === null ? sealedEnvironment(context, head.header) : openEnvironment(context, open, head.header);
}

function openEnvironment(context: ReadContext, open: OpenPayload, parent: BlockHeader): BlockEnvironment {
  const hasBlobs = blobParametersAt(context.spec, open.timestamp) !== null;
  return environmentOf(context, {
    number: BigInt(open.blockNumber),
    timestamp: BigInt(open.timestamp),
    beneficiary: open.beneficiary,
    gasLimit: open.gasLimit,
    baseFee: open.baseFee,
    prevRandao: open.randomness,
    difficulty: 0n,
    excessBlobGas: hasBlobs ? nextExcessBlobGas(context.spec, parent, open.timestamp) : 0n,
  });
}

function sealedEnvironment(context: ReadContext, header: BlockHeader): BlockEnvironment {
  return environmentOf(context, {
    number: BigInt(header.number),
    timestamp: header.timestamp,
    beneficiary: header.beneficiary,
    gasLimit: header.gasLimit,
    baseFee: header.baseFeePerGas ?? 0n,
    prevRandao: header.mixHash,
    difficulty: header.difficulty,
    excessBlobGas: header.excessBlobGas ?? 0n,
  });
}

type BlockFields = Omit<BlockEnvironment, "chainId" | "blobBaseFee" | "fork" | "transactionGasCap">;

function environmentOf({ spec }: ReadContext, fields: BlockFields): BlockEnvironment {
  const fork = spec.hardforkAt(fields.number, fields.timestamp);
  const hasBlobs = blobParametersAt(spec, fields.timestamp) !== null;
  return {
    ...fields,
    chainId: spec.chainId,
    fork,
    blobBaseFee: hasBlobs ? blobBaseFee(spec, fields.excessBlobGas, fields.timestamp) : 0n,
    transactionGasCap: transactionGasCapAt(spec, fork),
  };
}

/** The hash of a block for BLOCKHASH; zero when this chain has no such sealed block. */
export function blockHashAt(context: Pick<ReadContext, "store">, number: bigint): Hash32 {
  const { store } = context;
  if (number > BigInt(store.headBlockNumber)) return ZERO_HASH;
  return store.block(Number(number))?.hash ?? ZERO_HASH;
}

/** A state reader that remembers whether its version went away, whatever the caller makes of the exception. */
class WatchedSource implements StateSource {
  readonly #state: PinnableState;
  #isGone = false;

  constructor(state: PinnableState) {
    this.#state = state;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  pin(version?: number): void {
    try {
      if (version === undefined) this.#state.pin();
      else this.#state.pin(version);
    } catch (error) {
      if (isVersionGone(error)) throw prunedHistory();
      throw error;
    }
  }

  account(address: Address): AccountState | null {
    try {
      return this.#state.account(address);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  slot(address: Address, slot: Hash32): Hash32 {
    try {
      return this.#state.slot(address, slot);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  code(codeHash: Hash32): Uint8Array | null {
    try {
      return this.#state.code(codeHash);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  codeSize(codeHash: Hash32): number {
    try {
      return this.#state.codeSize(codeHash);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  copyCode(codeHash: Hash32, into: Uint8Array, at: number): boolean {
    try {
      return this.#state.copyCode(codeHash, into, at);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  slotsOf(address: Address): Iterable<Hash32> {
    try {
      // Collected here, so that a version that goes away while iterating is noticed here too.
      return [...this.#state.slotsOf(address)];
    } catch (error) {
      throw this.#noted(error);
    }
  }

  #noted(error: unknown): unknown {
    if (isVersionGone(error)) this.#isGone = true;
    return error;
  }
}
