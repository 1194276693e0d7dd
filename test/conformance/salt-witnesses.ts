// Runner of MegaETH's witnesses: a file decodes, encodes to the same bytes, and holds against the state root of the block before; with
// any byte of a key, an entry, a commitment or the argument changed it does not. A proof alone is read, and its commitments are points.

import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { bytesEqual } from "#base/bytes.ts";
import { fromHex, toHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { Banderwagon } from "#crypto/banderwagon/banderwagon.ts";
import { SALT_SEED } from "#crypto/banderwagon/bases.ts";
import { FormatError } from "#formats/codec.ts";
import { SALT_ENTRY_SIZE_BYTES } from "#formats/wire/salt-entry.ts";
import {
  decodeSaltProof,
  decodeWithdrawalWitness,
  decodeWitnessFile,
  encodeSaltProof,
  encodeWithdrawalWitness,
  encodeWitnessFile,
  SALT_ARGUMENT_SIZE_BYTES,
  type WitnessFile,
} from "#formats/wire/salt-witness.ts";
import { verifyWitness } from "#state/salt/witness-verifier.ts";
import type { ConformanceCase, Verdict } from "./case.ts";

/** What is changed in a witness, in turn. */
const TAMPERED = ["key", "entry", "commitment", "argument"] as const;
type Tampered = (typeof TAMPERED)[number];

/** Changed witnesses of each kind and file. */
const TAMPER_COUNT = 50;
const SEED = 20_261_128;
const HASHES_SIZE_BYTES = 80;
const KEY_SIZE_BYTES = 8;
const NODE_SIZE_BYTES = 40;
/** The smallest tables: verification needs none. */
const WINDOW_BITS = 4;

let scheme: Banderwagon | null = null;

/** The scheme of MegaETH's chains; made once in a process. */
export function saltScheme(): Banderwagon {
  scheme ??= new Banderwagon({ seed: SALT_SEED, protocol: "st", windowBits: WINDOW_BITS });
  return scheme;
}

/** Whether a file is a witness, a part of one or a proof, by its name. */
export function isSaltFile(name: string): boolean {
  return /\.(salt|mpt|proof)$/.test(name);
}

/** The cases of a file. */
export function saltCasesOf(file: string): ConformanceCase[] {
  if (file.endsWith(".mpt")) return [saltCase("encodes to the same bytes", () => withdrawalVerdict(file))];
  if (file.endsWith(".proof")) {
    return [
      saltCase("encodes to the same bytes", () => proofVerdict(file)),
      saltCase("every commitment is a point of the group", () => pointsVerdict(file)),
    ];
  }
  const tampered = TAMPERED.flatMap((what) =>
    Array.from({ length: TAMPER_COUNT }, (_, index) => {
      return saltCase(`with another ${what} (${index})`, () => tamperedVerdict(file, what, index));
    }),
  );
  return [
    saltCase("encodes to the same bytes", () => encodingVerdict(file)),
    saltCase("holds against the state before", () => witnessVerdict(file)),
    ...tampered,
  ];
}

function saltCase(name: string, verdict: () => Verdict): ConformanceCase {
  return { name, fork: "", group: "salt", skipReason: null, run: async () => verdict() };
}

function encodingVerdict(file: string): Verdict {
  const bytes = readFileSync(file);
  return firstDifference(encodeWitnessFile(decodeWitnessFile(bytes)), bytes);
}

function withdrawalVerdict(file: string): Verdict {
  const bytes = readFileSync(file);
  return firstDifference(encodeWithdrawalWitness(decodeWithdrawalWitness(bytes)), bytes);
}

function proofVerdict(file: string): Verdict {
  const bytes = readFileSync(file);
  return firstDifference(encodeSaltProof(decodeSaltProof(bytes)), bytes);
}

function pointsVerdict(file: string): Verdict {
  const { nodeIds, commitments } = decodeSaltProof(readFileSync(file));
  const { badIndex } = saltScheme().decompress(commitments);
  return badIndex === null ? null : `the commitment of node ${nodeIds[badIndex]} is no point of the group`;
}

function witnessVerdict(file: string): Verdict {
  const { parentHash, witness } = decodeWitnessFile(readFileSync(file));
  return verifyWitness(saltScheme(), witness, stateRootOf(file, parentHash));
}

/** A witness of which one byte is another must be refused. */
function tamperedVerdict(file: string, what: Tampered, index: number): Verdict {
  const bytes = new Uint8Array(readFileSync(file));
  const whole = decodeWitnessFile(bytes);
  const random = new SeededRandom(SEED + 1_000 * TAMPERED.indexOf(what) + index);
  const at = placeOf(whole, what, random);
  bytes[at] = bytes[at]! ^ (1 + random.below(255));
  let witness: WitnessFile["witness"];
  try {
    ({ witness } = decodeWitnessFile(bytes));
  } catch (error) {
    if (error instanceof FormatError) return null;
    throw error;
  }
  const problem = verifyWitness(saltScheme(), witness, stateRootOf(file, whole.parentHash));
  return problem === null ? `byte ${at} is another, and the witness holds` : null;
}

function placeOf({ witness }: WitnessFile, what: Tampered, random: SeededRandom): number {
  const { slots, proof } = witness;
  const sizes = slots.map(({ entry }) => KEY_SIZE_BYTES + 1 + (entry === null ? 0 : SALT_ENTRY_SIZE_BYTES));
  const startOf = (index: number) => sizes.slice(0, index).reduce((sum, size) => sum + size, HASHES_SIZE_BYTES + 8);
  const commitments = startOf(slots.length) + 8;
  switch (what) {
    case "key":
      return startOf(random.below(slots.length)) + random.below(KEY_SIZE_BYTES);
    case "entry": {
      const present = [...slots.entries()].filter(([, { entry }]) => entry !== null).map(([index]) => index);
      const slot = present[random.below(present.length)]!;
      return startOf(slot) + KEY_SIZE_BYTES + 1 + random.below(SALT_ENTRY_SIZE_BYTES);
    }
    case "commitment":
      return commitments + random.below(proof.nodeIds.length * NODE_SIZE_BYTES);
    case "argument":
      return commitments + proof.nodeIds.length * NODE_SIZE_BYTES + 8 + random.below(SALT_ARGUMENT_SIZE_BYTES);
  }
}

/** The state root in the header of the block before, which lies in the folder `blocks` beside the witnesses' own. */
function stateRootOf(file: string, parentHash: Uint8Array): Uint8Array {
  const folder = join(dirname(file), "..", "blocks");
  const name = readdirSync(folder).find((each) => each.includes(toHex(parentHash)));
  if (name === undefined) throw new Error(`no block ${toHex(parentHash)} in ${basename(folder)}`);
  const { stateRoot } = JSON.parse(readFileSync(join(folder, name), "utf8")) as { stateRoot: string };
  return fromHex(stateRoot);
}

function firstDifference(found: Uint8Array, expected: Uint8Array): Verdict {
  if (bytesEqual(found, expected)) return null;
  const at = expected.findIndex((byte, i) => found[i] !== byte);
  return `byte ${at} of ${expected.length} is ${found[at]}, expected ${expected[at]}`;
}
