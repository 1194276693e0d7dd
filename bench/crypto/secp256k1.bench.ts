// Sender recovery and signing: the native add-on against @noble/curves.

import { must } from "#base/assert.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import type { Secp256k1Backend } from "#crypto/secp256k1-backend.ts";
import { nativeSecp256k1 } from "#crypto/secp256k1-native.ts";
import { createNobleSecp256k1 } from "#crypto/secp256k1-noble.ts";
import { sha256 } from "#crypto/sha256.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const seed = 20_260_708;
const native = must(nativeSecp256k1, "this bench needs the native add-on");
const noble = createNobleSecp256k1();
const random = new SeededRandom(seed);
const count = smokeOr(200, 4);

const items = Array.from({ length: count }, () => {
  const hash = random.bytes(32);
  hash[0] = 0; // below the group order
  const privateKey = random.bytes(32);
  privateKey[0] = 1;
  const signature = new Uint8Array(64);
  const yParity = native.sign(hash, privateKey, signature) === 0 ? (0 as const) : (1 as const);
  return { hash, privateKey, signature, yParity };
});

function recoverAll(backend: Secp256k1Backend): string {
  const keys = new Uint8Array(65 * count);
  for (let i = 0; i < count; i++) {
    const { hash, signature, yParity } = items[i]!;
    backend.recover(hash, signature, yParity, keys.subarray(65 * i, 65 * i + 65));
  }
  return toBareHex(sha256(keys));
}

function signAll(backend: Secp256k1Backend): string {
  const signatures = new Uint8Array(64 * count);
  for (let i = 0; i < count; i++) {
    const { hash, privateKey } = items[i]!;
    backend.sign(hash, privateKey, signatures.subarray(64 * i, 64 * i + 64));
  }
  return toBareHex(sha256(signatures));
}

for (const [name, all] of [
  ["recover a public key", recoverAll],
  ["sign", signAll],
] as const) {
  await runInterleaved({
    name: `secp256k1: ${name}`,
    rounds: smokeOr(9, 2),
    operationCount: count,
    parameters: { seed },
    contenders: { native: () => all(native), "noble curves": () => all(noble) },
  });
}
