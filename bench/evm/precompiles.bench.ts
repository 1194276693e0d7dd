// What each precompile costs, and how many nanoseconds a unit of its gas buys: ours, the same operation on noble where
// we have it as the portable implementation, and @ethereumjs/evm's own precompile, on inputs chosen to be slow. Ends with
// a table of nanoseconds per gas, the dearest first: what an attacker would call.

import { Common, Hardfork as LibraryFork, Mainnet } from "@ethereumjs/common";
import { createEVM, type EVM, getActivePrecompiles } from "@ethereumjs/evm";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { p256 } from "@noble/curves/nist.js";
import { must } from "#base/assert.ts";
import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { SeededRandom } from "#base/random.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { createNobleBls12381 } from "#crypto/curves/bls12-381-noble.ts";
import { createNobleBn254 } from "#crypto/curves/bn254-noble.ts";
import { createNobleP256 } from "#crypto/curves/p256-noble.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { sign } from "#crypto/secp256k1.ts";
import { sha256 } from "#crypto/sha256.ts";
import { type Precompile, precompilesAt } from "#evm/precompiles/table.ts";
import { createKzgVerifier } from "#evm/reference/kzg.ts";
import { blsG1, blsG2, bn254G1, bn254G2 } from "#test/crypto/curve-inputs.ts";
import { type Contender, runInterleaved, SMOKE, smokeOr } from "../harness.ts";

const SEED = 20_261_129;
const ROUNDS = smokeOr(7, 1);
/** Time that one contender's run aims at, ns. */
const RUN_NS = smokeOr(20e6, 1e5);

type Case = {
  readonly name: string;
  readonly address: number;
  readonly input: Uint8Array;
  readonly fork?: Hardfork;
  /** The same operation on the portable implementation. */
  readonly portable?: (input: Uint8Array) => Uint8Array | null;
};

const random = new SeededRandom(SEED);
const noble = { bn254: createNobleBn254(), bls: createNobleBls12381(), p256: createNobleP256() };
const libraries = new Map<Hardfork, Awaited<ReturnType<typeof openLibrary>>>();
const largeScalar = new Uint8Array(32).fill(0xff, 1);
largeScalar[0] = 0x2f;

const onlyName = process.argv.slice(2).find((word) => !word.startsWith("--"));
const figures: { name: string; gas: number; ns: number; rivals: string }[] = [];
for (const one of [...hashCases(), ...modexpCases(), ...bn254Cases(), ...blsCases()]) {
  if (onlyName === undefined || one.name.includes(onlyName)) await measure(one);
}
printWorst();

async function measure(one: Case): Promise<void> {
  const fork = one.fork ?? "osaka";
  const precompile = must(precompilesAt(fork).get(one.address), one.name);
  const gas = precompile.gas(one.input, fork);
  const count = SMOKE ? 1 : Math.max(1, Math.round(RUN_NS / timeOnce(precompile, one.input, fork)));
  const library = libraries.get(fork) ?? (await openLibrary(fork));
  libraries.set(fork, library);
  const repeat =
    (run: () => Uint8Array | Promise<Uint8Array>, times: number): Contender =>
    async () => {
      let output = await run();
      for (let i = 1; i < times; i++) output = await run();
      return keccak256(output).toHex();
    };
  const { portable } = one;
  const contenders: Record<string, Contender> = {
    // Without waiting for a promise each time: ours has none.
    ours: () => {
      let output = must(precompile.run(one.input, fork), one.name);
      for (let i = 1; i < count; i++) output = must(precompile.run(one.input, fork), one.name);
      return keccak256(output).toHex();
    },
  };
  // Rivals run as often, and are slower: a slow one would take minutes.
  if (portable !== undefined) contenders.noble = repeat(() => must(portable(one.input), one.name), count);
  contenders["@ethereumjs/evm"] = repeat(() => library(one.address, one.input), count);
  const { rows } = await runInterleaved({
    name: `${one.name} (${fork}, ${gas} gas)`,
    rounds: ROUNDS,
    warmUpRounds: smokeOr(3, 0),
    operationCount: count,
    parameters: { seed: SEED, inputBytes: one.input.length },
    contenders,
  });
  const rivals = rows.slice(1).map(({ name, ratio }) => `${name} ${ratio.toFixed(1)}x`);
  figures.push({ name: `${one.name} (${fork})`, gas, ns: rows[0]!.medianNs, rivals: rivals.join(", ") });
}

function timeOnce(precompile: Precompile, input: Uint8Array, fork: Hardfork): number {
  precompile.run(input, fork);
  const startedNs = Bun.nanoseconds();
  for (let i = 0; i < 5; i++) precompile.run(input, fork);
  return (Bun.nanoseconds() - startedNs) / 5;
}

function printWorst(): void {
  console.log(`\nnanoseconds per gas, ours${SMOKE ? " (smoke size: figures mean nothing)" : ""}`);
  const width = Math.max(...figures.map(({ name }) => name.length));
  for (const { name, gas, ns, rivals } of figures.sort((a, b) => b.ns / b.gas - a.ns / a.gas)) {
    const time = `${(ns / 1e3).toFixed(2)} us`.padStart(12);
    console.log(`  ${name.padEnd(width)}  ${(ns / gas).toFixed(2).padStart(7)}  ${time}  ${gas} gas  ${rivals}`);
  }
}

async function openLibrary(fork: Hardfork) {
  const names = { osaka: LibraryFork.Osaka, prague: LibraryFork.Prague } as Partial<Record<Hardfork, string>>;
  const hardfork = must(names[fork], "a fork of the bench");
  const common = new Common({ chain: Mainnet, hardfork, customCrypto: { kzg: createKzgVerifier() } });
  const evm = (await createEVM({ common })) as EVM;
  const precompiles = getActivePrecompiles(common);
  return async (address: number, data: Uint8Array): Promise<Uint8Array> => {
    const run = must(precompiles.get(address.toString(16).padStart(40, "0")), "an active precompile");
    const result = await run({ data, gasLimit: 1_000_000_000n, common, _EVM: evm });
    if (result.exceptionError !== undefined) throw new Error(`the library refuses ${address}`);
    return result.returnValue;
  };
}

function hashCases(): Case[] {
  const hash = random.bytes(32);
  const { r, s, yParity } = sign(hash, random.bytes(32));
  const recovery = concatBytes(hash, bigintToBytes(BigInt(27 + yParity), 32), r, s);
  const block = random.bytes(213);
  block.set([0, 0, 0, 12], 0);
  block[212] = 1;
  const longBlock = block.slice();
  longBlock.set(SMOKE ? [0, 0, 0, 99] : [0, 1, 0, 0], 0);
  const secret = random.bytes(32);
  const signature = p256.sign(hash, secret, { lowS: false, prehash: false });
  const verification = concatBytes(hash, signature, p256.getPublicKey(secret, false).subarray(1));
  const yes = bigintToBytes(1n, 32);
  return [
    { name: "ecrecover", address: 1, input: recovery },
    ...[0, 1024].map((size) => ({ name: `sha256 of ${size} bytes`, address: 2, input: random.bytes(size) })),
    ...[0, 1024].map((size) => ({ name: `ripemd160 of ${size} bytes`, address: 3, input: random.bytes(size) })),
    ...[0, 1024].map((size) => ({ name: `identity of ${size} bytes`, address: 4, input: random.bytes(size) })),
    { name: "blake2f of 12 rounds", address: 9, input: block },
    { name: "blake2f of 65536 rounds", address: 9, input: longBlock },
    {
      name: "p256Verify",
      address: 0x100,
      input: verification,
      portable: (input) => (noble.p256.verify(input) ? yes : null),
    },
  ];
}

// Modulus sizes around the steps of the price, odd and even, at both prices that are in use.
function modexpCases(): Case[] {
  const cases: Case[] = [];
  for (const fork of ["osaka", "prague"] as const) {
    for (const [size, exponentSize] of [
      [8, 64],
      [16, 32],
      [24, 32],
      [32, 32],
      [40, 32],
      [64, 32],
      [256, 8],
      [1024, 4],
    ] as const) {
      for (const kind of ["odd", "even"] as const) {
        if (SMOKE && size > 64) continue;
        const modulus = random.bytes(size);
        modulus[0]! |= 0x80;
        if (kind === "odd") modulus[size - 1]! |= 1;
        else modulus.fill(0, size >> 1).set([1], size >> 1);
        const lengths = [size, exponentSize, size].map((length) => bigintToBytes(BigInt(length), 32));
        const exponent = new Uint8Array(exponentSize).fill(0xff);
        const input = concatBytes(...lengths, random.bytes(size), exponent, modulus);
        cases.push({ name: `modexp of ${size} bytes, ${kind}`, address: 5, input, fork });
      }
    }
  }
  return cases;
}

function bn254Cases(): Case[] {
  const word = (isOne: boolean | null) => bigintToBytes(isOne === true ? 1n : 0n, 32);
  const [p, q] = [bn254G1(random, "member"), bn254G1(random, "member")];
  const pairs = (count: number) =>
    concatBytes(
      ...Array.from({ length: count }, () => concatBytes(bn254G1(random, "member"), bn254G2(random, "member"))),
    );
  const counts = SMOKE ? [1] : [1, 2, 10];
  return [
    { name: "bn254 addition", address: 6, input: concatBytes(p, q), portable: noble.bn254.add },
    { name: "bn254 multiple", address: 7, input: concatBytes(p, largeScalar), portable: noble.bn254.multiply },
    ...counts.map((count) => ({
      name: `bn254 pairing of ${count}`,
      address: 8,
      input: pairs(count),
      portable: (input: Uint8Array) => word(noble.bn254.isPairingProductOne(input)),
    })),
  ];
}

function blsCases(): Case[] {
  const word = (isOne: boolean | null) => bigintToBytes(isOne === true ? 1n : 0n, 32);
  const g1 = () => blsG1(random, "member");
  const g2 = () => blsG2(random, "member");
  const repeated = (count: number, make: () => Uint8Array) => concatBytes(...Array.from({ length: count }, make));
  const field = () => concatBytes(new Uint8Array(17), random.bytes(47));
  const { bls } = noble;
  const sizes = SMOKE ? [1] : [1, 2, 16, 128];
  return [
    { name: "pointEvaluation", address: 10, input: opening() },
    { name: "BLS12-381 G1 addition", address: 11, input: repeated(2, g1), portable: bls.addG1 },
    ...sizes.map((count) => ({
      name: `BLS12-381 G1 sum of ${count}`,
      address: 12,
      input: repeated(count, () => concatBytes(g1(), largeScalar)),
      portable: bls.msmG1,
    })),
    { name: "BLS12-381 G2 addition", address: 13, input: repeated(2, g2), portable: bls.addG2 },
    ...sizes.map((count) => ({
      name: `BLS12-381 G2 sum of ${count}`,
      address: 14,
      input: repeated(count, () => concatBytes(g2(), largeScalar)),
      portable: bls.msmG2,
    })),
    ...(SMOKE ? [1] : [1, 2, 8]).map((count) => ({
      name: `BLS12-381 pairing of ${count}`,
      address: 15,
      input: repeated(count, () => concatBytes(g1(), g2())),
      portable: (input: Uint8Array) => word(bls.isPairingProductOne(input)),
    })),
    { name: "BLS12-381 map to G1", address: 16, input: field(), portable: bls.mapToG1 },
    { name: "BLS12-381 map to G2", address: 17, input: repeated(2, field), portable: bls.mapToG2 },
  ];
}

// A polynomial of degree one, p(x) = a + b x with the proof [b]: its commitment needs [τ]₁, so the constant one is
// opened, whose proof is infinity; the work is the same but for one pair.
function opening(): Uint8Array {
  const value = 123_456_789n;
  const commitment = bls12_381.G1.Point.BASE.multiply(value).toBytes();
  const proof = new Uint8Array(48);
  proof[0] = 0xc0;
  const hash = sha256(commitment);
  hash[0] = 1;
  return concatBytes(hash, bigintToBytes(77n, 32), bigintToBytes(value, 32), commitment, proof);
}
