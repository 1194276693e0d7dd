// temporary
import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { contractAddress } from "#chain/transaction.ts";
import { OverlayHost } from "#evm/overlay-host.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { createWasmEngine } from "#evm/wasm-engine.ts";
import { contracts } from "#test/e2e/contracts.ts";
import { ALICE, ETHER, environmentOf, fund, messageOf, signed, specOf } from "#test/evm/fixtures.ts";
import { MemoryHost } from "#test/evm/memory-host.ts";

const env = environmentOf("osaka");
const source = new MemoryHost();
fund(source, ALICE.address, 1000n * ETHER);
const token = contractAddress(ALICE.address, 0n);
const ours =
  process.argv[2] === "ref"
    ? await createReferenceEngine(specOf("osaka"))
    : await createWasmEngine(specOf("osaka"), { tier: "interpreter" });
const random = new SeededRandom(1);
const rec = Array.from({ length: 100 }, () => random.bytes(20));
const data = concatBytes(fromHex(contracts().Token.bytecode), bigintToBytes(10n ** 24n, 32));
await ours.applyTransaction(signed({ to: null, data, gasLimit: 5_000_000n }), ALICE.address, env, source);
const N = 3000;
const mk = (i: number, erc: boolean) =>
  erc
    ? {
        to: token,
        value: 0n,
        data: concatBytes(fromHex("a9059cbb"), new Uint8Array(12), rec[i % 100]!, bigintToBytes(1n, 32)),
      }
    : { to: rec[i % 100]!, value: 1n, data: new Uint8Array(0) };
for (const erc of [false, true]) {
  const txs = Array.from({ length: N }, (_, i) => signed({ ...mk(i, erc), nonce: 1n + BigInt(i) }));
  for (let r = 0; r < 8; r++) {
    const host = new OverlayHost(source, () => new Uint8Array(32));
    const c = process.cpuUsage();
    const t = performance.now();
    for (const tx of txs) {
      const x = await ours.applyTransaction(tx, ALICE.address, env, host);
      if (x.kind !== "applied" || x.outcome.status !== 1) throw x;
    }
    const d = process.cpuUsage(c);
    console.log(
      erc ? "erc20" : "transfer",
      "cpu us",
      ((d.user + d.system) / N).toFixed(2),
      "wall",
      (((performance.now() - t) * 1e3) / N).toFixed(2),
    );
  }
}
