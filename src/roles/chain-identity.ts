// The chain that a data directory holds: its genesis document is written at the first start and decides ever after.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { bytesEqual } from "#base/bytes.ts";
import { deriveDevelopmentAccounts } from "#chain/development-accounts.ts";
import {
  developmentGenesis,
  type Genesis,
  genesisHeader,
  genesisIdentity,
  parseGenesis,
  parseGenesisDocument,
} from "#chain/genesis.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { headerHash } from "#chain/header.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import type { ChainIdentity } from "#formats/wire/record.ts";
import { createMemoryTrie } from "#state/memory-trie.ts";
import { MptCommitment } from "#state/mpt-commitment.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { GENESIS_FILE, LOG_DIRECTORY } from "./data-layout.ts";
import type { NodeOptions } from "./node-options.ts";

/** A genesis with what follows from it. */
export type IdentifiedGenesis = {
  readonly genesis: Genesis;
  readonly stateRoot: Hash32;
  /** Hash of block 0, as Ethereum computes it. */
  readonly blockHash: Hash32;
  /** What records and peers are bound to. */
  readonly identity: ChainIdentity;
};

/** The genesis of the command line and that of the data directory differ. */
export class GenesisMismatchError extends Error {
  override readonly name = "GenesisMismatchError";
  readonly code = "GENESIS_MISMATCH";
}

/** The chain's log is there and its genesis is not: to begin another chain over it would hide what was lost. */
export class GenesisMissingError extends Error {
  override readonly name = "GenesisMissingError";
  readonly code = "GENESIS_MISSING";
}

/** Computes state root, block hash and identity of a genesis. */
export async function identifyGenesis(genesis: Genesis): Promise<IdentifiedGenesis> {
  const commitment = new MptCommitment(createMemoryTrie);
  await commitment.update(
    genesis.alloc.map(({ address, balance, nonce, code, storage }) => {
      const account = { balance, nonce, codeHash: keccak256(code) };
      return { address, account, slots: storage, storageCleared: false };
    }),
  );
  const stateRoot = await commitment.root();
  const blockHash = headerHash(genesisHeader(genesis, stateRoot));
  const identity = { chainId: genesis.spec.chainId, genesisHash: genesisIdentity(genesis, blockHash) };
  return { genesis, stateRoot, blockHash, identity };
}

/** Identifies a genesis from its document. @throws {GenesisError} */
export function identifyDocument(document: Uint8Array): Promise<IdentifiedGenesis> {
  return identifyGenesis(parseGenesisDocument(document));
}

/**
 * The genesis of the data directory, or null in a new one.
 * @throws {GenesisMismatchError} when `--genesis` names another chain
 * @throws {GenesisMissingError} when a chain was begun here and the file is gone
 */
export async function loadGenesis(directory: string, options: NodeOptions): Promise<IdentifiedGenesis | null> {
  const stored = tryRead(`${directory}/${GENESIS_FILE}`);
  const given = options.genesisFile === null ? null : readGenesisFile(options.genesisFile);
  if (stored === null) {
    if (existsSync(`${directory}/${LOG_DIRECTORY}`)) {
      throw new GenesisMissingError(`${directory} holds a chain whose ${GENESIS_FILE} is gone: put it back`);
    }
    return given === null ? null : identifyGenesis(given);
  }
  if (given !== null && !bytesEqual(given.document, stored)) {
    throw new GenesisMismatchError(`${directory} holds a chain with another genesis than ${options.genesisFile}`);
  }
  return identifyDocument(stored);
}

/** Keeps the genesis document for all later starts. */
export function storeGenesis(directory: string, genesis: Genesis): void {
  const path = `${directory}/${GENESIS_FILE}`;
  writeFileSync(`${path}.new`, genesis.document, { flush: true });
  renameSync(`${path}.new`, path);
  new RealDisk(directory).syncDirectory("."); // before anything is signed for this chain
}

/** A funded development chain as the options describe it, beginning now and signed for by `sequencer`. */
export function makeDevelopmentGenesis(options: NodeOptions, sequencer: Address, nowSeconds: number): Genesis {
  return developmentGenesis({
    chainId: options.chainId,
    timestamp: BigInt(nowSeconds),
    blockGasLimit: options.gasLimit,
    baseFee: options.baseFeeWei,
    hardfork: options.hardfork as Hardfork,
    accounts: deriveDevelopmentAccounts(options.mnemonic, options.accountCount).map(({ address }) => {
      return { address, balance: options.accountBalanceWei };
    }),
    sequencer,
  });
}

function readGenesisFile(path: string): Genesis {
  return parseGenesis(JSON.parse(readFileSync(path, "utf8")));
}

function tryRead(path: string): Uint8Array | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
