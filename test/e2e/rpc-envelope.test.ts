// The JSON-RPC envelope over HTTP and WebSocket: junk, batches with junk between good calls, notifications, ids of every
// kind, HTTP methods, content types and headers.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { connect } from "node:net";
import { requestBody } from "./json-rpc.ts";
import { disposeAll, NodeProcess } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";

let node: NodeProcess;

const CHAIN_ID = { jsonrpc: "2.0", id: 7, method: "eth_chainId" };
const JUNK_BATCH = [
  CHAIN_ID,
  1,
  null,
  "text",
  [],
  {},
  { jsonrpc: "2.0", id: 8, method: "no_such" },
  { jsonrpc: "1.0", id: 9, method: "eth_chainId" },
  { jsonrpc: "2.0", id: {}, method: "eth_chainId" },
  { jsonrpc: "2.0", method: "eth_chainId" },
  { jsonrpc: "2.0", id: null, method: "net_version" },
  { jsonrpc: "2.0", id: "x", method: "eth_getBalance", params: ["0x00"] },
  { jsonrpc: "2.0", id: 10, method: "eth_chainId", params: {} },
];

/** Checks the replies to the batch of junk: one per element but the notification, the good ones answered. */
function checkJunkReplies(replies: unknown): void {
  const list = replies as { id: unknown; result?: unknown; error?: { code: number } }[];
  expect(list.length).toBe(JUNK_BATCH.length - 1);
  const codes = list.map(({ id, result, error }) => [id, error?.code ?? result]);
  expect(codes).toEqual([
    [7, "0x7a69"],
    [null, -32600],
    [null, -32600],
    [null, -32600],
    [null, -32600],
    [null, -32600],
    [8, -32601],
    [9, -32600],
    [null, -32600],
    [null, "31337"],
    ["x", -32602],
    [10, -32602],
  ]);
}

describe("JSON-RPC envelope", () => {
  beforeAll(async () => {
    node = await NodeProcess.start();
  }, 60_000);
  afterAll(() => disposeAll(node));

  nodeTest("a batch with junk is answered element by element over HTTP", async () => {
    checkJunkReplies(await node.rpc.batch(JUNK_BATCH));
  });

  nodeTest("and over WebSocket", async () => {
    const socket = await node.socket();
    checkJunkReplies(await socket.sendText(JSON.stringify(JUNK_BATCH)));
    expect(await socket.sendText('{"jsonrpc":"2.0","id":null,"method":"net_version"}')).toEqual({
      jsonrpc: "2.0",
      id: null,
      result: "31337",
    });
    expect(await socket.sendText("{")).toMatchObject({ id: null, error: { code: -32700 } });
    expect(await socket.call<string>("eth_chainId")).toBe("0x7a69");
    socket.close();
  });

  nodeTest("both WebSocket paths speak JSON-RPC", async () => {
    for (const path of ["/", "/ws"]) {
      const socket = new WebSocket(`ws://127.0.0.1:${node.port}${path}`);
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      socket.onerror = () => reject(new Error(path));
      socket.onopen = () => socket.send(requestBody("eth_chainId", []));
      socket.onmessage = ({ data }) => resolve(String(data));
      expect(JSON.parse(await promise).result).toBe("0x7a69");
      socket.close();
    }
  });

  nodeTest("HTTP bodies that are no request", async () => {
    const { rpc } = node;
    const reply = async (body: string) => (await rpc.post(body)).json();
    expect(await reply("{")).toMatchObject({ id: null, error: { code: -32700, message: "parse error" } });
    expect(await reply("[]")).toMatchObject({ id: null, error: { code: -32600, message: "empty batch" } });
    expect(await reply("3")).toMatchObject({ id: null, error: { code: -32600 } });
    expect(await reply(requestBody("x".repeat(3_000), []))).toMatchObject({ error: { code: -32600 } });
    expect(await reply(requestBody("no_such", []))).toMatchObject({
      id: 1,
      error: { code: -32601, message: "the method no_such does not exist/is not available" },
    });
    const notification = await rpc.post('{"jsonrpc":"2.0","method":"eth_chainId"}');
    expect([notification.status, await notification.text()]).toEqual([204, ""]);
  });

  nodeTest("HTTP methods, types and paths, as geth has them", async () => {
    const { httpUrl, rpc } = node;
    const probe = await fetch(httpUrl);
    expect([probe.status, await probe.text()]).toEqual([200, ""]);
    expect((await fetch(httpUrl, { method: "PUT", body: "{}" })).status).toBe(405);
    expect((await fetch(httpUrl, { method: "DELETE" })).status).toBe(405);
    expect((await rpc.post(requestBody("eth_chainId", []), { "content-type": "text/plain" })).status).toBe(415);
    const withCharset = { "content-type": "application/json; charset=utf-8" };
    expect((await rpc.post(requestBody("eth_chainId", []), withCharset)).status).toBe(200);
    expect((await fetch(`${httpUrl}/nowhere`)).status).toBe(404);
  });

  nodeTest("browsers may call a development chain", async () => {
    const preflight = await fetch(node.httpUrl, {
      method: "OPTIONS",
      headers: {
        origin: "http://wallet.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
      },
    });
    expect(preflight.ok).toBe(true);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
    const answer = await node.rpc.post(requestBody("eth_chainId", []), {
      "content-type": "application/json",
      origin: "http://wallet.example",
    });
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  });

  nodeTest("an idle or half-written connection does no harm", async () => {
    const sockets = Array.from({ length: 20 }, () => connect(node.port, "127.0.0.1"));
    for (const socket of sockets)
      socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{");
    expect(await node.rpc.call<string>("eth_chainId")).toBe("0x7a69");
    for (const socket of sockets) socket.destroy();
    expect(await node.rpc.call<string>("eth_chainId")).toBe("0x7a69");
  });

  nodeTest("parameters are checked before anything runs", async () => {
    const cases: [string, unknown[], string][] = [
      ["eth_getBalance", [], "missing value for required argument 0"],
      ["eth_getBalance", ["0x12"], "invalid argument 0"],
      ["eth_getBalance", [`0x${"1".repeat(40)}`, "newest"], "invalid argument 1"],
      ["eth_chainId", [1], "too many arguments, want at most 0"],
      ["eth_getBlockByNumber", ["0x01", false], "hex number with leading zero digits"],
      ["eth_getBlockByNumber", ["latest", "yes"], "invalid argument 1"],
      ["eth_getStorageAt", [`0x${"1".repeat(40)}`, "0xzz", "latest"], "invalid hex in storage key"],
      ["eth_getTransactionByHash", ["0x12"], "invalid argument 0"],
      ["eth_sendRawTransaction", ["0x1"], "invalid argument 0"],
      ["eth_feeHistory", ["0x2", "latest", [50, 10]], "invalid"],
      ["mega_getMiniBlocks", ["0x0"], "missing value for required argument 1"],
    ];
    const socket = await node.socket();
    for (const [method, params, words] of cases) {
      for (const client of [node.rpc, socket]) {
        const error = await client.error(method, ...params);
        expect([method, error.code, error.message.includes(words) ? words : error.message]).toEqual([
          method,
          method === "eth_feeHistory" ? error.code : -32602,
          words,
        ]);
      }
    }
    socket.close();
  });
});
