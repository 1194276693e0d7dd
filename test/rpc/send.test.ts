// Transactions in, over HTTP: hashes, receipts, and every way in which a send can be refused.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { bigintToBytes } from "#base/bytes.ts";
import { toHex } from "#base/hex.ts";
import { reject } from "#chain/reject.ts";
import { transactionHash } from "#chain/transaction.ts";
import { ACCOUNTS, CONTRACTS, testAddress } from "./live-chain.fixture.ts";
import { ask, type LiveNode, startLiveNode } from "./live-node.fixture.ts";

const SENDERS = ACCOUNTS.map(({ address }) => toHex(address));
const RECIPIENT = toHex(testAddress(0xd1));

let node: LiveNode;

beforeEach(async () => {
  node = await startLiveNode({ options: { sendWaitMs: 40, sendWaitMsMax: 60 } });
});

afterEach(async () => {
  expect(node.failures).toEqual([]);
  await node.stop();
});

describe("eth_sendRawTransaction", () => {
  test("answers the hash, and the receipt is there", async () => {
    const raw = node.chain.sign({ value: 5n });
    const { result } = await ask(node, "eth_sendRawTransaction", toHex(raw));
    expect((await ask(node, "eth_getTransactionReceipt", result)).result.status).toBe("0x1");
  });

  test.each([
    ["0x", "typed transaction too short"],
    ["0x7f01", "transaction type not supported"],
  ])("%s is no transaction", async (raw, message) => {
    expect((await ask(node, "eth_sendRawTransaction", raw)).error).toEqual({ code: -32000, message });
  });

  test("refusals of admission go out in its words", async () => {
    const sent = node.chain.sign({ value: 1n });
    await ask(node, "eth_sendRawTransaction", toHex(sent));
    const send = async (raw: Uint8Array) => (await ask(node, "eth_sendRawTransaction", toHex(raw))).error;
    expect(await send(sent)).toEqual({ code: -32000, message: "nonce too low: next nonce 1, tx nonce 0" });
    expect((await send(node.chain.sign({ gasLimit: 100n })))?.message).toStartWith("intrinsic gas too low");
    expect((await send(node.chain.sign({ value: 10n ** 24n })))?.message).toStartWith("insufficient funds");
    expect((await send(node.chain.sign({ maxFeePerGas: 5_000n, maxPriorityFeePerGas: 0n })))?.message).toStartWith(
      "max fee per gas less than block base fee",
    );
    expect((await send(node.chain.sign({ chainId: 5n })))?.code).toBe(-32000);
  });

  test("a node that takes nothing says so with a code that clients retry on", async () => {
    node.chain.submitResult = { kind: "unavailable", reason: "disk full" };
    expect((await ask(node, "eth_sendRawTransaction", toHex(node.chain.sign({})))).error).toEqual({
      code: -32005,
      message: "limit exceeded: disk full",
    });
    node.chain.submitResult = { kind: "rejected", reject: reject("txpool is full") };
    expect((await ask(node, "eth_sendRawTransaction", toHex(node.chain.sign({})))).error).toEqual({
      code: -32000,
      message: "txpool is full",
    });
  });

  test("a transaction that waits is pending, and counts at pending", async () => {
    node.chain.isRunning = false;
    const raw = node.chain.sign({ value: 5n });
    const { result: hash } = await ask(node, "eth_sendRawTransaction", toHex(raw));
    expect((await ask(node, "eth_getTransactionByHash", hash)).result).toMatchObject({
      hash,
      from: SENDERS[0],
      blockHash: null,
      blockNumber: null,
      transactionIndex: null,
      gasPrice: "0x1e8480",
    });
    expect((await ask(node, "eth_getTransactionReceipt", hash)).result).toBeNull();
    expect((await ask(node, "eth_getTransactionCount", SENDERS[0], "pending")).result).toBe("0x1");
    expect((await ask(node, "eth_getTransactionCount", SENDERS[0], "latest")).result).toBe("0x0");
  });
});

describe("eth_sendRawTransactionSync", () => {
  test("answers the receipt, a reverted transaction's too", async () => {
    const sent = await ask(node, "eth_sendRawTransactionSync", toHex(node.chain.sign({ value: 5n })));
    expect(sent.result).toMatchObject({ status: "0x1", blockNumber: "0x1", blockHash: `0x${"ff".repeat(32)}` });
    const reverted = await ask(
      node,
      "eth_sendRawTransactionSync",
      toHex(node.chain.sign({ to: CONTRACTS.revert })),
      50,
    );
    expect(reverted.result).toMatchObject({ status: "0x0", logs: [] });
  });

  test("viem understands it", async () => {
    const key = ACCOUNTS[1]?.privateKey ?? new Uint8Array(32);
    const wallet = createWalletClient({
      account: privateKeyToAccount(toHex(key)),
      chain: foundry,
      transport: http(node.url),
    });
    const request = await wallet.prepareTransactionRequest({ to: RECIPIENT, value: 3n });
    const serializedTransaction = await wallet.signTransaction(request);
    const receipt = await wallet.sendRawTransactionSync({ serializedTransaction });
    expect(receipt.status).toBe("success");
    expect(receipt.blockNumber).toBe(1n);
  });

  test("4: no receipt in time; the transaction stays, and comes later", async () => {
    node.chain.isRunning = false;
    const raw = node.chain.sign({});
    const { error } = await ask(node, "eth_sendRawTransactionSync", toHex(raw), 10);
    expect(error).toEqual({
      code: 4,
      message: "The transaction was added to the mempool but wasn't processed in 0.01s",
      data: toHex(transactionHash(raw)),
    });
    expect((await ask(node, "eth_getTransactionCount", SENDERS[0], "pending")).result).toBe("0x1");
    await node.chain.run();
    expect((await ask(node, "eth_getTransactionCount", SENDERS[0])).result).toBe("0x1");
  });

  test.each([
    [undefined, 0.04],
    [0, 0.04],
    ["later", 0.04],
    [10 ** 9, 0.06],
    [7, 0.007],
    ["0x7", 0.007],
  ])("timeout %p waits %p s", async (timeout, seconds) => {
    node.chain.isRunning = false;
    const { error } = await ask(node, "eth_sendRawTransactionSync", toHex(node.chain.sign({})), timeout);
    expect(error).toMatchObject({ code: 4, message: expect.stringContaining(`processed in ${seconds}s`) });
    expect(String(error?.data)).toHaveLength(66);
  });

  test("5: not ready, with the hash; 6: nonce gap, with the expected nonce; neither is added", async () => {
    const gapped = node.chain.sign({ nonce: 9n });
    expect((await ask(node, "eth_sendRawTransactionSync", toHex(gapped))).error).toEqual({
      code: 6,
      message: "nonce too high: gapped nonce",
      data: "0x0",
    });
    expect(node.chain.pool.size).toBe(0);
    node.chain.submitResult = { kind: "notReady", reason: "fee below the base fee" };
    const { error } = await ask(node, "eth_sendRawTransactionSync", toHex(gapped));
    expect(error).toMatchObject({ code: 5, message: "transaction not ready: fee below the base fee" });
    expect(String(error?.data)).toHaveLength(66);
  });
});

describe("realtime_sendRawTransaction", () => {
  test("is the same with MegaETH's words", async () => {
    const sent = await ask(node, "realtime_sendRawTransaction", toHex(node.chain.sign({})), 50);
    expect(sent.result.status).toBe("0x1");
    const gapped = node.chain.sign({ nonce: 9n });
    expect((await ask(node, "realtime_sendRawTransaction", toHex(gapped), 5)).error).toEqual({
      code: -32000,
      message: "realtime transaction expired",
    });
    expect(node.chain.pool.size).toBe(1);
    expect((await ask(node, "realtime_sendRawTransaction", toHex(gapped), "soon")).error).toEqual({
      code: -32602,
      message: "invalid argument 1: invalid timeout",
    });
  });
});

describe("eth_sendTransaction", () => {
  const send = (request: object) => ask(node, "eth_sendTransaction", request);

  test("fills in, signs and sends for a development account", async () => {
    const { result } = await send({
      from: SENDERS[2],
      to: toHex(CONTRACTS.store),
      input: toHex(bigintToBytes(3n, 32)),
    });
    const transaction = (await ask(node, "eth_getTransactionByHash", result)).result;
    expect(transaction).toMatchObject({ type: "0x2", from: SENDERS[2], nonce: "0x0", maxFeePerGas: "0x1e8480" });
    expect((await ask(node, "eth_getTransactionReceipt", result)).result.status).toBe("0x1");
    const legacy = (await send({ from: SENDERS[2], to: RECIPIENT, gasPrice: "0x1e8480" })).result;
    expect((await ask(node, "eth_getTransactionByHash", legacy)).result).toMatchObject({ type: "0x0", gas: "0x5208" });
  });

  test("many at a time get consecutive nonces", async () => {
    const sent = await Promise.all(Array.from({ length: 12 }, () => send({ from: SENDERS[0], to: RECIPIENT })));
    expect(new Set(sent.map(({ result }) => result)).size).toBe(12);
    expect((await ask(node, "eth_getTransactionCount", SENDERS[0])).result).toBe("0xc");
  });

  test("a failed one does not hold up the next", async () => {
    const [first, second] = await Promise.all([
      send({ from: SENDERS[0], to: toHex(CONTRACTS.revert) }),
      send({ from: SENDERS[0], to: RECIPIENT }),
    ]);
    expect(first.error?.code).toBe(3);
    expect(second.result).toHaveLength(66);
  });

  test.each([
    [{ from: RECIPIENT, to: RECIPIENT }, "unknown account"],
    [{ to: RECIPIENT }, "unknown account"],
    [{ from: SENDERS[0] }, "contract creation without any data provided"],
    [
      { from: SENDERS[0], to: RECIPIENT, data: "0x01", input: "0x02" },
      'both "data" and "input" are set and not equal. Please use "input" to pass transaction call data',
    ],
    [{ from: SENDERS[0], to: RECIPIENT, chainId: "0x1" }, "chainId does not match node's (have=1, want=31337)"],
    [
      { from: SENDERS[0], to: RECIPIENT, gasPrice: "0x1", maxFeePerGas: "0x1" },
      "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
    ],
    [{ from: SENDERS[0], to: RECIPIENT, blobVersionedHashes: [] }, "transaction type not supported"],
  ])("%j is refused", async (request, message) => {
    expect((await send(request)).error).toEqual({ code: -32000, message });
  });
});
