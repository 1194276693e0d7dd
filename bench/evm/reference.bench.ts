// What a transaction costs on the reference engine: signed transfers and ERC-20 transfers, applied in order on the
// overlay that the executor uses, over a state in plain maps. Beside it the library alone, on its own state manager and
// without the rules of a transaction (no checks, fees, refunds or sweep): what those rules and our adapter add.

import { createEVM, type EVM } from "@ethereumjs/evm";
import { Account, Address } from "@ethereumjs/util";
import { must } from "#base/assert.ts";
import { bigintFromBytes, bigintToBytes, concatBytes } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import type { Transaction } from "#chain/transaction.ts";
import { contractAddress } from "#chain/transaction.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { OverlayHost } from "#evm/overlay-host.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { contracts } from "#test/e2e/contracts.ts";
import { ALICE, ETHER, environmentOf, fund, messageOf, signed, specOf } from "#test/evm/fixtures.ts";
import { MemoryHost } from "#test/evm/memory-host.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const SEED = 20_261_121;
const TRANSFER_SELECTOR = fromHex("a9059cbb");
const BALANCE_OF_SELECTOR = fromHex("70a08231");

const count = smokeOr(2000, 5);
const recipientCount = 100;
const rounds = smokeOr(7, 2);
const random = new SeededRandom(SEED);
const recipients = Array.from({ length: recipientCount }, () => random.bytes(20));
const env = environmentOf("osaka");
const engine = await createReferenceEngine(specOf("osaka"));

const source = new MemoryHost();
fund(source, ALICE.address, 1000n * ETHER);
const token = contractAddress(ALICE.address, 0n);
await deploy();

type Call = { readonly to: Uint8Array; readonly value: bigint; readonly data: Uint8Array };

await compare("a transfer", (recipient) => ({ to: recipient, value: 1n, data: new Uint8Array(0) }), {
  ours: async (host, address) => host.account(address)?.balance ?? 0n,
  library: async ({ stateManager }, address) => (await stateManager.getAccount(address))?.balance ?? 0n,
});
await compare(
  "an ERC-20 transfer",
  (recipient) => ({
    to: token,
    value: 0n,
    data: concatBytes(TRANSFER_SELECTOR, new Uint8Array(12), recipient, bigintToBytes(1n, 32)),
  }),
  {
    ours: async (host, address) => {
      const message = messageOf({ to: token, data: balanceQuery(address) });
      return bigintFromBytes((await engine.call(message, env, host)).output);
    },
    library: async (evm, address) => {
      const data = balanceQuery(address.bytes);
      const result = await evm.runCall({ to: new Address(token), data, gasLimit: 100_000n });
      return bigintFromBytes(result.execResult.returnValue);
    },
  },
);

async function deploy(): Promise<void> {
  const parameters = concatBytes(bigintToBytes(10n ** 24n, 32));
  const data = concatBytes(fromHex(contracts().Token.bytecode), parameters);
  const tx = signed({ to: null, data, gasLimit: 5_000_000n });
  const result = await engine.applyTransaction(tx, ALICE.address, env, source);
  if (result.kind === "rejected" || result.outcome.status === 0) throw new Error("the token was not deployed");
}

async function compare(
  name: string,
  callTo: (recipient: Uint8Array) => Call,
  balanceOf: {
    ours: (host: OverlayHost, address: Uint8Array) => Promise<bigint>;
    library: (evm: EVM, address: Address) => Promise<bigint>;
  },
): Promise<void> {
  const firstNonce = must(source.account(ALICE.address), "the sender is funded").nonce;
  const calls = Array.from({ length: count }, (_, i) => callTo(recipients[i % recipientCount]!));
  const transactions = calls.map((call, i) => signed({ ...call, nonce: firstNonce + BigInt(i) }));
  const result = await runInterleaved({
    name: `${name} on the reference engine`,
    rounds,
    operationCount: count,
    parameters: { seed: SEED, recipientCount, fork: env.fork },
    contenders: {
      "reference engine": async () => {
        const host = await applyAll(transactions);
        return digestOf(recipients, (address) => balanceOf.ours(host, address));
      },
      "library alone": async () => {
        const evm = await runAll(calls);
        return digestOf(recipients, (address) => balanceOf.library(evm, new Address(address)));
      },
    },
  });
  console.log(`  ${Math.round(1e9 / result.rows[0]!.medianNs)} transactions/s on the reference engine`);
}

async function applyAll(transactions: readonly Transaction[]): Promise<OverlayHost> {
  const host = new OverlayHost(source, () => new Uint8Array(32));
  for (const tx of transactions) {
    const result = await engine.applyTransaction(tx, ALICE.address, env, host);
    if (result.kind === "rejected" || result.outcome.status === 0) throw new Error("a transaction of the bench failed");
  }
  return host;
}

async function runAll(calls: readonly Call[]): Promise<EVM> {
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

function balanceQuery(address: Uint8Array): Uint8Array {
  return concatBytes(BALANCE_OF_SELECTOR, new Uint8Array(12), address);
}

async function digestOf(
  addresses: readonly Uint8Array[],
  balanceOf: (address: Uint8Array) => Promise<bigint>,
): Promise<string> {
  const words: Uint8Array[] = [];
  for (const address of addresses) words.push(bigintToBytes(await balanceOf(address), 32));
  return toBareHex(keccak256(concatBytes(...words)));
}
