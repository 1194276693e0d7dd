// kill -9 under load, of the sequencer, of its replica and of the replica's replica in turn: no transaction whose receipt a
// client has seen is lost or moves, and after each start all three hold the same chain again.
// $MEGAETH_CRASH_ROUNDS says how many rounds, $MEGAETH_SEED repeats a run.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import type { Hex } from "viem";
import { SeededRandom } from "#base/random.ts";
import { catchUp, expectSameChain, expectSameState } from "./chain-comparison.ts";
import { disposeAll, NodeProcess } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";
import { developmentWallets, type ReceiptJson, type Wallet } from "./wallet.ts";

const ROUND_COUNT = Number(process.env.MEGAETH_CRASH_ROUNDS ?? 21);
const SEED = Number(process.env.MEGAETH_SEED ?? Date.now() % 2 ** 32);
const SINK: Hex = "0x00000000000000000000000000000000000000b7";
const COMPARED_BEFORE = 200;

let sequencer: NodeProcess;
let child: NodeProcess;
let grandchild: NodeProcess;
const wallets = developmentWallets().slice(0, 6);
const acknowledged: ReceiptJson[] = [];

/** Sends one transaction after another through `node`, keeping every receipt, until told to stop or until it fails. */
async function sendUntil(isStopped: () => boolean, node: NodeProcess, wallet: Wallet): Promise<void> {
  const { rpc } = node;
  while (!isStopped()) {
    try {
      wallet.nonce = Number(await rpc.call<Hex>("eth_getTransactionCount", wallet.address, "pending"));
      for (let i = 0; i < 20 && !isStopped(); i++) {
        const signed = wallet.sign({ to: SINK, value: 1n });
        acknowledged.push(await rpc.call<ReceiptJson>("eth_sendRawTransactionSync", signed.raw, 3_000));
      }
    } catch {
      await Bun.sleep(20);
    }
  }
}

async function checkAcknowledged(node: NodeProcess, receipts: readonly ReceiptJson[]): Promise<void> {
  for (let from = 0; from < receipts.length; from += 500) {
    const part = receipts.slice(from, from + 500);
    const kept = await node.rpc.many<ReceiptJson | null>(
      "eth_getTransactionReceipt",
      part.map(({ transactionHash }) => [transactionHash]),
    );
    part.forEach((receipt, index) => {
      const { transactionHash, blockNumber, transactionIndex } = receipt;
      expect(kept[index]).toMatchObject({ transactionHash, blockNumber, transactionIndex });
    });
  }
}

async function converge(): Promise<number> {
  await catchUp(child, sequencer, 40_000);
  await catchUp(grandchild, sequencer, 40_000);
  return Math.min(...(await Promise.all([sequencer, child, grandchild].map((node) => node.metric("head_mini_block")))));
}

async function crashRound(round: number, random: SeededRandom): Promise<void> {
  const victim = [sequencer, child, grandchild][round % 3] as NodeProcess;
  const firstNew = acknowledged.length;
  const before = await sequencer.metric("head_mini_block");
  let isStopped = false;
  const targets = [sequencer, sequencer, sequencer, child, grandchild, grandchild];
  const loads = wallets.map((wallet, index) => sendUntil(() => isStopped, targets[index] as NodeProcess, wallet));
  await Bun.sleep(80 + random.below(400));
  await victim.kill();
  // The others go on for a while, then nobody sends until the victim is back.
  await Bun.sleep(random.below(100));
  isStopped = true;
  await Promise.all(loads);
  await victim.restart();
  const to = await converge();
  for (const node of [sequencer, child, grandchild]) await checkAcknowledged(node, acknowledged.slice(firstNew));
  const from = Math.max(0, Math.min(before, to) - COMPARED_BEFORE);
  await expectSameChain(sequencer, child, { from, to });
  await expectSameChain(sequencer, grandchild, { from, to });
}

describe("kill -9 under load", () => {
  beforeAll(async () => {
    sequencer = await NodeProcess.start({ flags: ["--block-time", "300ms", "--checkpoint-interval", "150"] });
    child = await NodeProcess.start({ upstream: sequencer, flags: ["--checkpoint-interval", "70"] });
    grandchild = await NodeProcess.start({ upstream: child });
  }, 60_000);
  afterAll(() => disposeAll(sequencer, child, grandchild));

  nodeTest(
    `${ROUND_COUNT} rounds`,
    async () => {
      console.log(`  seed ${SEED}`);
      const random = new SeededRandom(SEED);
      for (let round = 0; round < ROUND_COUNT; round++) {
        await crashRound(round, random).catch((error) => {
          throw new Error(`seed ${SEED}, round ${round}: ${error.message}`, { cause: error });
        });
      }
      console.log(`  ${acknowledged.length} transactions acknowledged over ${ROUND_COUNT} crashes`);
      expect(acknowledged.length).toBeGreaterThan(ROUND_COUNT * 5);
      const to = await converge();
      await expectSameChain(sequencer, grandchild, { to });
      const addresses = [SINK, ...wallets.map(({ address }) => address)];
      await expectSameState(sequencer, child, addresses);
      await expectSameState(sequencer, grandchild, addresses);
      for (const node of [sequencer, child, grandchild]) await checkAcknowledged(node, acknowledged);
      const received = BigInt(await sequencer.rpc.call<Hex>("eth_getBalance", SINK, "latest"));
      expect(received).toBeGreaterThanOrEqual(BigInt(acknowledged.length));
      expect(await grandchild.metric("transactions_executed_total")).toBe(0);
    },
    30_000 + ROUND_COUNT * 15_000,
  );
});
