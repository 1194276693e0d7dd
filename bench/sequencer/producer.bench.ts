// The producer without an EVM: what cutting, hashing, signing and installing cost per transaction and per mini-block. The
// engine moves one wei between two accounts, so that the diff is real and the rest of the time is the producer's own.

import type { Engine } from "#evm/engine.ts";
import { ACCOUNTS, ProducerFixture } from "#test/sequencer/producer-fixture.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const transactionCount = smokeOr(1_000, 40);

const transferEngine: Engine = {
  kind: "reference",
  applyTransaction: async (tx, sender, _env, host) => {
    const from = host.account(sender)!;
    host.beginTransaction();
    host.setAccount(sender, { ...from, nonce: from.nonce + 1n, balance: from.balance - tx.value });
    const to = host.account(tx.to!)!;
    host.setAccount(tx.to!, { ...to, balance: to.balance + tx.value });
    host.endTransaction();
    const outcome = {
      status: 1,
      gasUsed: 21_000n,
      logs: [],
      output: tx.data,
      halt: null,
      contractAddress: null,
    } as const;
    return { kind: "applied", outcome: { ...outcome, logs: [] } };
  },
  call: () => Promise.reject(new Error("no calls here")),
  systemCall: async () => ({
    reject: null,
    gasUsed: 0n,
    gasRefunded: 0n,
    output: new Uint8Array(0),
    halt: null,
    logs: [],
  }),
};

/** Fixtures are made before the clock starts: one for each run. */
async function prepare(count: number): Promise<ProducerFixture[]> {
  const fixtures: ProducerFixture[] = [];
  for (let i = 0; i < count; i++) {
    const fixture = await ProducerFixture.create({ engine: transferEngine, stateMemoryBytes: 8 << 20 });
    fixture.tickUs = 0;
    await fixture.settle();
    for (let j = 0; j < transactionCount; j++) fixture.send(j % 3, { gasLimit: 21_000n });
    fixtures.push(fixture);
  }
  return fixtures;
}

/** Runs everything in mini-blocks of about `perMiniBlock` transactions: the clock moves with each reading. */
async function run(fixture: ProducerFixture, perMiniBlock: number): Promise<string> {
  fixture.tickUs = 10_000 / perMiniBlock;
  await fixture.settle();
  const sent = fixture.table.account(ACCOUNTS[3]!.address)!.balance - 10n ** 22n;
  return `${sent}`;
}

const rounds = smokeOr(7, 2);
const sizes = [100, 10, 2];
const pools = new Map<number, ProducerFixture[]>();
for (const size of sizes) pools.set(size, await prepare(rounds + 2));

await runInterleaved({
  name: "produce transfers, engine left out",
  rounds,
  operationCount: transactionCount,
  parameters: { transactionCount },
  contenders: Object.fromEntries(
    sizes.map((size) => [`about ${size} in a mini-block`, () => run(pools.get(size)!.pop()!, size)]),
  ),
});
