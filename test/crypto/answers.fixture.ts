// A program that prints what every primitive answers to seeded inputs, and on which implementations: run in other
// processes and threads, and compiled, whose answers must be the same.

import { toBareHex } from "#base/hex.ts";
import { lz4Compress, lz4Decompress } from "#base/lz4.ts";
import { SeededRandom } from "#base/random.ts";
import { Blake3Hasher, blake3 } from "#crypto/blake3.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { addressFromPrivateKey, encodeSignature, recoverPublicKey, SECP256K1_N, sign } from "#crypto/secp256k1.ts";
import { runCryptoSelfTest } from "#crypto/self-test.ts";
import { sha256 } from "#crypto/sha256.ts";
import { type KernelModules, kernelModules, placeKernels } from "#crypto/thread-kernels.ts";
import { createMemory } from "#wasm/loader.ts";

/** What one process or thread found. */
export type Answers = { backends: ReturnType<typeof runCryptoSelfTest>; digest: string; lines: string[] };

/** Computes the answers; the same in every process. */
export function computeAnswers(): Answers {
  const random = new SeededRandom(20_260_706);
  const lines: string[] = [];
  for (const size of [0, 1, 135, 136, 137, 1000, 70_000]) {
    const message = random.bytes(size);
    const pieces = new Blake3Hasher().update(message.subarray(0, size >> 1)).update(message.subarray(size >> 1));
    const restored = lz4Decompress(lz4Compress(message), size);
    lines.push(
      [keccak256(message), blake3(message), pieces.digest(), sha256(message), sha256(restored)]
        .map(toBareHex)
        .join(" "),
    );
  }
  for (let round = 0; round < 20; round++) {
    const hash = round === 0 ? new Uint8Array(32).fill(0xff) : random.bytes(32);
    const key = random.bytes(32);
    const signature = sign(hash, key);
    const stranger = recoverPublicKey(hash, random.bytes(32), signature.s, random.below(2));
    const parts = [encodeSignature(signature), addressFromPrivateKey(key)].map(toBareHex);
    lines.push([...parts, stranger === null ? "none" : toBareHex(stranger)].join(" "));
  }
  const order = SECP256K1_N.toString(16);
  const digest = toBareHex(sha256(new TextEncoder().encode(`${order}\n${lines.join("\n")}`)));
  return { backends: runCryptoSelfTest(), digest, lines };
}

declare const self: Worker;

if (!Bun.isMainThread) {
  // The thread keeps its kernels in ranges of a larger, shared memory, with an input buffer of a few blocks.
  self.onmessage = ({ data }: MessageEvent<KernelModules>) => {
    const memory = createMemory({ initialPages: 2, maximumPages: 2, shared: true });
    placeKernels({
      ranges: {
        keccak: { memory, base: 4096, sizeBytes: 2048 },
        secp256k1: { memory, base: 8192, sizeBytes: 100_000 },
      },
      modules: data,
    });
    self.postMessage(computeAnswers());
  };
} else if (import.meta.main) {
  const main = computeAnswers();
  const worker = new Worker(import.meta.url);
  worker.onmessage = (event: MessageEvent<Answers>) => {
    console.log(JSON.stringify({ main, worker: event.data }));
    process.exit(0);
  };
  worker.onerror = (event) => {
    console.error(event.message);
    process.exit(1);
  };
  worker.postMessage(kernelModules());
}
