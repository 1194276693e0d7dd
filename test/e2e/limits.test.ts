// Every limit of the RPC, provoked over HTTP and WebSocket: the words, the code, the counter, and that the node goes on.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { connect, type Socket } from "node:net";
import { encodeFunctionData, type Hex } from "viem";
import { contracts } from "./contracts.ts";
import { requestBody } from "./json-rpc.ts";
import { disposeAll, NodeProcess } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";
import { developmentWallets, type Wallet } from "./wallet.ts";

const SINK: Hex = "0x00000000000000000000000000000000000000b4";
const wallets = developmentWallets();
const wallet = (index: number) => wallets[index] as Wallet;
const FLAGS = [
  ...["--max-body-size", "300KB", "--max-batch", "3", "--max-response-size", "100KB", "--max-connections", "4"],
  ...["--max-subscriptions", "2", "--max-websocket-backlog", "65536", "--call-gas-limit", "30000000"],
  ...["--call-timeout", "50ms", "--logs-limit", "3"],
];

let node: NodeProcess;
let ledger: Hex;

function call(id: number) {
  return { jsonrpc: "2.0", id, method: "eth_chainId" };
}

/** Checks that a limit's counter rises by at least one while `provoke` runs. */
async function counted(limit: string, provoke: () => Promise<void>): Promise<void> {
  const before = await node.metric("rpc_limited_total", { limit });
  await provoke();
  await node.until(
    `counting the limit ${limit}`,
    async () => {
      return (await node.metric("rpc_limited_total", { limit })) > before;
    },
    3_000,
  );
  expect(await node.rpc.call<Hex>("eth_chainId")).toBe("0x7a69");
}

describe("limits", () => {
  beforeAll(async () => {
    node = await NodeProcess.start({ flags: FLAGS });
    const creation = wallet(0).signCreation(contracts().Ledger);
    ledger = creation.address;
    await node.rpc.call("eth_sendRawTransactionSync", creation.raw);
  }, 60_000);
  afterAll(() => disposeAll(node));

  nodeTest("a body that is too large: 413, with and without its length told", async () => {
    await counted("body", async () => {
      const body = requestBody("eth_chainId", ["x".repeat(400_000)]);
      expect((await node.rpc.post(body)).status).toBe(413);
      const stream = new Blob([body]).stream();
      const chunked = await fetch(node.httpUrl, {
        method: "POST",
        body: stream,
        headers: { "content-type": "application/json" },
      }).then(
        ({ status }) => status,
        () => 413,
      );
      expect(chunked).toBe(413);
    });
  });

  nodeTest("a WebSocket message that is too large closes the connection", async () => {
    const socket = await node.socket();
    const answer = socket.sendText("x".repeat(400_000)).then((reply) => ({ code: JSON.stringify(reply) }));
    const { code } = await Promise.race([socket.closed, answer]);
    socket.close();
    expect([1006, 1009]).toContain(code as number);
    expect(await node.rpc.call<Hex>("eth_chainId")).toBe("0x7a69");
  });

  nodeTest("a batch that is too long", async () => {
    await counted("batch", async () => {
      const elements = [1, 2, 3, 4].map(call);
      const expected = { id: null, error: { code: -32600, message: "batch too large" } };
      expect(await node.rpc.batch(elements)).toMatchObject(expected as never);
      const socket = await node.socket();
      expect(await socket.sendText(JSON.stringify(elements))).toMatchObject(expected);
      expect((await socket.sendText(JSON.stringify(elements.slice(0, 3)))) as unknown[]).toHaveLength(3);
      socket.close();
    });
  });

  nodeTest("a response that is too large, alone and within a batch", async () => {
    await counted("response", async () => {
      for (let i = 0; i < 3; i++) {
        const data: Hex = `0x${"11".repeat(30_000)}`;
        const signed = wallet(1).sign({ to: SINK, data, gasLimit: 2_000_000n });
        await node.rpc.call("eth_sendRawTransactionSync", signed.raw);
      }
      const { length } = await node.rpc.call<unknown[]>("mega_getMiniBlocks", "0x0", "0x1");
      expect(length).toBe(1);
      const refusal = { code: -32003, message: "response too large" };
      expect(await node.rpc.error("mega_getMiniBlocks", "0x0", "0xff")).toMatchObject(refusal);
      const elements = [0, 1, 2].map((id) => {
        return { jsonrpc: "2.0", id, method: "eth_getTransactionByHash", params: [wallet1Hash] };
      });
      const replies = await node.rpc.batch(elements);
      expect(replies.some(({ result }) => result !== undefined)).toBe(true);
      expect(replies.some(({ error }) => error?.code === -32003)).toBe(true);
    });
  });

  nodeTest("too many connections", async () => {
    await counted("connections", async () => {
      const sockets = await Promise.all([1, 2, 3, 4].map(() => node.socket()));
      await expect(node.socket()).rejects.toThrow("no WebSocket");
      for (const socket of sockets) socket.close();
      await node.until("free again", async () => (await node.metric("ws_connections")) === 0);
      (await node.socket()).close();
    });
  });

  nodeTest("too many subscriptions", async () => {
    await counted("subscriptions", async () => {
      const socket = await node.socket();
      await socket.subscribe("newHeads");
      await socket.subscribe("miniBlocks");
      expect((await socket.error("eth_subscribe", "newHeads")).code).toBe(-32005);
      socket.close();
    });
  });

  nodeTest("a call that takes too long", async () => {
    // A billion gas of hashing: however it is run, the gas limit does not stop it in time.
    const slow = await NodeProcess.start({ flags: ["--call-gas-limit", "1000000000", "--call-timeout", "50ms"] });
    try {
      const creation = wallet(9).signCreation(contracts().Ledger);
      await slow.rpc.call("eth_sendRawTransactionSync", creation.raw);
      const data = encodeFunctionData({ abi: contracts().Ledger.abi, functionName: "slowSum", args: [2n ** 60n] });
      const errors = [
        await slow.rpc.error("eth_call", { to: creation.address, data }, "latest"),
        await slow.rpc.error("eth_estimateGas", { to: creation.address, data }),
      ];
      expect(errors.map(({ code }) => code)).toEqual([-32000, -32000]);
      expect(errors[0]?.message).toMatch(/^execution aborted \(timeout = \d+m?s\)$/);
      expect(await slow.metric("rpc_limited_total", { limit: "time" })).toBeGreaterThanOrEqual(1);
      expect(await slow.rpc.call<Hex>("eth_chainId")).toBe("0x7a69");
    } finally {
      await disposeAll(slow);
    }
  });

  nodeTest("a call that takes too much memory", async () => {
    const small = await NodeProcess.start({ flags: ["--read-workers", "24", "--call-gas-limit", "4000000000"] });
    try {
      // MLOAD at 8 MiB, POP, then the same code as creation code, on and on: each frame keeps its memory.
      const data = "0x62800000" + "5150" + "385f5f39" + "385f5ff000";
      const error = await small.rpc.error("eth_call", { data }, "latest");
      expect(error).toMatchObject({ code: -32000, message: "memory limit exceeded" });
      expect(await small.metric("rpc_limited_total", { limit: "memory" })).toBe(1);
    } finally {
      await disposeAll(small);
    }
  });

  nodeTest("a call with too little gas, and the cap on what it may ask for", async () => {
    const data = encodeFunctionData({ abi: contracts().Ledger.abi, functionName: "sum" });
    expect(await node.rpc.error("eth_call", { to: ledger, data, gas: "0x7530" }, "latest")).toMatchObject({
      code: -32000,
      message: "out of gas",
    });
    // Far beyond the cap: cut down to it, as geth does.
    const output = await node.rpc.call<Hex>("eth_call", { to: ledger, data, gas: "0x10000000000" }, "latest");
    expect(BigInt(output)).toBe(50_000_000n);
    // GAS PUSH0 MSTORE PUSH1 32 PUSH0 RETURN, as init code that returns its gas.
    const gas = await node.rpc.call<Hex>("eth_call", { data: "0x5a5f5260205ff3", gas: "0x10000000000" }, "latest");
    expect(BigInt(gas)).toBeLessThan(30_000_000n);
  });

  nodeTest("too many logs", async () => {
    await counted("logs", async () => {
      const creation = wallet(2).signCreation(contracts().Token, [100n]);
      await node.rpc.call("eth_sendRawTransactionSync", creation.raw);
      for (let i = 0; i < 3; i++) {
        const signed = wallet(2).signCall(creation.address, contracts().Token.abi, "transfer", [SINK, 1n]);
        await node.rpc.call("eth_sendRawTransactionSync", signed.raw);
      }
      const head = await node.rpc.call<Hex>("eth_blockNumber");
      await node.until("sealing", async () => BigInt(await node.rpc.call<Hex>("eth_blockNumber")) > BigInt(head) + 1n);
      const filter = { address: creation.address, fromBlock: "0x0", toBlock: "latest" };
      expect(await node.rpc.error("eth_getLogs", filter)).toMatchObject({
        code: -32000,
        message: "query returned more than 3 results",
      });
    });
  });

  nodeTest("ranges, filters and counts beyond what is served", async () => {
    const { rpc } = node;
    expect((await rpc.error("eth_getLogs", { fromBlock: "0x5", toBlock: "0x1" })).code).toBe(-32602);
    expect((await rpc.error("eth_getLogs", { fromBlock: "0x1", toBlock: "0xffffff" })).code).toBe(-32602);
    const many = Array.from({ length: 1_001 }, () => SINK);
    expect((await rpc.error("eth_getLogs", { address: many })).code).toBe(-32602);
    expect((await rpc.error("eth_getLogs", { topics: [null, null, null, null, null] })).code).toBe(-32602);
    expect((await rpc.error("eth_getLogs", { blockHash: `0x${"1".repeat(64)}`, fromBlock: "0x0" })).code).toBe(-32602);
    expect(await rpc.error("eth_getLogs", { blockHash: `0x${"1".repeat(64)}` })).toMatchObject({
      code: -32000,
      message: "unknown block",
    });
    expect((await rpc.error("mega_getMiniBlocks", "0x0", "0x101")).code).toBe(-32602);
    expect(await rpc.error("eth_getBalance", SINK, "0xffffff")).toMatchObject({
      code: -32000,
      message: "header not found",
    });
  });

  nodeTest("a subscriber that does not read is closed and counted; the others go on", async () => {
    const [slow, quick] = [await connectSilently(node.port), await node.socket()];
    slow.write(frame(requestBody("eth_subscribe", ["miniBlocks"])));
    const stream = await quick.subscribe("miniBlocks");
    await Bun.sleep(100);
    slow.pause();
    let sentCount = 0;
    await node.until(
      "closing the slow subscriber",
      async () => {
        const sends = Array.from({ length: 2 }, () => {
          return wallet(3).sign({ to: SINK, data: `0x${"11".repeat(60_000)}`, gasLimit: 3_000_000n }).raw;
        });
        for (const raw of sends) await node.rpc.call("eth_sendRawTransactionSync", raw);
        sentCount += sends.length;
        return (await node.metric("ws_slow_closed_total")) >= 1;
      },
      40_000,
    );
    const transactionCount = (results: readonly { transactions: readonly unknown[] }[]) => {
      return results.reduce((sum, { transactions }) => sum + transactions.length, 0);
    };
    await stream.until<{ transactions: unknown[] }>((results) => transactionCount(results) >= sentCount);
    quick.close();
    slow.destroy();
  });
});

let wallet1Hash: Hex;
{
  // The transaction of 30,000 bytes that the batch asks for three times: signed here again, the same bytes, the same hash.
  const twin = developmentWallets()[1] as Wallet;
  wallet1Hash = twin.sign({ to: SINK, data: `0x${"11".repeat(30_000)}`, gasLimit: 2_000_000n }).hash;
}

/** A WebSocket connection of which nothing is read once it is paused. */
async function connectSilently(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("data", () => resolve());
  socket.on("error", () => resolve());
  const lines = ["GET /ws HTTP/1.1", "host: x", "upgrade: websocket", "connection: Upgrade"];
  socket.write(
    `${[...lines, "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==", "sec-websocket-version: 13"].join("\r\n")}\r\n\r\n`,
  );
  await promise;
  return socket;
}

/** A text frame of a client, masked with zeroes. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}
