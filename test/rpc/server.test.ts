// The server's edges: HTTP status codes, CORS, health, limits, WebSocket transport, the feed hook and slow readers.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { createPublicClient, webSocket } from "viem";
import { foundry } from "viem/chains";
import { bigintToBytes } from "#base/bytes.ts";
import { METHODS } from "#rpc/method-table.ts";
import type { FeedHandler } from "#rpc/server.ts";
import { CONTRACTS } from "./live-chain.fixture.ts";
import { ask, type LiveNode, startLiveNode, TestSocket } from "./live-node.fixture.ts";

const JSON_TYPE = { "content-type": "application/json" };
const CHAIN_ID = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId" });

describe("HTTP", () => {
  let node: LiveNode;
  beforeAll(async () => {
    node = await startLiveNode({ serverLimits: { bodyBytesMax: 2_000 } });
  });
  afterAll(() => node.stop());

  test.each<[string, RequestInit, number, string]>([
    ["", { method: "POST", headers: JSON_TYPE, body: CHAIN_ID }, 200, '{"jsonrpc":"2.0","id":1,"result":"0x7a69"}'],
    ["", { method: "POST", headers: { "content-type": "application/json; charset=utf-8" }, body: CHAIN_ID }, 200, ""],
    ["", { method: "POST", headers: JSON_TYPE, body: '{"jsonrpc":"2.0","method":"eth_chainId"}' }, 204, ""],
    ["", { method: "POST", headers: JSON_TYPE, body: "{" }, 200, ""],
    ["", { method: "GET" }, 200, ""],
    ["", { method: "OPTIONS" }, 204, ""],
    ["", { method: "PUT", body: CHAIN_ID }, 405, "method not allowed"],
    ["", { method: "DELETE" }, 405, "method not allowed"],
    [
      "",
      { method: "POST", headers: { "content-type": "text/plain" }, body: CHAIN_ID },
      415,
      "invalid content type, only application/json is supported",
    ],
    ["", { method: "POST", headers: JSON_TYPE, body: "x".repeat(2_001) }, 413, "content length too large (2001>2000)"],
    ["/livez", {}, 200, "ok"],
    ["/metrics", {}, 200, "megaeth_up 1\n"],
    ["/nowhere", {}, 404, "not found"],
    ["/nowhere", { method: "POST", headers: JSON_TYPE, body: CHAIN_ID }, 404, "not found"],
  ])("%s %j is %p", async (path, request, status, body) => {
    const response = await fetch(`${node.url}${path}`, request);
    expect(response.status).toBe(status);
    const text = await response.text();
    if (body !== "") expect(text).toBe(body);
  });

  test("a body without a length is bounded too", async () => {
    const body = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 100; i++) controller.enqueue(new TextEncoder().encode("x".repeat(1_000)));
        controller.close();
      },
    });
    const before = node.counts.limited.body ?? 0;
    const response = await fetch(node.url, { method: "POST", headers: JSON_TYPE, body });
    expect(response.status).toBe(413);
    expect(node.counts.limited.body).toBe(before + 1);
  });

  test("a body without a length and within the limit is answered", async () => {
    const bytes = new TextEncoder().encode(`${CHAIN_ID}${" ".repeat(20)}`);
    const body = new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    const response = await fetch(node.url, { method: "POST", headers: JSON_TYPE, body });
    expect(await response.json()).toEqual({ jsonrpc: "2.0", id: 1, result: "0x7a69" });
  });

  test("readiness has its own answer", async () => {
    expect(await (await fetch(`${node.url}/readyz`)).json()).toEqual({ ready: true, headBlock: 0 });
    node.isReady = false;
    expect((await fetch(`${node.url}/readyz`)).status).toBe(503);
    node.isReady = true;
  });

  test("CORS: any origin by default, preflight included", async () => {
    const origin = "https://wallet.example";
    const preflight = await fetch(node.url, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
    });
    expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
    expect(preflight.headers.get("access-control-allow-headers")).toBe("content-type");
    const answer = await fetch(node.url, { method: "POST", headers: { ...JSON_TYPE, origin }, body: CHAIN_ID });
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  });
});

test("CORS: a list of origins lets in those alone, over WebSocket as well", async () => {
  const node = await startLiveNode({ corsOrigins: ["https://wallet.example"] });
  try {
    const allowed = async (origin: string): Promise<string | null> => {
      const response = await fetch(node.url, { method: "POST", headers: { ...JSON_TYPE, origin }, body: CHAIN_ID });
      return response.headers.get("access-control-allow-origin");
    };
    expect(await allowed("https://wallet.example")).toBe("https://wallet.example");
    expect(await allowed("https://evil.example")).toBeNull();
    const upgrade = { connection: "upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
    const headers = { ...upgrade, "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", origin: "https://evil.example" };
    expect((await fetch(node.url, { headers })).status).toBe(403);
  } finally {
    await node.stop();
  }
});

describe("WebSocket", () => {
  let node: LiveNode;
  beforeAll(async () => {
    node = await startLiveNode();
  });
  afterAll(() => node.stop());

  test.each([["/"], ["/ws"]])("every method answers on %s as over HTTP", async (path) => {
    const socket = await TestSocket.connect(`${node.webSocketUrl}${path}`);
    for (const { name } of METHODS) {
      const { result, error } = await socket.ask(name);
      const overHttp = await ask(node, name);
      expect({ result, error }).toEqual({ result: overHttp.result, error: overHttp.error });
      expect(error?.code).not.toBe(-32601);
    }
    socket.close();
  });

  test("id null is answered, junk is answered, binary is read as text", async () => {
    const socket = await TestSocket.connect(node.webSocketUrl);
    socket.sendText('{"jsonrpc":"2.0","id":null,"method":"net_version"}');
    socket.sendText("{");
    await socket.until(() => socket.messages.length === 2);
    expect(socket.messages).toEqual([
      { jsonrpc: "2.0", id: null, result: "31337" } as never,
      { jsonrpc: "2.0", id: null, error: { code: -32700, message: "parse error" } } as never,
    ]);
    socket.close();
  });

  test("viem works over it", async () => {
    const client = createPublicClient({ chain: foundry, transport: webSocket(node.webSocketUrl) });
    expect(await client.getChainId()).toBe(31_337);
    expect(await client.getBlockNumber()).toBe(BigInt(node.chain.store.headBlockNumber));
    (await client.transport.getRpcClient()).close();
  });

  test("other paths are no WebSocket", async () => {
    await expect(TestSocket.connect(`${node.webSocketUrl}/other`)).rejects.toThrow("no connection");
    await expect(TestSocket.connect(`${node.webSocketUrl}/feed`)).rejects.toThrow("no connection");
  });
});

test("connections are limited and counted, and a closed one makes room", async () => {
  const node = await startLiveNode({ serverLimits: { connectionCountMax: 2 } });
  try {
    const first = await TestSocket.connect(node.webSocketUrl);
    const second = await TestSocket.connect(node.webSocketUrl);
    await expect(TestSocket.connect(node.webSocketUrl)).rejects.toThrow("no connection");
    expect(node.counts.limited.connections).toBe(1);
    first.close();
    await first.closed;
    while (node.server.connectionCount > 1) await Bun.sleep(1);
    const third = await TestSocket.connect(node.webSocketUrl);
    expect((await third.ask("eth_chainId")).result).toBe("0x7a69");
    third.close();
    second.close();
  } finally {
    await node.stop();
  }
});

test.each([[2_000], [2_000_000]])("a WebSocket message above %p bytes closes that socket", async (bodyBytesMax) => {
  const node = await startLiveNode({ serverLimits: { bodyBytesMax } });
  try {
    const socket = await TestSocket.connect(node.webSocketUrl);
    socket.sendText("x".repeat(bodyBytesMax + 1));
    expect([1006, 1009]).toContain((await socket.closed).code);
    expect((await ask(node, "eth_chainId")).result).toBe("0x7a69");
  } finally {
    await node.stop();
  }
});

test("/feed hands its sockets to the feed", async () => {
  const seen: string[] = [];
  const feed: FeedHandler = {
    onOpen: (socket) => {
      seen.push("open");
      socket.sendBinary(Uint8Array.of(1, 2, 3));
    },
    onMessage: (socket, bytes) => {
      seen.push(`message ${[...bytes]}`);
      socket.close(4001, "enough");
    },
    onDrain: () => {},
    onClose: () => seen.push("close"),
  };
  const node = await startLiveNode({ feed });
  try {
    const socket = new WebSocket(`${node.webSocketUrl}/feed`);
    socket.binaryType = "arraybuffer";
    const received = new Promise<Uint8Array>((resolve) => {
      socket.onmessage = (event) => resolve(new Uint8Array(event.data as ArrayBuffer));
    });
    const closed = new Promise<number>((resolve) => {
      socket.onclose = (event) => resolve(event.code);
    });
    expect([...(await received)]).toEqual([1, 2, 3]);
    socket.send(Uint8Array.of(9));
    expect(await closed).toBe(4001);
    while (node.server.connectionCount > 0) await Bun.sleep(1);
    expect(seen).toEqual(["open", "message 9", "close"]);
  } finally {
    await node.stop();
  }
});

/** A WebSocket client made of a bare TCP connection, which can stop reading. */
class StubbornReader {
  readonly socket: Socket;
  #received = Buffer.alloc(0);

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (bytes: Uint8Array) => {
      this.#received = Buffer.concat([this.#received, bytes]);
    });
    const lines = ["GET / HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket"];
    lines.push("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", "");
    this.socket.write(lines.join("\r\n"));
  }

  sendText(text: string): void {
    const payload = Buffer.from(text);
    const head = Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0]);
    this.socket.write(Buffer.concat([head, payload]));
  }

  async waitFor(text: string): Promise<void> {
    while (!this.#received.includes(text)) await Bun.sleep(1);
  }

  /** The frames after the handshake: texts, and the code of a close frame. */
  frames(): { texts: string[]; closeCode: number | null } {
    const texts: string[] = [];
    let at = this.#received.indexOf("\r\n\r\n") + 4;
    while (at + 2 <= this.#received.length) {
      const opcode = (this.#received[at] ?? 0) & 15;
      let size = (this.#received[at + 1] ?? 0) & 127;
      at += 2;
      if (size === 126) {
        size = this.#received.readUInt16BE(at);
        at += 2;
      } else if (size === 127) {
        size = Number(this.#received.readBigUInt64BE(at));
        at += 8;
      }
      if (opcode === 8) return { texts, closeCode: this.#received.readUInt16BE(at) };
      if (opcode === 1) texts.push(this.#received.toString("utf8", at, at + size));
      at += size;
    }
    return { texts, closeCode: null };
  }
}

test("a reader that stops reading is closed with 4008 and counted; others notice nothing", async () => {
  const node = await startLiveNode({ serverLimits: { websocketBacklogBytes: 1_000_000 } });
  try {
    const attentive = await TestSocket.connect(node.webSocketUrl);
    const { result: id } = await attentive.ask("eth_subscribe", "miniBlocks");
    const slow = new StubbornReader(node.server.port);
    await slow.waitFor("101 Switching");
    slow.sendText('{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["miniBlocks"]}');
    await slow.waitFor('"id":1');
    slow.socket.pause();
    const made = (): number => node.chain.records.filter(({ header }) => header.type === "mini").length;
    const data = new Uint8Array(90_000).fill(7);
    data.set(bigintToBytes(1n, 32));
    while (node.counts.slowClosed === 0) {
      await node.chain.send({ to: CONTRACTS.store, data, gasLimit: 5_000_000n });
      await attentive.until(() => attentive.notifications(id).length === made());
    }
    const numbers = attentive.notifications(id).map(({ mini_block_number }) => Number(mini_block_number));
    expect(numbers).toEqual(Array.from({ length: made() }, (_, i) => i));
    slow.socket.resume();
    while (slow.frames().closeCode === null) await Bun.sleep(1);
    const { texts, closeCode } = slow.frames();
    expect(closeCode).toBe(4008);
    expect(texts.length).toBeGreaterThan(1);
    const taken = texts.slice(1).map((text) => Number(JSON.parse(text).params.result.mini_block_number));
    expect(taken).toEqual(numbers.slice(0, taken.length));
    expect(node.counts.slowClosed).toBe(1);
    slow.socket.destroy();
    attentive.close();
  } finally {
    await node.stop();
  }
}, 30_000);

test("stopping to listen does not wait for open sockets; ending them does, with 1001", async () => {
  const node = await startLiveNode();
  const socket = await TestSocket.connect(node.webSocketUrl);
  await node.server.stop(false);
  expect((await socket.ask("eth_chainId")).result).toBe("0x7a69");
  await expect(TestSocket.connect(node.webSocketUrl)).rejects.toThrow("no connection");
  await node.server.stop(true);
  expect([1001, 1006]).toContain((await socket.closed).code);
});
