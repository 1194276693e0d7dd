// Points and commitments of the kernel against integers: random ones, and every exception that a choice of scalars or
// bytes can lead the additions and checks into.

import { afterAll, describe, expect, test } from "bun:test";
import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { Banderwagon, banderwagonSizeBytes } from "#crypto/banderwagon/banderwagon.ts";
import { SALT_SEED } from "#crypto/banderwagon/bases.ts";
import { createMemory, PAGE_SIZE_BYTES, releaseMemory } from "#wasm/loader.ts";
import * as curve from "./edwards-curve.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_128);
console.log(`seed ${SEED}`);
const random = new SeededRandom(SEED);
const own = new Banderwagon({ seed: SALT_SEED, protocol: "st", windowBits: 7 });
afterAll(() => own.release());

const bases = Array.from({ length: 257 }, (_, i) => {
  const plain = own.bases.subarray(64 * i, 64 * i + 64);
  return curve.fromAffine(curve.fromLittleEndian(plain.subarray(0, 32)), curve.fromLittleEndian(plain.subarray(32)));
});
const randomScalar = () => curve.fromLittleEndian(random.bytes(32)) % curve.ORDER;
const hex = (bytes: Uint8Array) => toBareHex(bytes);

describe("decompression", () => {
  test("random bytes: the same points, the same refusals", () => {
    const reasons = { none: 0, point: 0 };
    for (let i = 0; i < 200; i++) {
      const bytes = random.bytes(32);
      bytes[0]! &= 0x7f;
      const expected = curve.decompress(bytes);
      const { points, badIndex } = own.decompress(bytes);
      expect(badIndex).toBe(expected === null ? 0 : null);
      if (expected !== null) {
        expect(hex(points)).toBe(hex(curve.toPlain(expected)));
        expect(hex(own.compress(points))).toBe(hex(bytes));
        expect(hex(own.mapToScalars(points))).toBe(hex(curve.littleEndian(curve.toScalar(expected))));
      }
      reasons[expected === null ? "none" : "point"]++;
    }
    expect(Math.min(reasons.none, reasons.point)).toBeGreaterThan(20);
  });

  test("each refusal by itself: not below p, no root, not in the group", () => {
    const find = (accept: (x: bigint) => boolean) => {
      for (let x = 1n; ; x++) if (accept(x)) return x;
    };
    const onCurve = (x: bigint) => {
      const square = (x * x) % curve.P;
      const d = 45022363124591815672509500913686876175488063829319466900776701791074614335719n;
      return curve.isSquare(curve.mod((1n + 5n * square) * curve.invert(1n - d * square, curve.P), curve.P));
    };
    const inGroup = (x: bigint) => curve.isSquare(1n + ((5n * x * x) % curve.P));
    const good = find((x) => onCurve(x) && inGroup(x));
    const bad = [
      find((x) => !onCurve(x)),
      find((x) => onCurve(x) && !inGroup(x)),
      curve.P,
      curve.P + good,
      2n ** 256n - 1n,
    ];
    expect(own.decompress(bigintToBytes(good, 32)).badIndex).toBeNull();
    for (const x of bad) expect(own.decompress(bigintToBytes(x, 32)).badIndex).toBe(0);
  });

  test("the first bad one of many is told, across the kernel's portions", () => {
    const good = own.compress(own.bases.subarray(0, 64));
    const bad = bigintToBytes(curve.P, 32);
    const count = 9000;
    for (const places of [[0], [1023, 1024], [4095, 8000], [8999], [4096]]) {
      const all = new Uint8Array(32 * count);
      for (let i = 0; i < count; i++) all.set(places.includes(i) ? bad : good, 32 * i);
      expect(own.decompress(all).badIndex).toBe(places[0]!);
    }
  });
});

describe("commitments", () => {
  const sum = (terms: readonly (readonly [number, bigint])[], from = curve.NEUTRAL) =>
    terms.reduce((point, [index, scalar]) => curve.add(point, curve.multiply(bases[index]!, scalar)), from);

  test("random vectors", () => {
    const scalars = Array.from({ length: 256 }, randomScalar);
    const made = own.commit(concatBytes(...scalars.map(curve.littleEndian)));
    const expected = sum(scalars.map((scalar, i) => [i, scalar] as const));
    expect(hex(made.points)).toBe(hex(curve.toPlain(expected)));
    expect(hex(made.scalars)).toBe(hex(curve.littleEndian(curve.toScalar(expected))));
  });

  test("changes of many nodes in any order; every window width", () => {
    for (let windowBits = 4; windowBits <= 9; windowBits++) {
      const scheme = new Banderwagon({ seed: SALT_SEED, protocol: "st", windowBits });
      const nodeCount = 7;
      const starts = Array.from({ length: nodeCount }, () => curve.multiply(bases[9]!, randomScalar()));
      const changes = Array.from({ length: 20 }, () => {
        return { node: random.below(nodeCount - 1), child: random.below(256), delta: randomScalar() };
      });
      const made = scheme.applyDeltas({
        commitments: concatBytes(...starts.map(curve.toPlain)),
        nodes: new Uint32Array(changes.map(({ node }) => node)),
        children: new Uint8Array(changes.map(({ child }) => child)),
        deltas: concatBytes(...changes.map(({ delta }) => curve.littleEndian(delta))),
      });
      for (let node = 0; node < nodeCount; node++) {
        const own = changes.filter((change) => change.node === node);
        const expected = sum(
          own.map(({ child, delta }) => [child, delta] as const),
          starts[node]!,
        );
        expect(hex(made.points.subarray(64 * node, 64 * node + 64))).toBe(hex(curve.toPlain(expected)));
        expect(hex(made.scalars.subarray(32 * node, 32 * node + 32))).toBe(
          hex(curve.littleEndian(curve.toScalar(expected))),
        );
      }
      scheme.release();
    }
  });

  test("scalars at the edges of every window, and above the order", () => {
    const edges = [0n, 1n, 2n, curve.ORDER - 1n, curve.ORDER, curve.ORDER + 1n, 2n ** 256n - 1n];
    for (let bit = 0; bit < 253; bit += 5)
      edges.push(2n ** BigInt(bit), 2n ** BigInt(bit) - 1n, curve.ORDER - 2n ** BigInt(bit));
    const made = own.applyDeltas({
      commitments: new Uint8Array(64 * edges.length),
      nodes: new Uint32Array(edges.map((_, i) => i)),
      children: new Uint8Array(edges.map((_, i) => i)),
      deltas: concatBytes(...edges.map(curve.littleEndian)),
    });
    edges.forEach((edge, i) => {
      const expected = curve.toPlain(sum([[i, edge % curve.ORDER]]));
      expect(hex(made.points.subarray(64 * i, 64 * i + 64))).toBe(hex(expected));
    });
  });

  test("equal and opposite points meet in a sum", () => {
    const change = (start: curve.Point, terms: readonly (readonly [number, bigint])[]) => {
      const made = own.applyDeltas({
        commitments: curve.toPlain(start),
        nodes: new Uint32Array(terms.length),
        children: new Uint8Array(terms.map(([child]) => child)),
        deltas: concatBytes(...terms.map(([, delta]) => curve.littleEndian(delta))),
      });
      expect(hex(made.points)).toBe(hex(curve.toPlain(sum(terms, start))));
    };
    const scalar = randomScalar();
    const point = curve.multiply(bases[3]!, scalar);
    const other = { ...point, X: curve.P - point.X, Y: curve.P - point.Y };
    const opposite = curve.ORDER - scalar;
    for (const start of [point, other]) {
      change(start, [[3, scalar]]);
      change(start, [[3, opposite]]);
    }
    change(curve.NEUTRAL, [
      [3, scalar],
      [3, scalar],
    ]);
    change(curve.NEUTRAL, [
      [3, scalar],
      [3, opposite],
    ]);
    change(point, [
      [3, scalar],
      [3, opposite],
    ]);
    change(point, [
      [3, opposite],
      [5, scalar],
      [5, opposite],
    ]);
  });

  test("differences of scalars", () => {
    const [a, b] = [Array.from({ length: 9 }, randomScalar), Array.from({ length: 9 }, randomScalar)];
    b[0] = a[0]!;
    const made = own.subtractScalars(
      concatBytes(...a.map(curve.littleEndian)),
      concatBytes(...b.map(curve.littleEndian)),
    );
    const expected = a.map((value, i) => curve.littleEndian(curve.mod(value - b[i]!, curve.ORDER)));
    expect(hex(made)).toBe(hex(concatBytes(...expected)));
  });

  test("a range of another memory serves as well", () => {
    const sizeBytes = banderwagonSizeBytes(4);
    const pages = Math.ceil(sizeBytes / PAGE_SIZE_BYTES) + 1;
    const memory = createMemory({ initialPages: pages, maximumPages: pages, shared: true });
    const placement = { memory, base: 4096, sizeBytes };
    const placed = new Banderwagon({ seed: SALT_SEED, protocol: "st", windowBits: 4, placement });
    const vector = concatBytes(...Array.from({ length: 256 }, () => random.bytes(32)));
    expect(hex(placed.commit(vector).points)).toBe(hex(own.commit(vector).points));
    placed.release();
    releaseMemory(memory);
  });
});
