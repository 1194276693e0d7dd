// Transactions included per second, from the client's first byte until all are included: ours as seen at a replica, anvil's in
// its blocks. The same signed bytes through the same client code, rounds interleaved; anvil in whichever mode is best.
//
//   client ──batches──▶ sequencer ──feed──▶ replica ◀──nonces of all senders?── client
//   client ──batches──▶ anvil ◀──nonces of all senders?── client

import type { Hex } from "viem";
import { assert } from "#base/assert.ts";
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
const PATIENCE_MS = 60_000;

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
  await waitForNonces(contender, lanes, startMs);
  const elapsedMs = performance.now() - startMs;
  for (const { close } of connections) close();
  return (lanes.reduce((sum, { length }) => sum + length, 0) * 1_000) / elapsedMs;
}

async function waitForNonces({ name, reader }: Contender, lanes: Lanes, startMs: number): Promise<void> {
  const params = lanes.map((_, index) => [addresses[index], "latest"]);
  const wanted = lanes.map((lane) => (lane.at(-1)?.nonce ?? -1) + 1);
  for (;;) {
    const nonces = await reader.many<Hex>("eth_getTransactionCount", params);
    if (nonces.every((nonce, index) => Number(nonce) >= (wanted[index] ?? 0))) return;
    if (performance.now() - startMs > PATIENCE_MS)
      throw new Error(`${name} has not included all: ${nonces} of ${wanted}`);
    await Bun.sleep(POLL_MS);
  }
}

const workload = new Workload(SENDER_COUNT);
const addresses = workload.senders.map(({ address }) => address);

/** Included per second in one warmed-up round of native transfers, by mode. */
async function findBestAnvilMode(): Promise<string> {
  const rates: [string, number][] = [];
  for (const [mode, flags] of Object.entries(ANVIL_MODES)) {
    const trial = new Workload(SENDER_COUNT);
    const anvil = await startAnvil(flags);
    try {
      await trial.prepare(anvil.rpc);
      let best = 0;
      for (let round = 0; round < smokeOr(2, 1); round++) {
        const lanes = trial.round(round, "native transfers", TRANSACTION_COUNT);
        best = Math.max(best, await play(anvil, lanes, "HTTP").catch(() => 0));
      }
      rates.push([mode, best]);
    } finally {
      await anvil.stop();
    }
  }
  rates.sort(([, a], [, b]) => b - a);
  console.log("\nanvil by mode, native transfers over HTTP, included/s:");
  for (const [mode, rate] of rates) console.log(`  ${mode}: ${rate.toFixed(0)}`);
  return rates[0]?.[0] ?? "";
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
      const before = await contender.includedCount();
      const rate = await play(contender, lanes, transport);
      assert((await contender.includedCount()) - before === TRANSACTION_COUNT, () => `${contender.name} lost some`);
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
