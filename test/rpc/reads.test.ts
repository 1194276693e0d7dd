// The read methods over HTTP on a real chain in process, asked by viem and by hand.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createPublicClient, http, parseAbiItem } from "viem";
import { foundry } from "viem/chains";
import { bigintToBytes } from "#base/bytes.ts";
import { fromHex, toHex, toQuantity } from "#base/hex.ts";
import { decodeBlock } from "#chain/block.ts";
import { headerHash } from "#chain/header.ts";
import { orderedTrieRoot } from "#chain/ordered-trie.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { encodeTransaction, transactionHash } from "#chain/transaction.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import type { ReadContext } from "#rpc/context.ts";
import { feeHistory } from "#rpc/methods/fees.ts";
import { ACCOUNTS, CONTRACTS, testAddress } from "./live-chain.fixture.ts";
import { ask, type LiveNode, startLiveNode } from "./live-node.fixture.ts";

const PLACEHOLDER = `0x${"ff".repeat(32)}`;
const TOPIC = `0x${"aa".padStart(64, "0")}`;
const SENDER = toHex(ACCOUNTS[0]?.address ?? new Uint8Array(20));

let node: LiveNode;
/** In block 1: two mini-blocks. In block 2, which stays open: one. */
const hashes: Record<"first" | "second" | "deploy" | "open", Hash32> = {
  first: new Uint8Array(0),
  second: new Uint8Array(0),
  deploy: new Uint8Array(0),
  open: new Uint8Array(0),
};

beforeAll(async () => {
  node = await startLiveNode({ options: { logCountMax: 2, miniBlockCountMax: 2, feeHistoryBlockCountMax: 2 } });
  const { chain } = node;
  hashes.first = await chain.send({ to: CONTRACTS.store, data: bigintToBytes(7n, 32) });
  hashes.second = await chain.send({ to: CONTRACTS.store, data: bigintToBytes(8n, 32) });
  hashes.deploy = await chain.send({ to: null, data: Uint8Array.of(0x60, 0, 0x60, 0, 0xf3) });
  await chain.sealBlock();
  hashes.open = await chain.send({ to: CONTRACTS.store, data: bigintToBytes(9n, 32) }, 1);
});

afterAll(() => node.stop());

describe("viem", () => {
  const client = () => createPublicClient({ chain: foundry, transport: http(node.url, { retryCount: 0 }) });

  test("blocks, transactions and receipts parse", async () => {
    const block = await client().getBlock({ includeTransactions: true });
    expect(block.number).toBe(1n);
    expect(block.transactions.map(({ hash }) => hash)).toEqual([hashes.first, hashes.second, hashes.deploy].map(toHex));
    const receipt = await client().getTransactionReceipt({ hash: toHex(hashes.deploy) });
    expect(receipt.status).toBe("success");
    expect(receipt.blockHash).toBe(block.hash);
    expect(receipt.transactionIndex).toBe(2);
    expect(receipt.contractAddress).toStartWith("0x");
    expect(await client().getTransactionReceipt({ hash: toHex(hashes.open) })).toMatchObject({
      blockHash: PLACEHOLDER,
      blockNumber: 2n,
    });
    const byHash = await client().getBlock({ blockHash: block.hash });
    expect(byHash.transactions).toEqual(block.transactions.map(({ hash }) => hash));
  });

  test("state, calls, fees and logs", async () => {
    const viem = client();
    expect(await viem.getChainId()).toBe(31_337);
    expect(await viem.getBlockNumber()).toBe(1n);
    expect(await viem.getGasPrice()).toBe(1_000_000n);
    expect(await viem.estimateMaxPriorityFeePerGas()).toBe(0n);
    expect(await viem.getTransactionCount({ address: SENDER })).toBe(3);
    expect(await viem.getBalance({ address: SENDER })).toBeLessThan(10n ** 22n);
    expect(await viem.getCode({ address: toHex(CONTRACTS.invalid) })).toBe("0xfe");
    const { data } = await viem.call({ to: toHex(CONTRACTS.store), data: `0x${"12".padStart(64, "0")}` });
    expect(data).toBe(`0x${"12".padStart(64, "0")}`);
    const history = await viem.getFeeHistory({ blockCount: 2, rewardPercentiles: [25, 75] });
    expect(history.baseFeePerGas).toEqual([1_000_000n, 1_000_000n, 1_000_000n]);
    expect(history.reward?.[1]).toEqual([1_000n, 1_000n]);
    const event = parseAbiItem("event Any()");
    expect(await viem.getLogs({ fromBlock: 1n, toBlock: 1n })).toHaveLength(2);
    expect(await viem.getLogs({ event, fromBlock: 0n })).toEqual([]);
  });

  test("an estimate is enough, and one gas below its true need is not", async () => {
    const request = { account: SENDER, to: toHex(CONTRACTS.store), data: `0x${"33".padStart(64, "0")}` } as const;
    const gas = await client().estimateGas(request);
    const { gasUsed } = await client().getTransactionReceipt({ hash: toHex(hashes.second) });
    expect(gas).toBeGreaterThanOrEqual(gasUsed);
    expect(await client().estimateGas({ account: SENDER, to: toHex(testAddress(0xd9)), value: 1n })).toBe(21_000n);
  });
});

describe("what a block reference means", () => {
  const slot = async (block?: unknown): Promise<string> => {
    const params = [toHex(CONTRACTS.store), "0x0", ...(block === undefined ? [] : [block])];
    const { result, error } = await ask(node, "eth_getStorageAt", ...params);
    return result ?? `${error?.code} ${error?.message}`;
  };
  const value = (n: number): string => `0x${n.toString(16).padStart(64, "0")}`;

  test("latest and pending are the newest mini-block, the rest are sealed blocks", async () => {
    const sealed = node.chain.store.block(1)?.hash ?? new Uint8Array(0);
    expect(await slot()).toBe(value(9));
    expect(await slot("latest")).toBe(value(9));
    expect(await slot("pending")).toBe(value(9));
    expect(await slot("safe")).toBe(value(8));
    expect(await slot("finalized")).toBe(value(8));
    expect(await slot("0x1")).toBe(value(8));
    expect(await slot("0x0")).toBe(value(0));
    expect(await slot("earliest")).toBe(value(0));
    expect(await slot(toHex(sealed))).toBe(value(8));
    expect(await slot({ blockHash: toHex(sealed), requireCanonical: true })).toBe(value(8));
    expect(await slot({ blockNumber: "0x0" })).toBe(value(0));
  });

  test("an open, a future and an unknown block have no header", async () => {
    expect(await slot("0x2")).toBe("-32000 header not found");
    expect(await slot("0x99")).toBe("-32000 header not found");
    expect(await slot(PLACEHOLDER)).toBe("-32000 header not found");
  });

  test("code sees the open block at latest, and the sealed one by number", async () => {
    const at = async (block: string): Promise<bigint> => {
      const { result } = await ask(node, "eth_call", { to: toHex(CONTRACTS.block) }, block);
      return BigInt(String(result).slice(0, 66));
    };
    expect(await at("latest")).toBe(2n);
    expect(await at("0x1")).toBe(1n);
    expect(await at("earliest")).toBe(0n);
  });

  test("BASEFEE is shown only to a call that names a price", async () => {
    const baseFee = async (fields: object): Promise<bigint> => {
      const { result } = await ask(node, "eth_call", { to: toHex(CONTRACTS.block), ...fields });
      return BigInt(`0x${String(result).slice(130)}`);
    };
    expect(await baseFee({})).toBe(0n);
    expect(await baseFee({ from: SENDER, gas: "0x186a0", gasPrice: "0xf4240" })).toBe(1_000_000n);
  });
});

describe("blocks", () => {
  test("carry the mini-block counters and the sequencer's signature, the genesis none", async () => {
    const { result } = await ask(node, "eth_getBlockByNumber", "latest", false);
    expect(result).toMatchObject({ number: "0x1", miniBlockOffset: "0x0", miniBlockCount: "0x3", txOffset: "0x0" });
    expect(result.signature).toHaveLength(132);
    expect(result.uncles).toEqual([]);
    const genesis = (await ask(node, "eth_getBlockByNumber", "0x0", false)).result;
    expect(genesis.number).toBe("0x0");
    expect(genesis.signature).toBeUndefined();
  });

  test("that do not exist are null, and so is the open one", async () => {
    expect((await ask(node, "eth_getBlockByNumber", "pending", true)).result).toBeNull();
    expect((await ask(node, "eth_getBlockByNumber", "0x2", true)).result).toBeNull();
    expect((await ask(node, "eth_getBlockByHash", PLACEHOLDER, true)).result).toBeNull();
    expect((await ask(node, "eth_getBlockReceipts", "0x2")).result).toBeNull();
    expect((await ask(node, "eth_getBlockReceipts", "0x0")).result).toEqual([]);
  });

  test("receipts of a block are those of its transactions", async () => {
    const { result } = await ask(node, "eth_getBlockReceipts", "latest");
    const single = await ask(node, "eth_getTransactionReceipt", toHex(hashes.second));
    expect(result).toHaveLength(3);
    expect(result[1]).toEqual(single.result);
    expect(result[1].logs[0].logIndex).toBe("0x1");
    expect(BigInt(result[2].cumulativeGasUsed)).toBe(
      result.reduce((sum: bigint, { gasUsed }: { gasUsed: string }) => sum + BigInt(gasUsed), 0n),
    );
  });

  test("unknown transactions and receipts are null", async () => {
    expect((await ask(node, "eth_getTransactionByHash", PLACEHOLDER)).result).toBeNull();
    expect((await ask(node, "eth_getTransactionReceipt", PLACEHOLDER)).result).toBeNull();
  });
});

describe("parts of blocks", () => {
  test("headers, counts and transactions by place are those of the block", async () => {
    const { result: block } = await ask(node, "eth_getBlockByNumber", "0x1", true);
    const byNumber = await ask(node, "eth_getHeaderByNumber", "0x1");
    expect(block).toMatchObject(byNumber.result);
    expect(byNumber.result.hash).toBe(block.hash);
    expect((await ask(node, "eth_getHeaderByHash", block.hash)).result).toEqual(byNumber.result);
    expect((await ask(node, "eth_getBlockTransactionCountByNumber", "0x1")).result).toBe("0x3");
    expect((await ask(node, "eth_getBlockTransactionCountByHash", block.hash)).result).toBe("0x3");
    expect((await ask(node, "eth_getUncleCountByBlockNumber", "0x1")).result).toBe("0x0");
    expect((await ask(node, "eth_getUncleByBlockHashAndIndex", block.hash, "0x0")).result).toBeNull();
    for (const [index, transaction] of block.transactions.entries()) {
      const place = toQuantity(index);
      expect((await ask(node, "eth_getTransactionByBlockNumberAndIndex", "0x1", place)).result).toEqual(transaction);
      expect((await ask(node, "eth_getTransactionByBlockHashAndIndex", block.hash, place)).result).toEqual(transaction);
    }
  });

  test("what is not there is null, and an index is a quantity", async () => {
    for (const number of ["pending", "0x99"]) {
      expect((await ask(node, "eth_getHeaderByNumber", number)).result).toBeNull();
      expect((await ask(node, "eth_getBlockTransactionCountByNumber", number)).result).toBeNull();
      expect((await ask(node, "eth_getUncleCountByBlockNumber", number)).result).toBeNull();
    }
    const beyond = await ask(node, "eth_getTransactionByBlockNumberAndIndex", "0x1", "0xffffffffffffffff");
    expect(beyond.result).toBeNull();
    expect((await ask(node, "eth_getTransactionByBlockNumberAndIndex", "0x1", "0x00")).error).toEqual({
      code: -32602,
      message:
        "invalid argument 1: json: cannot unmarshal hex number with leading zero digits into Go value of type hexutil.Uint",
    });
  });

  test("raw forms hash to what the block says", async () => {
    const { result: block } = await ask(node, "eth_getBlockByNumber", "0x1");
    const raw = async (method: string) => (await ask(node, method, "0x1")).result;
    expect(toHex(keccak256(fromHex(await raw("debug_getRawHeader"))))).toBe(block.hash);
    const bytes = fromHex(await raw("debug_getRawBlock"));
    expect(toQuantity(bytes.length)).toBe(block.size);
    const { header, transactions } = decodeBlock(bytes);
    expect(toHex(headerHash(header))).toBe(block.hash);
    const signed = transactions.map(encodeTransaction);
    expect(signed.map((each) => toHex(transactionHash(each)))).toEqual(block.transactions);
    const receipts: string[] = await raw("debug_getRawReceipts");
    expect(toHex(orderedTrieRoot(receipts.map(fromHex)))).toBe(block.receiptsRoot);
    for (const method of ["eth_getRawTransactionByHash", "debug_getRawTransaction"]) {
      expect((await ask(node, method, block.transactions[1])).result).toBe(toHex(signed[1]!));
      expect((await ask(node, method, PLACEHOLDER)).result).toBe("0x");
    }
    expect((await ask(node, "eth_getRawTransactionByHash", toHex(hashes.open))).result).toStartWith("0x");
    expect((await ask(node, "debug_getRawHeader", "0x99")).error).toEqual({
      code: -32000,
      message: "header not found",
    });
  });

  test("what the node says of itself and of fees", async () => {
    expect((await ask(node, "net_listening")).result).toBe(true);
    expect((await ask(node, "net_peerCount")).result).toBe("0x0");
    expect((await ask(node, "web3_sha3", "0x68656c6c6f20776f726c64")).result).toBe(
      "0x47173285a8d7341e5e972fc677286384f802f8ef42a5ec5f03bbfa254cb01fad",
    );
    expect((await ask(node, "rpc_modules")).result).toMatchObject({
      eth: "1.0",
      net: "1.0",
      web3: "1.0",
      debug: "1.0",
    });
    expect((await ask(node, "eth_baseFee")).result).toBe(toQuantity(1_000_000n));
    expect((await ask(node, "eth_blobBaseFee")).result).toBe("0x1");
  });
});

describe("logs", () => {
  const logs = async (filter: object) => ask(node, "eth_getLogs", filter);

  test("a range from a number to latest stops at the sealed block, pending takes in the open one", async () => {
    expect((await logs({ fromBlock: "0x1" })).result).toHaveLength(2);
    const address = toHex(CONTRACTS.store);
    const pending = (await logs({ address, topics: [TOPIC], fromBlock: "latest", toBlock: "pending" })).error;
    expect(pending).toEqual({ code: -32000, message: "query returned more than 2 results" });
    expect(node.counts.limited.logs).toBe(1);
    await node.chain.sealBlock();
    await node.chain.send({ to: CONTRACTS.store, data: bigintToBytes(10n, 32) }, 1);
    const { result } = await logs({ fromBlock: "latest", toBlock: "pending" });
    expect(result.map(({ blockHash }: { blockHash: string }) => blockHash === PLACEHOLDER)).toEqual([false, true]);
  });

  test("a filter that follows the newest at both ends sees the open block", async () => {
    const { result } = await logs({ fromBlock: "latest", toBlock: "pending" });
    expect(result.map(({ blockNumber }: { blockNumber: string }) => blockNumber)).toEqual(["0x2", "0x3"]);
    for (const range of [{}, { fromBlock: "latest" }, { toBlock: "latest" }, { fromBlock: "pending" }]) {
      expect((await logs(range)).result).toEqual(result);
    }
    const viem = createPublicClient({ chain: foundry, transport: http(node.url) });
    expect((await viem.getLogs()).map(({ blockHash }) => String(blockHash))).toContain(PLACEHOLDER);
  });

  test("an indexer that goes on after the highest block of an answer to latest misses nothing", async () => {
    expect((await logs({ fromBlock: "0x2" })).result.at(-1).blockNumber).toBe("0x2");
    expect((await logs({ fromBlock: "0x2", toBlock: "latest" })).result.at(-1).blockNumber).toBe("0x2");
    expect((await logs({ fromBlock: "latest", toBlock: "safe" })).result.at(-1).blockNumber).toBe("0x2");
  });

  test("a search that runs too long ends", async () => {
    const late = await startLiveNode({ options: { callTimeMsMax: -1 } });
    try {
      expect((await ask(late, "eth_getLogs", {})).error).toEqual({ code: -32002, message: "request timed out" });
      expect((await ask(late, "eth_feeHistory", "0x1", "latest", [50])).error?.code).toBe(-32002);
      expect(late.counts.limited.time).toBe(2);
    } finally {
      await late.stop();
    }
  });

  test.each([
    [{ topics: [`0x${"ab".padStart(64, "0")}`] }, 0],
    [{ topics: [[TOPIC, `0x${"ab".padStart(64, "0")}`]] }, 2],
    [{ topics: [null] }, 2],
    [{ topics: [TOPIC, TOPIC] }, 0],
    [{ address: toHex(CONTRACTS.revert) }, 0],
    [{ address: [toHex(CONTRACTS.revert), toHex(CONTRACTS.store)] }, 2],
  ])("%j", async (filter, count) => {
    expect((await logs({ fromBlock: "0x1", toBlock: "0x1", ...filter })).result).toHaveLength(count);
  });

  test.each([
    [{ fromBlock: "0x1", toBlock: "0x0" }, -32602, "invalid block range params"],
    [{ fromBlock: "0x1", toBlock: "0x77" }, -32602, "block range extends beyond current head block"],
    [{ blockHash: PLACEHOLDER }, -32000, "unknown block"],
  ])("%j is refused", async (filter, code, message) => {
    expect((await logs(filter)).error).toEqual({ code, message });
  });
});

describe("mini-blocks", () => {
  test("are objects with both roots and the record's signature", async () => {
    const { result } = await ask(node, "mega_getMiniBlockByNumber", "0x1");
    const miniBlock = node.chain.store.miniBlock(1);
    expect(Object.keys(result).sort()).toEqual([
      "block_number",
      "block_timestamp",
      "gas_used",
      "index",
      "mini_block_number",
      "mini_block_timestamp",
      "receipt_root",
      "receipts",
      "signature",
      "transaction_root",
      "transactions",
    ]);
    expect(result).toMatchObject({ mini_block_number: "0x1", index: "0x1", block_number: "0x1" });
    expect(result.transaction_root).toBe(toHex(orderedTrieRoot(miniBlock?.transactions ?? [])));
    expect(result.signature).toBe(toHex(node.chain.store.miniBlockRecord(1)?.signature ?? new Uint8Array(0)));
    expect(result.receipts[0].transactionHash).toBe(toHex(hashes.second));
  });

  test("come in order, end at the head, and are limited", async () => {
    const numbers = async (from: string, count: string): Promise<string[]> => {
      const { result } = await ask(node, "mega_getMiniBlocks", from, count);
      return result.map((miniBlock: { mini_block_number: string }) => miniBlock.mini_block_number);
    };
    expect(await numbers("0x1", "0x2")).toEqual(["0x1", "0x2"]);
    expect(await numbers("0x4", "0x2")).toEqual(["0x4"]);
    expect(await numbers("0xffffffffffffff", "0x2")).toEqual([]);
    expect((await ask(node, "mega_getMiniBlockByNumber", "0xffff")).result).toBeNull();
    expect((await ask(node, "mega_getMiniBlocks", "0x0", "0x3")).error).toEqual({
      code: -32602,
      message: "too many mini-blocks: 3, want at most 2",
    });
  });
});

describe("calls that fail", () => {
  const call = async (method: string, request: object, ...more: unknown[]) => {
    return (await ask(node, method, request, ...more)).error;
  };

  test("revert with the reason and the data", async () => {
    for (const method of ["eth_call", "eth_estimateGas"]) {
      const error = await call(method, { to: toHex(CONTRACTS.revert) });
      expect(error).toMatchObject({ code: 3, message: "execution reverted: nope" });
      expect(String(error?.data)).toStartWith("0x08c379a0");
    }
  });

  test.each([
    ["eth_call", { to: toHex(CONTRACTS.invalid) }, "invalid opcode: INVALID"],
    ["eth_call", { to: toHex(CONTRACTS.store), gas: "0x5300" }, "out of gas"],
    ["eth_estimateGas", { to: toHex(CONTRACTS.loop), gas: "0x186a0" }, "gas required exceeds allowance (100000)"],
    [
      "eth_call",
      { to: toHex(CONTRACTS.store), gasPrice: "0x1", maxFeePerGas: "0x1" },
      "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
    ],
    [
      "eth_call",
      { to: toHex(CONTRACTS.store), maxFeePerGas: "0x1", maxPriorityFeePerGas: "0x2" },
      "maxFeePerGas (1) < maxPriorityFeePerGas (2)",
    ],
    [
      "eth_estimateGas",
      { from: toHex(testAddress(0xee)), to: toHex(CONTRACTS.store), value: "0x1", gasPrice: "0xf4240" },
      "insufficient funds for transfer",
    ],
    ["eth_call", { to: toHex(CONTRACTS.store), chainId: "0x1" }, "chainId does not match node's (have=1, want=31337)"],
    ["eth_estimateGas", { chainId: "0x1" }, "chainId does not match node's (have=1, want=31337)"],
  ])("%s %j", async (method, request, message) => {
    expect(await call(method, request)).toEqual({ code: -32000, message });
  });

  describe("access lists", () => {
    const TARGET = toHex(testAddress(0xa7));
    const OTHER = testAddress(0xa8);
    const NOBODY = testAddress(0xa9);
    const word = (value: number) => toHex(bigintToBytes(BigInt(value), 32));
    const listOf = async (code: string, changes: object = {}) => {
      const request = { from: SENDER, to: TARGET, ...changes };
      const overrides = { [TARGET]: { code }, [toHex(OTHER)]: { code: "0x600954600a5500" } };
      return ask(node, "eth_createAccessList", request, "latest", overrides);
    };

    test("names slots and accounts, also those of calls, and nothing that is warm anyway", async () => {
      // SLOAD 7; SSTORE 8; BALANCE of nobody; CALL of the other one; BALANCE of a precompile and of the sender.
      const call = `5f5f5f5f5f73${toHex(OTHER).slice(2)}5af150`;
      const code = `0x6007545060016008 5573${toHex(NOBODY).slice(2)}3150${call}6004315033315000`.replace(" ", "");
      const { result } = await listOf(code);
      expect(result.error).toBeUndefined();
      expect(
        new Map(
          result.accessList.map((entry: { address: string; storageKeys: string[] }) => [
            entry.address,
            entry.storageKeys,
          ]),
        ),
      ).toEqual(
        new Map([
          [TARGET, [word(7), word(8)]],
          [toHex(NOBODY), []],
          [toHex(OTHER), [word(9), word(10)]],
        ]),
      );
      const plain = await listOf("0x00");
      expect(plain.result).toEqual({ accessList: [], gasUsed: "0x5208" });
    });

    test("its gas is that of a call with the list", async () => {
      // GAS before and after SLOAD of a slot on the list: it is warm.
      const { result } = await listOf("0x5a60075450 5a90035f5260205ff3".replace(" ", ""));
      expect(result.accessList).toEqual([{ address: TARGET, storageKeys: [word(7)] }]);
      expect(Number(result.gasUsed)).toBeLessThan(21_000 + 2_400 + 1_900 + 200);
      expect(Number(result.gasUsed)).toBeGreaterThan(21_000 + 2_400 + 1_900);
    });

    test("a message that fails says so beside the list, one that cannot begin is an error", async () => {
      const { result } = await listOf("0x6007545f5ffd");
      expect(result).toMatchObject({
        accessList: [{ address: TARGET, storageKeys: [word(7)] }],
        error: "execution reverted",
      });
      const poor = await listOf("0x00", { from: TARGET, value: toQuantity(10n ** 30n), gasPrice: "0xf4240" });
      expect(poor.error?.message).toStartWith("insufficient funds");
    });
  });

  describe("overrides", () => {
    const TARGET = toHex(testAddress(0xf7));
    const word = (value: bigint | number) => `0x${value.toString(16).padStart(64, "0")}`;
    /** Returns what a few opcodes answer, a word each. */
    const code = (...opcodes: readonly string[]) => {
      const stores = opcodes.map((opcode, i) => `${opcode}60${(32 * i).toString(16).padStart(2, "0")}52`);
      return `0x${stores.join("")}60${(32 * opcodes.length).toString(16).padStart(2, "0")}5ff3`;
    };
    const run = async (...params: unknown[]) =>
      (await ask(node, "eth_call", { to: TARGET }, "latest", ...params)).result;
    const words = (...values: readonly (bigint | number)[]) =>
      `0x${values.map((value) => word(value).slice(2)).join("")}`;

    test("balance, nonce and code of an account that is not there", async () => {
      const account = { code: code("47", "5f54", "6001545f54"), balance: "0x1234", nonce: "0x5" };
      expect(await run({ [TARGET]: { ...account, code: code("47", "5f54") } })).toBe(words(0x1234, 0));
      const { result } = await ask(node, "eth_call", { from: TARGET, to: TARGET, value: "0x1234" }, "latest", {
        [TARGET]: { ...account, code: code("34") },
      });
      expect(result).toBe(word(0x1234));
      expect((await ask(node, "eth_getCode", TARGET)).result).toBe("0x");
    });

    test("slots beside those that are there, or in their place", async () => {
      const store = toHex(CONTRACTS.store);
      const there = (await ask(node, "eth_getStorageAt", store, "0x0")).result;
      expect(BigInt(there)).not.toBe(0n);
      const read = code("5f54", "600754");
      const ask2 = async (account: object) => {
        return (await ask(node, "eth_call", { to: store }, "latest", { [store]: { code: read, ...account } })).result;
      };
      expect(await ask2({ stateDiff: { [word(7)]: word(9) } })).toBe(words(BigInt(there), 9));
      expect(await ask2({ state: { [word(7)]: word(9) } })).toBe(words(0, 9));
    });

    test("the block", async () => {
      const block = {
        ...{ number: "0x7b", time: "0x70000000", gasLimit: "0x1c9c380", feeRecipient: toHex(testAddress(0xfe)) },
        ...{ prevRandao: word(5), baseFeePerGas: "0x9", blobBaseFee: "0x11" },
      };
      const opcodes = ["43", "42", "45", "41", "44", "48", "4a"];
      const answers = [0x7b, 0x70000000, 0x1c9c380, BigInt(toHex(testAddress(0xfe))), 5, 9, 0x11];
      const overrides = { [TARGET]: { code: code(...opcodes) } };
      const request = { from: SENDER, to: TARGET, gasPrice: "0x9" };
      expect((await ask(node, "eth_call", request, "latest", overrides, block)).result).toBe(words(...answers));
      // A message without a price sees no fees.
      expect(await run({ [TARGET]: { code: code("48", "4a", "43") } }, block)).toBe(words(0, 0, 0x7b));
    });

    test("an estimate sees them", async () => {
      const request = { from: TARGET, to: toHex(testAddress(0xd9)), value: "0x5", gasPrice: "0xf4240" };
      expect(await call("eth_estimateGas", request)).toMatchObject({ code: -32000 });
      const balance = { [TARGET]: { balance: toQuantity(10n ** 18n) } };
      expect((await ask(node, "eth_estimateGas", request, "latest", balance)).result).toBe("0x5208");
    });

    test("viem gives them", async () => {
      const viem = createPublicClient({ chain: foundry, transport: http(node.url, { retryCount: 0 }) });
      const stateOverride = [{ address: TARGET, code: code("47") as `0x${string}`, balance: 77n }];
      expect((await viem.call({ to: TARGET, stateOverride })).data).toBe(word(77) as `0x${string}`);
    });

    test.each([
      [{ "0x12": {} }, -32602, "invalid argument 2: hex string has length 2, want 40 for common.Address"],
      [[], -32602, "invalid argument 2: json: cannot unmarshal array into Go value of type override.StateOverride"],
      [
        { [TARGET]: { nonce: "0xffffffffffffffffff" } },
        -32602,
        "invalid argument 2: json: cannot unmarshal hex number > 64 bits into Go struct field OverrideAccount.nonce of type hexutil.Uint64",
      ],
      [{ [TARGET]: { state: {}, stateDiff: {} } }, -32000, `account ${TARGET} has both 'state' and 'stateDiff'`],
      [{ [TARGET]: { movePrecompileToAddress: TARGET } }, -32000, "moving precompiles is not supported"],
    ])("%j is refused", async (overrides, code, message) => {
      expect(await call("eth_call", { to: TARGET }, "latest", overrides)).toEqual({ code, message });
    });

    test("a block override that a call cannot have is refused", async () => {
      expect(await call("eth_call", { to: TARGET }, "latest", {}, { beaconRoot: word(1) })).toEqual({
        code: -32000,
        message: 'block override "beaconRoot" is not supported for this RPC method',
      });
      expect(await call("eth_call", { to: TARGET }, "latest", {}, {})).toBeUndefined();
    });
  });

  test("fee history refuses bad percentiles and future blocks", async () => {
    expect((await ask(node, "eth_feeHistory", "0x1", "latest", [101])).error?.message).toBe(
      "invalid reward percentile: 101.000000",
    );
    expect((await ask(node, "eth_feeHistory", "0x1", "latest", [50, 10])).error?.message).toBe(
      "invalid reward percentile: #0:50.000000 >= #1:10.000000",
    );
    expect((await ask(node, "eth_feeHistory", "0x1", "0x99")).error?.message).toBe(
      `request beyond head block: requested 153, head ${node.chain.store.headBlockNumber}`,
    );
    const { result } = await ask(node, "eth_feeHistory", "0x400", "latest");
    expect(result.gasUsedRatio).toHaveLength(2);
  });

  test("fee history is shorter where older blocks, or their bodies, are no longer kept", () => {
    const { read } = node.chain;
    const head = read.store.headBlockNumber;
    const keepFrom = (blockFrom: number, bodyFrom: number): ReadContext => {
      const store = Object.create(read.store, {
        headBlockNumber: { value: head },
        block: { value: (number: number) => (number < blockFrom ? null : read.store.block(number)) },
        miniBlocksOfBlock: {
          value: (number: number) => (number < bodyFrom ? null : read.store.miniBlocksOfBlock(number)),
        },
        miniBlock: { value: (number: number) => read.store.miniBlock(number) },
      });
      return { ...read, store };
    };
    const latest = { kind: "tag", tag: "latest" } as const;
    expect(feeHistory(keepFrom(head, head), 2, latest).oldestBlock).toBe(toQuantity(head));
    expect(feeHistory(keepFrom(0, head), 2, latest).oldestBlock).toBe(toQuantity(head - 1));
    expect(feeHistory(keepFrom(0, head), 2, latest, [50]).reward).toHaveLength(1);
    expect(() => feeHistory(keepFrom(0, head + 1), 2, latest, [50])).toThrow("pruned history unavailable");
  });
});

test("a call that runs too long ends in geth's words and is counted", async () => {
  const slow = await startLiveNode({ options: { callTimeMsMax: 20, callGasLimit: 10n ** 12n } });
  try {
    const { error } = await ask(slow, "eth_call", { to: toHex(CONTRACTS.loop) });
    expect(error).toEqual({ code: -32000, message: "execution aborted (timeout = 20ms)" });
    expect(slow.counts.limited.time).toBe(1);
  } finally {
    await slow.stop();
  }
});

test("an answer above the limit is an error instead", async () => {
  const small = await startLiveNode({ options: { responseBytesMax: 300 } });
  try {
    expect((await ask(small, "eth_getBlockByNumber", "0x0", false)).error).toEqual({
      code: -32003,
      message: "response too large",
    });
    expect((await ask(small, "eth_blockNumber")).result).toBe("0x0");
  } finally {
    await small.stop();
  }
});

test("state older than the undo window is pruned history", async () => {
  const brief = await startLiveNode({ undoEntryCount: 64 });
  try {
    for (let i = 0; i < 40; i++) {
      await brief.chain.send({ to: CONTRACTS.store, data: bigintToBytes(BigInt(i + 1), 32) });
      if (i % 10 === 9) await brief.chain.sealBlock();
    }
    expect((await ask(brief, "eth_getBalance", SENDER, "0x1")).error).toEqual({
      code: 4444,
      message: "pruned history unavailable",
    });
    expect((await ask(brief, "eth_getBalance", SENDER, "latest")).error).toBeUndefined();
    expect((await ask(brief, "eth_getBlockByNumber", "0x1", false)).result.number).toBe("0x1");
  } finally {
    await brief.stop();
  }
});

test("nothing here was a bug of the node", () => {
  expect(node.failures).toEqual([]);
});
