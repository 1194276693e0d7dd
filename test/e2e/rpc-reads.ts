// What every node of a chain must answer about a scenario, whichever its role and whether its upstream still lives: one list
// of checks, run as tests of their own against the sequencer and against replicas.

import { expect } from "bun:test";
import { createMPT } from "@ethereumjs/mpt";
import { hexToBytes } from "@ethereumjs/util";
import { decodeFunctionResult, encodeFunctionData, type Hex, keccak256, numberToHex, toRlp, trim } from "viem";
import { contracts } from "./contracts.ts";
import type { HttpRpc } from "./json-rpc.ts";
import type { NodeProcess } from "./node-process.ts";
import type { Scenario } from "./scenario.ts";
import type { ReceiptJson } from "./wallet.ts";

type Json = Record<string, unknown>;
type BlockJson = Readonly<Record<string, Hex>> & {
  readonly transactions: readonly (Hex & Json)[];
  readonly uncles: [];
};
type Check = (node: NodeProcess, scenario: Scenario) => Promise<void>;

const PLACEHOLDER = `0x${"f".repeat(64)}`;
const TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
const DELEGATION_PREFIX = "0xef0100";

/** The checks by name. */
export const READ_CHECKS: Readonly<Record<string, Check>> = {
  "says who it is": async ({ rpc }) => {
    expect(await rpc.call<Hex>("eth_chainId")).toBe("0x7a69");
    expect(await rpc.call<string>("net_version")).toBe("31337");
    expect(await rpc.call<string>("web3_clientVersion")).toMatch(/^megaeth\//);
  },
  "balances and nonces": async ({ rpc }, { balances, receipts }) => {
    for (const [address, balance] of Object.entries(balances)) {
      expect(BigInt(await rpc.call<Hex>("eth_getBalance", address, "latest"))).toBe(balance);
      expect(BigInt(await rpc.call<Hex>("eth_getBalance", address, "0x0"))).toBe(0n);
    }
    const sent = new Map<Hex, number>();
    for (const { from } of receipts) sent.set(from, (sent.get(from) ?? 0) + 1);
    for (const [address, count] of sent) {
      expect(await rpc.call<Hex>("eth_getTransactionCount", address, "latest")).toBe(numberToHex(count));
      expect(await rpc.call<Hex>("eth_getTransactionCount", address, "earliest")).toBe("0x0");
    }
  },
  "code and storage": async ({ rpc }, { token, absent, factory, children }) => {
    expect((await rpc.call<Hex>("eth_getCode", token, "latest")).length).toBeGreaterThan(500);
    expect((await rpc.call<Hex>("eth_getCode", factory, "latest")).length).toBeGreaterThan(500);
    expect(await rpc.call<Hex>("eth_getCode", token, "0x0")).toBe("0x");
    for (const address of absent) {
      expect(await rpc.call<Hex>("eth_getCode", address, "latest")).toBe("0x");
      expect(BigInt(await rpc.call<Hex>("eth_getStorageAt", address, "0x0", "latest"))).toBe(0n);
      expect(await rpc.call<Hex>("eth_getTransactionCount", address, "latest")).toBe("0x0");
    }
    for (const [address, first] of Object.entries(children)) {
      expect(BigInt(await rpc.call<Hex>("eth_getStorageAt", address, "0x0", "latest"))).toBe(first);
    }
    expect(BigInt(await rpc.call<Hex>("eth_getStorageAt", token, "0x0", "latest"))).toBe(1_000_000n);
  },
  calls: async ({ rpc }, { token, tokenBalances, children }) => {
    const { Token, Child } = contracts();
    for (const [holder, balance] of Object.entries(tokenBalances)) {
      const data = encodeFunctionData({ abi: Token.abi, functionName: "balanceOf", args: [holder] });
      const output = await rpc.call<Hex>("eth_call", { to: token, data }, "latest");
      expect(decodeFunctionResult({ abi: Token.abi, functionName: "balanceOf", data: output })).toBe(balance);
    }
    for (const [address, first] of Object.entries(children)) {
      const data = encodeFunctionData({ abi: Child.abi, functionName: "first" });
      expect(BigInt(await rpc.call<Hex>("eth_call", { to: address, data }, "latest"))).toBe(first);
    }
  },
  "a call that reverts": async ({ rpc }, { token, tokenBalances }) => {
    const [owner = "0x"] = Object.keys(tokenBalances);
    const data = encodeFunctionData({
      abi: contracts().Token.abi,
      functionName: "transferFrom",
      args: [owner, token, 1n],
    });
    const error = await rpc.error("eth_call", { to: token, data }, "latest");
    expect(error).toMatchObject({ code: 3, message: "execution reverted: allowance too low" });
    expect(String(error.data)).toStartWith("0x08c379a0");
    expect((await rpc.error("eth_estimateGas", { to: token, data })).code).toBe(3);
  },
  "gas estimates": async ({ rpc }, { token, tokenBalances }) => {
    const [owner = "0x", holder = "0x"] = Object.keys(tokenBalances);
    expect(await rpc.call<Hex>("eth_estimateGas", { from: owner, to: holder, value: "0x1" })).toBe("0x5208");
    const data = encodeFunctionData({ abi: contracts().Token.abi, functionName: "transfer", args: [holder, 1n] });
    const gas = Number(await rpc.call<Hex>("eth_estimateGas", { from: owner, to: token, data }));
    expect(gas).toBeGreaterThan(25_000);
    expect(gas).toBeLessThan(60_000);
  },
  fees: async ({ rpc }) => {
    expect(Number(await rpc.call<Hex>("eth_gasPrice"))).toBeGreaterThanOrEqual(1_000_000);
    expect(Number(await rpc.call<Hex>("eth_maxPriorityFeePerGas"))).toBeGreaterThanOrEqual(0);
    const history = await rpc.call<{ baseFeePerGas: Hex[]; oldestBlock: Hex; gasUsedRatio: number[]; reward: Hex[][] }>(
      "eth_feeHistory",
      "0x2",
      "latest",
      [50],
    );
    expect(history.baseFeePerGas.length).toBe(history.gasUsedRatio.length + 1);
    expect(history.reward.length).toBe(history.gasUsedRatio.length);
    expect(new Set(history.baseFeePerGas)).toEqual(new Set(["0xf4240" as const]));
  },
  "receipts and transactions": async ({ rpc }, { receipts }) => {
    for (const known of receipts) {
      const receipt = await rpc.call<ReceiptJson>("eth_getTransactionReceipt", known.transactionHash);
      expect(receipt.blockHash).not.toBe(PLACEHOLDER as Hex);
      const sealed = (log: object) => ({ ...log, blockHash: receipt.blockHash });
      expect(receipt).toEqual({ ...known, blockHash: receipt.blockHash, logs: known.logs.map(sealed) as never });
      const transaction = await rpc.call<Json>("eth_getTransactionByHash", known.transactionHash);
      expect(transaction).toMatchObject({
        hash: known.transactionHash,
        blockHash: receipt.blockHash,
        blockNumber: known.blockNumber,
        transactionIndex: known.transactionIndex,
        from: known.from,
        to: known.to,
        type: known.type,
      });
    }
    expect(await rpc.call<null>("eth_getTransactionReceipt", `0x${"12".repeat(32)}`)).toBeNull();
    expect(await rpc.call<null>("eth_getTransactionByHash", `0x${"12".repeat(32)}`)).toBeNull();
  },
  "blocks: hashes, links, roots": async ({ rpc }, { sealedBlock }) => {
    let parent: BlockJson | null = null;
    for (let number = 0; number <= sealedBlock; number++) {
      const block = await rpc.call<BlockJson>("eth_getBlockByNumber", numberToHex(number), false);
      expect(block.hash).toBe(headerHash(block));
      if (parent !== null) expect(block.parentHash).toBe(parent.hash as Hex);
      expect(await rpc.call<BlockJson>("eth_getBlockByHash", block.hash, false)).toEqual(block);
      await checkBlockContents(rpc, block);
      parent = block;
    }
    expect(await rpc.call<null>("eth_getBlockByNumber", "0xfffffff", false)).toBeNull();
  },
  logs: async ({ rpc }, { token, transfer, receipts }) => {
    const range = { fromBlock: "0x0", toBlock: "latest" };
    const all = receipts.flatMap(({ logs }) => logs).filter(({ address }) => address === token);
    const found = await rpc.call<ReceiptJson["logs"]>("eth_getLogs", { ...range, address: token });
    expect(found.map(({ topics, data }) => ({ topics, data }))).toEqual(
      all.map(({ topics, data }) => ({ topics, data })),
    );
    const sender = transfer.logs[0]?.topics[1] ?? "0x";
    const filtered = await rpc.call<Json[]>("eth_getLogs", { ...range, topics: [[TRANSFER_TOPIC], sender] });
    expect(filtered.map(({ transactionHash }) => transactionHash)).toEqual([transfer.transactionHash]);
    const { blockHash } = await rpc.call<ReceiptJson>("eth_getTransactionReceipt", transfer.transactionHash);
    expect(await rpc.call<Json[]>("eth_getLogs", { blockHash, topics: [TRANSFER_TOPIC, sender] })).toEqual(filtered);
    expect(await rpc.call<Json[]>("eth_getLogs", { ...range, topics: [`0x${"9".repeat(64)}`] })).toEqual([]);
  },
  delegation: async ({ rpc }, { delegated, delegate }) => {
    expect(await rpc.call<Hex>("eth_getCode", delegated, "latest")).toBe(
      `${DELEGATION_PREFIX}${delegate.slice(2).toLowerCase()}` as Hex,
    );
    expect(BigInt(await rpc.call<Hex>("eth_getStorageAt", delegated, "0x0", "latest"))).toBe(1n);
    expect(await rpc.call<Hex>("eth_getTransactionCount", delegated, "latest")).toBe("0x1");
  },
  "mini-blocks hold everything once, in order": async ({ rpc }, { receipts }) => {
    const hashes: unknown[] = [];
    for (let from = 0; ; ) {
      const miniBlocks = await rpc.call<Json[]>("mega_getMiniBlocks", numberToHex(from), "0x40");
      if (miniBlocks.length === 0) break;
      for (const miniBlock of miniBlocks) {
        expect(miniBlock.mini_block_number).toBe(numberToHex(from++));
        hashes.push(...(miniBlock.transactions as Json[]).map(({ hash }) => hash));
      }
      if (hashes.length >= receipts.length) break;
    }
    expect(hashes.slice(0, receipts.length)).toEqual(receipts.map(({ transactionHash }) => transactionHash));
    expect(await rpc.call<Json>("mega_getMiniBlockByNumber", "0x0")).toMatchObject({
      index: "0x0",
      block_number: "0x1",
    });
    expect(await rpc.call<null>("mega_getMiniBlockByNumber", "0xfffffffffff")).toBeNull();
  },
  "the stream from its beginning, over WebSocket": async (node, { receipts }) => {
    const socket = await node.socket();
    const stream = await socket.subscribe("miniBlocks", { fromMiniBlock: 0 });
    const wanted = receipts.map(({ transactionHash }) => transactionHash);
    const seen = (miniBlocks: readonly Json[]) => {
      return miniBlocks.flatMap(({ transactions }) => (transactions as Json[]).map(({ hash }) => hash));
    };
    const miniBlocks = await stream.until<Json>((results) => seen(results).length >= wanted.length);
    expect(seen(miniBlocks).slice(0, wanted.length)).toEqual(wanted);
    miniBlocks.forEach((miniBlock, index) => {
      expect(miniBlock.mini_block_number).toBe(numberToHex(index));
    });
    expect(socket.strays).toEqual([]);
    socket.close();
  },
};

async function checkBlockContents(rpc: HttpRpc, block: BlockJson): Promise<void> {
  const full = await rpc.call<BlockJson>("eth_getBlockByNumber", block.number, true);
  expect(full.transactions.map(({ hash }) => hash)).toEqual(block.transactions as readonly unknown[] as never);
  const receipts = await rpc.call<ReceiptJson[]>("eth_getBlockReceipts", block.hash);
  expect(await rpc.call<ReceiptJson[]>("eth_getBlockReceipts", block.number)).toEqual(receipts);
  expect(receipts.map(({ transactionHash }) => transactionHash)).toEqual(block.transactions as never);
  let cumulativeGasUsed = 0n;
  let logIndex = 0;
  receipts.forEach((receipt, index) => {
    cumulativeGasUsed += BigInt(receipt.gasUsed);
    expect(receipt.transactionIndex).toBe(numberToHex(index));
    expect(BigInt(receipt.cumulativeGasUsed)).toBe(cumulativeGasUsed);
    expect(receipt.blockHash).toBe(block.hash as Hex);
    for (const log of receipt.logs) expect(Number(log.logIndex)).toBe(logIndex++);
  });
  expect(BigInt(block.gasUsed as Hex)).toBe(cumulativeGasUsed);
  expect(await receiptsRoot(receipts)).toBe(block.receiptsRoot as Hex);
}

/** The root of the receipts trie, made by another library from what the RPC said. */
async function receiptsRoot(receipts: readonly ReceiptJson[]): Promise<Hex> {
  const trie = await createMPT();
  for (const [index, receipt] of receipts.entries()) {
    const logs = receipt.logs.map(({ address, topics, data }) => [address, [...topics], data] as const);
    const { logsBloom } = receipt as unknown as { logsBloom: Hex };
    const rlp = toRlp([quantity(receipt.status), quantity(receipt.cumulativeGasUsed), logsBloom, logs] as never);
    const type = Number(receipt.type);
    const encoded = type === 0 ? rlp : `${numberToHex(type, { size: 1 })}${rlp.slice(2)}`;
    await trie.put(hexToBytes(toRlp(quantity(numberToHex(index)))), hexToBytes(encoded as Hex));
  }
  return `0x${Buffer.from(trie.root()).toString("hex")}`;
}

/** keccak256 of the header's RLP, made by another library from what the RPC said. */
function headerHash(block: BlockJson): Hex {
  const names = ["parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom"];
  const fields = names.map((name) => block[name] as Hex);
  for (const name of ["difficulty", "number", "gasLimit", "gasUsed", "timestamp"]) fields.push(quantity(block[name]));
  fields.push(block.extraData as Hex, block.mixHash as Hex, block.nonce as Hex, quantity(block.baseFeePerGas));
  fields.push(block.withdrawalsRoot as Hex, quantity(block.blobGasUsed), quantity(block.excessBlobGas));
  fields.push(block.parentBeaconBlockRoot as Hex, block.requestsHash as Hex);
  return keccak256(toRlp(fields));
}

function quantity(value: Hex | undefined): Hex {
  return value === undefined || BigInt(value) === 0n ? "0x" : trim(numberToHex(BigInt(value), { size: 32 }));
}
