// Transactions included per second, from the client's first byte until all are included: ours as seen at a replica, anvil's in
// its blocks. The same signed bytes through the same client code, rounds interleaved; anvil in whichever mode is best.
//
//   client ──batches──▶ sequencer ──feed──▶ replica ◀──nonces of all senders?── client
//   client ──batches──▶ anvil ◀──nonces of all senders?── client

import type { Hex } from "viem";
import { assert } from "#base/assert.ts";
import { RpcFailure } from "#test/e2e/json-rpc.ts";
import { smokeOr } from "../harness.ts";
import { ANVIL_MODES } from "./anvil-process.ts";
import { type Contender, startAnvil, startOurs } from "./contender.ts";
import { median, printDigest, printHead } from "./figures.ts";
import { openConnection, sendBatch, TRANSPORTS, type TransportName } from "./transport.ts";
import { type Lanes, WORKLOAD_KINDS, Workload, type WorkloadKind } from "./workload.ts";

const SENDER_COUNT = smokeOr(16, 4);
const TRANSACTION_COUNT = smokeOr(6_400, 40);
const BATCH = smokeOr(50, 5);
const ROUNDS = smokeOr(5, 1);
const WARM_UP_ROUNDS = smokeOr(1, 0);
const POLL_MS = 5;
/** A program that includes nothing new for so long has lost some. */
const STALL_MS = 4_000;

/** Sends all lanes at once and waits until every nonce has arrived. @returns included transactions per second */
async function play(contender: Contender, lanes: Lanes, transport: TransportName): Promise<number> {
  const connections = await Promise.all(lanes.map(() => openConnection(transport, contender)));
  const startMs = performance.now();
  await Promise.all(
    lanes.map(async (lane, index) => {
      const connection = connections[index];
      assert(connection !== undefined, "a connection a lane");
      for (let i = 0; i < lane.length; i += BATCH) {
        await sendBatch(
          connection,
          lane.slice(i, i + BATCH).map(({ raw }) => raw),
        );
      }
    }),
  );
  await waitForNonces(contender, lanes);
  const elapsedMs = performance.now() - startMs;
  for (const { close } of connections) close();
  return (lanes.reduce((sum, { length }) => sum + length, 0) * 1_000) / elapsedMs;
}

async function waitForNonces({ name, reader }: Contender, lanes: Lanes): Promise<void> {
  const params = lanes.map((_, index) => [addresses[index], "latest"]);
  const wanted = lanes.map((lane) => (lane.at(-1)?.nonce ?? -1) + 1);
  let [seen, seenMs] = ["", performance.now()];
  for (;;) {
    const nonces = await latestNonces(reader, params);
    if (wanted.every((count, index) => Number(nonces[index] ?? -1) >= count)) return;
    if (seen !== nonces.join()) [seen, seenMs] = [nonces.join(), performance.now()];
    if (performance.now() - seenMs > STALL_MS)
      throw new StallError(`${name} stays at nonces ${seen}, wanted ${wanted}`);
    await Bun.sleep(POLL_MS);
  }
}

/** No nonces while a pruning anvil has just dropped the state that "latest" named. */
async function latestNonces(reader: Contender["reader"], params: readonly unknown[][]): Promise<readonly Hex[]> {
  try {
    return await reader.many<Hex>("eth_getTransactionCount", params);
  } catch (error) {
    if (error instanceof RpcFailure && error.message.includes("BlockOutOfRangeError")) return [];
    throw error;
  }
}

class StallError extends Error {}

/** The program's own count, which it may publish a little later than the transactions. @throws {Error} when it stays another */
async function checkCount({ name, includedCount }: Contender, wanted: number): Promise<void> {
  const deadlineMs = performance.now() + 5_000;
  let count = await includedCount();
  while (count !== wanted && performance.now() < deadlineMs) {
    await Bun.sleep(50);
    count = await includedCount();
  }
  assert(count === wanted, () => `${name} has included ${count} transactions, not ${wanted}`);
}

const workload = new Workload(SENDER_COUNT);
const addresses = workload.senders.map(({ address }) => address);

/** Tries every mode of anvil with native transfers and names the quickest one that includes everything. */
async function findBestAnvilMode(): Promise<string> {
  console.log("\nanvil by mode, native transfers over HTTP, included/s:");
  let best = { mode: "", rate: 0 };
  for (const [mode, flags] of Object.entries(ANVIL_MODES)) {
    const rate = await tryAnvil(flags);
    console.log(`  ${mode}: ${rate?.toFixed(0) ?? "stalls, not all are included"}`);
    if (rate !== null && rate > best.rate) best = { mode, rate };
  }
  return best.mode;
}

/** The better of two rounds; null when not all transactions were included. */
async function tryAnvil(flags: readonly string[]): Promise<number | null> {
  const trial = new Workload(SENDER_COUNT);
  const anvil = await startAnvil(flags);
  try {
    await trial.prepare(anvil.rpc);
    let best = 0;
    for (let round = 0; round < smokeOr(2, 1); round++) {
      best = Math.max(best, await play(anvil, trial.round(round, "native transfers", TRANSACTION_COUNT), "HTTP"));
    }
    return best;
  } catch (error) {
    if (error instanceof StallError) return null;
    throw error;
  } finally {
    await anvil.stop();
  }
}

async function measure(
  contenders: readonly Contender[],
  kind: WorkloadKind,
  transport: TransportName,
  firstRound: number,
): Promise<void> {
  const rates = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    const lanes = workload.round(firstRound + round, kind, TRANSACTION_COUNT);
    const turn = round % 2 === 0 ? contenders : [...contenders].reverse();
    for (const contender of turn) {
      const rate = await play(contender, lanes, transport);
      await checkCount(contender, workload.preparationCount + (firstRound + round + 1) * TRANSACTION_COUNT);
      if (round >= WARM_UP_ROUNDS) rates.get(contender.name)?.push(rate);
    }
  }
  console.log(`\n  ${kind} over ${transport}, included/s`);
  const baseline = median(rates.get("anvil") ?? []);
  for (const [name, values] of rates) {
    const range = `${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)}`;
    const middle = median(values);
    console.log(
      `  ${name.padEnd(8)} median ${middle.toFixed(0)}  (${range})  ${(middle / baseline).toFixed(2)}x anvil`,
    );
  }
  const digests = await Promise.all(
    contenders.map(async ({ name, reader }) => [name, await workload.digest(reader)] as const),
  );
  printDigest(new Map(digests));
}

const mode = await findBestAnvilMode();
const contenders = [await startOurs(), await startAnvil(ANVIL_MODES[mode] ?? [])];
try {
  for (const { rpc } of contenders) await workload.prepare(rpc);
  printHead("end-to-end throughput", {
    transactions: `${TRANSACTION_COUNT} a round by ${SENDER_COUNT} senders in batches of ${BATCH}`,
    rounds: `${ROUNDS} after ${WARM_UP_ROUNDS} of warm-up, interleaved`,
    megaeth: `${contenders[0]?.flags.join(" ")}; included as seen at a replica on the same machine`,
    anvil: `${contenders[1]?.flags.join(" ")} (${mode})`,
  });
  let round = 0;
  for (const kind of WORKLOAD_KINDS) {
    for (const transport of TRANSPORTS) {
      await measure(contenders, kind, transport, round);
      round += WARM_UP_ROUNDS + ROUNDS;
    }
  }
} finally {
  for (const { stop } of contenders) await stop();
}
process.exit(0);
