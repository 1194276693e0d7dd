// Real Ethereum mainnet blocks on the engine under test: every transaction in order over the recorded pre-state, then gas,
// bloom and (from Byzantium on, when receipts no longer carry state roots) the receipts root against the header.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bytesEqual } from "#base/bytes.ts";
import { fromHex, toHex, toQuantity } from "#base/hex.ts";
import { logsBloom } from "#chain/bloom.ts";
import { type ChainSpec, createChainSpec, ETHEREUM_BASE_FEE, type ForkActivation } from "#chain/chain-spec.ts";
import { isAtLeast } from "#chain/hardforks.ts";
import { orderedTrieRoot } from "#chain/ordered-trie.ts";
import { BEACON_ROOTS_ADDRESS } from "#chain/predeploys.ts";
import { encodeReceipt, type Receipt } from "#chain/receipt.ts";
import { encodeTransaction, recoverSender, type Transaction, transactionHash } from "#chain/transaction.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import type { BlockEnvironment, Engine } from "#evm/engine.ts";
import { OverlayHost } from "#evm/overlay-host.ts";
import { MemoryHost } from "#test/evm/memory-host.ts";
import { blobBaseFee } from "./state-tests.ts";

type Json = Readonly<Record<string, string>>;

type TransactionJson = Json & {
  readonly to?: string | null;
  readonly accessList?: readonly { address: string; storageKeys: readonly string[] }[];
  readonly blobVersionedHashes?: readonly string[];
};

type BlockJson = Json & { readonly transactions: readonly TransactionJson[] };

type AccountJson = {
  readonly basic: { readonly balance: string; readonly nonce: number };
  readonly code: { readonly bytecode: string; readonly original_len: number } | null;
  readonly storage: Json;
};

const CANCUN_BLOB_FRACTION = 3_338_477n;

const byNumber = (fork: ForkActivation["fork"], from: bigint): ForkActivation => ({ fork, by: "number", from });
const byTimestamp = (fork: ForkActivation["fork"], from: bigint): ForkActivation => ({ fork, by: "timestamp", from });

/** Ethereum mainnet up to Cancun. The merge is put at its block. */
export const MAINNET_SPEC: ChainSpec = createChainSpec({
  kind: "ethereum",
  chainId: 1n,
  schedule: [
    byNumber("frontier", 0n),
    byNumber("homestead", 1_150_000n),
    byNumber("tangerineWhistle", 2_463_000n),
    byNumber("spuriousDragon", 2_675_000n),
    byNumber("byzantium", 4_370_000n),
    byNumber("petersburg", 7_280_000n),
    byNumber("istanbul", 9_069_000n),
    byNumber("muirGlacier", 9_200_000n),
    byNumber("berlin", 12_244_000n),
    byNumber("london", 12_965_000n),
    byNumber("arrowGlacier", 13_773_000n),
    byNumber("grayGlacier", 15_050_000n),
    byNumber("paris", 15_537_394n),
    byTimestamp("shanghai", 1_681_338_455n),
    byTimestamp("cancun", 1_710_338_135n),
  ],
  stateRootDelay: 0,
  commitment: "mpt",
  baseFee: ETHEREUM_BASE_FEE,
  blockGasLimit: 30_000_000n,
  development: false,
  transactionGasCap: null,
  sequencer: null,
  blobSchedule: [{ from: 1_710_338_135n, target: 3, max: 6, baseFeeUpdateFraction: CANCUN_BLOB_FRACTION }],
});

/**
 * Runs the block in a folder.
 * @returns null when all agrees, else the first difference
 */
export async function runMainnetBlock(folder: string, engine: Engine): Promise<string | null> {
  const block = JSON.parse(readFileSync(join(folder, "block.json"), "utf8")) as BlockJson;
  const env = environmentOf(block);
  const host = new OverlayHost(preState(folder), blockHashes(folder));
  if (isAtLeast(env.fork, "cancun")) {
    await engine.systemCall(BEACON_ROOTS_ADDRESS, fromHex(block.parentBeaconBlockRoot!), env, host);
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
  if (bloom !== block.logsBloom) return "other logs bloom";
  if (!isAtLeast(env.fork, "byzantium")) return null;
  const root = toHex(orderedTrieRoot(receipts.map(encodeReceipt)));
  return root === block.receiptsRoot ? null : `receipts root ${root}, expected ${block.receiptsRoot}`;
}

function environmentOf(block: BlockJson): BlockEnvironment {
  const number = BigInt(block.number!);
  const timestamp = BigInt(block.timestamp!);
  const excessBlobGas = BigInt(block.excessBlobGas ?? "0x0");
  return {
    chainId: 1n,
    number,
    timestamp,
    beneficiary: fromHex(block.miner!),
    gasLimit: BigInt(block.gasLimit!),
    baseFee: BigInt(block.baseFeePerGas ?? "0x0"),
    prevRandao: fromHex(block.mixHash!),
    difficulty: BigInt(block.difficulty!),
    blobBaseFee: blobBaseFee(excessBlobGas, CANCUN_BLOB_FRACTION),
    excessBlobGas,
    fork: MAINNET_SPEC.hardforkAt(number, timestamp),
    transactionGasCap: null,
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
    for (const [slot, value] of Object.entries(storage)) source.setSlot(address, word(slot), word(value));
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
      return { address: fromHex(address), storageKeys: storageKeys.map(word) };
    }),
    authorizationList: [],
    maxFeePerBlobGas: BigInt(json.maxFeePerBlobGas ?? "0x0"),
    blobVersionedHashes: (json.blobVersionedHashes ?? []).map(fromHex),
    yParity: Number(type > 0 ? v : isProtected ? (v - 35n) % 2n : v - 27n) as 0 | 1,
    r: word(json.r!),
    s: word(json.s!),
  };
}

function word(text: string): Uint8Array {
  return fromHex(text.replace(/^0x/, "").padStart(64, "0"));
}
