// One suite for both implementations of the precompiles' curves: our WASM kernels against noble, on seeded inputs that
// are honest or hostile, and on identities that hold for every group.

import { describe, expect, test } from "bun:test";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bn254 as bn254Curve } from "@noble/curves/bn254.js";
import { p256 as p256Curve } from "@noble/curves/nist.js";
import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { SeededRandom } from "#base/random.ts";
import { bls12381 } from "#crypto/bls12-381.ts";
import { bn254 } from "#crypto/bn254.ts";
import { createNobleBls12381 } from "#crypto/curves/bls12-381-noble.ts";
import { createNobleBn254 } from "#crypto/curves/bn254-noble.ts";
import { createNobleP256 } from "#crypto/curves/p256-noble.ts";
import { p256 } from "#crypto/p256.ts";
import { blsG1, blsG2, bn254G1, bn254G2, KINDS, negated, type PointKind, scalarOf } from "./curve-inputs.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_127);
console.log(`seed ${SEED}`);
const random = new SeededRandom(SEED);

const noble = { bn254: createNobleBn254(), bls: createNobleBls12381(), p256: createNobleP256() };
// The process's own: a kernel claims its range for good.
const wasm = { bn254: bn254(), bls: bls12381(), p256: p256() };
const hex = (bytes: Uint8Array | null) => bytes?.toHex() ?? null;
const kind = () => random.pick(KINDS);

/** Both answer the same; returns how many inputs were valid, so that a test can see that it met both cases. */
function compare<T>(inputs: readonly Uint8Array[], ours: (i: Uint8Array) => T, theirs: (i: Uint8Array) => T): number {
  let validCount = 0;
  for (const input of inputs) {
    const kept = input.slice();
    const [answer, expected] = [ours(input), theirs(input)].map((value) =>
      value instanceof Uint8Array ? hex(value) : value,
    );
    expect(`${input.toHex()} ${answer}`).toBe(`${kept.toHex()} ${expected}`);
    if (expected !== null) validCount++;
  }
  return validCount;
}

function expectBoth(validCount: number, count: number): void {
  expect(validCount).toBeGreaterThan(0);
  expect(validCount).toBeLessThan(count);
}

const times = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));

test("this process runs on the kernels", () => {
  expect([wasm.bn254.name, wasm.bls.name, wasm.p256.name]).toEqual(["wasm", "wasm", "wasm"]);
});

describe("bn254", () => {
  const { Fr, Fp } = bn254Curve.fields;

  test("addition", () => {
    const inputs = times(120, (i) => {
      const point = bn254G1(random, kind());
      const other = i % 4 === 0 ? point : i % 4 === 1 ? negated(point, Fp.ORDER, 32) : bn254G1(random, kind());
      return concatBytes(point, other);
    });
    expectBoth(compare(inputs, wasm.bn254.add, noble.bn254.add), inputs.length);
  });

  test("multiplication", () => {
    const inputs = times(120, () => concatBytes(bn254G1(random, kind()), scalarOf(random, Fr.ORDER)));
    expectBoth(compare(inputs, wasm.bn254.multiply, noble.bn254.multiply), inputs.length);
  });

  test("pairing", () => {
    const pair = (first: PointKind, second: PointKind) => concatBytes(bn254G1(random, first), bn254G2(random, second));
    const inputs = times(24, () => concatBytes(...times(random.below(3), () => pair(kind(), kind()))));
    for (const one of KINDS) inputs.push(pair(one, "member"), pair("member", one));
    expectBoth(compare(inputs, wasm.bn254.isPairingProductOne, noble.bn254.isPairingProductOne), inputs.length);
  });

  test("pairs cancel, in any number", () => {
    for (const count of [1, 5, 16, 17, 33]) {
      const pairs = times(count, () => {
        const [p, q] = [bn254G1(random, "member"), bn254G2(random, "member")];
        return concatBytes(p, q, negated(p, Fp.ORDER, 32), q);
      });
      expect(wasm.bn254.isPairingProductOne(concatBytes(...pairs))).toBe(true);
      expect(wasm.bn254.isPairingProductOne(concatBytes(...pairs).subarray(192))).toBe(false);
    }
  });

  test("points of the twist outside the subgroup are refused", () => {
    for (let i = 0; i < 20; i++) {
      const input = concatBytes(bn254G1(random, "member"), bn254G2(random, "outside"));
      expect(wasm.bn254.isPairingProductOne(input)).toBe(null);
    }
  });
});

describe("BLS12-381", () => {
  const { Fr, Fp } = bls12_381.fields;

  test("additions", () => {
    for (const [point, ours, theirs] of [
      [blsG1, wasm.bls.addG1, noble.bls.addG1],
      [blsG2, wasm.bls.addG2, noble.bls.addG2],
    ] as const) {
      const inputs = times(80, (i) => {
        const first = point(random, kind());
        if (i % 4 === 0) return concatBytes(first, first);
        return concatBytes(first, i % 4 === 1 ? negated(first, Fp.ORDER, 64) : point(random, kind()));
      });
      expectBoth(compare(inputs, ours, theirs), inputs.length);
    }
  });

  test("sums of multiples", () => {
    for (const [point, ours, theirs] of [
      [blsG1, wasm.bls.msmG1, noble.bls.msmG1],
      [blsG2, wasm.bls.msmG2, noble.bls.msmG2],
    ] as const) {
      const term = (one: PointKind) => concatBytes(point(random, one), scalarOf(random, Fr.ORDER));
      const inputs = times(24, () => concatBytes(...times(1 + random.below(3), () => term(kind()))));
      for (const one of KINDS) inputs.push(term(one));
      for (const count of [8, 9, 17, 35]) inputs.push(concatBytes(...times(count, () => term("member"))));
      // A point and its negative with the same scalar, and the same point twice: the sums meet themselves.
      const twice = term("member");
      const opposite = concatBytes(negated(twice.slice(0, -32), Fp.ORDER, 64), twice.slice(-32));
      inputs.push(concatBytes(twice, opposite), concatBytes(twice, twice, twice));
      expectBoth(compare(inputs, ours, theirs), inputs.length);
    }
  });

  test("pairing", () => {
    const pair = (first: PointKind, second: PointKind) => concatBytes(blsG1(random, first), blsG2(random, second));
    const inputs = times(12, () => concatBytes(...times(1 + random.below(2), () => pair(kind(), kind()))));
    for (const one of new Set(KINDS)) inputs.push(pair(one, "member"), pair("member", one));
    expectBoth(compare(inputs, wasm.bls.isPairingProductOne, noble.bls.isPairingProductOne), inputs.length);
  });

  test("pairs cancel, in any number", () => {
    for (const count of [1, 16, 17, 33]) {
      const pairs = times(count, () => {
        const [p, q] = [blsG1(random, "member"), blsG2(random, "member")];
        return concatBytes(p, q, p, negated(q, Fp.ORDER, 64));
      });
      expect(wasm.bls.isPairingProductOne(concatBytes(...pairs))).toBe(true);
      expect(wasm.bls.isPairingProductOne(concatBytes(...pairs).subarray(384))).toBe(false);
    }
  });

  test("pairing is bilinear", () => {
    const p = bls12_381.G1.Point.BASE;
    const q = bls12_381.G2.Point.BASE;
    const a = 1n + BigInt(random.below(1 << 30));
    const encodeG1 = (point: typeof p) => {
      const { x, y } = point.toAffine();
      return concatBytes(bigintToBytes(x, 64), bigintToBytes(y, 64));
    };
    const encodeG2 = (point: typeof q) => {
      const { x, y } = point.toAffine();
      return concatBytes(...[x.c0, x.c1, y.c0, y.c1].map((part) => bigintToBytes(part, 64)));
    };
    const input = concatBytes(encodeG1(p.multiply(a)), encodeG2(q), encodeG1(p.negate()), encodeG2(q.multiply(a)));
    expect(wasm.bls.isPairingProductOne(input)).toBe(true);
    const wrong = concatBytes(encodeG1(p.multiply(a + 1n)), input.subarray(128));
    expect(wasm.bls.isPairingProductOne(wrong)).toBe(false);
  });

  test("points outside the subgroups are refused", () => {
    for (let i = 0; i < 20; i++) {
      const scalar = random.bytes(32);
      expect(wasm.bls.msmG1(concatBytes(blsG1(random, "outside"), scalar))).toBe(null);
      expect(wasm.bls.msmG2(concatBytes(blsG2(random, "outside"), scalar))).toBe(null);
    }
  });

  test("the points of order three, on which additions meet themselves", () => {
    const point = (y: bigint) => concatBytes(new Uint8Array(64), bigintToBytes(y, 64));
    const [plus, minus, infinity] = [point(2n), point(Fp.ORDER - 2n), new Uint8Array(128)];
    expect(hex(wasm.bls.addG1(concatBytes(plus, plus)))).toBe(hex(minus));
    expect(hex(wasm.bls.addG1(concatBytes(minus, minus)))).toBe(hex(plus));
    expect(hex(wasm.bls.addG1(concatBytes(plus, minus)))).toBe(hex(infinity));
    for (const one of [plus, minus]) {
      expect(wasm.bls.msmG1(concatBytes(one, bigintToBytes(3n, 32)))).toBe(null);
      expect(wasm.bls.isPairingProductOne(concatBytes(one, blsG2(random, "member")))).toBe(null);
      // A member moved by it is outside too.
      const moved = wasm.bls.addG1(concatBytes(one, blsG1(random, "member")))!;
      expect(wasm.bls.msmG1(concatBytes(moved, bigintToBytes(3n, 32)))).toBe(null);
    }
  });

  test("maps", () => {
    const element = () => {
      const edge = [0n, 1n, 2n, Fp.ORDER - 1n, Fp.ORDER - 2n, Fp.ORDER, Fp.ORDER + 1n, (1n << 384n) - 1n, 1n << 384n];
      if (random.chance(0.3)) return bigintToBytes(random.pick(edge), 64);
      return bigintToBytes(BigInt(`0x${random.bytes(64).toHex()}`) % Fp.ORDER, 64);
    };
    const g1 = times(80, element);
    expectBoth(compare(g1, wasm.bls.mapToG1, noble.bls.mapToG1), g1.length);
    const g2 = times(80, () => concatBytes(element(), element()));
    expectBoth(compare(g2, wasm.bls.mapToG2, noble.bls.mapToG2), g2.length);
  });
});

describe("KZG", () => {
  const { Fr } = bls12_381.fields;
  const G1 = bls12_381.G1.Point;

  test("agrees on honest and altered openings", () => {
    // A constant polynomial needs no secret: commitment [c]G, value c, proof infinity.
    const infinity = new Uint8Array(48);
    infinity[0] = 0xc0;
    let acceptedCount = 0;
    for (let i = 0; i < 40; i++) {
      const c = BigInt(`0x${random.bytes(40).toHex()}`) % Fr.ORDER;
      const opening = {
        commitment: c === 0n ? infinity.slice() : G1.BASE.multiply(c).toBytes(),
        z: random.bytes(32),
        y: bigintToBytes(c, 32),
        proof: infinity.slice(),
      };
      opening.z[0] = random.pick([0, 0x10, 0x73, 0xff]);
      if (i % 5 === 1) opening.proof = G1.BASE.multiply(1n + BigInt(random.below(9))).toBytes();
      if (i % 5 === 2) opening.commitment[random.below(48)]! ^= 1 << random.below(8);
      if (i % 5 === 3) opening.y.set(bigintToBytes(c + (random.chance(0.5) ? Fr.ORDER : 1n), 32));
      if (i % 5 === 4) opening.proof[random.below(48)]! ^= 1 << random.below(8);
      const accepted = wasm.bls.verifyKzgProof(opening);
      expect(accepted).toBe(noble.bls.verifyKzgProof(opening));
      if (accepted) acceptedCount++;
    }
    expect(acceptedCount).toBeGreaterThan(3);
    expect(acceptedCount).toBeLessThan(40);
  });
});

describe("P-256", () => {
  const { ORDER: n } = p256Curve.Point.Fn;
  const { ORDER: p } = p256Curve.Point.Fp;

  test("agrees on honest and altered signatures", () => {
    let acceptedCount = 0;
    for (let i = 0; i < 60; i++) {
      const secret = bigintToBytes(1n + BigInt(random.below(1 << 30)), 32);
      const hash = i % 7 === 0 ? new Uint8Array(32).fill(random.pick([0, 0xff])) : random.bytes(32);
      const signature = p256Curve.sign(hash, secret, { lowS: false, prehash: false });
      const input = concatBytes(hash, signature, p256Curve.getPublicKey(secret, false).subarray(1));
      if (i % 3 === 1) input[random.below(160)]! ^= 1 << random.below(8);
      if (i % 12 === 2) input.set(bigintToBytes(random.pick([0n, n, n + 1n, (1n << 256n) - 1n]), 32), 32);
      if (i % 12 === 5) input.set(bigintToBytes(random.pick([0n, n, n - 1n]), 32), 64);
      if (i % 12 === 8) input.set(bigintToBytes(random.pick([0n, p, p - 1n]), 32), 96);
      if (i % 12 === 11) input.fill(0, 96);
      const accepted = wasm.p256.verify(input);
      expect(`${input.toHex()} ${accepted}`).toBe(`${input.toHex()} ${noble.p256.verify(input)}`);
      if (accepted) acceptedCount++;
    }
    expect(acceptedCount).toBeGreaterThan(10);
    expect(acceptedCount).toBeLessThan(60);
  });

  test("a sum at infinity and equal summands", () => {
    // With Q = d G, u1 = -u2 d gives infinity: z = -r d. With Q = G and z = r both summands are equal.
    for (const d of [1n, 2n, 5n]) {
      const key = p256Curve.Point.BASE.multiply(d).toBytes(false).subarray(1);
      for (const r of [1n, 77n, n - 1n]) {
        for (const z of [n - ((r * d) % n), r, 0n]) {
          const input = concatBytes(bigintToBytes(z % n, 32), bigintToBytes(r, 32), bigintToBytes(3n, 32), key);
          expect(wasm.p256.verify(input)).toBe(noble.p256.verify(input));
        }
      }
    }
  });
});
