// Sending and getting the receipt in one call: EIP-7966 with its codes 4 and 6 (5 is in genesis-chain.test.ts), and MegaETH's realtime form. A receipt
// comes before its EVM block is sealed, with all its indices final and a placeholder where the block hash will be.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import type { Hex } from "viem";
import { contracts } from "./contracts.ts";
import { disposeAll, NodeProcess, waitUntil } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";
import { developmentWallets, type ReceiptJson, type Wallet } from "./wallet.ts";

const PLACEHOLDER: Hex = `0x${"f".repeat(64)}`;
const SINK: Hex = "0x00000000000000000000000000000000000000b1";
const wallets = developmentWallets();

let node: NodeProcess;

/** A wallet with nonces from where the node is. */
async function walletAt(index: number): Promise<Wallet> {
  const wallet = wallets[index] as Wallet;
  wallet.nonce = Number(await node.rpc.call<Hex>("eth_getTransactionCount", wallet.address, "pending"));
  return wallet;
}

describe("synchronous sends", () => {
  beforeAll(async () => {
    // A long EVM block, so that receipts are seen before it is sealed.
    node = await NodeProcess.start({ flags: ["--block-time", "3s", "--sync-send-timeout", "2s"] });
  }, 60_000);
  afterAll(() => disposeAll(node));

  for (const method of ["eth_sendRawTransactionSync", "realtime_sendRawTransaction"]) {
    for (const transport of ["HTTP", "WebSocket"] as const) {
      nodeTest(`${method} over ${transport} answers with the receipt`, async () => {
        const wallet = await walletAt(0);
        const client = transport === "HTTP" ? node.rpc : await node.socket();
        const signed = wallet.sign({ to: SINK, value: 5n });
        const receipt = await client.call<ReceiptJson>(method, signed.raw);
        expect(receipt).toMatchObject({
          status: "0x1",
          type: "0x2",
          transactionHash: signed.hash,
          from: wallet.address,
          to: SINK,
          gasUsed: "0x5208",
          effectiveGasPrice: "0xf4240",
          contractAddress: null,
          logs: [],
        });
        if ("close" in client) client.close();
      });
    }
  }

  nodeTest("a receipt carries the placeholder first and the real hash once the block is sealed", async () => {
    const { rpc } = node;
    // Begins right after a block, so that the next seal is far away.
    const before = await rpc.call<Hex>("eth_blockNumber");
    await waitUntil("the next EVM block", 10_000, async () => (await rpc.call<Hex>("eth_blockNumber")) !== before);
    const owner = await walletAt(1);
    const creation = owner.signCreation(contracts().Token, [10n]);
    const receipt = await rpc.call<ReceiptJson>("eth_sendRawTransactionSync", creation.raw);
    expect(receipt.blockHash).toBe(PLACEHOLDER);
    expect(receipt.contractAddress).toBe(creation.address);
    expect(receipt.logs[0]).toMatchObject({ blockHash: PLACEHOLDER, logIndex: "0x0", removed: false } as never);
    const next = await rpc.call<ReceiptJson>("eth_sendRawTransactionSync", owner.sign({ to: SINK, value: 1n }).raw);
    expect(BigInt(next.transactionIndex)).toBe(BigInt(receipt.transactionIndex) + 1n);
    expect(BigInt(next.cumulativeGasUsed)).toBe(BigInt(receipt.cumulativeGasUsed) + 21_000n);
    expect(BigInt(receipt.blockNumber)).toBe(BigInt(await rpc.call<Hex>("eth_blockNumber")) + 1n);
    expect(await rpc.call<unknown>("eth_getBlockByNumber", receipt.blockNumber, false)).toBeNull();
    expect(await rpc.call<unknown>("eth_getBlockByNumber", "pending", false)).toBeNull();
    await waitUntil("the block to be sealed", 10_000, async () => {
      return (await rpc.call<Hex>("eth_blockNumber")) >= receipt.blockNumber;
    });
    const { hash } = await rpc.call<{ hash: Hex }>("eth_getBlockByNumber", receipt.blockNumber, false);
    const sealed = await rpc.call<ReceiptJson>("eth_getTransactionReceipt", creation.hash);
    expect(sealed.blockHash).toBe(hash);
    expect(sealed).toEqual({
      ...receipt,
      blockHash: hash,
      logs: receipt.logs.map((log) => ({ ...log, blockHash: hash })) as never,
    });
  });

  nodeTest("a reverted transaction is an answer, not an error", async () => {
    const owner = await walletAt(1);
    const creation = owner.signCreation(contracts().Token, [10n]);
    await node.rpc.call("eth_sendRawTransactionSync", creation.raw);
    const call = owner.signCall(creation.address, contracts().Token.abi, "transfer", [SINK, 11n]);
    expect(await node.rpc.call<ReceiptJson>("eth_sendRawTransactionSync", call.raw)).toMatchObject({ status: "0x0" });
  });

  nodeTest("code 6: a nonce gap is not taken in, and the expected nonce is named", async () => {
    const wallet = await walletAt(2);
    const gapped = wallet.sign({ to: SINK, nonce: wallet.nonce + 3 });
    const error = await node.rpc.error("eth_sendRawTransactionSync", gapped.raw);
    expect(error).toMatchObject({ code: 6, data: `0x${wallet.nonce.toString(16)}` });
    expect(await node.rpc.call<null>("eth_getTransactionByHash", gapped.hash)).toBeNull();
  });

  nodeTest("realtime: a nonce gap waits and expires in MegaETH's words, and lands once the gap closes", async () => {
    const wallet = await walletAt(4);
    const first = wallet.sign({ to: SINK, value: 1n });
    const second = wallet.sign({ to: SINK, value: 2n });
    const error = await node.rpc.error("realtime_sendRawTransaction", second.raw, 100);
    expect(error).toMatchObject({ code: -32000, message: "realtime transaction expired" });
    await node.rpc.call("eth_sendRawTransactionSync", first.raw);
    await waitUntil("the second transaction", 10_000, async () => {
      return (await node.rpc.call("eth_getTransactionReceipt", second.hash)) !== null;
    });
  });

  nodeTest("code 4: a transaction that takes too long was taken in; its hash is named and it lands later", async () => {
    const wallet = await walletAt(6);
    // More work in front of it than fits into a millisecond.
    const { Ledger } = contracts();
    const creation = wallet.signCreation(Ledger);
    await node.rpc.call("eth_sendRawTransactionSync", creation.raw);
    const burns = Array.from({ length: 20 }, () => {
      return wallet.signCall(creation.address, Ledger.abi, "slowSum", [2_000n], { gasLimit: 20_000_000n });
    });
    await node.rpc.many(
      "eth_sendRawTransaction",
      burns.map(({ raw }) => [raw]),
    );
    const last = wallet.sign({ to: SINK, value: 1n });
    const error = await node.rpc.error("eth_sendRawTransactionSync", last.raw, 1);
    expect(error).toMatchObject({ code: 4, data: last.hash });
    expect(error.message).toContain("wasn't processed in 0.001s");
    await waitUntil("the transaction", 20_000, async () => {
      return (await node.rpc.call("eth_getTransactionReceipt", last.hash)) !== null;
    });
  });

  nodeTest("a timeout that is no number: -32602 for realtime, the default for EIP-7966", async () => {
    const wallet = await walletAt(5);
    const signed = wallet.sign({ to: SINK, value: 1n });
    expect((await node.rpc.error("realtime_sendRawTransaction", signed.raw, "soon")).code).toBe(-32602);
    const receipt = await node.rpc.call<ReceiptJson>("eth_sendRawTransactionSync", signed.raw, "soon");
    expect(receipt.status).toBe("0x1");
  });

  nodeTest("bytes that are no transaction are refused as such", async () => {
    for (const method of ["eth_sendRawTransaction", "eth_sendRawTransactionSync", "realtime_sendRawTransaction"]) {
      expect((await node.rpc.error(method, "0x02c0")).code).toBe(-32000);
      expect((await node.rpc.error(method, "zz")).code).toBe(-32602);
      expect((await node.rpc.error(method)).code).toBe(-32602);
    }
  });
});
