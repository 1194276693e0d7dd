// Subscriptions: each kind on a real chain over a socket, and the hub alone against a renderer that lags, loses and repeats.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { bigintToBytes } from "#base/bytes.ts";
import { toHex } from "#base/hex.ts";
import { detachedMetrics } from "#observability/metrics.ts";
import { createRpcMeters } from "#rpc/meters.ts";
import { OutboundSocket, type RawSocket } from "#rpc/outbound-socket.ts";
import type { Delivery, ReplayChunk } from "#rpc/subscription-renderer.ts";
import { type RendererPort, SubscriptionHub } from "#rpc/subscriptions.ts";
import { seededRandom } from "../simulation/simulated-disk.ts";
import { ACCOUNTS, CONTRACTS, testAddress } from "./live-chain.fixture.ts";
import { ask, type LiveNode, startLiveNode, TestSocket } from "./live-node.fixture.ts";

const PLACEHOLDER = `0x${"ff".repeat(32)}`;

describe("on a chain", () => {
  let node: LiveNode;
  let socket: TestSocket;

  beforeEach(async () => {
    node = await startLiveNode({ subscriptionCountMax: 4 });
    socket = await TestSocket.connect(node.webSocketUrl);
  });
  afterEach(async () => {
    expect(node.failures).toEqual([]);
    socket.close();
    await node.stop();
  });

  const store = (value: number) => node.chain.send({ to: CONTRACTS.store, data: bigintToBytes(BigInt(value), 32) });
  const subscribe = async (...params: unknown[]): Promise<string> => {
    return (await socket.ask("eth_subscribe", ...params)).result as string;
  };
  const received = async (id: string, count: number): Promise<Record<string, string>[]> => {
    await socket.until(() => socket.notifications(id).length >= count);
    return socket.notifications(id);
  };

  test("newHeads: the sealed header with counters and signature", async () => {
    const id = await subscribe("newHeads");
    await store(1);
    await node.chain.sealBlock();
    const [head] = await received(id, 1);
    const { result: block } = await ask(node, "eth_getBlockByNumber", "0x1", false);
    const { size, transactions, uncles, withdrawals, ...header } = block;
    expect(head).toEqual(header);
    expect(head).toMatchObject({ number: "0x1", txOffset: "0x0", miniBlockOffset: "0x0", miniBlockCount: "0x1" });
  });

  test("logs at pending come with the mini-block, others with the seal", async () => {
    const filter = { address: toHex(CONTRACTS.store) };
    const stream = await subscribe("logs", { ...filter, fromBlock: "pending", toBlock: "pending" });
    const sealed = await subscribe("logs", filter);
    const other = await subscribe("logs", { address: toHex(CONTRACTS.revert), fromBlock: "latest" });
    await store(1);
    await store(2);
    const streamed = await received(stream, 2);
    expect(streamed.map(({ blockHash, logIndex }) => [blockHash, logIndex])).toEqual([
      [PLACEHOLDER, "0x0"],
      [PLACEHOLDER, "0x1"],
    ]);
    expect(socket.notifications(sealed)).toEqual([]);
    await node.chain.sealBlock();
    const { result } = await ask(node, "eth_getLogs", {
      blockHash: toHex(node.chain.store.block(1)?.hash as Uint8Array),
    });
    expect(await received(sealed, 2)).toEqual(result);
    expect(socket.notifications(other)).toEqual([]);
    expect(socket.notifications(stream)).toHaveLength(2);
  });

  test("a roll-back sends the logs again as removed, newest first", async () => {
    const stream = await subscribe("logs", { fromBlock: "pending" });
    const sealed = await subscribe("logs", {});
    await store(1);
    await node.chain.sealBlock();
    await store(2);
    await store(3);
    await received(stream, 3);
    await received(sealed, 1);
    node.chain.announceRollback(0);
    const again = (await received(stream, 6)).slice(3);
    expect(again.map(({ removed }) => removed)).toEqual([true, true, true] as never);
    expect(again.map(({ data }) => BigInt(data as string))).toEqual([3n, 2n, 1n]);
    const sealedAgain = (await received(sealed, 2)).slice(1);
    expect(sealedAgain[0]).toMatchObject({
      removed: true,
      blockHash: toHex(node.chain.store.block(1)?.hash as Uint8Array),
    });
  });

  test("miniBlocks: what mega_getMiniBlockByNumber says, with the all-ff block hash", async () => {
    const id = await subscribe("miniBlocks");
    await store(1);
    await store(2);
    const stream = await received(id, 2);
    expect(stream[1]).toEqual((await ask(node, "mega_getMiniBlockByNumber", "0x1")).result);
  });

  test("miniBlocks from a number: the past, then live, each once and in order", async () => {
    for (let i = 0; i < 40; i++) await store(i);
    const id = await subscribe("miniBlocks", { fromMiniBlock: "0x3" });
    for (let i = 0; i < 40; i++) {
      await store(i);
      if (i % 7 === 0) await node.chain.sealBlock();
    }
    const head = node.chain.store.headVersion;
    const stream = await received(id, head - 3);
    expect(stream.map(({ mini_block_number }) => Number(mini_block_number))).toEqual(
      Array.from({ length: head - 3 }, (_, i) => i + 3),
    );
    const decimal = await subscribe("miniBlocks", { fromMiniBlock: head - 1 });
    expect((await received(decimal, 1))[0]?.mini_block_number).toBe(`0x${(head - 1).toString(16)}`);
  });

  test("stateChanges: one notice per account and mini-block, only for those asked for", async () => {
    const contract = toHex(CONTRACTS.store);
    const sender = toHex(ACCOUNTS[0]?.address as Uint8Array);
    const some = await subscribe("stateChanges", [contract]);
    const all = await subscribe("stateChanges");
    await node.chain.send({ to: testAddress(0xd7), value: 6n });
    await store(0x1234);
    expect((await received(some, 1))[0]).toEqual({
      address: contract,
      nonce: "0x1",
      balance: "0x0",
      storage: { [`0x${"0".repeat(64)}`]: "0x1234" },
    } as never);
    await socket.until(() => socket.notifications(all).some(({ address }) => address === contract));
    const changes = socket.notifications(all);
    expect(changes.find(({ address }) => address === toHex(testAddress(0xd7)))).toMatchObject({
      balance: "0x6",
      storage: {},
    });
    expect(changes.filter(({ address }) => address === sender).map(({ nonce }) => nonce)).toEqual(["0x1", "0x2"]);
    expect(socket.notifications(some)).toHaveLength(1);
  });

  test("the reply comes before the first notification, in a batch too", async () => {
    for (let i = 0; i < 5; i++) await store(i);
    const batch = [1, 2].map((id) => {
      return { jsonrpc: "2.0", id, method: "eth_subscribe", params: ["miniBlocks", { fromMiniBlock: "0x0" }] };
    });
    socket.sendText(JSON.stringify(batch));
    await socket.until(() => socket.messages.length >= 11);
    expect(socket.messages[0]).toBeArrayOfSize(2);
    for (const reply of socket.messages[0] as never as { result: string }[]) {
      expect(await received(reply.result, 5)).toHaveLength(5);
    }
  });

  test("unsubscribing ends it, once", async () => {
    const id = await subscribe("miniBlocks");
    expect((await socket.ask("eth_unsubscribe", id)).result).toBeTrue();
    expect(node.hub.topicCount).toBe(0);
    await store(1);
    expect((await socket.ask("eth_unsubscribe", id)).error).toEqual({
      code: -32000,
      message: "subscription not found",
    });
    expect(socket.notifications(id)).toEqual([]);
  });

  test("a closed socket leaves nothing behind", async () => {
    await subscribe("newHeads");
    await subscribe("logs", {});
    socket.close();
    await socket.closed;
    while (node.server.connectionCount > 0) await Bun.sleep(1);
    expect(node.hub.topicCount).toBe(0);
  });

  test("equal filters share a topic whatever their order", async () => {
    const [one, two] = [toHex(testAddress(1)), toHex(testAddress(2))];
    await subscribe("logs", { address: [one, two] });
    await subscribe("logs", { address: [two, one], topics: [] });
    expect(node.hub.topicCount).toBe(1);
    await subscribe("logs", { address: [two, one], fromBlock: "pending" });
    expect(node.hub.topicCount).toBe(2);
  });

  test.each<[unknown[], number, string]>([
    [["newBlocks"], -32601, 'no "newBlocks" subscription in eth namespace'],
    [[], -32602, "missing value for required argument 0"],
    [[5], -32602, "invalid argument 0: json: cannot unmarshal number into Go value of type string"],
    [["logs", {}, 1], -32602, "too many arguments, want at most 2"],
    [["logs", { address: 5 }], -32602, "invalid argument 1: invalid addresses in query"],
    [["logs", { blockHash: PLACEHOLDER }], -32602, "invalid argument 1: blockHash is not supported in a subscription"],
    [["miniBlocks", { from: 1 }], -32602, 'invalid argument 1: unknown option "from"'],
    [["miniBlocks", { fromMiniBlock: -1 }], -32602, "invalid argument 1: fromMiniBlock is no mini-block number"],
    [["miniBlocks", { fromMiniBlock: 99_999 }], -32602, "mini-block 99999 is far beyond the newest one, -1"],
    [
      ["stateChanges", new Array(257).fill(PLACEHOLDER.slice(0, 42))],
      -32602,
      "too many addresses: 257, want at most 256",
    ],
    [["stateChanges", "0x"], -32602, "invalid argument 1: want an array of addresses"],
  ])("refused: %#", async (params, code, message) => {
    expect((await socket.ask("eth_subscribe", ...params)).error).toEqual({ code, message });
  });

  test("a socket holds so many and no more", async () => {
    for (let i = 0; i < 4; i++) await subscribe("newHeads");
    expect((await socket.ask("eth_subscribe", "newHeads")).error).toEqual({
      code: -32005,
      message: "limit exceeded: at most 4 subscriptions",
    });
    expect(node.counts.limited.subscriptions).toBe(1);
  });
});

/** A renderer on other threads: deliveries and replays take time, live deliveries get lost, replays come from a follower. */
class UnsteadyRenderer implements RendererPort {
  head = 0;
  /** Deliveries and replies under way, in order. */
  readonly #queue: (() => void)[] = [];
  readonly #random: () => number;
  hub: SubscriptionHub | null = null;
  #isOpen = false;
  #followerHead = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  open(): void {
    this.#isOpen = true;
  }

  close(): void {
    this.#isOpen = false;
  }

  publish(): void {
    const number = this.head++;
    if (!this.#isOpen || this.#random() < 0.1) return;
    const delivery: Delivery = { kind: "results", key: "miniBlocks", number, results: [String(number)] };
    this.#queue.push(() => this.hub?.deliver([delivery]));
    if (this.#random() < 0.05) this.#queue.push(() => this.hub?.deliver([delivery]));
  }

  replay(from: number): Promise<ReplayChunk> {
    this.#followerHead = Math.max(this.#followerHead, this.head - Math.floor(this.#random() * 4));
    const head = this.#followerHead;
    const next = Math.max(from, Math.min(head, from + 5));
    const results = Array.from({ length: next - from }, (_, i) => String(from + i));
    return new Promise((resolve) => this.#queue.push(() => resolve({ kind: "chunk", results, next, head })));
  }

  /** Lets something that is under way arrive. @returns whether there was anything */
  arrive(): boolean {
    const action = this.#queue.shift();
    action?.();
    return action !== undefined;
  }
}

/** A socket whose peer reads when the test lets it. */
class SimulatedPeer implements RawSocket {
  readonly received: string[] = [];
  readonly #unread: string[] = [];
  closeCode = 0;

  sendText(text: string): number {
    this.#unread.push(text);
    return -1;
  }

  getBufferedAmount(): number {
    return this.#unread.reduce((sum, text) => sum + text.length, 0);
  }

  close(code: number): void {
    this.closeCode = code;
  }

  terminate(): void {}

  read(count: number): void {
    this.received.push(...this.#unread.splice(0, count));
  }

  numbers(): number[] {
    return this.received.map((text) => Number(JSON.parse(text).params.result));
  }
}

describe("the hub alone", () => {
  const meters = createRpcMeters(detachedMetrics());
  const limits = { subscriptionCountMax: 8, replayBacklogBytes: 300 };
  const seeds = Array.from({ length: 40 }, (_, i) => Number(process.env.MEGAETH_TEST_SEED ?? 7_000) + i);

  test.each(seeds)("delivers each mini-block once and in order, seed %i", async (seed) => {
    const random = seededRandom(seed);
    const renderer = new UnsteadyRenderer(random);
    const hub = new SubscriptionHub(renderer, limits, meters);
    renderer.hub = hub;
    const peer = new SimulatedPeer();
    const outbound = new OutboundSocket(peer, { backlogBytesMax: 1 << 20, meters });
    const subscriptions = hub.attach(outbound);
    const history = Math.floor(random() * 40);
    for (let i = 0; i < history; i++) renderer.publish();
    const from = Math.floor(random() * (history + 5));
    const subscribing = subscriptions.subscribe(["miniBlocks", { fromMiniBlock: from }]);
    let isActive = false;
    void subscribing.then(({ activate }) => {
      activate();
      isActive = true;
    });
    for (let step = 0; step < 400; step++) {
      const chance = random();
      if (chance < 0.3 && renderer.head < 150) renderer.publish();
      else if (chance < 0.7) renderer.arrive();
      else {
        peer.read(Math.floor(random() * 6));
        outbound.onDrain();
      }
      if (step % 20 === 0) await Bun.sleep(0);
      await Promise.resolve();
    }
    // Let everything settle: mini-blocks that nothing is lost of are what ends a silent gap, so one more is published.
    const wanted = (): number => Math.max(0, renderer.head - from);
    for (let round = 0; round < 2_000 && (peer.received.length < wanted() || !isActive); round++) {
      if (round % 40 === 0) renderer.publish();
      renderer.arrive();
      peer.read(100);
      outbound.onDrain();
      await Bun.sleep(round % 10 === 0 ? 1 : 0);
    }
    const numbers = peer.numbers();
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => from + i));
    expect(numbers.length).toBe(wanted());
    expect(peer.closeCode).toBe(0);
    subscriptions.release();
    expect(hub.topicCount).toBe(0);
  });

  test("a roll-back moves the cursor back, and the new mini-blocks come under their old numbers", async () => {
    const renderer: RendererPort = {
      open: () => {},
      close: () => {},
      replay: async (from) => ({ kind: "chunk", results: from < 3 ? ["a"] : [], next: Math.max(3, from), head: 3 }),
    };
    const hub = new SubscriptionHub(renderer, limits, meters);
    const peer = new SimulatedPeer();
    const subscriptions = hub.attach(new OutboundSocket(peer, { backlogBytesMax: 1 << 20, meters }));
    (await subscriptions.subscribe(["miniBlocks", { fromMiniBlock: 2 }])).activate();
    await Bun.sleep(1);
    const deliver = (number: number, text: string): void => {
      hub.deliver([{ kind: "results", key: "miniBlocks", number, results: [`"${text}"`] }]);
    };
    deliver(3, "old 3");
    deliver(4, "old 4");
    hub.deliver([{ kind: "rollback", version: 3 }]);
    deliver(3, "new 3");
    deliver(4, "new 4");
    peer.read(100);
    const results = peer.received.slice(1).map((text) => JSON.parse(text).params.result);
    expect(results).toEqual(["old 3", "old 4", "new 3", "new 4"]);
  });

  /** A hub over a renderer whose replays the test answers by hand. */
  function handSteered() {
    const asked: { from: number; answer: (chunk: ReplayChunk) => void }[] = [];
    const replay = (from: number) => new Promise<ReplayChunk>((answer) => asked.push({ from, answer }));
    const roomy = { ...limits, replayBacklogBytes: 1 << 16 };
    const hub = new SubscriptionHub({ open: () => {}, close: () => {}, replay }, roomy, meters);
    const peer = new SimulatedPeer();
    const subscriptions = hub.attach(new OutboundSocket(peer, { backlogBytesMax: 1 << 20, meters }));
    const answer = async (from: number, results: string[], head: number): Promise<void> => {
      while (asked.length === 0) await Bun.sleep(1);
      const question = asked.shift();
      expect(question?.from).toBe(from);
      question?.answer({
        kind: "chunk",
        results: results.map((text) => `"${text}"`),
        next: from + results.length,
        head,
      });
      await Bun.sleep(0);
    };
    const deliver = (number: number, text: string): void => {
      hub.deliver([{ kind: "results", key: "miniBlocks", number, results: [`"${text}"`] }]);
    };
    const results = (): string[] => {
      peer.read(100);
      return peer.received.map((text) => JSON.parse(text).params.result);
    };
    return { hub, subscriptions, answer, deliver, results };
  }

  test("a mini-block published while the subscription is being confirmed is not missed on an idle chain", async () => {
    const { subscriptions, answer, results } = handSteered();
    const subscribing = subscriptions.subscribe(["miniBlocks", { fromMiniBlock: 0 }]);
    await answer(0, ["0"], 1);
    (await subscribing).activate();
    await answer(1, ["1"], 2);
    expect(results()).toEqual(["0", "1"]);
  });

  test("a mini-block delivered live while a replay from behind was under way is asked for again", async () => {
    const { subscriptions, answer, deliver, results } = handSteered();
    const subscribing = subscriptions.subscribe(["miniBlocks", { fromMiniBlock: 0 }]);
    await answer(0, ["0"], 1);
    (await subscribing).activate();
    deliver(1, "live 1, while replaying");
    await answer(1, [], 1);
    await answer(1, ["1"], 2);
    deliver(2, "2");
    expect(results()).toEqual(["0", "1", "2"]);
  });

  test("a piece that was asked for before a roll-back moved the cursor is thrown away", async () => {
    const { hub, subscriptions, answer, results } = handSteered();
    const subscribing = subscriptions.subscribe(["miniBlocks", { fromMiniBlock: 0 }]);
    await answer(0, ["0", "1", "2"], 9);
    (await subscribing).activate();
    await Bun.sleep(0);
    hub.deliver([{ kind: "rollback", version: 1 }]);
    await answer(3, ["old 3"], 9);
    await answer(1, ["new 1"], 2);
    expect(results()).toEqual(["0", "1", "2", "new 1"]);
  });

  test("a first piece from before a roll-back is thrown away", async () => {
    const { hub, subscriptions, answer, results } = handSteered();
    const subscribing = subscriptions.subscribe(["miniBlocks", { fromMiniBlock: 0 }]);
    await answer(0, ["old 0"], 1);
    const { activate } = await subscribing;
    hub.deliver([{ kind: "rollback", version: 0 }]);
    activate();
    await answer(0, ["new 0"], 1);
    expect(results()).toEqual(["new 0"]);
  });

  test("what is no longer kept is refused at the start, and ends a stream that falls behind", async () => {
    let isGone = true;
    const renderer: RendererPort = {
      open: () => {},
      close: () => {},
      replay: async (from) => (isGone ? { kind: "gone" } : { kind: "chunk", results: [], next: from, head: from }),
    };
    const hub = new SubscriptionHub(renderer, limits, meters);
    const peer = new SimulatedPeer();
    const subscriptions = hub.attach(new OutboundSocket(peer, { backlogBytesMax: 1 << 20, meters }));
    const params = ["miniBlocks", { fromMiniBlock: 2 }];
    await expect(subscriptions.subscribe(params)).rejects.toMatchObject({ code: 4444 });
    expect(subscriptions.count).toBe(0);
    isGone = false;
    (await subscriptions.subscribe(params)).activate();
    await Bun.sleep(1);
    isGone = true;
    hub.deliver([{ kind: "results", key: "miniBlocks", number: 9, results: ["9"] }]);
    await Bun.sleep(1);
    expect(peer.closeCode).toBe(1011);
  });

  test("a replay waits for its reader; live messages to a reader that does not read end in 4008", async () => {
    let asked = 0;
    const renderer: RendererPort = {
      open: () => {},
      close: () => {},
      replay: async (from) => {
        asked++;
        const next = Math.min(from + 5, 1_000);
        return { kind: "chunk", results: Array.from({ length: next - from }, () => '"x"'), next, head: 1_000 };
      },
    };
    const hub = new SubscriptionHub(renderer, limits, meters);
    const peer = new SimulatedPeer();
    const outbound = new OutboundSocket(peer, { backlogBytesMax: 2_000, meters });
    (await hub.attach(outbound).subscribe(["miniBlocks", { fromMiniBlock: 0 }])).activate();
    await Bun.sleep(5);
    expect(asked).toBe(1);
    for (let round = 0; round < 400 && peer.received.length < 1_000; round++) {
      peer.read(100);
      outbound.onDrain();
      await Bun.sleep(0);
    }
    expect(peer.received).toHaveLength(1_000);
    expect(peer.closeCode).toBe(0);
    for (let number = 1_000; number < 1_100; number++) {
      hub.deliver([{ kind: "results", key: "miniBlocks", number, results: ['"y"'] }]);
    }
    expect(peer.closeCode).toBe(4008);
    outbound.onClose();
  });

  test("when notifications are missing, all subscribers are closed and counted, and new ones are served", async () => {
    const slow: string[] = [];
    const counting = { ...meters, slowClosed: () => slow.push("slow") };
    const replay = async (from: number): Promise<ReplayChunk> => ({
      kind: "chunk",
      results: [],
      next: from,
      head: from,
    });
    const hub = new SubscriptionHub({ open: () => {}, close: () => {}, replay }, limits, counting);
    const peers = [new SimulatedPeer(), new SimulatedPeer(), new SimulatedPeer()];
    const [first, second, third] = peers.map((peer) => {
      return hub.attach(new OutboundSocket(peer, { backlogBytesMax: 1 << 20, meters: counting }));
    });
    (await first!.subscribe(["miniBlocks"])).activate();
    (await first!.subscribe(["newHeads"])).activate();
    (await second!.subscribe(["newHeads"])).activate();
    hub.deliver([{ kind: "lost" }]);
    expect(peers.map(({ closeCode }) => closeCode)).toEqual([4008, 4008, 0]);
    expect(slow).toHaveLength(2);
    expect(hub.topicCount).toBe(0);
    (await third!.subscribe(["miniBlocks"])).activate();
    hub.deliver([{ kind: "results", key: "miniBlocks", number: 9, results: ["9"] }]);
    peers[2]!.read(1);
    expect(peers[2]!.numbers()).toEqual([9]);
  });
});
