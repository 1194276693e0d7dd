// A call sees exactly one mini-block. A contract moves amounts between fifty slots in mini-blocks of a millisecond; whoever
// adds them up, on the sequencer or on a replica, must always find the same sum, also when adding takes a fifth of a second.
// $MEGAETH_INVARIANT_CALLS says how many calls; a million by:  MEGAETH_INVARIANT_CALLS=1000000 bun test snapshot-invariant

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { decodeFunctionResult, encodeFunctionData, type Hex } from "viem";
import { SeededRandom } from "#base/random.ts";
import { contracts } from "./contracts.ts";
import { disposeAll, NodeProcess, waitUntil } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";
import { developmentWallets, type Wallet } from "./wallet.ts";

const CALL_COUNT = Number(process.env.MEGAETH_INVARIANT_CALLS ?? 100_000);
const TIMEOUT_MS = 60_000 + CALL_COUNT * 5;
const BATCH = 250;
const SLOT_COUNT = 50;
/** Enough at a time that the executor always has some waiting, and so seals a mini-block every millisecond. */
const MOVES_PER_BATCH = 40;
/** Moves of one writer that may wait: far below the pool's limit of 500 an account, however slow the machine. */
const WAITING_MOVES_MAX = 200;
const SUM = 50_000_000n;
const SLOW_MS = 200;

let sequencer: NodeProcess;
let replica: NodeProcess;
let ledger: Hex;
const writers = developmentWallets().slice(1, 3);
const { abi } = contracts().Ledger;
const sumData = encodeFunctionData({ abi, functionName: "sum" });

async function includedCount({ address }: Wallet): Promise<number> {
  return Number(await sequencer.rpc.call<Hex>("eth_getTransactionCount", address, "latest"));
}

/** Moves amounts until told to stop. @returns a function that stops and says how many moves were sent */
function keepMoving(seed: number): () => Promise<number> {
  const random = new SeededRandom(seed);
  let isStopped = false;
  let sentCount = 0;
  const move = (wallet: Wallet) => {
    const args = [BigInt(random.below(SLOT_COUNT)), BigInt(random.below(SLOT_COUNT)), BigInt(random.below(40))];
    return wallet.signCall(ledger, abi, "move", args, { gasLimit: 100_000n }).raw;
  };
  const loops = writers.map(async (wallet) => {
    while (!isStopped) {
      const raws = Array.from({ length: MOVES_PER_BATCH }, () => [move(wallet)]);
      await sequencer.rpc.many("eth_sendRawTransaction", raws);
      sentCount += raws.length;
      do await Bun.sleep(2);
      while (wallet.nonce - (await includedCount(wallet)) > WAITING_MOVES_MAX);
    }
  });
  return async () => {
    isStopped = true;
    await Promise.all(loops);
    return sentCount;
  };
}

async function addUp(node: NodeProcess, callCount: number): Promise<void> {
  const params = [{ to: ledger, data: sumData }, "latest"];
  for (let done = 0; done < callCount; done += BATCH) {
    const outputs = await node.rpc.many<Hex>("eth_call", new Array(Math.min(BATCH, callCount - done)).fill(params));
    for (const output of outputs)
      if (BigInt(output) !== SUM) throw new Error(`${node.name}: the sum is ${BigInt(output)}`);
  }
}

function readSlots(node: NodeProcess): Promise<Hex[]> {
  const params = Array.from({ length: SLOT_COUNT }, (_, slot) => [ledger, `0x${slot.toString(16)}`, "latest"]);
  return node.rpc.many<Hex>("eth_getStorageAt", params);
}

describe("a call during writes", () => {
  beforeAll(async () => {
    // A call of many milliseconds burns more gas than is given by default.
    const gas = ["--call-gas-limit", "100000000000"];
    sequencer = await NodeProcess.start({ flags: ["--mini-block-interval", "1ms", ...gas] });
    replica = await NodeProcess.start({ upstream: sequencer, flags: gas });
    const [owner] = developmentWallets() as [Wallet];
    const creation = owner.signCreation(contracts().Ledger);
    ledger = creation.address;
    await sequencer.rpc.call("eth_sendRawTransactionSync", creation.raw);
    await waitUntil("the replica to have the contract", 10_000, async () => {
      return (await replica.rpc.call<Hex>("eth_getCode", ledger, "latest")) !== "0x";
    });
  }, 60_000);
  afterAll(() => disposeAll(sequencer, replica));

  nodeTest(
    `finds the same sum ${CALL_COUNT} times`,
    async () => {
      const seed = Number(process.env.MEGAETH_SEED ?? Date.now() % 2 ** 32);
      const before = await readSlots(sequencer);
      const firstMiniBlock = await sequencer.metric("head_mini_block");
      const stop = keepMoving(seed);
      try {
        await Promise.all([addUp(sequencer, CALL_COUNT / 2), addUp(replica, CALL_COUNT / 2)]);
      } catch (error) {
        throw new Error(`seed ${seed}: ${error}`, { cause: error });
      } finally {
        const moveCount = await stop();
        const miniBlockCount = (await sequencer.metric("head_mini_block")) - firstMiniBlock;
        console.log(`  seed ${seed}: ${CALL_COUNT} calls over ${moveCount} moves in ${miniBlockCount} mini-blocks`);
      }
      const after = await readSlots(sequencer);
      expect(after.filter((value, slot) => value !== before[slot]).length).toBeGreaterThan(SLOT_COUNT / 2);
      expect((await sequencer.metric("head_mini_block")) - firstMiniBlock).toBeGreaterThan(100);
    },
    TIMEOUT_MS,
  );

  nodeTest(
    `of ${SLOW_MS} ms finishes with the right sum`,
    async () => {
      const stop = keepMoving(7);
      try {
        for (const node of [sequencer, replica]) {
          let elapsedMs = 0;
          for (let rounds = 1_000; elapsedMs < SLOW_MS; rounds *= 2) {
            const data = encodeFunctionData({ abi, functionName: "slowSum", args: [BigInt(rounds)] });
            const startMs = performance.now();
            const output = await node.rpc.call<Hex>("eth_call", { to: ledger, data }, "latest");
            elapsedMs = performance.now() - startMs;
            expect(decodeFunctionResult({ abi, functionName: "slowSum", data: output })).toBe(SUM);
          }
        }
      } finally {
        await stop();
      }
    },
    60_000,
  );
});
