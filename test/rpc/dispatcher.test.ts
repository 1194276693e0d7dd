// The envelope: what is answered, with which id and which code; and seeded junk that must never break it.

import { describe, expect, test } from "bun:test";
import { detachedMetrics } from "#observability/metrics.ts";
import { DEFAULT_RPC_OPTIONS, type ReadCall, type ReadReply } from "#rpc/context.ts";
import { DEFAULT_DISPATCH_LIMITS, Dispatcher, type DispatchLimits, type Session } from "#rpc/dispatcher.ts";
import { createRpcMeters } from "#rpc/meters.ts";
import { seededRandom } from "../simulation/simulated-disk.ts";

type Answer = (call: ReadCall) => Promise<ReadReply>;

const balance: Answer = async () => ({ ok: true, json: '"0x1"' });

function setUp(limits: Partial<DispatchLimits> = {}, answer: Answer = balance) {
  const failures: unknown[] = [];
  const dispatcher = new Dispatcher({
    main: { chainId: 31_337n, options: DEFAULT_RPC_OPTIONS, syncProgress: () => null },
    read: { call: answer },
    limits: { ...DEFAULT_DISPATCH_LIMITS, ...limits },
    meters: createRpcMeters(detachedMetrics()),
    onFailure: ({ error }) => failures.push(error),
  });
  const session: Session = { transport: "http", subscriptions: null, inFlightCount: 0 };
  const send = async (message: unknown): Promise<unknown> => {
    const text = typeof message === "string" ? message : JSON.stringify(message);
    const { text: reply } = await dispatcher.handle(text, session);
    return reply === null ? null : JSON.parse(reply);
  };
  return { dispatcher, session, send, failures };
}

const chainId = { jsonrpc: "2.0", id: 1, method: "eth_chainId" };

function refusal(id: unknown, code: number, message: string): object {
  return { jsonrpc: "2.0", id, error: { code, message } };
}

describe("single calls", () => {
  test.each([
    ["no JSON", "{", refusal(null, -32700, "parse error")],
    ["empty text", "", refusal(null, -32700, "parse error")],
    ["deep nesting", "[".repeat(200_000), refusal(null, -32700, "parse error")],
    ["a number", "7", refusal(null, -32600, "invalid request")],
    ["null", "null", refusal(null, -32600, "invalid request")],
    ["no version", { id: 3, method: "eth_chainId" }, refusal(3, -32600, "invalid request")],
    ["old version", { ...chainId, jsonrpc: "1.0" }, refusal(1, -32600, "invalid request")],
    ["no method", { jsonrpc: "2.0", id: 3 }, refusal(3, -32600, "invalid request")],
    ["a method that is no string", { jsonrpc: "2.0", id: 3, method: 4 }, refusal(3, -32600, "invalid request")],
    ["an object as id", { ...chainId, id: {} }, refusal(null, -32600, "invalid request")],
    [
      "unknown method",
      { ...chainId, method: "eth_nope" },
      refusal(1, -32601, "the method eth_nope does not exist/is not available"),
    ],
    [
      "a name from the prototype",
      { ...chainId, method: "constructor" },
      refusal(1, -32601, "the method constructor does not exist/is not available"),
    ],
    [
      "a very long name",
      { ...chainId, method: "x".repeat(3000) },
      refusal(1, -32600, "method name too long: 3000 > 2048"),
    ],
    ["parameters", { ...chainId, params: [1] }, refusal(1, -32602, "too many arguments, want at most 0")],
    ["parameters by name", { ...chainId, params: {} }, refusal(1, -32602, "non-array args")],
    [
      "a subscription without a socket",
      { ...chainId, method: "eth_subscribe", params: ["newHeads"] },
      refusal(1, -32601, "notifications not supported"),
    ],
    ["an empty batch", [], refusal(null, -32600, "empty batch")],
  ])("%s", async (_, message, expected) => {
    expect(await setUp().send(message)).toEqual(expected);
  });

  test.each([[1], ["abc"], [null], [1.5], [true], [""]])("id %p comes back as it was", async (id) => {
    expect(await setUp().send({ ...chainId, id })).toEqual({ jsonrpc: "2.0", id, result: "0x7a69" });
  });

  test("a call without an id is run and not answered", async () => {
    const calls: ReadCall[] = [];
    const { send } = setUp({}, async (call) => {
      calls.push(call);
      return { ok: true, json: "1" };
    });
    expect(await send({ jsonrpc: "2.0", method: "eth_sendRawTransaction", params: ["0x"] })).toBeNull();
    expect(calls.map(({ method }) => method)).toEqual(["eth_sendRawTransaction"]);
    expect(await send([{ jsonrpc: "2.0", method: "eth_chainId" }])).toBeNull();
  });

  test("a failing worker is an internal error, reported and not shown", async () => {
    const { send, failures } = setUp({}, () => Promise.reject(new Error("secret path")));
    const reply = await send({ ...chainId, method: "eth_blockNumber" });
    expect(reply).toEqual(refusal(1, -32603, "internal error"));
    expect(failures).toHaveLength(1);
  });

  test("a worker's error goes through with its data", async () => {
    const error = { code: 3, message: "execution reverted", data: "0x1234" };
    const { send } = setUp({}, async () => ({ ok: false, error }));
    expect(await send({ ...chainId, method: "eth_call" })).toEqual({ jsonrpc: "2.0", id: 1, error });
  });
});

describe("batches", () => {
  test("every element gets its own answer, in order, junk included", async () => {
    const { send } = setUp();
    const reply = await send([
      chainId,
      5,
      { ...chainId, id: 2, method: "nope" },
      { jsonrpc: "2.0", method: "eth_chainId" },
      null,
      [],
      { ...chainId, id: null, method: "net_version" },
      { id: "x" },
    ]);
    expect(reply).toEqual([
      { jsonrpc: "2.0", id: 1, result: "0x7a69" },
      refusal(null, -32600, "invalid request"),
      refusal(2, -32601, "the method nope does not exist/is not available"),
      refusal(null, -32600, "invalid request"),
      refusal(null, -32600, "invalid request"),
      { jsonrpc: "2.0", id: null, result: "31337" },
      refusal("x", -32600, "invalid request"),
    ]);
  });

  test("answers keep their order whatever the workers' order", async () => {
    const { send } = setUp({ batchConcurrency: 8 }, async ({ params }) => {
      const [delay] = params as [number];
      await Bun.sleep(delay);
      return { ok: true, json: String(delay) };
    });
    const delays = [9, 1, 7, 0, 5, 3, 8, 2, 6, 4];
    const batch = delays.map((delay, id) => ({ jsonrpc: "2.0", id, method: "eth_getBalance", params: [delay] }));
    expect(await send(batch)).toEqual(delays.map((delay, id) => ({ jsonrpc: "2.0", id, result: delay })));
  });

  test("a batch above the limit is refused whole", async () => {
    const { send } = setUp({ batchItemsMax: 3 });
    expect(await send(new Array(4).fill(chainId))).toEqual(refusal(null, -32600, "batch too large"));
    expect(await send(new Array(3).fill(chainId))).toBeArrayOfSize(3);
  });

  test("when the answers grow too large, the rest are errors", async () => {
    const { send } = setUp({ responseBytesMax: 1_000, batchConcurrency: 1 }, async () => {
      return { ok: true, json: JSON.stringify("x".repeat(400)) };
    });
    const reply = await send([1, 2, 3, 4].map((id) => ({ jsonrpc: "2.0", id, method: "eth_getCode", params: [] })));
    expect((reply as { error?: object }[]).map(({ error }) => error)).toEqual([
      undefined,
      undefined,
      { code: -32003, message: "response too large" },
      { code: -32003, message: "response too large" },
    ]);
  });
});

describe("calls in flight", () => {
  test.each([
    ["in all", { inFlightMax: 2 }],
    ["of one session", { sessionInFlightMax: 2 }],
  ])("are bounded %s with a code that clients retry on", async (_, limits) => {
    const releases: (() => void)[] = [];
    const { send, dispatcher } = setUp(limits, async () => {
      await new Promise<void>((resolve) => releases.push(resolve));
      return { ok: true, json: "1" };
    });
    const call = { ...chainId, method: "eth_blockNumber" };
    const waiting = [send(call), send(call)];
    expect(await send(call)).toEqual(refusal(1, -32005, "limit exceeded: too many requests in flight"));
    for (const release of releases) release();
    await Promise.all(waiting);
    expect(dispatcher.inFlightCount).toBe(0);
  });
});

describe("junk", () => {
  const seed = Number(process.env.MEGAETH_TEST_SEED ?? 20_260_727);

  test(`whatever comes in, what goes out is JSON-RPC (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const { send, failures } = setUp();
    for (let round = 0; round < 3_000; round++) {
      const text = junkText(random);
      const reply = await send(text).catch((error: unknown) => {
        throw new Error(`seed ${seed}, round ${round}: ${text}`, { cause: error });
      });
      for (const one of Array.isArray(reply) ? reply : reply === null ? [] : [reply]) checkReply(one, text);
    }
    expect(failures).toEqual([]);
  });
});

function checkReply(reply: unknown, text: string): void {
  const { jsonrpc, id, result, error } = reply as Record<string, unknown>;
  const isError = error !== undefined && typeof (error as { code: unknown }).code === "number";
  const isSound = jsonrpc === "2.0" && id !== undefined && isError !== (result !== undefined);
  if (!isSound) throw new Error(`no JSON-RPC reply: ${JSON.stringify(reply)} to ${text}`);
}

function junkText(random: () => number): string {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const text = JSON.stringify(junkElement(random, pick, 0));
  if (random() < 0.7) return text;
  const at = Math.floor(random() * text.length);
  return text.slice(0, at) + pick(["", "{", "\u0000", '"', "]", "\ud800"]) + text.slice(at + Math.floor(random() * 3));
}

function junkElement(random: () => number, pick: <T>(items: readonly T[]) => T, depth: number): unknown {
  const methods = [
    "eth_chainId",
    "net_version",
    "eth_call",
    "eth_subscribe",
    "eth_unsubscribe",
    "",
    "__proto__",
    5,
    null,
  ];
  const values = [null, 0, -1, 1e300, "0x", "latest", true, {}, [], [[]], { a: [{}] }, "\u0000", "x".repeat(5_000)];
  if (random() < 0.15) return pick(values);
  if (random() < 0.2 && depth < 3) {
    return Array.from({ length: Math.floor(random() * 5) }, () => junkElement(random, pick, depth + 1));
  }
  const element: Record<string, unknown> = {};
  if (random() < 0.9) element.jsonrpc = random() < 0.9 ? "2.0" : pick(values);
  if (random() < 0.9) element.id = pick(values);
  if (random() < 0.9) element.method = pick(methods);
  if (random() < 0.8) element.params = pick(values);
  return element;
}
