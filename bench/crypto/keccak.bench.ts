// keccak256 on our WebAssembly kernel against hash-wasm and @noble/hashes, and against Bun's built-in SHA3-256, which
// runs the same permutation natively but cannot compute Ethereum's padding (so it answers its own digest and is timed
// alone, not compared).

import { keccak_256 } from "@noble/hashes/sha3.js";
import { createKeccak } from "hash-wasm";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { keccak256, keccak256Into } from "#crypto/keccak256.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const seed = 20_260_707;
const chain = new Uint8Array(32);
const hashWasm = await createKeccak(256);

// Each hash is written over the start of the next message, so that no run can be skipped or reordered.
function chained(message: Uint8Array, count: number, hashInto: (data: Uint8Array) => void): string {
  const original = message.slice(0, 32);
  for (let i = 0; i < count; i++) hashInto(message);
  chain.set(message.subarray(0, 32));
  message.set(original);
  return toBareHex(chain);
}

for (const sizeBytes of [32, 64, 135, 136, 1024, 131_072]) {
  const message = new SeededRandom(seed).bytes(sizeBytes);
  const count = smokeOr(Math.max(20, Math.floor(4_000_000 / (sizeBytes + 100))), 20);
  await runInterleaved({
    name: `keccak256 of ${sizeBytes} bytes`,
    rounds: smokeOr(9, 2),
    operationCount: count,
    parameters: { seed, sizeBytes },
    contenders: {
      "own kernel, into": () => chained(message, count, (data) => keccak256Into(data, data, 0)),
      "own kernel, fresh array": () => chained(message, count, (data) => data.set(keccak256(data))),
      "hash-wasm": () => chained(message, count, (data) => data.set(hashWasm.init().update(data).digest("binary"))),
      "@noble/hashes": () => chained(message, count, (data) => data.set(keccak_256(data))),
    },
  });
}

const sha3Message = new SeededRandom(seed).bytes(64);
const sha3Count = smokeOr(30_000, 20);
await runInterleaved({
  name: "Bun's SHA3-256 of 64 bytes, for scale",
  rounds: smokeOr(9, 2),
  operationCount: sha3Count,
  parameters: { seed, sizeBytes: 64 },
  contenders: {
    "Bun.CryptoHasher": () =>
      chained(sha3Message, sha3Count, (data) => {
        data.set(new Bun.CryptoHasher("sha3-256").update(data as Uint8Array<ArrayBuffer>).digest());
      }),
  },
});
