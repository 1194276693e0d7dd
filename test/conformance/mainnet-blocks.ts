// Real Ethereum mainnet blocks on the engine under test: every transaction in order over the recorded pre-state, then gas,
// bloom and (from Byzantium on, when receipts no longer carry state roots) the receipts root against the header.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bytesEqual } from "#base/bytes.ts";
import { fromHex, toHex, toQuantity } from "#base/hex.ts";
import { blobBaseFee } from "#chain/base-fee.ts";
import { logsBloom } from "#chain/bloom.ts";
import { transactionGasCapAt } from "#chain/chain-spec.ts";
import { isAtLeast } from "#chain/hardforks.ts";
import { orderedTrieRoot } from "#chain/ordered-trie.ts";
import { BEACON_ROOTS_ADDRESS, HISTORY_STORAGE_ADDRESS } from "#chain/predeploys.ts";
import { encodeReceipt, type Receipt } from "#chain/receipt.ts";
import { encodeTransaction, recoverSender, type Transaction, transactionHash } from "#chain/transaction.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import type { BlockEnvironment, Engine } from "#evm/engine.ts";
import { OverlayHost } from "#evm/overlay-host.ts";
import { MemoryHost } from "#test/evm/memory-host.ts";
import type { ConformanceCase, Verdict } from "./case.ts";
import { authorizationOf } from "./fixture-transaction.ts";
import { MAINNET_SPEC } from "./mainnet-spec.ts";
import { wordFromText } from "./world.ts";

type Json = Readonly<Record<string, string>>;

type TransactionJson = Json & {
  readonly to?: string | null;
  readonly accessList?: readonly { address: string; storageKeys: readonly string[] }[];
  readonly blobVersionedHashes?: readonly string[];
  readonly authorizationList?: readonly Json[];
};

type BlockJson = Json & { readonly transactions: readonly TransactionJson[] };

type AccountJson = {
  readonly basic: { readonly balance: string; readonly nonce: number };
  readonly code: { readonly bytecode: string; readonly original_len: number } | null;
  readonly storage: Json;
};

/** The case of one block. @param file its block.json, with the other files beside it */
export function mainnetCaseOf(file: string): ConformanceCase {
  const block = JSON.parse(readFileSync(file, "utf8")) as BlockJson;
  const { fork } = environmentOf(block);
  const run: ConformanceCase["run"] = async (engineOf) => runBlock(dirname(file), block, await engineOf(MAINNET_SPEC));
  return { name: `block ${BigInt(block.number!)}`, fork, group: fork, skipReason: null, run };
}

async function runBlock(folder: string, block: BlockJson, engine: Engine): Promise<Verdict> {
  const env = environmentOf(block);
  const host = new OverlayHost(preState(folder), blockHashes(folder));
  if (isAtLeast(env.fork, "cancun")) {
    await engine.systemCall(BEACON_ROOTS_ADDRESS, fromHex(block.parentBeaconBlockRoot!), env, host);
  }
  if (isAtLeast(env.fork, "prague")) {
    await engine.systemCall(HISTORY_STORAGE_ADDRESS, fromHex(block.parentHash!), env, host);
  }
  const receipts: Receipt[] = [];
  let gasUsed = 0n;
  for (const json of block.transactions) {
    const tx = transactionOf(json);
    const what = `transaction ${json.transactionIndex} (${json.hash})`;
    if (!bytesEqual(transactionHash(encodeTransaction(tx)), fromHex(json.hash!))) return `${what}: other hash`;
    const sender = recoverSender(tx);
    if (sender === null || toHex(sender) !== json.from) return `${what}: other sender`;
    const result = await engine.applyTransaction(tx, sender, env, host);
    if (result.kind === "rejected") return `${what}: rejected, ${result.reject.message}`;
    const { outcome } = result;
    gasUsed += outcome.gasUsed;
    receipts.push({
      type: tx.type,
      status: outcome.status,
      cumulativeGasUsed: Number(gasUsed),
      gasUsed: Number(outcome.gasUsed),
      logs: outcome.logs,
    });
  }
  return compare(block, env, receipts, gasUsed);
}

function compare(
  block: BlockJson,
  env: BlockEnvironment,
  receipts: readonly Receipt[],
  gasUsed: bigint,
): string | null {
  if (toQuantity(gasUsed) !== block.gasUsed) return `gas used ${toQuantity(gasUsed)}, expected ${block.gasUsed}`;
  const bloom = toHex(logsBloom(receipts.flatMap(({ logs }) => logs)));
  if (bloom !== block.logsBloom) return `logs bloom ${bloom}, expected ${block.logsBloom}`;
  if (!isAtLeast(env.fork, "byzantium")) return null;
  const root = toHex(orderedTrieRoot(receipts.map(encodeReceipt)));
  return root === block.receiptsRoot ? null : `receipts root ${root}, expected ${block.receiptsRoot}`;
}

function environmentOf(block: BlockJson): BlockEnvironment {
  const number = BigInt(block.number!);
  const timestamp = BigInt(block.timestamp!);
  const excessBlobGas = BigInt(block.excessBlobGas ?? "0x0");
  const fork = MAINNET_SPEC.hardforkAt(number, timestamp);
  return {
    chainId: 1n,
    number,
    timestamp,
    beneficiary: fromHex(block.miner!),
    gasLimit: BigInt(block.gasLimit!),
    baseFee: BigInt(block.baseFeePerGas ?? "0x0"),
    prevRandao: fromHex(block.mixHash!),
    difficulty: BigInt(block.difficulty!),
    blobBaseFee: isAtLeast(fork, "cancun") ? blobBaseFee(MAINNET_SPEC, excessBlobGas, timestamp) : 0n,
    excessBlobGas,
    fork,
    transactionGasCap: transactionGasCapAt(MAINNET_SPEC, fork),
  };
}

function preState(folder: string): MemoryHost {
  const source = new MemoryHost();
  const accounts = JSON.parse(readFileSync(join(folder, "pre_state.json"), "utf8")) as Record<string, AccountJson>;
  for (const [text, { basic, code, storage }] of Object.entries(accounts)) {
    const address = fromHex(text);
    const bytes = code === null ? new Uint8Array(0) : fromHex(code.bytecode).slice(0, code.original_len);
    const codeHash = bytes.length === 0 ? keccak256(bytes) : source.putCode(bytes);
    source.setAccount(address, { nonce: BigInt(basic.nonce), balance: BigInt(basic.balance), codeHash });
    for (const [slot, value] of Object.entries(storage))
      source.setSlot(address, wordFromText(slot), wordFromText(value));
  }
  return source;
}

function blockHashes(folder: string): (number: bigint) => Uint8Array {
  const path = join(folder, "block_hashes.json");
  const hashes: Json = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  return (number) => fromHex(hashes[number.toString()] ?? "00".repeat(32));
}

function transactionOf(json: TransactionJson): Transaction {
  const type = Number(json.type) as Transaction["type"];
  const v = BigInt(json.v!);
  const isProtected = type === 0 && v >= 35n;
  const gasPrice = BigInt(json.gasPrice!);
  const maxFeePerGas = type >= 2 ? BigInt(json.maxFeePerGas!) : gasPrice;
  return {
    type,
    chainId: type > 0 || isProtected ? 1n : null,
    nonce: BigInt(json.nonce!),
    gasPrice: maxFeePerGas,
    maxFeePerGas,
    maxPriorityFeePerGas: type >= 2 ? BigInt(json.maxPriorityFeePerGas!) : gasPrice,
    gasLimit: BigInt(json.gas!),
    to: json.to === null || json.to === undefined ? null : fromHex(json.to),
    value: BigInt(json.value!),
    data: fromHex(json.input!),
    accessList: (json.accessList ?? []).map(({ address, storageKeys }) => {
      return { address: fromHex(address), storageKeys: storageKeys.map(wordFromText) };
    }),
    authorizationList: (json.authorizationList ?? []).map(authorizationOf),
    maxFeePerBlobGas: BigInt(json.maxFeePerBlobGas ?? "0x0"),
    blobVersionedHashes: (json.blobVersionedHashes ?? []).map(fromHex),
    yParity: Number(type > 0 ? v : isProtected ? (v - 35n) % 2n : v - 27n) as 0 | 1,
    r: wordFromText(json.r!),
    s: wordFromText(json.s!),
  };
}
