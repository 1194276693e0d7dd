// The commitment schemes that the suites of SALT run with.

import { BanderwagonCommitment } from "#state/salt/banderwagon-commitment.ts";
import { Blake3Commitment } from "#state/salt/blake3-commitment.ts";
import type { VectorCommitment } from "#state/salt/vector-commitment.ts";

/** Something that runs with any kind of node. */
export type WithScheme = <Node>(scheme: VectorCommitment<Node>) => void;

let banderwagon: BanderwagonCommitment | null = null;

/** MegaETH's scheme; opened once a process: its tables take a while. */
export function banderwagonScheme(): BanderwagonCommitment {
  banderwagon ??= new BanderwagonCommitment(5);
  return banderwagon;
}

/** Runs a suite for each scheme. */
export function eachScheme(suite: WithScheme): void {
  suite(banderwagonScheme());
  suite(new Blake3Commitment());
}
