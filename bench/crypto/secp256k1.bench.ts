// Sender recovery by our WebAssembly kernel against libsecp256k1 as an add-on, the same compiled to WebAssembly
// (tiny-secp256k1) and @noble/curves; signing by the add-on against @noble/curves.

import { recover as recoverByTiny } from "tiny-secp256k1";
import { must } from "#base/assert.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import type { KeyRecoverer, Secp256k1Backend } from "#crypto/secp256k1-backend.ts";
import { nativeSecp256k1 } from "#crypto/secp256k1-native.ts";
import { createNobleSecp256k1 } from "#crypto/secp256k1-noble.ts";
import { wasmKeyRecoverer } from "#crypto/secp256k1-wasm.ts";
import { sha256 } from "#crypto/sha256.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const seed = 20_260_708;
const own = must(wasmKeyRecoverer, "this bench needs wide arithmetic");
const native = must(nativeSecp256k1, "this bench needs the native add-on");
const noble = createNobleSecp256k1();
const random = new SeededRandom(seed);
const count = smokeOr(200, 4);
// The kernel's own warm-up: other tables of this process have not used it.
const warmUpRounds = smokeOr(8, 1);

const items = Array.from({ length: count }, () => {
  const hash = random.bytes(32);
  hash[0] = 0; // below the group order
  const privateKey = random.bytes(32);
  privateKey[0] = 1;
  const signature = new Uint8Array(64);
  const yParity = native.sign(hash, privateKey, signature) === 0 ? (0 as const) : (1 as const);
  return { hash, privateKey, signature, yParity };
});

const tiny: Pick<KeyRecoverer, "recover"> = {
  recover(hash, signature, yParity, publicKey) {
    const found = recoverByTiny(hash, signature, yParity, false);
    if (found !== null) publicKey.set(found);
    return found !== null;
  },
};

function recoverAll(backend: Pick<KeyRecoverer, "recover">): string {
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

await runInterleaved({
  name: "secp256k1: recover a public key",
  rounds: smokeOr(15, 2),
  warmUpRounds,
  operationCount: count,
  parameters: { seed },
  contenders: {
    "own kernel": () => recoverAll(own),
    "secp256k1 (add-on)": () => recoverAll(native),
    "tiny-secp256k1": () => recoverAll(tiny),
    "@noble/curves": () => recoverAll(noble),
  },
});

await runInterleaved({
  name: "secp256k1: sign",
  rounds: smokeOr(9, 2),
  operationCount: count,
  parameters: { seed },
  contenders: { "secp256k1 (add-on)": () => signAll(native), "@noble/curves": () => signAll(noble) },
});
