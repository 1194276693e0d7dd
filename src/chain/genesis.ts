// Where a chain begins: rules, first header and first accounts, from a file in geth's format or made up for development.
// The canonical document is the one form that is stored in data directories and posted between threads.

import { bigintFromBytes, bigintToBytes, compareBytes, isZeroBytes, utf8 } from "#base/bytes.ts";
import { toHex, toQuantity } from "#base/hex.ts";
import { Blake3Hasher } from "#crypto/blake3.ts";
import { BLOOM_SIZE_BYTES } from "./bloom.ts";
import { DEVELOPMENT_BASE_FEE, forksFromGenesis, type ParsedConfig, parseChainConfig } from "./chain-config.ts";
import type { ChainSpec } from "./chain-spec.ts";
import {
  DEVELOPMENT_ACCOUNT_COUNT,
  DEVELOPMENT_BALANCE,
  DEVELOPMENT_MNEMONIC,
  deriveDevelopmentAccounts,
} from "./development-accounts.ts";
import {
  canonicalJson,
  GenesisError,
  isPresent,
  type JsonObject,
  readBytes,
  readFixedBytes,
  readObject,
  readQuantity,
  readWord,
} from "./genesis-json.ts";
import { type Hardfork, isAtLeast } from "./hardforks.ts";
import { type BlockHeader, EMPTY_OMMERS_HASH, EMPTY_REQUESTS_HASH, EMPTY_TRIE_ROOT } from "./header.ts";
import { DEVELOPMENT_PREDEPLOYS } from "./predeploys.ts";
import { type Address, blockNumber, type Hash32, UINT64_MAX, type Wei, ZERO_ADDRESS, ZERO_HASH } from "./primitives.ts";

/** An account of the first state. */
export type GenesisAccount = {
  readonly address: Address;
  readonly balance: Wei;
  readonly nonce: bigint;
  readonly code: Uint8Array;
  /** Ascending by slot; no zero values. */
  readonly storage: readonly { readonly slot: Hash32; readonly value: Hash32 }[];
};

/** The beginning of a chain. */
export type Genesis = {
  readonly spec: ChainSpec;
  readonly parentHash: Hash32;
  readonly beneficiary: Address;
  readonly difficulty: bigint;
  readonly gasLimit: bigint;
  readonly gasUsed: bigint;
  /** Seconds since the Unix epoch. */
  readonly timestamp: bigint;
  readonly extraData: Uint8Array;
  readonly mixHash: Hash32;
  /** 8 bytes. */
  readonly nonce: Uint8Array;
  /** null before London. */
  readonly baseFeePerGas: Wei | null;
  /** null before Cancun. */
  readonly excessBlobGas: bigint | null;
  /** null before Cancun. */
  readonly blobGasUsed: bigint | null;
  /** Ascending by address. Key indices follow this order: an account, then its slots. */
  readonly alloc: readonly GenesisAccount[];
  /** Canonical JSON; parsed again it gives this genesis, and this document. */
  readonly document: Uint8Array;
};

/** What makes a development chain; everything but the first two has a default. */
export type DevelopmentGenesisOptions = {
  readonly chainId: bigint;
  /** Seconds since the Unix epoch. */
  readonly timestamp: bigint;
  readonly blockGasLimit?: bigint;
  /** Constant base fee in wei. */
  readonly baseFee?: Wei;
  readonly hardfork?: Hardfork;
  readonly accounts?: readonly { readonly address: Address; readonly balance: Wei }[];
  readonly sequencer?: Address;
};

/** Block gas limit of development chains unless told otherwise: 10^10. */
export const DEVELOPMENT_BLOCK_GAS_LIMIT = 10_000_000_000n;

/** What geth takes when a genesis file says nothing. */
const DEFAULT_GAS_LIMIT = 4_712_388n;
const DEFAULT_DIFFICULTY = 131_072n;
const DEFAULT_BASE_FEE = 1_000_000_000n;

/**
 * Reads a genesis in geth's format, with our chain options in `config.megaeth`. Quantities may be numbers, decimal text or
 * hex; header members that are absent take geth's defaults.
 * @param json the parsed JSON of the file
 * @throws {GenesisError} naming the member that is wrong
 */
export function parseGenesis(json: unknown): Genesis {
  const file = readObject(json, "");
  const givenGasLimit = optionalQuantity(file, "gasLimit", UINT64_MAX) ?? 0n;
  const gasLimit = givenGasLimit === 0n ? DEFAULT_GAS_LIMIT : givenGasLimit;
  const config = parseChainConfig(file.config, gasLimit);
  if ((optionalQuantity(file, "number") ?? 0n) !== 0n) throw new GenesisError("number", "a chain starts at block 0");
  const header = readHeaderFields(file, config, gasLimit);
  const alloc = readAlloc(file.alloc);
  const document = canonicalJson({ ...headerToJson(header), config: config.json, alloc: allocToJson(alloc) });
  return { spec: config.spec, ...header, alloc, document };
}

/**
 * Reads the canonical document of a genesis, or any text of one.
 * @throws {GenesisError} also when the bytes are no JSON
 */
export function parseGenesisDocument(document: Uint8Array): Genesis {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(document));
  } catch (cause) {
    throw new GenesisError("", `not JSON: ${cause instanceof Error ? cause.message : cause}`);
  }
  return parseGenesis(json);
}

/** The genesis of a development chain: funded accounts, constant base fee, and the contracts that tools expect. */
export function developmentGenesis(options: DevelopmentGenesisOptions): Genesis {
  const hardfork = options.hardfork ?? "osaka";
  const baseFee = options.baseFee ?? DEVELOPMENT_BASE_FEE;
  const alloc: Record<string, JsonObject> = {};
  for (const { address, nonce, code, since } of DEVELOPMENT_PREDEPLOYS) {
    if (isAtLeast(hardfork, since)) {
      alloc[toHex(address)] = { balance: "0x0", nonce: toQuantity(nonce), code: toHex(code) };
    }
  }
  for (const { address, balance } of options.accounts ?? defaultAccounts()) {
    alloc[toHex(address)] = { ...alloc[toHex(address)], balance: toQuantity(balance) };
  }
  return parseGenesis({
    config: {
      chainId: toQuantity(options.chainId),
      ...forksFromGenesis(hardfork),
      megaeth: {
        baseFee: { kind: "constant", value: toQuantity(baseFee) },
        development: true,
        sequencer: options.sequencer === undefined ? undefined : toHex(options.sequencer),
        stateRootDelay: 1,
        transactionGasCap: null,
      },
    },
    timestamp: toQuantity(options.timestamp),
    gasLimit: toQuantity(options.blockGasLimit ?? DEVELOPMENT_BLOCK_GAS_LIMIT),
    difficulty: "0x0",
    alloc,
  });
}

/** The header of block 0. @param stateRoot the root over `genesis.alloc` */
export function genesisHeader(genesis: Genesis, stateRoot: Hash32): BlockHeader {
  const fork = genesis.spec.hardforkAt(0, genesis.timestamp);
  return {
    parentHash: genesis.parentHash,
    ommersHash: EMPTY_OMMERS_HASH,
    beneficiary: genesis.beneficiary,
    stateRoot,
    transactionsRoot: EMPTY_TRIE_ROOT,
    receiptsRoot: EMPTY_TRIE_ROOT,
    logsBloom: new Uint8Array(BLOOM_SIZE_BYTES),
    difficulty: genesis.difficulty,
    number: blockNumber(0),
    gasLimit: genesis.gasLimit,
    gasUsed: genesis.gasUsed,
    timestamp: genesis.timestamp,
    extraData: genesis.extraData,
    mixHash: genesis.mixHash,
    nonce: genesis.nonce,
    ...(genesis.baseFeePerGas === null ? {} : { baseFeePerGas: genesis.baseFeePerGas }),
    ...(isAtLeast(fork, "shanghai") ? { withdrawalsRoot: EMPTY_TRIE_ROOT } : {}),
    ...(genesis.blobGasUsed === null ? {} : { blobGasUsed: genesis.blobGasUsed }),
    ...(genesis.excessBlobGas === null ? {} : { excessBlobGas: genesis.excessBlobGas }),
    ...(isAtLeast(fork, "cancun") ? { parentBeaconBlockRoot: ZERO_HASH } : {}),
    ...(isAtLeast(fork, "prague") ? { requestsHash: EMPTY_REQUESTS_HASH } : {}),
  };
}

type GenesisHeaderFields = Omit<Genesis, "spec" | "alloc" | "document">;

function readHeaderFields(
  file: JsonObject,
  { spec, json: config }: ParsedConfig,
  gasLimit: bigint,
): GenesisHeaderFields {
  const timestamp = optionalQuantity(file, "timestamp", UINT64_MAX) ?? 0n;
  const fork = spec.hardforkAt(0, timestamp);
  const defaultDifficulty = isPresent(config.ethash) ? DEFAULT_DIFFICULTY : 0n;
  const initialBaseFee = spec.baseFee.kind === "constant" ? spec.baseFee.value : spec.baseFee.initial;
  const baseFee =
    optionalQuantity(file, "baseFeePerGas") ?? (spec.kind === "ethereum" ? DEFAULT_BASE_FEE : initialBaseFee);
  const blobFields = isAtLeast(fork, "cancun");
  return {
    parentHash: isPresent(file.parentHash) ? readFixedBytes(file.parentHash, "parentHash", 32) : ZERO_HASH,
    beneficiary: isPresent(file.coinbase) ? readFixedBytes(file.coinbase, "coinbase", 20) : ZERO_ADDRESS,
    difficulty: optionalQuantity(file, "difficulty") ?? defaultDifficulty,
    gasLimit,
    gasUsed: optionalQuantity(file, "gasUsed", UINT64_MAX) ?? 0n,
    timestamp,
    extraData: isPresent(file.extraData) ? readBytes(file.extraData, "extraData") : new Uint8Array(0),
    mixHash: isPresent(file.mixHash) ? readFixedBytes(file.mixHash, "mixHash", 32) : ZERO_HASH,
    nonce: bigintToBytes(optionalQuantity(file, "nonce", UINT64_MAX) ?? 0n, 8),
    baseFeePerGas: isAtLeast(fork, "london") ? baseFee : null,
    excessBlobGas: blobFields ? (optionalQuantity(file, "excessBlobGas", UINT64_MAX) ?? 0n) : null,
    blobGasUsed: blobFields ? (optionalQuantity(file, "blobGasUsed", UINT64_MAX) ?? 0n) : null,
  };
}

function readAlloc(value: unknown): readonly GenesisAccount[] {
  const alloc = isPresent(value) ? readObject(value, "alloc") : {};
  const accounts = Object.entries(alloc).map(([key, account]) => readAccount(key, account));
  accounts.sort((a, b) => compareBytes(a.address, b.address));
  for (let i = 1; i < accounts.length; i++) {
    const { address } = accounts[i]!;
    if (compareBytes(accounts[i - 1]!.address, address) === 0) {
      throw new GenesisError(`alloc.${toHex(address)}`, "this account is listed twice");
    }
  }
  return accounts;
}

function readAccount(key: string, value: unknown): GenesisAccount {
  const path = `alloc.${key}`;
  const account = readObject(value, path);
  return {
    address: readFixedBytes(key, path, 20),
    balance: readQuantity(account.balance, `${path}.balance`),
    nonce: isPresent(account.nonce) ? readQuantity(account.nonce, `${path}.nonce`, UINT64_MAX) : 0n,
    code: isPresent(account.code) ? readBytes(account.code, `${path}.code`) : new Uint8Array(0),
    storage: isPresent(account.storage) ? readStorage(account.storage, `${path}.storage`) : [],
  };
}

function readStorage(value: unknown, path: string): GenesisAccount["storage"] {
  const entries = Object.entries(readObject(value, path)).map(([key, word]) => ({
    slot: readWord(key, `${path}.${key}`),
    value: readWord(word, `${path}.${key}`),
  }));
  entries.sort((a, b) => compareBytes(a.slot, b.slot));
  for (let i = 1; i < entries.length; i++) {
    if (compareBytes(entries[i - 1]!.slot, entries[i]!.slot) === 0) {
      throw new GenesisError(`${path}.${toHex(entries[i]!.slot)}`, "this slot is listed twice");
    }
  }
  return entries.filter((entry) => !isZeroBytes(entry.value));
}

function headerToJson(header: GenesisHeaderFields): JsonObject {
  const quantity = (value: bigint | null) => (value === null ? undefined : toQuantity(value));
  return {
    parentHash: toHex(header.parentHash),
    coinbase: toHex(header.beneficiary),
    difficulty: quantity(header.difficulty),
    gasLimit: quantity(header.gasLimit),
    gasUsed: quantity(header.gasUsed),
    timestamp: quantity(header.timestamp),
    extraData: toHex(header.extraData),
    mixHash: toHex(header.mixHash),
    nonce: toQuantity(bigintFromBytes(header.nonce)),
    baseFeePerGas: quantity(header.baseFeePerGas),
    excessBlobGas: quantity(header.excessBlobGas),
    blobGasUsed: quantity(header.blobGasUsed),
  };
}

function allocToJson(alloc: readonly GenesisAccount[]): JsonObject {
  return Object.fromEntries(
    alloc.map(({ address, balance, nonce, code, storage }) => [
      toHex(address),
      {
        balance: toQuantity(balance),
        nonce: nonce === 0n ? undefined : toQuantity(nonce),
        code: code.length === 0 ? undefined : toHex(code),
        storage:
          storage.length === 0
            ? undefined
            : Object.fromEntries(storage.map((entry) => [toHex(entry.slot), toHex(entry.value)])),
      },
    ]),
  );
}

function defaultAccounts(): { address: Address; balance: Wei }[] {
  const accounts = deriveDevelopmentAccounts(DEVELOPMENT_MNEMONIC, DEVELOPMENT_ACCOUNT_COUNT);
  return accounts.map(({ address }) => ({ address, balance: DEVELOPMENT_BALANCE }));
}

function optionalQuantity(file: JsonObject, key: string, max?: bigint): bigint | null {
  return isPresent(file[key]) ? readQuantity(file[key], key, max) : null;
}

/**
 * What identifies a chain in its log and on the feed: the header of block 0 together with the whole genesis document, since the
 * header alone says nothing of the fork schedule, the fee rule or the sequencer.
 * @param genesisHeaderHash hash of block 0
 */
export function genesisIdentity(genesis: Genesis, genesisHeaderHash: Hash32): Hash32 {
  return new Blake3Hasher().update(utf8("megaeth/genesis")).update(genesisHeaderHash).update(genesis.document).digest();
}
