// The commitment schemes that the suites of SALT run with.

import { BanderwagonCommitment } from "#state/salt/banderwagon-commitment.ts";
import { Blake3Commitment } from "#state/salt/blake3-commitment.ts";
import type { VectorCommitment } from "#state/salt/vector-commitment.ts";

/** Something that runs with any kind of node. */
export type WithScheme = <Node>(scheme: VectorCommitment<Node>) => void;

let banderwagon: BanderwagonCommitment | null = null;

/** Runs a suite for each scheme. The one over points is opened once a process: its tables take a while. */
export function eachScheme(suite: WithScheme): void {
  banderwagon ??= new BanderwagonCommitment(5);
  suite(banderwagon);
  suite(new Blake3Commitment());
}
