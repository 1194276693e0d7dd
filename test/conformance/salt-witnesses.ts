// Runner of SALT witnesses of MegaETH. Of a `.salt` file: it decodes and is encoded to the same bytes, its proof holds
// against the state root of the parent block, and with any one bit changed it is refused. Of a `.proof` file: it decodes,
// is encoded to the same bytes, and every commitment is a point of the group. No engine takes part.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bytesEqual, concatBytes } from "#base/bytes.ts";
import { fromHex, toBareHex, toHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { FormatError } from "#formats/codec.ts";
import { decodeSaltWitnessFile, encodeSaltWitnessFile, type SaltWitnessFile } from "#formats/wire/block-witness.ts";
import { decodeSaltProof, encodeSaltProof } from "#formats/wire/salt-witness.ts";
import { BanderwagonCommitment } from "#state/salt/banderwagon-commitment.ts";
import { verifyWitness } from "#state/salt/verify-witness.ts";
import { type ConformanceCase, skippedCase, type Verdict } from "./case.ts";

/** Changed witnesses of a file, and how many make one case. */
const TAMPERED_COUNT = 200;
const TAMPERED_PER_CASE = 25;
const WINDOW_BITS = 5;

const HEADER_SIZE_BYTES = 80;
const SLOT_SIZES_BYTES = { empty: 9, occupied: 103 };
const COMMITMENT_SIZE_BYTES = 40;

let opened: BanderwagonCommitment | null = null;

function scheme(): BanderwagonCommitment {
  opened ??= new BanderwagonCommitment(WINDOW_BITS);
  return opened;
}

/** Whether a file is of this suite. */
export function isSaltFile(name: string): boolean {
  return name.endsWith(".salt") || name.endsWith(".proof");
}

/** The cases of a file. */
export function saltCasesOf(file: string): ConformanceCase[] {
  const bytes = new Uint8Array(readFileSync(file));
  if (file.endsWith(".proof")) return [caseOf("proof", () => proofVerdict(bytes))];
  const decoded = decodeSaltWitnessFile(bytes);
  const root = parentRoot(file, decoded);
  const encoded = caseOf("encoding", () => differenceOf(encodeSaltWitnessFile(decoded), bytes));
  if (root === null) return [encoded, skippedCase("proof", "", "salt", "no block with the parent's hash beside it")];
  const tampered = Array.from({ length: TAMPERED_COUNT / TAMPERED_PER_CASE }, (_, part) => {
    return caseOf(`tampered ${part + 1}`, () => tamperedVerdict(bytes, root, part));
  });
  return [encoded, caseOf("proof", () => refusalOf(decoded, root)), ...tampered];
}

function caseOf(name: string, run: () => Verdict): ConformanceCase {
  return { name, fork: "", group: "salt", skipReason: null, run: () => Promise.resolve(run()) };
}

function proofVerdict(bytes: Uint8Array): Verdict {
  const proof = decodeSaltProof(bytes);
  const difference = differenceOf(encodeSaltProof(proof), bytes);
  if (difference !== null) return difference;
  const short = concatBytes(...proof.commitments.map(({ commitment }) => commitment));
  const decoded = scheme().decode(short);
  if ("badIndex" in decoded) return `commitment ${decoded.badIndex} is no point of the group`;
  return differenceOf(scheme().encode(decoded.nodes), short);
}

function differenceOf(made: Uint8Array, expected: Uint8Array): Verdict {
  if (bytesEqual(made, expected)) return null;
  const at = expected.findIndex((byte, i) => byte !== made[i]);
  return `differs from byte ${at} on; ${made.length} bytes of ${expected.length}`;
}

function refusalOf({ witness }: SaltWitnessFile, root: Uint8Array): Verdict {
  const verified = verifyWitness(scheme(), witness, root);
  return "refused" in verified ? verified.refused : null;
}

// The state root of the parent block, whose file is found by its hash in the folder `blocks` next to the witness's.
function parentRoot(file: string, { parentHash }: SaltWitnessFile): Uint8Array | null {
  const folder = join(dirname(dirname(file)), "blocks");
  const name = namesIn(folder).find((other) => other.endsWith(`.${toHex(parentHash)}.json`));
  if (name === undefined) return null;
  const { stateRoot } = JSON.parse(readFileSync(join(folder, name), "utf8")) as { stateRoot: string };
  return fromHex(stateRoot);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function tamperedVerdict(bytes: Uint8Array, root: Uint8Array, part: number): Verdict {
  const random = new SeededRandom(0x5a17 + part);
  const regions = regionsOf(bytes);
  for (let i = 0; i < TAMPERED_PER_CASE; i++) {
    const [name, start, end] = random.pick(regions);
    const at = start + random.below(end - start);
    const forged = bytes.slice();
    forged[at]! ^= 1 << random.below(8);
    if (isAccepted(forged, root)) {
      return `accepted with byte ${at} (${name}) as ${toBareHex(forged.subarray(at, at + 1))}`;
    }
  }
  return null;
}

function isAccepted(bytes: Uint8Array, root: Uint8Array): boolean {
  try {
    return refusalOf(decodeSaltWitnessFile(bytes), root) === null;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

// Where the parts of a witness lie, so that each is changed as often as the others.
function regionsOf(bytes: Uint8Array): (readonly [name: string, start: number, end: number])[] {
  const { slots, proof } = decodeSaltWitnessFile(bytes).witness;
  const sizes = {
    slots: 8 + slots.reduce((sum, { entry }) => sum + SLOT_SIZES_BYTES[entry === null ? "empty" : "occupied"], 0),
    commitments: 8 + proof.commitments.length * COMMITMENT_SIZE_BYTES,
    argument: 8 + proof.argument.length,
  };
  let start = HEADER_SIZE_BYTES;
  const regions = Object.entries(sizes).map(([name, size]) => [name, start, (start += size)] as const);
  return [...regions, ["levels", start, bytes.length] as const];
}
