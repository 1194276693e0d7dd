// The transaction of a state test from its parts, for fixtures that lack the signed bytes: data, gas limit and value come
// in variants, and the key (or at least the sender) is given.

import { fromHex } from "#base/hex.ts";
import type { Address } from "#chain/primitives.ts";
import {
  type AccessListEntry,
  type Authorization,
  recoverSender,
  signTransaction,
  type Transaction,
  type TransactionType,
  type UnsignedTransaction,
} from "#chain/transaction.ts";
import { addressFromText, wordFromText } from "./world.ts";

/** Which of the variants. */
export type VectorIndexes = { readonly data: number; readonly gas: number; readonly value: number };

type AccessListText = readonly { readonly address: string; readonly storageKeys: readonly string[] }[];

/** The parts as fixtures write them. */
export type FixtureTransaction = {
  readonly data: readonly string[];
  readonly gasLimit: readonly string[];
  readonly value: readonly string[];
  readonly nonce: string;
  readonly to?: string;
  readonly secretKey?: string;
  readonly sender?: string;
  readonly gasPrice?: string;
  readonly maxFeePerGas?: string;
  readonly maxPriorityFeePerGas?: string;
  readonly maxFeePerBlobGas?: string;
  readonly blobVersionedHashes?: readonly string[];
  readonly accessLists?: readonly (AccessListText | null)[];
  readonly authorizationList?: readonly Readonly<Record<string, string>>[];
};

/** The transaction with these variants, and its sender. */
export function transactionOf(
  fixture: FixtureTransaction,
  indexes: VectorIndexes,
): { readonly tx: Transaction; readonly sender: Address } | { readonly refusal: string } {
  const unsigned = unsignedOf(fixture, indexes);
  if (fixture.secretKey !== undefined) {
    const tx = signTransaction(unsigned, wordFromText(fixture.secretKey));
    const sender = recoverSender(tx);
    return sender === null ? { refusal: "invalid signature" } : { tx, sender };
  }
  if (fixture.sender === undefined) return { refusal: "the fixture gives neither a key nor a sender" };
  const one = wordFromText("1");
  return { tx: { ...unsigned, yParity: 0, r: one, s: one }, sender: addressFromText(fixture.sender) };
}

function unsignedOf(fixture: FixtureTransaction, indexes: VectorIndexes): UnsignedTransaction {
  const maxFeePerGas = BigInt(fixture.maxFeePerGas ?? fixture.gasPrice ?? "0x0");
  const accessList = fixture.accessLists?.[indexes.data] ?? null;
  const type = typeOf(fixture, accessList !== null);
  return {
    type,
    chainId: type === 0 ? null : 1n,
    nonce: BigInt(fixture.nonce),
    gasPrice: maxFeePerGas,
    maxFeePerGas,
    maxPriorityFeePerGas: BigInt(fixture.maxPriorityFeePerGas ?? fixture.gasPrice ?? "0x0"),
    gasLimit: BigInt(fixture.gasLimit[indexes.gas]!),
    to: fixture.to === undefined || fixture.to === "" ? null : addressFromText(fixture.to),
    // Some old fixtures write numbers too large to be meant as a "bigint".
    value: BigInt(fixture.value[indexes.value]!.replace("0x:bigint ", "")),
    data: fromHex(fixture.data[indexes.data]!),
    accessList: (accessList ?? []).map(accessListEntryOf),
    authorizationList: (fixture.authorizationList ?? []).map(authorizationOf),
    maxFeePerBlobGas: BigInt(fixture.maxFeePerBlobGas ?? "0x0"),
    blobVersionedHashes: (fixture.blobVersionedHashes ?? []).map(wordFromText),
  };
}

/** A variant without an access list, be it an empty one, is an older transaction. */
function typeOf(fixture: FixtureTransaction, hasAccessList: boolean): TransactionType {
  if (fixture.authorizationList !== undefined) return 4;
  if (fixture.maxFeePerBlobGas !== undefined) return 3;
  if (fixture.maxFeePerGas !== undefined) return 2;
  return hasAccessList ? 1 : 0;
}

function accessListEntryOf({ address, storageKeys }: AccessListText[number]): AccessListEntry {
  return { address: addressFromText(address), storageKeys: storageKeys.map(wordFromText) };
}

/** An EIP-7702 authorization from JSON. */
export function authorizationOf(json: Readonly<Record<string, string>>): Authorization {
  return {
    chainId: BigInt(json.chainId!),
    address: addressFromText(json.address!),
    nonce: BigInt(json.nonce!),
    yParity: Number(BigInt(json.yParity ?? json.v!)),
    r: wordFromText(json.r!),
    s: wordFromText(json.s!),
  };
}
