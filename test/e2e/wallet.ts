// Development accounts that sign many transactions cheaply, with their nonces counted here: for load, where a client library
// would be the bottleneck. Tests of the interface itself let viem, ethers or cast sign.

import { type Abi, encodeDeployData, encodeFunctionData, type Hex } from "viem";
import { fromHex, toHex } from "#base/hex.ts";
import { DEVELOPMENT_MNEMONIC, deriveDevelopmentAccounts } from "#chain/development-accounts.ts";
import {
  contractAddress,
  encodeTransaction,
  signTransaction,
  transactionHash,
  type UnsignedTransaction,
} from "#chain/transaction.ts";
import { addressFromPrivateKey } from "#crypto/secp256k1.ts";
import type { CompiledContract } from "./contracts.ts";

/** What a transaction may say beyond the defaults: fee cap 1 gwei, no tip, no value. */
export type TransactionFields = {
  readonly to?: Hex | null;
  readonly value?: bigint;
  readonly data?: Hex;
  readonly gasLimit?: bigint;
  readonly nonce?: number;
  readonly tip?: bigint;
  readonly feeCap?: bigint;
};

/** A signed transaction and its hash. */
export type SignedTransaction = { readonly raw: Hex; readonly hash: Hex; readonly nonce: number };

const GWEI = 1_000_000_000n;

/** One account that signs. */
export class Wallet {
  readonly address: Hex;
  readonly privateKey: Hex;
  readonly #key: Uint8Array;
  readonly #chainId: bigint;
  /** Nonce of the next transaction. */
  nonce = 0;

  constructor(key: Uint8Array, chainId = 31_337n) {
    this.#key = key;
    this.#chainId = chainId;
    this.privateKey = toHex(key);
    this.address = toHex(addressFromPrivateKey(key));
  }

  /** Signs the account's next transaction; a given nonce leaves the count alone. */
  sign(fields: TransactionFields): SignedTransaction {
    const nonce = fields.nonce ?? this.nonce++;
    const feeCap = fields.feeCap ?? GWEI;
    const unsigned: UnsignedTransaction = {
      type: 2,
      chainId: this.#chainId,
      nonce: BigInt(nonce),
      gasPrice: feeCap,
      maxFeePerGas: feeCap,
      maxPriorityFeePerGas: fields.tip ?? 0n,
      gasLimit: fields.gasLimit ?? (fields.data === undefined ? 21_000n : 1_000_000n),
      to: fields.to === undefined || fields.to === null ? null : fromHex(fields.to),
      value: fields.value ?? 0n,
      data: fromHex(fields.data ?? "0x"),
      accessList: [],
      authorizationList: [],
      maxFeePerBlobGas: 0n,
      blobVersionedHashes: [],
    };
    const raw = encodeTransaction(signTransaction(unsigned, this.#key));
    return { raw: toHex(raw), hash: toHex(transactionHash(raw)), nonce };
  }

  /** Signs a call of a contract. */
  signCall(
    to: Hex,
    abi: Abi,
    name: string,
    args: readonly unknown[],
    fields: TransactionFields = {},
  ): SignedTransaction {
    return this.sign({ ...fields, to, data: encodeFunctionData({ abi, functionName: name, args }) });
  }

  /** Signs a contract's creation. @returns also the address that it will have */
  signCreation(
    contract: CompiledContract,
    args: readonly unknown[] = [],
    fields: TransactionFields = {},
  ): SignedTransaction & { readonly address: Hex } {
    const { abi, bytecode } = contract;
    const data = encodeDeployData({ abi, bytecode, args: args as unknown[] });
    const signed = this.sign({ gasLimit: 5_000_000n, ...fields, data });
    const address = toHex(contractAddress(fromHex(this.address), BigInt(signed.nonce)));
    return { ...signed, address };
  }
}

/** The funded accounts of a development chain, fresh: all nonces 0. */
export function developmentWallets(count = 10, chainId?: bigint): Wallet[] {
  return deriveDevelopmentAccounts(DEVELOPMENT_MNEMONIC, count).map(
    ({ privateKey }) => new Wallet(privateKey, chainId),
  );
}

/** A receipt as JSON-RPC gives it, as far as the tests look. */
export type ReceiptJson = {
  readonly status: Hex;
  readonly transactionHash: Hex;
  readonly transactionIndex: Hex;
  readonly blockHash: Hex;
  readonly blockNumber: Hex;
  readonly contractAddress: Hex | null;
  readonly gasUsed: Hex;
  readonly cumulativeGasUsed: Hex;
  readonly effectiveGasPrice: Hex;
  readonly from: Hex;
  readonly to: Hex | null;
  readonly type: Hex;
  readonly logs: readonly {
    readonly address: Hex;
    readonly topics: readonly Hex[];
    readonly data: Hex;
    logIndex: Hex;
  }[];
};
