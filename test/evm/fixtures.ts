// Small pieces from which the engine's tests are made: a chain, a block, funded keys, and byte code as hex.

import { fromHex, toBareHex } from "#base/hex.ts";
import { type ChainSpec, createChainSpec, ETHEREUM_BASE_FEE, OSAKA_TRANSACTION_GAS_CAP } from "#chain/chain-spec.ts";
import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import type { Address } from "#chain/primitives.ts";
import { signTransaction, type Transaction, type UnsignedTransaction } from "#chain/transaction.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import { addressFromPrivateKey } from "#crypto/secp256k1.ts";
import type { BlockEnvironment, CallMessage } from "#evm/engine.ts";
import { opcodeName } from "#evm/opcodes/names.ts";
import type { MemoryHost } from "./memory-host.ts";

/** A key with its address. */
export type Key = { readonly privateKey: Uint8Array; readonly address: Address };

/** A key from a small number. */
export function keyOf(number: number): Key {
  const privateKey = new Uint8Array(32).fill(number);
  return { privateKey, address: addressFromPrivateKey(privateKey) };
}

/** The address 0x…n. */
export function addressOf(number: number): Address {
  return fromHex(number.toString(16).padStart(40, "0"));
}

export const ALICE: Key = keyOf(1);
export const BOB: Key = keyOf(2);
export const MINER: Address = addressOf(0xbeef);
export const ETHER = 10n ** 18n;
export const BASE_FEE = 7n;

/** A chain that has one fork from its first block on. */
export function specOf(fork: Hardfork): ChainSpec {
  return createChainSpec({
    kind: "ethereum",
    chainId: 1n,
    schedule: [{ fork, by: "number", from: 0n }],
    stateRootDelay: 0,
    commitment: "mpt",
    baseFee: ETHEREUM_BASE_FEE,
    blockGasLimit: 60_000_000n,
    development: false,
    transactionGasCap: OSAKA_TRANSACTION_GAS_CAP,
    sequencer: null,
    blobSchedule: isAtLeast(fork, "cancun") ? [{ from: 0n, target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n }] : [],
  });
}

/** A block of such a chain. */
export function environmentOf(fork: Hardfork, changes: Partial<BlockEnvironment> = {}): BlockEnvironment {
  return {
    chainId: 1n,
    number: 10n,
    timestamp: 1_700_000_000n,
    beneficiary: MINER,
    gasLimit: 60_000_000n,
    baseFee: isAtLeast(fork, "london") ? BASE_FEE : 0n,
    prevRandao: new Uint8Array(32).fill(5),
    difficulty: isAtLeast(fork, "paris") ? 0n : 1n,
    blobBaseFee: 1n,
    excessBlobGas: 0n,
    fork,
    transactionGasCap: isAtLeast(fork, "osaka") ? OSAKA_TRANSACTION_GAS_CAP : null,
    ...changes,
  };
}

/** Gives an account a balance, byte code and a nonce. */
export function fund(host: MemoryHost, address: Address, balance: bigint, code = "", nonce = 0n): void {
  host.setAccount(address, { nonce, balance, codeHash: code === "" ? KECCAK_EMPTY : host.putCode(fromHex(code)) });
}

const OPCODE_BYTES = new Map(Array.from({ length: 256 }, (_, byte) => [opcodeName(byte), byte]));

/**
 * Byte code, as hex, from mnemonics. A bare hex number is pushed by the shortest PUSH; `name:` sets a label (and is a
 * JUMPDEST), `@name` pushes it as one byte; `raw:..` is taken as it is.
 */
export function assemble(source: string): string {
  const words = source.trim().split(/\s+/);
  const labels = new Map<string, number>();
  const emit = (): string => {
    let code = "";
    for (const word of words) {
      if (word.startsWith("raw:")) code += word.slice(4);
      else if (word.startsWith("@")) code += `60${(labels.get(word.slice(1)) ?? 0).toString(16).padStart(2, "0")}`;
      else if (word.endsWith(":")) {
        labels.set(word.slice(0, -1), code.length / 2);
        code += "5b";
      } else code += OPCODE_BYTES.get(word)?.toString(16).padStart(2, "0") ?? push(word);
    }
    return code;
  };
  emit();
  return emit();
}

function push(hex: string): string {
  const digits = hex.length % 2 === 0 ? hex : `0${hex}`;
  return (0x5f + digits.length / 2).toString(16) + digits;
}

/** A signed transaction of type 2 (or as `changes` say) from Alice. */
export function signed(changes: Partial<UnsignedTransaction>, key: Key = ALICE): Transaction {
  return signTransaction(
    {
      type: 2,
      chainId: 1n,
      nonce: 0n,
      gasPrice: 100n,
      maxFeePerGas: 100n,
      maxPriorityFeePerGas: 3n,
      gasLimit: 100_000n,
      to: BOB.address,
      value: 0n,
      data: new Uint8Array(0),
      accessList: [],
      authorizationList: [],
      maxFeePerBlobGas: 0n,
      blobVersionedHashes: [],
      ...changes,
    },
    key.privateKey,
  );
}

/** A message as eth_call makes it. */
export function messageOf(changes: Partial<CallMessage>): CallMessage {
  return {
    from: ALICE.address,
    to: BOB.address,
    gas: 1_000_000n,
    gasPrice: 0n,
    value: 0n,
    data: new Uint8Array(0),
    accessList: [],
    authorizationList: [],
    blobVersionedHashes: [],
    checks: "call",
    ...changes,
  };
}

/** A digest of everything in a host, to see whether anything changed. */
export function imprint(host: MemoryHost): string {
  const accounts = [...host.accounts].map(([key, { nonce, balance, codeHash }]) => {
    return `${key} ${nonce} ${balance} ${toBareHex(codeHash)}`;
  });
  const slots = [...host.storage].flatMap(([owner, entries]) => {
    return [...entries].map(([slot, value]) => `${owner} ${slot} ${toBareHex(value)}`);
  });
  return [...accounts, ...slots].sort().join("\n");
}
