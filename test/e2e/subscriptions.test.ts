// eth_subscribe under load: heads, logs, the resumable stream of mini-blocks, state changes. Nothing is missing, nothing
// comes twice, and the reply that names a subscription comes before its first notification.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { encodeEventTopics, type Hex, hexToNumber, numberToHex } from "viem";
import { contracts } from "./contracts.ts";
import type { Subscription } from "./json-rpc.ts";
import { disposeAll, NodeProcess, waitUntil } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";
import { developmentWallets, type ReceiptJson, type Wallet } from "./wallet.ts";

type MiniBlockJson = Readonly<Record<string, Hex>> & {
  readonly transactions: readonly { readonly hash: Hex }[];
  readonly receipts: readonly ReceiptJson[];
};
type HeadJson = Readonly<Record<string, Hex>>;
type LogJson = ReceiptJson["logs"][number] & { readonly blockHash: Hex; readonly transactionHash: Hex };

const PLACEHOLDER: Hex = `0x${"f".repeat(64)}`;
const SINK: Hex = "0x00000000000000000000000000000000000000b2";
const wallets = developmentWallets();

let node: NodeProcess;

function wallet(index: number): Wallet {
  return wallets[index] as Wallet;
}

/** Sends transfers one after another until told to stop. @returns the hashes sent so far */
function keepSending(sender: Wallet): { readonly hashes: Hex[]; readonly stop: () => Promise<void> } {
  const hashes: Hex[] = [];
  let isStopped = false;
  const done = (async () => {
    while (!isStopped) {
      const batch = Array.from({ length: 5 }, () => sender.sign({ to: SINK, value: 1n }));
      hashes.push(
        ...(await node.rpc.many<Hex>(
          "eth_sendRawTransaction",
          batch.map(({ raw }) => [raw]),
        )),
      );
      await Bun.sleep(5);
    }
  })();
  const stop = async () => {
    isStopped = true;
    await done;
  };
  return { hashes, stop };
}

function checkNumbered(miniBlocks: readonly MiniBlockJson[], first: number): void {
  miniBlocks.forEach(({ mini_block_number: number }, index) => {
    if (number !== numberToHex(first + index)) throw new Error(`mini-block ${number} at place ${first + index}`);
  });
}

function hashesOf(miniBlocks: readonly MiniBlockJson[]): Hex[] {
  return miniBlocks.flatMap(({ transactions }) => transactions.map(({ hash }) => hash));
}

async function headMiniBlock(): Promise<number> {
  return node.metric("head_mini_block");
}

describe("subscriptions", () => {
  beforeAll(async () => {
    node = await NodeProcess.start();
  }, 60_000);
  afterAll(() => disposeAll(node));

  nodeTest("newHeads: every sealed block once, linked, with its mini-block counts", async () => {
    const socket = await node.socket();
    const heads = await (await socket.subscribe("newHeads")).take<HeadJson>(3);
    for (const [index, head] of heads.entries()) {
      const block = await node.rpc.call<HeadJson>("eth_getBlockByHash", head.hash, false);
      expect(block).toMatchObject({ number: head.number, stateRoot: head.stateRoot, signature: head.signature });
      expect(hexToNumber(head.miniBlockCount as Hex)).toBeGreaterThanOrEqual(1);
      expect((head.signature as Hex).length).toBe(132);
      const previous = heads[index - 1];
      if (previous === undefined) continue;
      expect(head.parentHash).toBe(previous.hash as Hex);
      const offset = hexToNumber(previous.miniBlockOffset as Hex) + hexToNumber(previous.miniBlockCount as Hex);
      expect(hexToNumber(head.miniBlockOffset as Hex)).toBe(offset);
    }
    expect(socket.strays).toEqual([]);
    socket.close();
  });

  nodeTest("miniBlocks from the beginning and from the middle, under load: no gap, no double", async () => {
    const load = keepSending(wallet(0));
    await waitUntil("load", 10_000, async () => load.hashes.length >= 50);
    const socket = await node.socket();
    const middle = Math.floor((await headMiniBlock()) / 2);
    const streams = await Promise.all([
      socket.subscribe("miniBlocks", { fromMiniBlock: 0 }),
      socket.subscribe("miniBlocks", { fromMiniBlock: numberToHex(middle) }),
      socket.subscribe("miniBlocks"),
    ]);
    await waitUntil("more load", 20_000, async () => load.hashes.length >= 400);
    await load.stop();
    const last = load.hashes.at(-1) as Hex;
    const hasLast = (results: readonly MiniBlockJson[]) => hashesOf(results.slice(-50)).includes(last);
    const [all, half, live] = await Promise.all(streams.map((stream: Subscription) => stream.until(hasLast)));
    checkNumbered(all ?? [], 0);
    checkNumbered(half ?? [], middle);
    checkNumbered(live ?? [], hexToNumber(live?.[0]?.mini_block_number as Hex));
    expect(hashesOf(all ?? [])).toEqual(load.hashes);
    for (const miniBlock of all?.slice(-20) ?? []) {
      expect(miniBlock.receipts.map(({ blockHash }) => blockHash)).toEqual(miniBlock.receipts.map(() => PLACEHOLDER));
      expect(miniBlock.receipts.length).toBe(miniBlock.transactions.length);
      expect((miniBlock.signature as Hex).length).toBe(132);
    }
    expect(socket.strays).toEqual([]);
    socket.close();
  });

  nodeTest("miniBlocks: a reader that comes back loses nothing", async () => {
    const load = keepSending(wallet(1));
    const collected: MiniBlockJson[] = [];
    const first = hexToNumber(
      (await node.rpc.call<HeadJson>("eth_getBlockByNumber", "latest", false)).miniBlockOffset as Hex,
    );
    for (let visit = 0; visit < 5; visit++) {
      const socket = await node.socket();
      const stream = await socket.subscribe("miniBlocks", { fromMiniBlock: first + collected.length });
      collected.push(...(await stream.take<MiniBlockJson>(5 + visit * 7)));
      socket.close();
      await Bun.sleep(40);
    }
    await load.stop();
    checkNumbered(collected, first);
  });

  nodeTest("a stored mini-block equals the streamed one but for the block hash", async () => {
    const socket = await node.socket();
    const [streamed] = await (await socket.subscribe("miniBlocks", { fromMiniBlock: 0 })).take<MiniBlockJson>(1);
    const stored = await node.rpc.call<MiniBlockJson>("mega_getMiniBlockByNumber", "0x0");
    const keys = ["mini_block_number", "transaction_root", "receipt_root", "signature", "mini_block_timestamp"];
    for (const key of keys) expect(stored[key]).toBe(streamed?.[key] as Hex);
    socket.close();
  });

  nodeTest("logs: at once with the placeholder when asked for pending, else with the sealed block", async () => {
    const owner = wallet(2);
    const { Token } = contracts();
    const creation = owner.signCreation(Token, [1_000n]);
    const socket = await node.socket();
    const filter = { address: creation.address };
    const streamed = await socket.subscribe("logs", { ...filter, fromBlock: "pending", toBlock: "pending" });
    const sealed = await socket.subscribe("logs", filter);
    const [topic] = encodeEventTopics({ abi: Token.abi, eventName: "Approval" });
    const none = await socket.subscribe("logs", { ...filter, topics: [topic], fromBlock: "pending" });
    await node.rpc.call("eth_sendRawTransactionSync", creation.raw);
    for (let i = 0; i < 9; i++) {
      const call = owner.signCall(creation.address, Token.abi, "transfer", [SINK, 1n]);
      await node.rpc.call("eth_sendRawTransactionSync", call.raw);
    }
    const early = await streamed.take<LogJson>(10);
    const late = await sealed.take<LogJson>(10);
    expect(new Set(early.map(({ blockHash }) => blockHash))).toEqual(new Set([PLACEHOLDER]));
    const withoutHash = (logs: readonly LogJson[]) => logs.map((log) => ({ ...log, blockHash: null }));
    expect(withoutHash(late)).toEqual(withoutHash(early));
    const stored = await node.rpc.call<LogJson[]>("eth_getLogs", { ...filter, fromBlock: "0x0", toBlock: "latest" });
    expect(stored).toEqual(late);
    expect(none.results).toEqual([]);
    expect(socket.strays).toEqual([]);
    socket.close();
  });

  nodeTest("stateChanges: one notification per account and mini-block, values after it", async () => {
    const sender = wallet(3);
    const { Ledger } = contracts();
    const creation = sender.signCreation(Ledger);
    await node.rpc.call("eth_sendRawTransactionSync", creation.raw);
    const socket = await node.socket();
    const changes = await socket.subscribe("stateChanges", [creation.address, SINK]);
    const everyone = await socket.subscribe("stateChanges");
    const move = sender.signCall(creation.address, Ledger.abi, "move", [0n, 1n, 7n]);
    await node.rpc.call("eth_sendRawTransactionSync", move.raw);
    await node.rpc.call("eth_sendRawTransactionSync", sender.sign({ to: SINK, value: 3n }).raw);
    const [ledger, sink] = await changes.take<{ address: Hex; balance: Hex; storage: Record<Hex, Hex> }>(2);
    expect(ledger).toEqual({
      address: creation.address,
      nonce: "0x1",
      balance: "0x0",
      storage: { [`0x${"0".repeat(64)}`]: numberToHex(999_993), [`0x${"0".repeat(63)}1`]: numberToHex(1_000_007) },
    } as never);
    expect(sink).toMatchObject({ address: SINK, storage: {} });
    expect(BigInt(sink?.balance ?? 0)).toBe(BigInt(await node.rpc.call<Hex>("eth_getBalance", SINK, "latest")));
    const senders = (await everyone.take<{ address: Hex; nonce: Hex }>(4)).filter(
      ({ address }) => address === sender.address,
    );
    expect(senders.map(({ nonce }) => nonce)).toEqual(["0x2", "0x3"]);
    socket.close();
  });

  nodeTest("eth_unsubscribe ends a subscription, once", async () => {
    const socket = await node.socket();
    const heads = await socket.subscribe("newHeads");
    expect(await socket.call<boolean>("eth_unsubscribe", heads.id)).toBe(true);
    expect(await socket.error("eth_unsubscribe", heads.id)).toMatchObject({
      code: -32000,
      message: "subscription not found",
    });
    await Bun.sleep(1_300);
    expect(heads.results).toEqual([]);
    expect(socket.strays).toEqual([]);
    socket.close();
  });

  nodeTest("refuses what cannot be subscribed to", async () => {
    const socket = await node.socket();
    expect((await socket.error("eth_subscribe", "earthquakes")).code).toBe(-32601);
    expect((await socket.error("eth_subscribe")).code).toBe(-32602);
    expect((await socket.error("eth_subscribe", "miniBlocks", { fromMiniBlock: -1 })).code).toBe(-32602);
    expect((await socket.error("eth_subscribe", "miniBlocks", { fromMiniBlock: 10 ** 12 })).code).toBe(-32602);
    const addresses = Array.from({ length: 257 }, (_, index) => numberToHex(index, { size: 20 }));
    expect((await socket.error("eth_subscribe", "stateChanges", addresses)).code).toBe(-32602);
    expect(await node.rpc.error("eth_subscribe", "newHeads")).toMatchObject({
      code: -32601,
      message: "notifications not supported",
    });
    socket.close();
  });
});
