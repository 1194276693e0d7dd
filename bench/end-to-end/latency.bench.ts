// Time from sending a signed transaction to holding its receipt, by the client's clock, one transaction at a time: ours by
// eth_sendRawTransactionSync; anvil, a block per transaction, by the same method and by sending and asking for the receipt,
// whichever is quicker. Samples interleaved, the same signed bytes.

import type { Hex } from "viem";
import { assert } from "#base/assert.ts";
import type { ReceiptJson, SignedTransaction } from "#test/e2e/wallet.ts";
import { smokeOr } from "../harness.ts";
import { type Contender, startAnvil, startOurs } from "./contender.ts";
import { median, percentile, printDigest, printHead } from "./figures.ts";
import { type Connection, exchangeCall, openConnection, TRANSPORTS, type TransportName } from "./transport.ts";
import { WORKLOAD_KINDS, Workload, type WorkloadKind } from "./workload.ts";

const SAMPLE_COUNT = smokeOr(500, 6);
const WARM_UP_COUNT = smokeOr(50, 2);

/** A way to get from a signed transaction to its receipt. */
type Way = {
  readonly name: string;
  readonly contender: Contender;
  readonly run: (connection: Connection, transaction: SignedTransaction) => Promise<ReceiptJson>;
};

function sendSync(connection: Connection, { raw }: SignedTransaction): Promise<ReceiptJson> {
  return exchangeCall<ReceiptJson>(connection, "eth_sendRawTransactionSync", [raw]);
}

async function sendAndAsk(connection: Connection, { raw }: SignedTransaction): Promise<ReceiptJson> {
  const hash = await exchangeCall<Hex>(connection, "eth_sendRawTransaction", [raw]);
  for (;;) {
    const receipt = await exchangeCall<ReceiptJson | null>(connection, "eth_getTransactionReceipt", [hash]);
    if (receipt !== null) return receipt;
  }
}

async function measure(
  workload: Workload,
  ways: readonly Way[],
  kind: WorkloadKind,
  transport: TransportName,
  firstRound: number,
): Promise<void> {
  const samples = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  const connections = await Promise.all(ways.map(({ contender }) => openConnection(transport, contender)));
  for (let i = 0; i < WARM_UP_COUNT + SAMPLE_COUNT; i++) {
    const transaction = workload.round(firstRound + i, kind, 1)[0]?.[0];
    assert(transaction !== undefined, "one transaction a round");
    for (let turn = 0; turn < ways.length; turn++) {
      const index = (turn + i) % ways.length;
      const [way, connection] = [ways[index], connections[index]];
      assert(way !== undefined && connection !== undefined, "a connection a way");
      const startMs = performance.now();
      const receipt = await way.run(connection, transaction);
      const elapsedMs = performance.now() - startMs;
      assert(
        receipt.status === "0x1" && receipt.transactionHash === transaction.hash,
        () => `${way.name} answers another`,
      );
      if (i >= WARM_UP_COUNT) samples.get(way.name)?.push(elapsedMs);
    }
  }
  for (const { close } of connections) close();
  print(samples, kind, transport);
  const digests = await Promise.all(
    ways.map(async ({ name, contender }) => [name, await workload.digest(contender.rpc)] as const),
  );
  printDigest(new Map(digests));
}

function print(samples: ReadonlyMap<string, number[]>, kind: WorkloadKind, transport: TransportName): void {
  const rivals = [...samples].filter(([name]) => name.startsWith("anvil"));
  const best = rivals.reduce((a, b) => (median(b[1]) < median(a[1]) ? b : a));
  console.log(`\n  ${kind} over ${transport}, milliseconds from send to receipt`);
  for (const [name, values] of samples) {
    const [p50, p99] = [percentile(values, 50), percentile(values, 99)];
    const ratios = `${(p50 / percentile(best[1], 50)).toFixed(2)}x / ${(p99 / percentile(best[1], 99)).toFixed(2)}x ${best[0]}`;
    console.log(`  ${name.padEnd(22)} p50 ${p50.toFixed(2)}  p99 ${p99.toFixed(2)}  ${ratios}`);
  }
}

const ours = await startOurs();
// One anvil a way, since each transaction can be sent to a chain only once.
const anvils = [await startAnvil([]), await startAnvil([])] as const;
try {
  const workload = new Workload(1);
  for (const { rpc } of [ours, ...anvils]) await workload.prepare(rpc);
  const ways: Way[] = [
    { name: "megaeth sync send", contender: ours, run: sendSync },
    { name: "anvil sync send", contender: anvils[0], run: sendSync },
    { name: "anvil send and ask", contender: anvils[1], run: sendAndAsk },
  ];
  printHead("end-to-end latency", {
    samples: `${SAMPLE_COUNT} after ${WARM_UP_COUNT} of warm-up, interleaved, one at a time`,
    megaeth: `${ours.flags.join(" ")}; a replica follows on the same machine`,
    anvil: `${anvils[0].flags.join(" ")} (a block per transaction)`,
  });
  let round = 0;
  for (const kind of WORKLOAD_KINDS) {
    for (const transport of TRANSPORTS) {
      await measure(workload, ways, kind, transport, round);
      round += WARM_UP_COUNT + SAMPLE_COUNT;
    }
  }
} finally {
  for (const { stop } of [ours, ...anvils]) await stop();
}
process.exit(0);
