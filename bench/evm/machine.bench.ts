// What a transaction costs on our machine against the reference's: signed transfers and ERC-20 transfers, applied in order on the
// overlay that the executor uses, over a state in plain maps; interpreter tier. Frames are too small here for byte code to matter:
// this measures what surrounds them, entering the arena and leaving it.

import { bigintFromBytes } from "#base/bytes.ts";
import { SeededRandom } from "#base/random.ts";
import type { Engine } from "#evm/engine.ts";
import type { OverlayHost } from "#evm/overlay-host.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { createWasmEngine } from "#evm/wasm-engine.ts";
import { messageOf, specOf } from "#test/evm/fixtures.ts";
import { runInterleaved, smokeOr } from "../harness.ts";
import { balanceDigest, balanceQuery, TRANSFER_ENVIRONMENT, type TransferCall, TransferWorld } from "./transfers.ts";

const SEED = 20_261_128;
const RECIPIENT_COUNT = 100;

const count = smokeOr(4000, 5);
const rounds = smokeOr(9, 2);
const random = new SeededRandom(SEED);
const recipients = Array.from({ length: RECIPIENT_COUNT }, () => random.bytes(20));
const reference = await createReferenceEngine(specOf("osaka"));
const ours = await createWasmEngine(specOf("osaka"), { tier: "interpreter" });
const world = await TransferWorld.create(reference);

await compare(
  "a transfer",
  (recipient) => world.transfer(recipient),
  async (_engine, host, address) => host.account(address)?.balance ?? 0n,
);
await compare(
  "an ERC-20 transfer",
  (recipient) => world.tokenTransfer(recipient),
  async (engine, host, address) => {
    const message = messageOf({ to: world.token, data: balanceQuery(address) });
    return bigintFromBytes((await engine.call(message, TRANSFER_ENVIRONMENT, host)).output);
  },
);

async function compare(
  name: string,
  callTo: (recipient: Uint8Array) => TransferCall,
  balanceOf: (engine: Engine, host: OverlayHost, address: Uint8Array) => Promise<bigint>,
): Promise<void> {
  const transactions = world.sign(Array.from({ length: count }, (_, i) => callTo(recipients[i % RECIPIENT_COUNT]!)));
  const contender = (engine: Engine) => async () => {
    const host = await world.applyAll(engine, transactions);
    return balanceDigest(recipients, (address) => balanceOf(engine, host, address));
  };
  const result = await runInterleaved({
    name: `${name} on our machine`,
    rounds,
    operationCount: count,
    parameters: { seed: SEED, recipients: RECIPIENT_COUNT, fork: TRANSFER_ENVIRONMENT.fork },
    contenders: { "our engine, interpreter": contender(ours), "reference engine": contender(reference) },
  });
  console.log(`  ${Math.round(1e9 / result.rows[0]!.medianNs)} transactions/s on our engine`);
}
