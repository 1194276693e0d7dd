// Vector commitments over the Banderwagon group, as SALT and Verkle trees use them: 256 scalars become one point, a
// changed scalar changes it by a multiple of one base, and openings of many commitments share one proof.
//
//   bytes of strangers ─decompress─▶ plain points (64 B) ─mapToScalars─▶ scalars (32 B)
//   deltas of children ─applyDeltas─▶ new plain points and their scalars
//
// Plain points are x and y of the twisted Edwards curve, little-endian, y being the larger of y and -y; the neutral
// element has x = 0. Scalars are little-endian, 32 bytes; any are read modulo the group's order, all that come out are canonical.
//
// @see https://github.com/megaeth-labs/salt; Masson, Sanso, Zhang, "Bandersnatch"

import { assert } from "#base/assert.ts";
import { PLAIN_SIZE_BYTES, WORD_SIZE_BYTES } from "#wasm/kernels/banderwagon/conversions.ts";
import type { KernelPlacement } from "#wasm/kernels/kernel-placement.ts";
import { tableLayout } from "./base-tables.ts";
import { deriveBases } from "./bases.ts";
import { BASE_COUNT, CommitmentKey, compressPlain, TERM_COUNT_MAX } from "./commitment-key.ts";
import { applyDeltas, type Commitments, commitVectors, type DeltaBatch } from "./commitment-updates.ts";
import { DOMAIN_SIZE } from "./evaluation-domain.ts";
import { type Address, KernelWorkspace } from "./kernel-workspace.ts";
import { type OpenedPolynomials, type OpenedValues, proveMultipoint, verifyMultipoint } from "./multipoint.ts";

/** How a scheme is opened. */
export type BanderwagonOptions = {
  /** What the bases are derived from; see `bases.ts`. */
  readonly seed: string;
  /** The label that the transcript of proofs begins with. */
  readonly protocol: string;
  /** Plain Q, where it is not the point that the seed gives behind the 256 bases. */
  readonly innerProductBase?: Uint8Array;
  /** Width of the tables' windows, 4 to 12 bits: time against memory, see `banderwagonSizeBytes`. 8 unless told. */
  readonly windowBits?: number;
  /** Where the tables and the work area live; a memory of their own unless told. */
  readonly placement?: KernelPlacement;
};

/** What compressed points are found to be. */
export type Decompressed = {
  /** Plain points; they mean nothing where one is bad. */
  readonly points: Uint8Array<ArrayBuffer>;
  /** The index of the first that is no point of the group, or null. */
  readonly badIndex: number | null;
};

const WORK_SIZE_BYTES = 16 << 20;
const KERNEL_SIZE_BYTES_MAX = 512 << 10;
const WINDOW_BITS_DEFAULT = 8;

/** Bytes that a placement has for a window's width: tables, work area and the kernel's own range. */
export function banderwagonSizeBytes(windowBits: number): number {
  return tableLayout(BASE_COUNT, windowBits).sizeBytes + WORK_SIZE_BYTES + KERNEL_SIZE_BYTES_MAX;
}

/** A vector commitment scheme, opened in one thread. */
export class Banderwagon {
  /** The bases G and Q as plain points. */
  readonly bases: Uint8Array;
  readonly #kernel: KernelWorkspace;
  readonly #key: CommitmentKey;
  readonly #protocol: string;

  /** Derives the bases and makes their tables: some hundred milliseconds. */
  constructor(options: BanderwagonOptions) {
    const { seed, protocol, innerProductBase, windowBits = WINDOW_BITS_DEFAULT, placement } = options;
    const sizeBytes = banderwagonSizeBytes(windowBits) - KERNEL_SIZE_BYTES_MAX;
    this.#kernel = new KernelWorkspace(placement === undefined ? { sizeBytes } : { sizeBytes, placement });
    this.#protocol = protocol;
    this.bases = deriveBases(this.#kernel, seed, BASE_COUNT);
    if (innerProductBase !== undefined) this.bases.set(innerProductBase, DOMAIN_SIZE * PLAIN_SIZE_BYTES);
    this.#key = new CommitmentKey(this.#kernel, this.bases, tableLayout(BASE_COUNT, windowBits));
  }

  /** Reads compressed points of strangers, 32 bytes each, with all checks. */
  decompress(compressed: Uint8Array): Decompressed {
    let badIndex: number | null = null;
    const points = this.#map(compressed, WORD_SIZE_BYTES, PLAIN_SIZE_BYTES, (to, from, count, first) => {
      const goodCount = this.#kernel.calls.decompress(to, from, count);
      if (goodCount < count) badIndex ??= first + goodCount;
    });
    return { points, badIndex };
  }

  /** The compressed forms of plain points, 32 bytes each. */
  compress(points: Uint8Array): Uint8Array<ArrayBuffer> {
    return compressPlain(points);
  }

  /** What plain points count as in their parents, x / y: 32 bytes each. */
  mapToScalars(points: Uint8Array): Uint8Array<ArrayBuffer> {
    return this.#map(points, PLAIN_SIZE_BYTES, WORD_SIZE_BYTES, this.#kernel.calls.mapToScalars);
  }

  /** a - b, scalar by scalar. */
  subtractScalars(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
    assert(b.length === a.length, "as many scalars on both sides");
    const { calls, bytes } = this.#kernel;
    return this.#map(a, WORD_SIZE_BYTES, WORD_SIZE_BYTES, (to, from, count, first) => {
      bytes.set(b.subarray(first * WORD_SIZE_BYTES, (first + count) * WORD_SIZE_BYTES), to);
      calls.scalarsRead(from, from, count);
      calls.scalarsRead(to, to, count);
      calls.scalarsSub(to, from, to, count);
      calls.scalarsWrite(to, to, count);
    });
  }

  /** Commitments to vectors of 256 scalars, one behind the other, and what they count as in their parents. */
  commit(vectors: Uint8Array): Commitments {
    return commitVectors(this.#key, vectors);
  }

  /** The commitments of nodes after changes of their children, and what they count as in their parents. */
  applyDeltas(batch: DeltaBatch): Commitments {
    return applyDeltas(this.#key, batch);
  }

  /** A proof of openings, 576 bytes. */
  proveMultipoint(openings: OpenedPolynomials): Uint8Array<ArrayBuffer> {
    return proveMultipoint(this.#key, this.#protocol, openings);
  }

  /** Whether a proof holds for all openings. Commitments must be of the group: from `decompress`, or our own. */
  verifyMultipoint(openings: OpenedValues, proof: Uint8Array): boolean {
    return verifyMultipoint(this.#key, this.#protocol, openings, proof);
  }

  /** Ends the use of the scheme: a memory of its own no longer counts towards the process's limit. */
  release(): void {
    this.#kernel.release();
  }

  // Sends items through the kernel, as many at a time as the work area is meant for.
  #map(
    items: Uint8Array,
    sizeBytes: number,
    resultSizeBytes: number,
    run: (to: Address, from: Address, count: number, first: number) => void,
  ): Uint8Array<ArrayBuffer> {
    const count = items.length / sizeBytes;
    assert(Number.isInteger(count), () => `items of ${sizeBytes} bytes`);
    const results = new Uint8Array(count * resultSizeBytes);
    for (let first = 0; first < count; first += TERM_COUNT_MAX) {
      const end = Math.min(first + TERM_COUNT_MAX, count);
      this.#kernel.scope(() => {
        const from = this.#kernel.put(items.subarray(first * sizeBytes, end * sizeBytes));
        const to = this.#kernel.take((end - first) * resultSizeBytes);
        run(to, from, end - first, first);
        const made = this.#kernel.bytes.subarray(to, to + (end - first) * resultSizeBytes);
        results.set(made, first * resultSizeBytes);
      });
    }
    return results;
  }
}
