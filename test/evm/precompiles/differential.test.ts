// The precompiles against those of @ethereumjs/evm, through the reference machine: output, failure and gas for seeded
// inputs at every fork, and the addresses that have no precompile yet.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { HARDFORKS, type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import type { FrameResult } from "#evm/machine.ts";
import { PRECOMPILES, type Precompile, precompilesAt } from "#evm/precompiles/table.ts";
import { ReferenceMachine } from "#evm/reference/machine.ts";
import { vectorsFolder } from "#test/vectors.ts";
import { callPrecompile } from "../precompile-call.ts";
import { PRECOMPILE_VECTOR_SETS, type PrecompileVector } from "../precompile-vectors.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_128);
const ROUNDS = Number(process.env.MEGAETH_PRECOMPILE_ROUNDS ?? 1);
const GAS = 1_000_000_000n;
console.log(`seed ${SEED}, rounds ${ROUNDS}`);
const random = new SeededRandom(SEED);
const folder = vectorsFolder("precompiles");

/** Inputs to start from, by address: those of the vectors that the reference answers in a reasonable time. */
const seeds = new Map<number, Uint8Array[]>();
for (const [file, address] of folder === null ? [] : PRECOMPILE_VECTOR_SETS) {
  const vectors = JSON.parse(readFileSync(join(folder!, "geth", `${file}.json`), "utf8")) as PrecompileVector[];
  const inputs = vectors.map(({ Input }) => fromHex(Input)).filter((input) => input.length <= 1600);
  seeds.set(address, [...(seeds.get(address) ?? []), ...inputs]);
}

// Inputs by kind of work: the reference takes up to 100 ms for a pairing.
const COUNTS: Readonly<Record<number, number>> = { 8: 3, 10: 2, 11: 8, 12: 4, 13: 6, 14: 3, 15: 2, 16: 4, 17: 3 };

describe.skipIf(folder === null)("against the reference", () => {
  for (const fork of HARDFORKS) {
    test(fork, async () => {
      const machine = await ReferenceMachine.create(fork, 1n);
      for (const precompile of PRECOMPILES) {
        const isActive = isAtLeast(fork, precompile.since);
        expect(precompilesAt(fork).get(precompile.address)).toBe(isActive ? precompile : undefined);
        const count = isActive ? ROUNDS * (COUNTS[precompile.address] ?? 20) : 1;
        for (let i = 0; i < count; i++) {
          const input = makeInput(precompile.address);
          const expected = await callPrecompile({ machine, fork, address: precompile.address, input, gas: GAS });
          const ours = isActive ? describeOurs(precompile, input, fork) : " gas 0";
          expect(`${input.toHex()}: ${ours}`).toBe(`${input.toHex()}: ${describeReference(expected)}`);
        }
      }
    }, 0);
  }
});

function describeOurs(precompile: Precompile, input: Uint8Array, fork: Hardfork): string {
  const gas = precompile.gas(input, fork);
  if (gas > GAS) return "failed";
  const output = precompile.run(input, fork);
  return output === null ? "failed" : `${output.toHex()} gas ${gas}`;
}

function describeReference({ halt, output, gasUsed }: FrameResult): string {
  return halt === null ? `${output.toHex()} gas ${gasUsed}` : "failed";
}

function makeInput(address: number): Uint8Array {
  if (address === 5 && random.chance(0.7)) return makeModexp();
  const known = seeds.get(address) ?? [];
  if (known.length === 0 || random.chance(0.1)) return random.bytes(random.below(300));
  const input = random.pick(known).slice();
  switch (random.below(6)) {
    case 0:
      if (input.length > 0) input[random.below(input.length)]! ^= 1 << random.below(8);
      break;
    case 1:
      return input.subarray(0, random.below(input.length + 1));
    case 2:
      return concatBytes(input, random.bytes(random.below(40)));
  }
  return address === 9 ? withFewRounds(input) : input;
}

// The reference takes some 300 ns for a round.
function withFewRounds(input: Uint8Array): Uint8Array {
  input.fill(0, 0, 3);
  return input;
}

// Lengths that fit the data, fall short of it or go beyond it, with odd, even and degenerate moduli.
function makeModexp(): Uint8Array {
  const size = () => random.pick([0, 1, 2, 8, 31, 32, 33, 64, 65, 100, 1024, 1025]);
  const [base, exponent, modulus] = [size(), random.below(3) === 0 ? random.below(70) : random.below(5), size()];
  const data = [random.bytes(base), random.bytes(exponent), random.bytes(modulus)];
  if (modulus > 0 && random.chance(0.3)) data[2]!.fill(0, random.below(modulus));
  if (random.chance(0.2)) data[2]!.fill(0, 0, random.below(modulus + 1));
  if (random.chance(0.2)) data[1]!.fill(0);
  const lengths = [base, exponent, modulus].map((length) => bigintToBytes(BigInt(length), 32));
  if (random.chance(0.1)) lengths[random.below(3)]!.set([1], random.below(31));
  const input = concatBytes(...lengths, ...data);
  return random.chance(0.2) ? input.subarray(0, random.below(input.length + 1)) : input;
}
