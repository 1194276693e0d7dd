// A read worker's line to the pool, over real rings in one process: the test plays the verify and execute threads, and the main
// thread of a replica.

import { describe, expect, test } from "bun:test";
import { must } from "#base/assert.ts";
import { utf8 } from "#base/bytes.ts";
import { Doorbell } from "#base/doorbell.ts";
import { allocateRing, RingReader, RingWriter } from "#base/ring.ts";
import { transactionHash } from "#chain/transaction.ts";
import { kernelModules } from "#crypto/thread-kernels.ts";
import { ByteWriter } from "#formats/codec.ts";
import {
  decodeTagged,
  encodeTagged,
  ReplyMessage,
  RequestMessage,
  type RequestTag,
} from "#formats/memory/ring-messages.ts";
import type { NodeOptions } from "#roles/node-options.ts";
import { openPoolLink } from "#roles/threads/pool-link.ts";
import type {
  ForwardRequest,
  ForwardResult,
  FromThread,
  NodeRegions,
  NodeSetup,
  ThreadStart,
} from "#roles/threads/thread-protocol.ts";

const RAW = Uint8Array.of(2, 0xc1, 0x80);
const ADDRESS = new Uint8Array(20).fill(0xaa);
const NO_PORT = { post: () => {}, onMessage: () => {} };

function ring(readerCount: number, capacityBytes = 1 << 12) {
  return allocateRing({ capacityBytes, readers: Array.from({ length: readerCount }, () => new Doorbell().handle) });
}

function startOf(role: NodeOptions["role"], index: number, regions: Partial<NodeRegions> = {}): ThreadStart {
  const setup = { options: { role }, regions } as unknown as NodeSetup;
  return {
    type: "start",
    kind: "read",
    index,
    metricsIndex: 1,
    kernels: kernelModules(),
    core: null,
    compilePorts: [],
    setup,
    recovered: null,
  };
}

/** Two read workers of a sequencer and the pool's side of their rings. */
function sequencerLinks(requestsSizeBytes?: number) {
  const requests = [ring(1, requestsSizeBytes), ring(1, requestsSizeBytes)];
  const replies = ring(2);
  const links = [0, 1].map((index) => openPoolLink(startOf("sequencer", index, { requests, replies }), NO_PORT));
  const readers = requests.map((handle) => new RingReader(handle, 0));
  const writer = new RingWriter(replies);
  const next = (worker: number) => {
    const { kind, payload } = must(must(readers[worker], "a ring").tryRead(), "a request");
    return { kind, ...decodeTagged(payload) };
  };
  const reply = (tag: RequestTag, kind: number, ...parts: Uint8Array[]) => {
    expect(writer.tryWrite(kind, encodeTagged(tag, ...parts))).toBe(true);
  };
  return { first: must(links[0], "a link"), second: must(links[1], "a link"), next, reply, readers };
}

describe("a sequencer's pool link", () => {
  test("sends a transaction and gives every kind of answer", async () => {
    const { first, next, reply } = sequencerLinks();
    const nonce = new ByteWriter(9).integer(300n).toBytes();
    const rejected = new ByteWriter(64).sized(utf8("nonce too low")).sized(utf8("nonce too low: next 3")).toBytes();
    const answers = [
      { kind: ReplyMessage.accepted, body: [], result: { kind: "accepted", hash: transactionHash(RAW) } },
      { kind: ReplyMessage.nonceGap, body: [nonce], result: { kind: "nonceGap", expectedNonce: 300n } },
      {
        kind: ReplyMessage.rejected,
        body: [rejected],
        result: { kind: "rejected", reject: { code: "nonce too low", message: "nonce too low: next 3" } },
      },
      {
        kind: ReplyMessage.unavailable,
        body: [utf8("disk full")],
        result: { kind: "unavailable", reason: "disk full" },
      },
    ];
    for (const [index, { kind, body, result }] of answers.entries()) {
      const requireReady = index % 2 === 1;
      const answer = first.submit(RAW, { requireReady });
      const request = next(0);
      expect(request.kind).toBe(RequestMessage.submit);
      expect(request.body).toEqual(Uint8Array.from([requireReady ? 1 : 0, ...RAW]));
      expect(first.poll()).toBe(false);
      reply(request.tag, kind, ...body);
      expect(first.poll()).toBe(true);
      expect(await answer).toEqual(result as Awaited<typeof answer>);
    }
  });

  test("asks for nonces and waiting transactions", async () => {
    const { first, next, reply } = sequencerLinks();
    const nonce = first.pendingNonce(ADDRESS);
    const asked = next(0);
    expect([asked.kind, asked.body]).toEqual([RequestMessage.pendingNonce, ADDRESS]);
    reply(asked.tag, ReplyMessage.nonce, new ByteWriter(9).integer(2n ** 40n).toBytes());
    first.poll();
    expect(await nonce).toBe(2n ** 40n);
    const hash = new Uint8Array(32).fill(4);
    for (const isKnown of [true, false]) {
      const transaction = first.pendingTransaction(hash);
      const { tag, kind, body } = next(0);
      expect([kind, body]).toEqual([RequestMessage.pendingTransaction, hash]);
      if (isKnown) reply(tag, ReplyMessage.transaction, ADDRESS, RAW);
      else reply(tag, ReplyMessage.noTransaction);
      first.poll();
      expect(await transaction).toEqual(isKnown ? { sender: ADDRESS, raw: RAW } : null);
    }
  });

  test("answers find their question, whatever the order and whoever else has asked", async () => {
    const { first, second, next, reply } = sequencerLinks();
    const nonces = [first.pendingNonce(ADDRESS), first.pendingNonce(ADDRESS), second.pendingNonce(ADDRESS)];
    const tags = [next(0).tag, next(0).tag, next(1).tag];
    for (const index of [2, 1, 0]) {
      const tag = must(tags[index], "a tag");
      reply(tag, ReplyMessage.nonce, new ByteWriter(9).integer(BigInt(100 + index)).toBytes());
    }
    expect([first.poll(), second.poll(), first.poll(), second.poll()]).toEqual([true, true, false, false]);
    expect(await Promise.all(nonces)).toEqual([100n, 101n, 102n]);
  });

  test("a full queue refuses sends at once and lets reads wait", async () => {
    const { first, next, readers, reply } = sequencerLinks(1 << 12);
    const waiting: Promise<unknown>[] = [];
    const raw = new Uint8Array(400).fill(2);
    let refusal: Awaited<ReturnType<typeof first.submit>> | null = null;
    for (let i = 0; i < 20 && refusal === null; i++) {
      const answer = first.submit(raw, { requireReady: false });
      refusal = await Promise.race([answer, Bun.sleep(1).then(() => null)]);
      if (refusal === null) waiting.push(answer);
    }
    expect(refusal).toEqual({ kind: "unavailable", reason: "transaction queue is full" });
    expect(waiting.length).toBeGreaterThan(4);
    const nonce = first.pendingNonce(ADDRESS);
    await Bun.sleep(3);
    for (const _ of waiting) reply(next(0).tag, ReplyMessage.accepted);
    first.poll();
    await Promise.all(waiting);
    while (must(readers[0], "a ring").pendingBytes === 0) await Bun.sleep(1);
    reply(next(0).tag, ReplyMessage.nonce, new ByteWriter(9).integer(9n).toBytes());
    first.poll();
    expect(await nonce).toBe(9n);
  });

  test("a transaction that no ring could carry is refused", async () => {
    const { first } = sequencerLinks(1 << 12);
    const answer = await first.submit(new Uint8Array(1 << 12), { requireReady: false });
    expect(answer.kind).toBe("unavailable");
  });
});

describe("a replica's pool link", () => {
  function replicaLink() {
    const posted: { id: number; request: ForwardRequest }[] = [];
    const post = (message: FromThread) => {
      if (message.type === "forward") posted.push(message);
    };
    const link = openPoolLink(startOf("replica", 0), { post, onMessage: () => {} });
    return { link, posted };
  }

  test("passes requests on and answers back", async () => {
    const { link, posted } = replicaLink();
    const hash = new Uint8Array(32).fill(3);
    const transaction = { raw: RAW, sender: ADDRESS };
    const asked = [
      link.submit(RAW, { requireReady: true }),
      link.pendingNonce(ADDRESS),
      link.pendingTransaction(hash),
    ] as const;
    expect(posted.map(({ request }) => request)).toEqual([
      { kind: "submit", raw: RAW, requireReady: true },
      { kind: "pendingNonce", address: ADDRESS },
      { kind: "pendingTransaction", hash },
    ]);
    const results: ForwardResult[] = [
      { kind: "submit", result: { kind: "accepted", hash } },
      { kind: "pendingNonce", nonce: 12n },
      { kind: "pendingTransaction", transaction },
    ];
    for (const index of [2, 0, 1]) {
      link.onForwarded(must(posted[index], "a request").id, must(results[index], "a result"));
    }
    expect(await Promise.all(asked)).toEqual([{ kind: "accepted", hash }, 12n, transaction]);
    expect(link.poll()).toBe(false);
  });

  test("upstream's failure is an answer", async () => {
    const { link, posted } = replicaLink();
    const asked = [link.submit(RAW, { requireReady: false }), link.pendingTransaction(ADDRESS)] as const;
    for (const { id } of posted) link.onForwarded(id, { kind: "failed", reason: "upstream is away" });
    expect(await asked[0]).toEqual({ kind: "unavailable", reason: "upstream is away" });
    expect(await asked[1]).toBeNull();
    link.onForwarded(77, { kind: "failed", reason: "nobody asked" });
  });
});
