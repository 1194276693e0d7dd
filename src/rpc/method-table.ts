// The one table of JSON-RPC methods: names, parameters, where each runs, and its handler. Dispatch, validation and any
// description of the interface derive from it. Subscriptions need a socket and are dispatched apart, in subscriptions.ts.

import { blockNumberParser, blockReferenceParser } from "./block-reference.ts";
import { blockOverridesParser, stateOverridesParser } from "./call-overrides.ts";
import type { MainContext, ReadContext } from "./context.ts";
import { logFilterParser } from "./log-filter.ts";
import { createAccessList } from "./methods/access-list.ts";
import { blockNumber, getBlockByHash, getBlockByNumber, getBlockReceipts } from "./methods/block.ts";
import {
  getHeaderByHash,
  getHeaderByNumber,
  getRawBlock,
  getRawHeader,
  getRawReceipts,
  getRawTransaction,
  getTransactionByHashAndIndex,
  getTransactionByNumberAndIndex,
  getTransactionCountByHash,
  getTransactionCountByNumber,
  getUncle,
  getUncleCountByHash,
  getUncleCountByNumber,
} from "./methods/block-parts.ts";
import { call, estimateGas } from "./methods/call.ts";
import { baseFee, blobFee, feeHistory, gasPrice, maxPriorityFeePerGas } from "./methods/fees.ts";
import { getLogs } from "./methods/logs.ts";
import { getMiniBlockByNumber, getMiniBlocks } from "./methods/mini-blocks.ts";
import {
  accounts,
  chainId,
  clientVersion,
  listening,
  modules,
  netVersion,
  peerCount,
  sha3,
  syncing,
} from "./methods/node.ts";
import {
  sendRawTransaction,
  sendRawTransactionSync,
  sendRealtimeTransaction,
  sendTransaction,
} from "./methods/send.ts";
import { getBalance, getCode, getStorageAt, getTransactionCount } from "./methods/state.ts";
import { getTransactionByHash, getTransactionReceipt } from "./methods/transaction.ts";
import {
  type Arguments,
  addressParser,
  booleanParser,
  countParser,
  dataParser,
  hash32Parser,
  indexParser,
  jsonParser,
  numberListParser,
  optional,
  type Parameter,
  required,
  storageKeyParser,
  uint64Parser,
} from "./parameters.ts";
import { transactionRequestParser } from "./transaction-request.ts";

/** What every row has. */
type MethodShape = {
  readonly name: string;
  /** Other names of the same method. */
  readonly aliases: readonly string[];
  readonly parameters: readonly Parameter<unknown>[];
  /** One line for descriptions of the interface. */
  readonly summary: string;
};

/** A method that the main thread answers at once. */
export type MainMethod = MethodShape & {
  readonly where: "main";
  run(context: MainContext, ...values: readonly unknown[]): unknown;
};

/** A method that a read worker runs. */
export type ReadMethod = MethodShape & {
  readonly where: "read";
  /** "one": calls go to one and the same worker, since they must not run side by side. */
  readonly route: "any" | "one";
  /** Whether the worker first follows everything published before the call; raw sends read nothing, so they go ahead. */
  readonly readsChain: boolean;
  /** Whether its time is that of the code that it runs. */
  readonly runsCode: boolean;
  run(context: ReadContext, ...values: readonly unknown[]): unknown;
};

/** A row of the table. */
export type Method = MainMethod | ReadMethod;

const address = required("address", addressParser);
const block = optional("block", blockReferenceParser);
const isFull = optional("full", booleanParser);
const hash = required("hash", hash32Parser);
const raw = required("transaction", dataParser);
const request = required("request", transactionRequestParser);
const timeout = optional("timeoutMs", jsonParser);
const stateOverrides = optional("stateOverrides", stateOverridesParser);
const blockOverrides = optional("blockOverrides", blockOverridesParser);
const number = required("block", blockNumberParser);
const index = required("index", indexParser);
const reference = required("block", blockReferenceParser);
const headers = [number, isFull] as const;
const execution = [request, block, stateOverrides, blockOverrides] as const;

const PLAIN_READ = { route: "any", readsChain: true, runsCode: false } as const;

/** Every method with parameters and an answer. */
export const METHODS: readonly Method[] = [
  main("eth_chainId", "Chain id", [], chainId),
  main("net_version", "Chain id as a decimal string", [], netVersion),
  main("web3_clientVersion", "Name and version of this node", [], clientVersion),
  main("net_listening", "Whether the node takes connections", [], listening),
  main("net_peerCount", "Peers of Ethereum's network: none", [], peerCount),
  main("web3_sha3", "Keccak-256 of the data", [required("data", dataParser)] as const, sha3),
  main("rpc_modules", "Namespaces and their versions", [], () => modules(NAMESPACES)),
  main("eth_accounts", "Accounts that the node signs for", [], accounts),
  main("eth_syncing", "Whether the node is behind, and how far", [], syncing),

  read("eth_blockNumber", "Number of the newest sealed EVM block", [], blockNumber),
  read("eth_gasPrice", "Base fee plus suggested tip", [], gasPrice),
  read("eth_baseFee", "Base fee of a transaction sent now", [], baseFee),
  read("eth_blobBaseFee", "Price of blob gas", [], blobFee),
  read("eth_maxPriorityFeePerGas", "Suggested tip", [], maxPriorityFeePerGas),
  read(
    "eth_feeHistory",
    "Base fees, fullness and tips of past blocks",
    [
      required("blockCount", countParser),
      required("newestBlock", blockNumberParser),
      optional("rewardPercentiles", numberListParser),
    ] as const,
    feeHistory,
  ),
  read("eth_getBalance", "Balance in wei", [address, block] as const, getBalance),
  read("eth_getCode", "Contract code", [address, block] as const, getCode),
  read(
    "eth_getStorageAt",
    "Value of a storage slot",
    [address, required("slot", storageKeyParser), block] as const,
    getStorageAt,
  ),
  read("eth_getTransactionCount", "Nonce; pending counts the pool", [address, block] as const, getTransactionCount),
  read("eth_call", "Runs a message without a transaction", execution, call, { runsCode: true }),
  read("eth_estimateGas", "Gas limit with which a message succeeds", execution, estimateGas, { runsCode: true }),
  read(
    "eth_createAccessList",
    "Accounts and slots that a message touches",
    [request, block, stateOverrides] as const,
    createAccessList,
    { runsCode: true },
  ),
  read("eth_getBlockByNumber", "Sealed EVM block", headers, getBlockByNumber),
  read("eth_getBlockByHash", "Sealed EVM block", [hash, isFull] as const, getBlockByHash),
  read("eth_getBlockReceipts", "Receipts of a sealed EVM block", [reference] as const, getBlockReceipts),
  read("eth_getHeaderByNumber", "Header of a sealed EVM block", [number] as const, getHeaderByNumber),
  read("eth_getHeaderByHash", "Header of a sealed EVM block", [hash] as const, getHeaderByHash),
  read(
    "eth_getBlockTransactionCountByNumber",
    "Transactions in a sealed EVM block",
    [number] as const,
    getTransactionCountByNumber,
  ),
  read(
    "eth_getBlockTransactionCountByHash",
    "Transactions in a sealed EVM block",
    [hash] as const,
    getTransactionCountByHash,
  ),
  read("eth_getUncleCountByBlockNumber", "Uncles of a block: 0", [number] as const, getUncleCountByNumber),
  read("eth_getUncleCountByBlockHash", "Uncles of a block: 0", [hash] as const, getUncleCountByHash),
  read("eth_getUncleByBlockNumberAndIndex", "An uncle: none", [number, index] as const, getUncle),
  read("eth_getUncleByBlockHashAndIndex", "An uncle: none", [hash, index] as const, getUncle),
  read(
    "eth_getTransactionByBlockNumberAndIndex",
    "Transaction by its place",
    [number, index] as const,
    getTransactionByNumberAndIndex,
  ),
  read(
    "eth_getTransactionByBlockHashAndIndex",
    "Transaction by its place",
    [hash, index] as const,
    getTransactionByHashAndIndex,
  ),
  read("eth_getRawTransactionByHash", "Signed bytes of a transaction", [hash] as const, getRawTransaction),
  read("debug_getRawTransaction", "Signed bytes of a transaction", [hash] as const, getRawTransaction),
  read("debug_getRawHeader", "RLP of a header", [reference] as const, getRawHeader),
  read("debug_getRawBlock", "RLP of a block", [reference] as const, getRawBlock),
  read("debug_getRawReceipts", "Receipts in their consensus form", [reference] as const, getRawReceipts),
  read("eth_getTransactionByHash", "Transaction, included or pending", [hash] as const, getTransactionByHash),
  read("eth_getTransactionReceipt", "Receipt, from its mini-block on", [hash] as const, getTransactionReceipt),
  read("eth_getLogs", "Logs that pass a filter", [required("filter", logFilterParser)] as const, getLogs),
  read("mega_getMiniBlockByNumber", "Mini-block", [required("number", uint64Parser)] as const, getMiniBlockByNumber),
  read(
    "mega_getMiniBlocks",
    "Mini-blocks in order from a number on",
    [required("from", uint64Parser), required("count", uint64Parser)] as const,
    getMiniBlocks,
  ),

  send("eth_sendRawTransaction", "Sends a signed transaction", [raw] as const, sendRawTransaction),
  send(
    "eth_sendRawTransactionSync",
    "Sends and waits for the receipt",
    [raw, timeout] as const,
    sendRawTransactionSync,
  ),
  send(
    "realtime_sendRawTransaction",
    "Sends and waits for the receipt",
    [raw, timeout] as const,
    sendRealtimeTransaction,
  ),
  read("eth_sendTransaction", "Signs with a development account and sends", [request] as const, sendTransaction, {
    route: "one",
  }),
];

/** What stands before the underscore of the names; those of the sockets' own methods are among them. */
const NAMESPACES: ReadonlySet<string> = new Set(METHODS.map(({ name }) => name.slice(0, name.indexOf("_"))));

const BY_NAME: ReadonlyMap<string, Method> = new Map(
  METHODS.flatMap((method) => [method.name, ...method.aliases].map((name) => [name, method] as const)),
);

/** The row of a method or alias; undefined when there is none. */
export function findMethod(name: string): Method | undefined {
  return BY_NAME.get(name);
}

/** Whether the time of a method or alias is that of the code that it runs. */
export function runsCode(name: string): boolean {
  const method = findMethod(name);
  return method?.where === "read" && method.runsCode;
}

type ReadTraits = Partial<Pick<ReadMethod, "route" | "readsChain" | "runsCode">>;

function main<const P extends readonly Parameter<unknown>[]>(
  name: string,
  summary: string,
  parameters: P,
  run: (context: MainContext, ...values: Arguments<P>) => unknown,
): MainMethod {
  return { name, aliases: [], summary, parameters, where: "main", run: run as MainMethod["run"] };
}

function read<const P extends readonly Parameter<unknown>[]>(
  name: string,
  summary: string,
  parameters: P,
  run: (context: ReadContext, ...values: Arguments<P>) => unknown,
  traits: ReadTraits = {},
): ReadMethod {
  const shape = { name, aliases: [], summary, parameters, where: "read" } as const;
  return { ...shape, ...PLAIN_READ, ...traits, run: run as unknown as ReadMethod["run"] };
}

/** A read-side method that only hands something in. All go to one worker: what a client sends in order stays in order. */
function send<const P extends readonly Parameter<unknown>[]>(
  name: string,
  summary: string,
  parameters: P,
  run: (context: ReadContext, ...values: Arguments<P>) => unknown,
): ReadMethod {
  return read(name, summary, parameters, run, { route: "one", readsChain: false });
}
