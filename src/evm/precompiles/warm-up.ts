// Runs every precompile of a fork on small valid inputs, so that kernels are made and compiled before a block needs
// them: the first pairing of a process takes some ten times as long as a later one.

import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { sha256 } from "#crypto/sha256.ts";
import { precompilesAt } from "./table.ts";

// Generators in the encodings of EIP-197 and, compressed, of EIP-4844.
const BN254_G1 = concatBytes(bigintToBytes(1n, 32), bigintToBytes(2n, 32));
const BN254_G2 = fromHex(
  "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2" +
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed" +
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b" +
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa",
);
const BLS12_381_G1_COMPRESSED = fromHex(
  "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb",
);

/**
 * Warms up this thread's precompiles.
 * @param rounds how often each one runs; some tens reach the engine's best code
 * @returns how many precompiles answered something other than a failure
 */
export function warmUpPrecompiles(fork: Hardfork, rounds: number): number {
  const precompiles = precompilesAt(fork);
  const run = (address: number, input: Uint8Array) => precompiles.get(address)?.run(input, fork) ?? null;
  const scalar = new Uint8Array(32).fill(0x29);
  const element = concatBytes(new Uint8Array(63), new Uint8Array([5]));
  const g1 = run(0x10, element) ?? new Uint8Array(0);
  const g2 = run(0x11, concatBytes(element, element)) ?? new Uint8Array(0);
  const inputs: Readonly<Record<number, Uint8Array>> = {
    1: concatBytes(scalar, bigintToBytes(27n, 32), scalar, scalar),
    2: scalar,
    3: scalar,
    4: scalar,
    5: concatBytes(bigintToBytes(32n, 32), bigintToBytes(32n, 32), bigintToBytes(32n, 32), scalar, scalar, scalar),
    6: concatBytes(BN254_G1, BN254_G1),
    7: concatBytes(BN254_G1, scalar),
    8: concatBytes(BN254_G1, BN254_G2),
    9: concatBytes(new Uint8Array([0, 0, 0, 12]), new Uint8Array(208), new Uint8Array([1])),
    10: constantOpening(),
    11: concatBytes(g1, g1),
    12: concatBytes(g1, scalar),
    13: concatBytes(g2, g2),
    14: concatBytes(g2, scalar),
    15: concatBytes(g1, g2),
    16: element,
    17: concatBytes(element, element),
    256: concatBytes(scalar, scalar, scalar, scalar, scalar),
  };
  let answeredCount = 0;
  for (const address of precompiles.keys()) {
    let output: Uint8Array | null = null;
    for (let i = 0; i < rounds; i++) output = run(address, inputs[address]!);
    if (output !== null) answeredCount++;
  }
  return answeredCount;
}

// The polynomial 1: its commitment is the generator, its value 1 everywhere, its proof infinity.
function constantOpening(): Uint8Array {
  const hash = sha256(BLS12_381_G1_COMPRESSED);
  hash[0] = 1;
  const infinity = new Uint8Array(48);
  infinity[0] = 0xc0;
  return concatBytes(hash, bigintToBytes(7n, 32), bigintToBytes(1n, 32), BLS12_381_G1_COMPRESSED, infinity);
}
