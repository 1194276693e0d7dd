// What a transaction costs on the reference engine: signed transfers and ERC-20 transfers, applied in order on the
// overlay that the executor uses, over a state in plain maps. Beside it the library alone, on its own state manager and
// without the rules of a transaction (no checks, fees, refunds or sweep): what those rules and our adapter add.

import { createEVM, type EVM } from "@ethereumjs/evm";
import { Account, Address } from "@ethereumjs/util";
import { must } from "#base/assert.ts";
import { bigintFromBytes } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import type { OverlayHost } from "#evm/overlay-host.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { ALICE, ETHER, messageOf, specOf } from "#test/evm/fixtures.ts";
import { runInterleaved, smokeOr } from "../harness.ts";
import { balanceDigest, balanceQuery, TRANSFER_ENVIRONMENT, type TransferCall, TransferWorld } from "./transfers.ts";

const SEED = 20_261_121;

const count = smokeOr(2000, 5);
const recipientCount = 100;
const rounds = smokeOr(7, 2);
const random = new SeededRandom(SEED);
const recipients = Array.from({ length: recipientCount }, () => random.bytes(20));
const engine = await createReferenceEngine(specOf("osaka"));
const world = await TransferWorld.create(engine);

await compare("a transfer", (recipient) => world.transfer(recipient), {
  ours: async (host, address) => host.account(address)?.balance ?? 0n,
  library: async ({ stateManager }, address) => (await stateManager.getAccount(address))?.balance ?? 0n,
});
await compare("an ERC-20 transfer", (recipient) => world.tokenTransfer(recipient), {
  ours: async (host, address) => {
    const message = messageOf({ to: world.token, data: balanceQuery(address) });
    return bigintFromBytes((await engine.call(message, TRANSFER_ENVIRONMENT, host)).output);
  },
  library: async (evm, address) => {
    const data = balanceQuery(address.bytes);
    const result = await evm.runCall({ to: new Address(world.token), data, gasLimit: 100_000n });
    return bigintFromBytes(result.execResult.returnValue);
  },
});

async function compare(
  name: string,
  callTo: (recipient: Uint8Array) => TransferCall,
  balanceOf: {
    ours: (host: OverlayHost, address: Uint8Array) => Promise<bigint>;
    library: (evm: EVM, address: Address) => Promise<bigint>;
  },
): Promise<void> {
  const calls = Array.from({ length: count }, (_, i) => callTo(recipients[i % recipientCount]!));
  const transactions = world.sign(calls);
  const result = await runInterleaved({
    name: `${name} on the reference engine`,
    rounds,
    operationCount: count,
    parameters: { seed: SEED, recipientCount, fork: TRANSFER_ENVIRONMENT.fork },
    contenders: {
      "reference engine": async () => {
        const host = await world.applyAll(engine, transactions);
        return balanceDigest(recipients, (address) => balanceOf.ours(host, address));
      },
      "library alone": async () => {
        const evm = await runAll(calls);
        return balanceDigest(recipients, (address) => balanceOf.library(evm, new Address(address)));
      },
    },
  });
  console.log(`  ${Math.round(1e9 / result.rows[0]!.medianNs)} transactions/s on the reference engine`);
}

async function runAll(calls: readonly TransferCall[]): Promise<EVM> {
  const { source, token } = world;
  const evm = (await createEVM()) as EVM;
  const { stateManager } = evm;
  const caller = new Address(ALICE.address);
  await stateManager.putAccount(caller, new Account(1n, 1000n * ETHER));
  const account = must(source.account(token), "the token exists");
  await stateManager.putCode(new Address(token), must(source.code(account.codeHash), "its code"));
  for (const [slot, value] of source.storage.get(toBareHex(token)) ?? []) {
    await stateManager.putStorage(new Address(token), fromHex(slot), value);
  }
  for (const { to, value, data } of calls) {
    const result = await evm.runCall({ caller, to: new Address(to), value, data, gasLimit: 100_000n });
    if (result.execResult.exceptionError !== undefined) throw new Error("a call of the bench failed");
    evm.journal.cleanJournal();
  }
  return evm;
}
