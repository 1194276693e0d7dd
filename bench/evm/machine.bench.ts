// What a transaction costs on our machine against the reference's: signed transfers and ERC-20 transfers, applied in order on the
// overlay that the executor uses, over a state in plain maps; interpreter tier. Frames are too small here for byte code to matter:
// this measures what surrounds them, entering the arena and leaving it.

import { must } from "#base/assert.ts";
import { bigintFromBytes, bigintToBytes, concatBytes } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { contractAddress, type Transaction } from "#chain/transaction.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import type { Engine } from "#evm/engine.ts";
import { OverlayHost } from "#evm/overlay-host.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { createWasmEngine } from "#evm/wasm-engine.ts";
import { contracts } from "#test/e2e/contracts.ts";
import { ALICE, ETHER, environmentOf, fund, messageOf, signed, specOf } from "#test/evm/fixtures.ts";
import { MemoryHost } from "#test/evm/memory-host.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const SEED = 20_261_128;
const TRANSFER_SELECTOR = fromHex("a9059cbb");
const BALANCE_OF_SELECTOR = fromHex("70a08231");
const RECIPIENT_COUNT = 100;

const count = smokeOr(4000, 5);
const rounds = smokeOr(9, 2);
const random = new SeededRandom(SEED);
const recipients = Array.from({ length: RECIPIENT_COUNT }, () => random.bytes(20));
const env = environmentOf("osaka");
const reference = await createReferenceEngine(specOf("osaka"));
const ours = await createWasmEngine(specOf("osaka"), { tier: "interpreter" });

const source = new MemoryHost();
fund(source, ALICE.address, 1000n * ETHER);
const token = contractAddress(ALICE.address, 0n);
await deploy();

type Call = { readonly to: Uint8Array; readonly value: bigint; readonly data: Uint8Array };

await compare(
  "a transfer",
  (recipient) => ({ to: recipient, value: 1n, data: new Uint8Array(0) }),
  async (_engine, host, address) => host.account(address)?.balance ?? 0n,
);
await compare(
  "an ERC-20 transfer",
  (recipient) => ({
    to: token,
    value: 0n,
    data: concatBytes(TRANSFER_SELECTOR, new Uint8Array(12), recipient, bigintToBytes(1n, 32)),
  }),
  async (engine, host, address) => {
    const data = concatBytes(BALANCE_OF_SELECTOR, new Uint8Array(12), address);
    return bigintFromBytes((await engine.call(messageOf({ to: token, data }), env, host)).output);
  },
);

async function deploy(): Promise<void> {
  const data = concatBytes(fromHex(contracts().Token.bytecode), bigintToBytes(10n ** 24n, 32));
  const tx = signed({ to: null, data, gasLimit: 5_000_000n });
  const result = await reference.applyTransaction(tx, ALICE.address, env, source);
  if (result.kind === "rejected" || result.outcome.status === 0) throw new Error("the token was not deployed");
}

async function compare(
  name: string,
  callTo: (recipient: Uint8Array) => Call,
  balanceOf: (engine: Engine, host: OverlayHost, address: Uint8Array) => Promise<bigint>,
): Promise<void> {
  const firstNonce = must(source.account(ALICE.address), "the sender is funded").nonce;
  const calls = Array.from({ length: count }, (_, i) => callTo(recipients[i % RECIPIENT_COUNT]!));
  const transactions = calls.map((call, i) => signed({ ...call, nonce: firstNonce + BigInt(i) }));
  const contender = (engine: Engine) => async () => {
    const host = await applyAll(engine, transactions);
    const words: Uint8Array[] = [];
    for (const address of recipients) words.push(bigintToBytes(await balanceOf(engine, host, address), 32));
    return toBareHex(keccak256(concatBytes(...words)));
  };
  const result = await runInterleaved({
    name: `${name} on our machine`,
    rounds,
    operationCount: count,
    parameters: { seed: SEED, recipients: RECIPIENT_COUNT, fork: env.fork },
    contenders: { "our engine, interpreter": contender(ours), "reference engine": contender(reference) },
  });
  console.log(`  ${Math.round(1e9 / result.rows[0]!.medianNs)} transactions/s on our engine`);
}

async function applyAll(engine: Engine, transactions: readonly Transaction[]): Promise<OverlayHost> {
  const host = new OverlayHost(source, () => new Uint8Array(32));
  for (const tx of transactions) {
    const result = await engine.applyTransaction(tx, ALICE.address, env, host);
    if (result.kind === "rejected" || result.outcome.status === 0) throw new Error("a transaction of the bench failed");
  }
  return host;
}
