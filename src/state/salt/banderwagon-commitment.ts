// MegaETH's commitments for SALT's trie: Pedersen vector commitments over Banderwagon, opened by multipoint proofs. A
// node is a plain point of 64 bytes; an update needs the differences of the values that change and nothing of the others.

import { concatBytes } from "#base/bytes.ts";
import { Banderwagon } from "#crypto/banderwagon/banderwagon.ts";
import { SALT_SEED } from "#crypto/banderwagon/bases.ts";
import type { SaltEntry } from "#formats/wire/salt-entry.ts";
import { slotDigests } from "./slot-digests.ts";
import type { ChangedNodes, NodeChange, Openings, VectorCommitment } from "./vector-commitment.ts";

const POINT_SIZE_BYTES = 64;
const PROTOCOL = "st";

/** The scheme, with its tables in a memory of their own: `release` when it is no longer needed. */
export class BanderwagonCommitment implements VectorCommitment<Uint8Array> {
  readonly name = "banderwagon";
  readonly #scheme: Banderwagon;

  /** @param windowBits width of the tables' windows, 4 to 12: time against memory */
  constructor(windowBits?: number) {
    const options = { seed: SALT_SEED, protocol: PROTOCOL };
    this.#scheme = new Banderwagon(windowBits === undefined ? options : { ...options, windowBits });
  }

  slotValues(entries: readonly (SaltEntry | null)[]): Uint8Array {
    const digests = slotDigests(entries);
    return this.#scheme.subtractScalars(digests, new Uint8Array(digests.length));
  }

  commit(vectors: Uint8Array): Uint8Array[] {
    return splitPoints(this.#scheme.commit(vectors).points);
  }

  update(changes: readonly NodeChange<Uint8Array>[]): ChangedNodes<Uint8Array> {
    const newValues = concatBytes(...changes.flatMap((change) => change.newValues));
    const oldValues = concatBytes(...changes.flatMap((change) => change.oldValues));
    const { points, scalars } = this.#scheme.applyDeltas({
      commitments: concatBytes(...changes.map(({ node }) => node)),
      nodes: Uint32Array.from(changes.flatMap(({ positions }, i) => positions.map(() => i))),
      children: Uint8Array.from(changes.flatMap(({ positions }) => positions)),
      deltas: this.#scheme.subtractScalars(newValues, oldValues),
    });
    return { nodes: splitPoints(points), values: scalars };
  }

  values(nodes: readonly Uint8Array[]): Uint8Array {
    return this.#scheme.mapToScalars(concatBytes(...nodes));
  }

  encode(nodes: readonly Uint8Array[]): Uint8Array {
    return this.#scheme.compress(concatBytes(...nodes));
  }

  decode(short: Uint8Array): { readonly nodes: readonly Uint8Array[] } | { readonly badIndex: number } {
    const { points, badIndex } = this.#scheme.decompress(short);
    return badIndex === null ? { nodes: splitPoints(points) } : { badIndex };
  }

  prove(openings: Openings<Uint8Array>, vectorOf: (nodeIndex: number) => Uint8Array): Uint8Array {
    return this.#scheme.proveMultipoint({ ...openingsOf(openings), polynomial: vectorOf });
  }

  verify(openings: Openings<Uint8Array>, values: Uint8Array, proof: Uint8Array): readonly Uint8Array[] | null {
    const holds = this.#scheme.verifyMultipoint({ ...openingsOf(openings), values }, proof);
    return holds ? openings.nodes : null;
  }

  /** Ends the use of the scheme and gives its memory back. */
  release(): void {
    this.#scheme.release();
  }
}

function openingsOf({ nodes, nodeOf, positions }: Openings<Uint8Array>) {
  return { commitments: concatBytes(...nodes), commitmentOf: nodeOf, points: positions };
}

function splitPoints(points: Uint8Array): Uint8Array[] {
  return Array.from({ length: points.length / POINT_SIZE_BYTES }, (_, i) => {
    return points.slice(i * POINT_SIZE_BYTES, (i + 1) * POINT_SIZE_BYTES);
  });
}
