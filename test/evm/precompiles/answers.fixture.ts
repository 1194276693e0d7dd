// A program that runs every precompile on seeded inputs and prints what came out as JSON: in its main thread, in a
// worker, or over a range of shared memory, as its first word asks. The answers must not depend on any of that.

import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { SeededRandom } from "#base/random.ts";
import { bls12381 } from "#crypto/bls12-381.ts";
import { PRECOMPILE_MEMORY_SIZE_BYTES, placePrecompileKernels } from "#crypto/precompile-memory.ts";
import { precompilesAt } from "#evm/precompiles/table.ts";
import { blsG1, blsG2, bn254G1, bn254G2 } from "#test/crypto/curve-inputs.ts";
import { createMemory, memoryCount, PAGE_SIZE_BYTES } from "#wasm/loader.ts";

/** What one thread found. */
export type Answers = { readonly backend: string; readonly memoryCount: number; readonly lines: readonly string[] };

const SEED = 20_261_132;

function computeAnswers(): Answers {
  const random = new SeededRandom(SEED);
  const g1 = () => blsG1(random, "member");
  const g2 = () => blsG2(random, "member");
  const block = random.bytes(213);
  block.set([0, 0, 0, 12]);
  block[212] = 1;
  const lengths = [40, 33, 41].map((size) => bigintToBytes(BigInt(size), 32));
  const inputs: readonly (readonly [number, Uint8Array])[] = [
    [1, random.bytes(128)],
    [2, random.bytes(100)],
    [3, random.bytes(100)],
    [4, random.bytes(100)],
    [5, concatBytes(...lengths, random.bytes(114))],
    [6, concatBytes(bn254G1(random, "member"), bn254G1(random, "member"))],
    [7, concatBytes(bn254G1(random, "member"), random.bytes(32))],
    [8, concatBytes(bn254G1(random, "member"), bn254G2(random, "member"))],
    [9, block],
    [11, concatBytes(g1(), g1())],
    [12, concatBytes(g1(), random.bytes(32), g1(), random.bytes(32))],
    [13, concatBytes(g2(), g2())],
    [14, concatBytes(g2(), random.bytes(32))],
    [15, concatBytes(g1(), g2())],
    [16, concatBytes(new Uint8Array(17), random.bytes(47))],
    [17, concatBytes(new Uint8Array(17), random.bytes(47), new Uint8Array(17), random.bytes(47))],
    [256, random.bytes(160)],
  ];
  const lines = inputs.map(([address, input]) => {
    // Inputs come from the machine's memory, which is shared.
    const shared = new Uint8Array(new SharedArrayBuffer(input.length + 3)).subarray(3);
    shared.set(input);
    const output = precompilesAt("osaka").get(address)!.run(shared, "osaka");
    return `${address} ${output?.toHex() ?? "failed"}`;
  });
  return { backend: bls12381().name, memoryCount: memoryCount(), lines };
}

if (!isMainThread) parentPort!.postMessage(computeAnswers());
else if (process.argv.includes("worker")) {
  new Worker(Bun.main).once("message", (answers: Answers) => console.log(JSON.stringify(answers)));
} else {
  if (process.argv.includes("shared")) {
    const pages = PRECOMPILE_MEMORY_SIZE_BYTES / PAGE_SIZE_BYTES + 1;
    const memory = createMemory({ initialPages: pages, maximumPages: pages, shared: true });
    placePrecompileKernels({ memory, base: 4160, sizeBytes: PRECOMPILE_MEMORY_SIZE_BYTES });
  }
  console.log(JSON.stringify(computeAnswers()));
}
