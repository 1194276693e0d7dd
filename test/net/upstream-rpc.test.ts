// Requests to the upstream node: against a server whose answers the tests write, in the words of the real error table.

import { afterEach, describe, expect, test } from "bun:test";
import { toHex, toQuantity } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { DEVELOPMENT_MNEMONIC, deriveDevelopmentAccounts } from "#chain/development-accounts.ts";
import { REJECT_CODES, reject } from "#chain/reject.ts";
import {
  decodeTransaction,
  encodeTransaction,
  signTransaction,
  type TransactionType,
  transactionHash,
  type UnsignedTransaction,
} from "#chain/transaction.ts";
import { JsonRpcSocket } from "#net/json-rpc-socket.ts";
import { rawFromJson } from "#net/transaction-json.ts";
import { rpcUrlOf, UpstreamRpc } from "#net/upstream-rpc.ts";
import { overloaded, type RpcError, sendNonceGap, sendNotReady, serverError } from "#rpc/errors.ts";
import { renderTransaction } from "#rpc/render.ts";

const [ACCOUNT] = deriveDevelopmentAccounts(DEVELOPMENT_MNEMONIC, 1) as [
  { address: Uint8Array; privateKey: Uint8Array },
];

type Answer = { result: unknown } | RpcError | "silence" | "hang up";
type Request = { id: number; method: string; params: unknown[] };

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function serve(answer: (request: Request) => Answer) {
  const requests: Request[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, bun) => (bun.upgrade(request) ? undefined : new Response("rpc")),
    websocket: {
      message(socket, data) {
        const request = JSON.parse(String(data)) as Request;
        requests.push(request);
        const given = answer(request);
        if (given === "hang up") socket.terminate();
        else if (given !== "silence") {
          const body = given instanceof Error ? { error: given.toObject() } : given;
          socket.send(JSON.stringify({ jsonrpc: "2.0", id: request.id, ...body }));
        }
      },
    },
  });
  cleanups.push(() => void server.stop(true));
  return { url: `ws://127.0.0.1:${server.port}/ws`, requests, server };
}

const LIMITS = { timeoutMs: 5_000, inFlightCountMax: 100, retryMsMin: 10, retryMsMax: 50 };

function connect(url: string, limits: Partial<typeof LIMITS> = {}): UpstreamRpc {
  const upstream = new UpstreamRpc({ url, ...LIMITS, ...limits });
  cleanups.push(() => upstream.stop());
  return upstream;
}

function signed(parts: Partial<UnsignedTransaction> = {}): Uint8Array {
  return encodeTransaction(
    signTransaction(
      {
        type: 2,
        chainId: 31337n,
        nonce: 5n,
        gasPrice: 9n,
        maxFeePerGas: 9n,
        maxPriorityFeePerGas: 2n,
        gasLimit: 21_000n,
        to: new Uint8Array(20).fill(1),
        value: 1n,
        data: new Uint8Array(0),
        accessList: [],
        authorizationList: [],
        maxFeePerBlobGas: 0n,
        blobVersionedHashes: [],
        ...parts,
      },
      ACCOUNT.privateKey,
    ),
  );
}

test("the RPC is beside the feed", () => {
  expect(rpcUrlOf("ws://10.1.2.3:8545/feed")).toBe("ws://10.1.2.3:8545/ws");
  expect(rpcUrlOf("wss://node.example/feed?x=1")).toBe("wss://node.example/ws");
});

describe("handing a transaction on", () => {
  test("taken", async () => {
    const raw = signed();
    const { url, requests } = serve(() => ({ result: toHex(transactionHash(raw)) }));
    expect(await connect(url).submit(raw, false)).toEqual({ kind: "accepted", hash: transactionHash(raw) });
    expect(requests).toMatchObject([{ method: "eth_sendRawTransaction", params: [toHex(raw)] }]);
  });

  test("refused in upstream's words, code by code", async () => {
    let words = "";
    const { url } = serve(() => serverError(words));
    const upstream = connect(url);
    for (const code of REJECT_CODES) {
      for (const refusal of [reject(code), reject(code, "next nonce 5, tx nonce 3")]) {
        words = refusal.message;
        const result = await upstream.submit(signed(), false);
        expect(result).toEqual({ kind: "rejected", reject: refusal });
      }
    }
    words = "something that no table holds";
    expect(await upstream.submit(signed(), false)).toMatchObject({ kind: "rejected", reject: { message: words } });
  });

  test("the codes that are no refusals", async () => {
    let answer: Answer = overloaded("transaction queue is full");
    const { url } = serve(() => answer);
    const upstream = connect(url);
    const submit = () => upstream.submit(signed(), false);
    expect(await submit()).toEqual({ kind: "unavailable", reason: "transaction queue is full" });
    answer = sendNonceGap(17n);
    expect(await submit()).toEqual({ kind: "nonceGap", expectedNonce: 17n });
    answer = sendNotReady("0x00", "fee too low");
    expect(await submit()).toMatchObject({ kind: "notReady" });
  });

  test("that must be ready is not handed on when its nonce is ahead", async () => {
    let next = 5n;
    const { url, requests } = serve(({ method }) => {
      return { result: method === "eth_getTransactionCount" ? toQuantity(next) : toHex(transactionHash(signed())) };
    });
    const upstream = connect(url);
    expect(await upstream.submit(signed(), true)).toMatchObject({ kind: "accepted" });
    next = 4n;
    expect(await upstream.submit(signed(), true)).toEqual({ kind: "nonceGap", expectedNonce: 4n });
    expect(requests.map((request) => request.method)).toEqual([
      "eth_getTransactionCount",
      "eth_sendRawTransaction",
      "eth_getTransactionCount",
    ]);
    expect(requests[0]!.params).toEqual([toHex(ACCOUNT.address), "pending"]);
  });
});

describe("what waits upstream", () => {
  test("the pending nonce, or none", async () => {
    let result: unknown = "0x2a";
    const { url } = serve(() => ({ result }));
    const upstream = connect(url);
    expect(await upstream.pendingNonce(ACCOUNT.address)).toBe(42n);
    for (result of [null, 7, "42", "0x", {}]) expect(await upstream.pendingNonce(ACCOUNT.address)).toBeNull();
  });

  test("a transaction, only while it waits and only when it is the one asked for", async () => {
    const raw = signed();
    const hash = transactionHash(raw);
    const json = render(raw);
    let result: unknown = json;
    const { url } = serve(() => ({ result }));
    const upstream = connect(url);
    expect(await upstream.pendingTransaction(hash)).toEqual({ raw, sender: ACCOUNT.address });
    for (result of [
      null,
      { ...json, blockHash: `0x${"ff".repeat(32)}` },
      { ...json, value: "0x2" },
      { ...json, nonce: undefined },
      { ...json, accessList: [null] },
      "junk",
    ]) {
      expect(await upstream.pendingTransaction(hash)).toBeNull();
    }
  });

  test("a transaction that no node could have taken is none, though its hash is right", async () => {
    const raw = encodeTransaction({ ...decodeTransaction(signed({ type: 0 })), gasLimit: 1n << 200n });
    const json = { ...render(signed({ type: 0 })), gas: toQuantity(1n << 200n) };
    const { url } = serve(() => ({ result: json }));
    expect(rawFromJson(json, transactionHash(raw))).toEqual(raw);
    expect(await connect(url).pendingTransaction(transactionHash(raw))).toBeNull();
  });

  test("every type of transaction comes back from its JSON", () => {
    const random = new SeededRandom(11);
    const entry = () => ({ address: random.bytes(20), storageKeys: [random.bytes(32), random.bytes(32)] });
    const authorization = () => ({
      chainId: 0n,
      address: random.bytes(20),
      nonce: BigInt(random.u32()),
      yParity: random.below(2),
      r: random.bytes(32),
      s: random.bytes(32),
    });
    for (let round = 0; round < 200; round++) {
      const type = (round % 5) as TransactionType;
      const fee = BigInt(random.u32());
      const raw = signed({
        type,
        chainId: type === 0 && round % 2 === 0 ? null : 31337n,
        nonce: BigInt(random.u32()),
        gasPrice: fee,
        maxFeePerGas: fee,
        maxPriorityFeePerGas: type < 2 ? fee : fee / 2n,
        to: type < 3 && random.below(3) === 0 ? null : random.bytes(20),
        value: BigInt(random.u32()) << 40n,
        data: random.bytes(random.below(100)),
        accessList: type === 0 ? [] : [entry()],
        authorizationList: type === 4 ? [authorization(), authorization()] : [],
        maxFeePerBlobGas: type === 3 ? 77n : 0n,
        blobVersionedHashes: type === 3 ? [random.bytes(32)] : [],
      });
      const json: unknown = JSON.parse(JSON.stringify(render(raw)));
      expect(rawFromJson(json, transactionHash(raw)), `round ${round}, type ${type}`).toEqual(raw);
    }
  });
});

describe("the connection", () => {
  test("nobody there, silence, a broken line: each call fails and says why", async () => {
    const { url, server } = serve(({ method }) => (method === "eth_sendRawTransaction" ? "hang up" : "silence"));
    const upstream = connect(url, { timeoutMs: 60 });
    expect(await upstream.pendingNonce(ACCOUNT.address)).toBeNull();
    expect(await upstream.submit(signed(), false)).toMatchObject({ kind: "unavailable" });
    await server.stop(true);
    expect(await upstream.submit(signed(), false)).toMatchObject({ kind: "unavailable" });
    expect(await upstream.pendingTransaction(new Uint8Array(32))).toBeNull();
  });

  test("comes back after it broke", async () => {
    let isBroken = true;
    const { url } = serve(() => (isBroken ? "hang up" : { result: "0x1" }));
    const upstream = connect(url);
    expect(await upstream.pendingNonce(ACCOUNT.address)).toBeNull();
    isBroken = false;
    let nonce: bigint | null = null;
    for (let i = 0; i < 200 && nonce === null; i++) {
      await Bun.sleep(10);
      nonce = await upstream.pendingNonce(ACCOUNT.address);
    }
    expect(nonce).toBe(1n);
  });

  test("takes a bounded number of calls, matches answers in any order, fails the rest when it stops", async () => {
    const held: Request[] = [];
    const { url } = serve((request) => {
      held.push(request);
      return "silence";
    });
    const socket = new JsonRpcSocket({ url, ...LIMITS, inFlightCountMax: 3 });
    const calls = ["a", "b", "c", "d"].map((method) => socket.call(method, []));
    expect(await calls[3]).toMatchObject({ kind: "failed" });
    expect(socket.inFlightCount).toBe(3);
    socket.stop();
    for (const call of calls) expect((await call).kind).toBe("failed");
    expect((await socket.call("e", [])).kind).toBe("failed");
  });

  test("junk is no answer", async () => {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, bun) => (bun.upgrade(request) ? undefined : new Response("rpc")),
      websocket: {
        message(socket, data) {
          const { id } = JSON.parse(String(data)) as Request;
          for (const junk of ["{", "[]", "null", '"x"', JSON.stringify({ id: "1", result: 1 })]) socket.send(junk);
          socket.send(JSON.stringify({ id: id + 1_000, result: "0x9" }));
          socket.send(JSON.stringify({ id, result: "0x3" }));
        },
      },
    });
    cleanups.push(() => void server.stop(true));
    expect(await connect(`ws://127.0.0.1:${server.port}/ws`).pendingNonce(ACCOUNT.address)).toBe(3n);
  });
});

function render(raw: Uint8Array) {
  const transaction = decodeTransaction(raw);
  return renderTransaction({ transaction, hash: transactionHash(raw), sender: ACCOUNT.address, place: null });
}
