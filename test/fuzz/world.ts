// A world: a few accounts with programs and slots, a block, and transactions that run one after the other. It is what one
// fuzz run compares engines on, and, as JSON, a fixed case of the suite.

import { fromHex, toHex } from "#base/hex.ts";
import type { ChainSpec } from "#chain/chain-spec.ts";
import { type Hardfork, isAtLeast, isHardfork } from "#chain/hardforks.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import {
  type AccessListEntry,
  type Authorization,
  authorizationHash,
  type Transaction,
  type TransactionType,
} from "#chain/transaction.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import { sign } from "#crypto/secp256k1.ts";
import type { BlockEnvironment, CallMessage } from "#evm/engine.ts";
import { environmentOf, specOf } from "#test/evm/fixtures.ts";
import { MemoryHost } from "#test/evm/memory-host.ts";
import { AUTHORITY_KEYS, SENDER_KEY } from "./operands.ts";
import { assembleProgram, type Program, programFromText, programToText } from "./program.ts";

/** An account of the pre-state. */
export type WorldAccount = {
  readonly address: Address;
  readonly nonce: bigint;
  readonly balance: bigint;
  readonly code: Program;
  readonly storage: readonly (readonly [slot: Hash32, value: Hash32])[];
};

/** A permission of one of the authority keys; the signature is made when the world is built. */
export type WorldAuthorization = {
  /** Index into `AUTHORITY_KEYS`. */
  readonly authority: number;
  readonly address: Address;
  readonly nonce: bigint;
  readonly chainId: bigint;
};

/** A transaction of the sender. */
export type WorldTransaction = {
  /** `call` is executed as a message whose writes are undone. */
  readonly kind: "transaction" | "call";
  readonly type: TransactionType;
  /** null creates a contract from `input`. */
  readonly to: Address | null;
  readonly input: Program;
  readonly value: bigint;
  readonly gasLimit: bigint;
  readonly accessList: readonly AccessListEntry[];
  readonly authorizations: readonly WorldAuthorization[];
  readonly blobHashCount: number;
};

/** See the head of the file. */
export type World = {
  readonly fork: Hardfork;
  readonly blockNumber: bigint;
  readonly blockGasLimit: bigint;
  readonly beneficiary: Address;
  readonly accounts: readonly WorldAccount[];
  readonly transactions: readonly WorldTransaction[];
};

const SENDER_BALANCE = 10n ** 30n;
const FEE_CAP = 100n;
const TIP = 3n;
const SIGNATURE_VALUE: Hash32 = new Uint8Array(32).fill(1);
const BLOB_FEE_CAP = 10n;

/** A host with the accounts of a world and its sender. `codes` keeps the assembled code of accounts between hosts. */
export function createWorldHost(world: World, codes: Map<WorldAccount, Uint8Array> = new Map()): MemoryHost {
  const host = new MemoryHost();
  host.setAccount(SENDER_KEY.address, { nonce: 0n, balance: SENDER_BALANCE, codeHash: KECCAK_EMPTY });
  for (const account of world.accounts) {
    let code = codes.get(account);
    if (code === undefined) codes.set(account, (code = assembleProgram(account.code)));
    const codeHash = code.length === 0 ? KECCAK_EMPTY : host.putCode(code);
    host.setAccount(account.address, { nonce: account.nonce, balance: account.balance, codeHash });
    for (const [slot, value] of account.storage) host.setSlot(account.address, slot, value);
  }
  return host;
}

const specs = new Map<Hardfork, ChainSpec>();

/** The chain of a world. */
export function specOfWorld(world: World): ChainSpec {
  let spec = specs.get(world.fork);
  if (spec === undefined) specs.set(world.fork, (spec = specOf(world.fork)));
  return spec;
}

/** The block of a world. */
export function environmentOfWorld(world: World): BlockEnvironment {
  return environmentOf(world.fork, {
    number: world.blockNumber,
    beneficiary: world.beneficiary,
    gasLimit: world.blockGasLimit,
  });
}

/** The transaction as engines take it. Its signature is none of the sender's: engines are told who sent it. */
export function transactionOf(world: World, item: WorldTransaction, nonce: bigint): Transaction {
  const { type } = item;
  const hasTip = type >= 2;
  return {
    type,
    chainId: type === 0 && !isAtLeast(world.fork, "spuriousDragon") ? null : 1n,
    nonce,
    gasPrice: FEE_CAP,
    maxFeePerGas: FEE_CAP,
    maxPriorityFeePerGas: hasTip ? TIP : FEE_CAP,
    gasLimit: item.gasLimit,
    to: item.to,
    value: item.value,
    data: assembleProgram(item.input),
    accessList: item.accessList,
    authorizationList: item.authorizations.map(signedAuthorization),
    maxFeePerBlobGas: type === 3 ? BLOB_FEE_CAP : 0n,
    blobVersionedHashes: Array.from({ length: item.blobHashCount }, (_, index) => blobHash(index)),
    yParity: 0,
    r: SIGNATURE_VALUE,
    s: SIGNATURE_VALUE,
  };
}

/** The same as a message, at no price. */
export function messageOfWorld(item: WorldTransaction): CallMessage {
  return {
    from: SENDER_KEY.address,
    to: item.to,
    gas: item.gasLimit,
    gasPrice: 0n,
    value: item.value,
    data: assembleProgram(item.input),
    accessList: item.accessList,
    authorizationList: item.to === null ? [] : item.authorizations.map(signedAuthorization),
    blobVersionedHashes: [],
    checks: "call",
  };
}

function blobHash(index: number): Hash32 {
  const hash = new Uint8Array(32).fill(index + 0x40);
  hash[0] = 1;
  return hash;
}

const signedAuthorizations = new Map<string, Authorization>();

function signedAuthorization(item: WorldAuthorization): Authorization {
  const key = `${item.authority} ${toHex(item.address)} ${item.nonce} ${item.chainId}`;
  let signed = signedAuthorizations.get(key);
  if (signed === undefined) {
    const { chainId, address, nonce } = item;
    const { yParity, r, s } = sign(authorizationHash(item), AUTHORITY_KEYS[item.authority]!.privateKey);
    signedAuthorizations.set(key, (signed = { chainId, address, nonce, yParity, r, s }));
  }
  return signed;
}

type Json = Readonly<Record<string, unknown>>;

/** A world as JSON that a person can read: programs are text, numbers are decimal. What has its usual value is left out. */
export function worldToJson(world: World): Json {
  return {
    fork: world.fork,
    blockNumber: world.blockNumber.toString(),
    blockGasLimit: world.blockGasLimit.toString(),
    beneficiary: toHex(world.beneficiary),
    accounts: world.accounts.map((account) => ({
      address: toHex(account.address),
      nonce: account.nonce.toString(),
      balance: account.balance.toString(),
      code: programToText(account.code),
      ...(account.storage.length === 0 ? {} : { storage: storageToJson(account.storage) }),
    })),
    transactions: world.transactions.map(transactionToJson),
  };
}

function storageToJson(storage: WorldAccount["storage"]): Json {
  return Object.fromEntries(storage.map(([slot, value]) => [toHex(slot), toHex(value)]));
}

function transactionToJson(item: WorldTransaction): Json {
  return {
    kind: item.kind,
    type: item.type.toString(),
    ...(item.to === null ? {} : { to: toHex(item.to) }),
    input: programToText(item.input),
    value: item.value.toString(),
    gasLimit: item.gasLimit.toString(),
    ...(item.accessList.length === 0 ? {} : { accessList: item.accessList.map(accessToText).join(" ") }),
    ...(item.authorizations.length === 0
      ? {}
      : { authorizations: item.authorizations.map(authorizationToText).join(" ") }),
    ...(item.blobHashCount === 0 ? {} : { blobHashCount: item.blobHashCount.toString() }),
  };
}

function accessToText({ address, storageKeys }: AccessListEntry): string {
  return [address, ...storageKeys].map(toHex).join("/");
}

function authorizationToText({ authority, address, nonce, chainId }: WorldAuthorization): string {
  return `${authority}/${toHex(address)}/${nonce}/${chainId}`;
}

type WorldJson = {
  readonly fork: string;
  readonly blockNumber: string;
  readonly blockGasLimit: string;
  readonly beneficiary: string;
  readonly accounts: readonly {
    readonly address: string;
    readonly nonce: string;
    readonly balance: string;
    readonly code: string;
    readonly storage?: Readonly<Record<string, string>>;
  }[];
  readonly transactions: readonly {
    readonly kind: WorldTransaction["kind"];
    readonly type: string;
    readonly to?: string;
    readonly input: string;
    readonly value: string;
    readonly gasLimit: string;
    readonly accessList?: string;
    readonly authorizations?: string;
    readonly blobHashCount?: string;
  }[];
};

/** Reads a world that `worldToJson` or a person wrote. */
export function worldFromJson(json: Json): World {
  const world = json as unknown as WorldJson;
  if (!isHardfork(world.fork)) throw new SyntaxError(`no such fork: ${world.fork}`);
  return {
    fork: world.fork,
    blockNumber: BigInt(world.blockNumber),
    blockGasLimit: BigInt(world.blockGasLimit),
    beneficiary: fromHex(world.beneficiary),
    accounts: world.accounts.map((account) => ({
      address: fromHex(account.address),
      nonce: BigInt(account.nonce),
      balance: BigInt(account.balance),
      code: programFromText(account.code),
      storage: Object.entries(account.storage ?? {}).map(([slot, value]) => [fromHex(slot), fromHex(value)] as const),
    })),
    transactions: world.transactions.map((item) => ({
      kind: item.kind,
      type: Number(item.type) as TransactionType,
      to: item.to === undefined ? null : fromHex(item.to),
      input: programFromText(item.input),
      value: BigInt(item.value),
      gasLimit: BigInt(item.gasLimit),
      accessList: wordsOf(item.accessList).map(accessFromText),
      authorizations: wordsOf(item.authorizations).map(authorizationFromText),
      blobHashCount: Number(item.blobHashCount ?? 0),
    })),
  };
}

function wordsOf(text: string | undefined): string[] {
  return (text ?? "").split(" ").filter((word) => word !== "");
}

function accessFromText(text: string): AccessListEntry {
  const [address, ...storageKeys] = text.split("/").map(fromHex);
  return { address: address!, storageKeys };
}

function authorizationFromText(text: string): WorldAuthorization {
  const [authority, address, nonce, chainId] = text.split("/");
  return {
    authority: Number(authority),
    address: fromHex(address!),
    nonce: BigInt(nonce!),
    chainId: BigInt(chainId!),
  };
}
