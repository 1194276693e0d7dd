// Replicas are real: two in a chain reach the sequencer's chain and state, execute nothing, serve the whole RPC with the
// upstream gone, forward sends, resume after a cut on either side, and begin in mid-stream from a snapshot.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import type { Hex } from "viem";
import { catchUp, expectSameChain, expectSameState } from "./chain-comparison.ts";
import { disposeAll, NodeProcess, waitUntil } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";
import { READ_CHECKS } from "./rpc-reads.ts";
import { playScenario, type Scenario } from "./scenario.ts";
import { developmentWallets, type ReceiptJson, type Wallet } from "./wallet.ts";

const SINK: Hex = "0x00000000000000000000000000000000000000b6";

let sequencer: NodeProcess;
let child: NodeProcess;
let grandchild: NodeProcess;
let scenario: Scenario;
const wallet = developmentWallets()[9] as Wallet;

function addressesOf({ receipts, children, absent, token, factory, delegated, balances }: Scenario): Hex[] {
  const others = [...Object.keys(children), ...Object.keys(balances)] as Hex[];
  return [...new Set([...receipts.map(({ from }) => from), token, factory, delegated, ...absent, ...others, SINK])];
}

function transfer(node: NodeProcess): Promise<ReceiptJson> {
  return node.rpc.call<ReceiptJson>("eth_sendRawTransactionSync", wallet.sign({ to: SINK, value: 1n }).raw);
}

/** Waits until all nodes hold the same number of keys: each EVM block adds some between two readings. */
function holdAsManyKeys(...nodes: readonly NodeProcess[]): Promise<void> {
  return waitUntil("equal numbers of keys", 10_000, async () => {
    return new Set(await Promise.all(nodes.map((node) => node.metric("state_records")))).size === 1;
  });
}

/** The newest mini-block that all nodes have. */
async function commonHead(...nodes: readonly NodeProcess[]): Promise<number> {
  return Math.min(...(await Promise.all(nodes.map((node) => node.metric("head_mini_block")))));
}

describe("replicas in a chain", () => {
  beforeAll(async () => {
    sequencer = await NodeProcess.start({ flags: ["--block-time", "500ms"] });
    child = await NodeProcess.start({ upstream: sequencer });
    grandchild = await NodeProcess.start({ upstream: child });
    scenario = await playScenario(sequencer);
    await catchUp(grandchild, sequencer);
    await waitUntil("the replicas to know the last sealed block", 20_000, async () => {
      const heads = await Promise.all([child, grandchild].map(({ rpc }) => rpc.call<Hex>("eth_blockNumber")));
      return heads.every((head) => Number(head) >= scenario.sealedBlock);
    });
  }, 120_000);
  afterAll(() => disposeAll(sequencer, child, grandchild));

  nodeTest("hold the sequencer's mini-blocks, blocks and receipts", async () => {
    const to = await commonHead(sequencer, child, grandchild);
    await expectSameChain(sequencer, child, { to });
    await expectSameChain(sequencer, grandchild, { to });
  });

  nodeTest("hold the sequencer's state", async () => {
    await expectSameState(sequencer, child, addressesOf(scenario));
    await expectSameState(sequencer, grandchild, addressesOf(scenario));
    await holdAsManyKeys(sequencer, child, grandchild);
  });

  for (const [name, check] of Object.entries(READ_CHECKS)) {
    nodeTest(`the sequencer: ${name}`, () => check(sequencer, scenario));
    nodeTest(`a replica of a replica: ${name}`, () => check(grandchild, scenario));
  }

  nodeTest("forward sends, and the receipt is read where it was sent", async () => {
    for (const node of [grandchild, child]) {
      const receipt = await transfer(node);
      expect(receipt.status).toBe("0x1");
      expect(await node.rpc.call<ReceiptJson>("eth_getTransactionReceipt", receipt.transactionHash)).toMatchObject({
        blockNumber: receipt.blockNumber,
      });
      expect(BigInt(await node.rpc.call<Hex>("eth_getTransactionCount", wallet.address, "latest"))).toBe(
        BigInt(wallet.nonce),
      );
    }
    const refused = wallet.sign({ to: SINK, nonce: 0, value: 9n }).raw;
    const error = await grandchild.rpc.error("eth_sendRawTransaction", refused);
    expect(error.message).toStartWith("nonce too low: next nonce ");
    const gapped = wallet.sign({ to: SINK, nonce: wallet.nonce + 5 }).raw;
    expect((await grandchild.rpc.error("eth_sendRawTransactionSync", gapped)).code).toBe(6);
  });

  nodeTest("stream to subscribers", async () => {
    const socket = await grandchild.socket();
    const stream = await socket.subscribe("miniBlocks", { fromMiniBlock: 0 });
    const { transactionHash } = await transfer(grandchild);
    const seen = await stream.until<{ mini_block_number: Hex; transactions: { hash: Hex }[] }>((results) => {
      return results.some(({ transactions }) => transactions.some(({ hash }) => hash === transactionHash));
    });
    seen.forEach(({ mini_block_number: number }, index) => {
      expect(Number(number)).toBe(index);
    });
    socket.close();
  });

  nodeTest("execute nothing", async () => {
    expect(await sequencer.metric("transactions_executed_total")).toBeGreaterThanOrEqual(scenario.receipts.length);
    for (const node of [child, grandchild]) {
      expect(await node.metric("transactions_executed_total")).toBe(0);
      expect(await node.metric("transactions_included_total")).toBeGreaterThanOrEqual(scenario.receipts.length);
    }
    expect(await sequencer.metric("feed_children")).toBe(1);
    expect(await child.metric("feed_children")).toBe(1);
  });

  nodeTest(
    "resume after a cut on either side",
    async () => {
      for (const down of [child, sequencer, grandchild]) {
        for (const how of ["stop", "kill"] as const) {
          if (how === "stop") expect(await down.stop()).toBe(0);
          else await down.kill();
          if (down !== sequencer) for (let i = 0; i < 10; i++) await transfer(sequencer);
          await down.restart();
          await transfer(sequencer);
          await catchUp(grandchild, sequencer);
        }
      }
      const to = await commonHead(sequencer, child, grandchild);
      await expectSameChain(sequencer, grandchild, { to });
      await expectSameState(sequencer, grandchild, addressesOf(scenario));
      expect(await grandchild.metric("transactions_executed_total")).toBe(0);
    },
    120_000,
  );

  nodeTest(
    "with the upstream gone: not ready, alive, and the whole RPC answers",
    async () => {
      const lone = await NodeProcess.start({ upstream: sequencer, flags: ["--stale-after", "700ms"] });
      await catchUp(lone, sequencer);
      const ready = await fetch(`${lone.httpUrl}/readyz`);
      expect(ready.status).toBe(200);
      expect(await sequencer.stop()).toBe(0);
      await waitUntil("/readyz to fail", 20_000, async () => (await fetch(`${lone.httpUrl}/readyz`)).status === 503);
      expect((await fetch(`${lone.httpUrl}/livez`)).status).toBe(200);
      for (const [name, check] of Object.entries(READ_CHECKS)) {
        for (const node of [lone, grandchild]) {
          await check(node, scenario).catch((error) => {
            throw new Error(`${node.name}: ${name}: ${error.message}`, { cause: error });
          });
        }
      }
      expect(await lone.metric("transactions_executed_total")).toBe(0);
      const refused = await lone.rpc.error(
        "eth_sendRawTransaction",
        wallet.sign({ to: SINK, nonce: wallet.nonce }).raw,
      );
      expect(refused.code).toBe(-32005);
      await sequencer.restart();
      await waitUntil("/readyz to recover", 30_000, async () => (await fetch(`${lone.httpUrl}/readyz`)).status === 200);
      await lone.dispose();
    },
    120_000,
  );
});

describe("a replica that comes late", () => {
  let leader: NodeProcess;
  let late: NodeProcess;
  afterAll(() => disposeAll(leader, late));

  nodeTest(
    "begins from a snapshot in mid-stream, under load, and reaches the same state",
    async () => {
      // So short a distance that a newcomer cannot read all from the beginning.
      const flags = ["--bootstrap-distance", "300", "--checkpoint-interval", "50", "--block-time", "200ms"];
      leader = await NodeProcess.start({ flags });
      const story = await playScenario(leader);
      const sender = developmentWallets()[8] as Wallet;
      let isLoading = true;
      const load = (async () => {
        while (isLoading) {
          const raws = Array.from({ length: 20 }, () => [
            sender.sign({ to: SINK, value: 1n, data: `0x${"5a".repeat(900)}`, gasLimit: 100_000n }).raw,
          ]);
          // Refusals under back-pressure are part of the load.
          await leader.rpc.many("eth_sendRawTransaction", raws).catch(async () => {
            sender.nonce = Number(await leader.rpc.call<Hex>("eth_getTransactionCount", sender.address, "pending"));
          });
          await Bun.sleep(5);
        }
      })();
      load.catch(() => {});
      await waitUntil("some history", 30_000, async () => (await leader.metric("head_mini_block")) > 600);
      late = await NodeProcess.start({ upstream: leader });
      const began = await late.metric("head_mini_block");
      await waitUntil(
        "the replica to follow on",
        30_000,
        async () => (await late.metric("head_mini_block")) > began + 100,
      );
      isLoading = false;
      await load;
      await catchUp(late, leader);
      await expectSameState(leader, late, addressesOf(story));
      const to = await commonHead(leader, late);
      await expectSameChain(leader, late, { from: to - 100, to });
      expect(await late.metric("transactions_executed_total")).toBe(0);
      await late.until("counting its snapshot", async () => (await late.metric("snapshots_loaded_total")) === 1);
      expect(await leader.metric("snapshots_served_total")).toBe(1);
      await holdAsManyKeys(leader, late);
    },
    120_000,
  );
});
