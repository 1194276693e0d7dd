// The operations of EIP-2537 and the KZG check on our WASM kernel: encodings, range, curve and subgroup checks, and
// which of the curve's parts do the work.

import { bigintFromBytes, isZeroBytes } from "#base/bytes.ts";
import type { Bls12381Backend, KzgOpening } from "./bls12-381-backend.ts";
import { Bls12381Curve, FIELD_SIZE_BYTES, ORDER, P } from "./bls12-381-curve.ts";
import { Bls12381Maps } from "./bls12-381-maps.ts";
import type { Address } from "./curve-kernel.ts";
import type { PointGroup } from "./multiples.ts";

const ENCODED_FIELD_SIZE_BYTES = 64;
const PADDING_SIZE_BYTES = ENCODED_FIELD_SIZE_BYTES - FIELD_SIZE_BYTES;
const G1_SIZE_BYTES = 128;
const G2_SIZE_BYTES = 256;
const SCALAR_SIZE_BYTES = 32;

/** [τ]₂ of the KZG ceremony, decompressed; coordinates as real and imaginary parts. */
const TAU_G2: readonly bigint[] = [
  0x185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2n,
  0x15bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72n,
  0x14353bdb96b626dd7d5ee8599d1fca2131569490e28de18e82451a496a9c9794ce26d105941f383ee689bfbbb832a99n,
  0x1666c54b0a32529503432fcae0181b4bef79de09fc63671fda5ed1ba9bfa07899495346f3d7ac9cd23048ef30d0a154fn,
];
/** The standard generators. */
const G2_GENERATOR = [
  0x24aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8n,
  0x13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7en,
  0xce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801n,
  0x606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79ben,
] as const;
const G1_GENERATOR: readonly bigint[] = [
  0x17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bbn,
  0x8b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1n,
];

type PointKind = "invalid" | "infinity" | "point";
type Subgroup = { readonly group: PointGroup; readonly sizeBytes: number; readonly termsPerPoint: number };

/** Opens the kernel in this thread's range. */
export function createWasmBls12381(): Bls12381Backend {
  const operations = new Operations();
  const { g1, g2 } = operations;
  return {
    name: "wasm",
    addG1: (input) => operations.add(g1, input),
    addG2: (input) => operations.add(g2, input),
    msmG1: (input) => operations.sumOfMultiples(g1, input),
    msmG2: (input) => operations.sumOfMultiples(g2, input),
    isPairingProductOne: (input) => operations.isPairingProductOne(input),
    mapToG1: (input) => operations.mapToG1(input),
    mapToG2: (input) => operations.mapToG2(input),
    verifyKzgProof: (opening) => operations.verifyKzgProof(opening),
  };
}

class Operations {
  readonly g1: Subgroup;
  readonly g2: Subgroup;
  readonly #curve = new Bls12381Curve();
  readonly #maps = new Bls12381Maps(this.#curve);
  readonly #affine: Address;
  readonly #otherAffine: Address;
  readonly #sum: Address;
  readonly #part: Address;
  readonly #products: readonly [Address, Address];
  #kzgPoints: { readonly tau: Address; readonly negativeGenerator: Address; readonly generatorG1: Address } | null =
    null;

  constructor() {
    const { kernel, g1, g2 } = this.#curve;
    this.g1 = { group: g1, sizeBytes: G1_SIZE_BYTES, termsPerPoint: 2 };
    this.g2 = { group: g2, sizeBytes: G2_SIZE_BYTES, termsPerPoint: 4 };
    this.#affine = kernel.reserve(4 * FIELD_SIZE_BYTES);
    this.#otherAffine = kernel.reserve(4 * FIELD_SIZE_BYTES);
    this.#sum = kernel.reserve(6 * FIELD_SIZE_BYTES);
    this.#part = kernel.reserve(6 * FIELD_SIZE_BYTES);
    this.#products = [kernel.reserve(12 * FIELD_SIZE_BYTES), kernel.reserve(12 * FIELD_SIZE_BYTES)];
  }

  add(subgroup: Subgroup, input: Uint8Array): Uint8Array | null {
    const [first, second] = [this.#affine, this.#otherAffine];
    const kind = this.#readPoint(subgroup, first, input, 0);
    const otherKind = this.#readPoint(subgroup, second, input, subgroup.sizeBytes);
    if (kind === "invalid" || otherKind === "invalid") return null;
    if (kind === "infinity") return this.#writeAffine(subgroup, otherKind === "infinity" ? null : second);
    if (otherKind === "infinity") return this.#writeAffine(subgroup, first);
    return this.#writeAffine(subgroup, subgroup.group.addAffinePoints(first, first, second) ? first : null);
  }

  sumOfMultiples(subgroup: Subgroup, input: Uint8Array): Uint8Array | null {
    const { group, sizeBytes, termsPerPoint } = subgroup;
    this.#curve.kernel.clear(this.#sum, 3 * group.sizeBytes);
    group.clearTerms();
    for (let offset = 0; offset < input.length; offset += sizeBytes + SCALAR_SIZE_BYTES) {
      const kind = this.#readMember(subgroup, this.#affine, input, offset);
      if (kind === "invalid") return null;
      if (kind === "infinity") continue;
      const scalarOffset = offset + sizeBytes;
      const scalar = bigintFromBytes(input.subarray(scalarOffset, scalarOffset + SCALAR_SIZE_BYTES));
      if (group === this.#curve.g1) this.#curve.addTermG1(this.#affine, scalar);
      else this.#curve.addTermG2(this.#affine, scalar);
      if (group.room < termsPerPoint) this.#addTerms(group);
    }
    this.#addTerms(group);
    return this.#writePoint(subgroup, this.#sum);
  }

  isPairingProductOne(input: Uint8Array): boolean | null {
    const { pairing } = this.#curve;
    let turns = 0;
    let pending = 0;
    pairing.clearPairs();
    for (let offset = 0; offset < input.length; offset += G1_SIZE_BYTES + G2_SIZE_BYTES) {
      const first = this.#readMember(this.g1, this.#affine, input, offset);
      if (first === "invalid") return null;
      const second = this.#readMember(this.g2, this.#otherAffine, input, offset + G1_SIZE_BYTES);
      if (second === "invalid") return null;
      if (first === "infinity" || second === "infinity") continue;
      pairing.addPair(this.#affine, this.#otherAffine);
      pending++;
      if (!pairing.isFull) continue;
      this.#runLoop(turns++);
      pending = 0;
    }
    if (pending > 0) this.#runLoop(turns++);
    return turns === 0 || this.#curve.isProductOne(this.#products[0]);
  }

  mapToG1(input: Uint8Array): Uint8Array | null {
    if (!this.#readField(this.#affine, input, 0)) return null;
    this.#maps.toG1(this.#sum, this.#affine);
    return this.#writePoint(this.g1, this.#sum);
  }

  mapToG2(input: Uint8Array): Uint8Array | null {
    if (!this.#readField(this.#affine, input, 0)) return null;
    if (!this.#readField(this.#affine + FIELD_SIZE_BYTES, input, ENCODED_FIELD_SIZE_BYTES)) return null;
    this.#maps.toG2(this.#sum, this.#affine);
    return this.#writePoint(this.g2, this.#sum);
  }

  // e(C - [y]G1 + [z]π, -G2) · e(π, [τ]G2) = 1: all multiplications are in the cheaper group.
  verifyKzgProof({ commitment, z, y, proof }: KzgOpening): boolean {
    const { g1, pairing } = this.#curve;
    const at = bigintFromBytes(z);
    const value = bigintFromBytes(y);
    if (at >= ORDER || value >= ORDER) return false;
    this.#kzgPoints ??= this.#openKzgPoints();
    const { tau, negativeGenerator, generatorG1 } = this.#kzgPoints;
    const proofKind = this.#readCompressed(this.#affine, proof);
    if (proofKind === "invalid") return false;
    g1.clearTerms();
    pairing.clearPairs();
    if (proofKind === "point") {
      this.#curve.addTermG1(this.#affine, at);
      pairing.addPair(this.#affine, tau);
    }
    this.#curve.addTermG1(generatorG1, ORDER - value);
    const commitmentKind = this.#readCompressed(this.#affine, commitment);
    if (commitmentKind === "invalid") return false;
    if (commitmentKind === "point") g1.lift(this.#sum, this.#affine);
    else this.#curve.kernel.clear(this.#sum, 3 * FIELD_SIZE_BYTES);
    this.#addTerms(g1);
    const hasLeft = !g1.isInfinity(this.#sum);
    if (hasLeft) {
      g1.toAffine(this.#affine, this.#sum);
      pairing.addPair(this.#affine, negativeGenerator);
    }
    if (!hasLeft && proofKind === "infinity") return true;
    this.#runLoop(0);
    return this.#curve.isProductOne(this.#products[0]);
  }

  #openKzgPoints() {
    const { kernel } = this.#curve;
    const tau = kernel.constant(...TAU_G2);
    const negativeGenerator = kernel.constant(
      G2_GENERATOR[0],
      G2_GENERATOR[1],
      P - G2_GENERATOR[2],
      P - G2_GENERATOR[3],
    );
    return { tau, negativeGenerator, generatorG1: kernel.constant(...G1_GENERATOR) };
  }

  // Adds what the group's terms make to the sum and forgets them.
  #addTerms(group: PointGroup): void {
    group.sumTerms(this.#part);
    group.points.add(this.#sum, this.#sum, this.#part);
    group.clearTerms();
  }

  // Multiplies the pending pairs into the product; the first turn starts it.
  #runLoop(turn: number): void {
    const { kernel, pairing } = this.#curve;
    const [product, other] = this.#products;
    const to = turn === 0 ? product : other;
    pairing.millerLoop(to, false);
    pairing.conjugate(to, to);
    if (turn > 0) kernel.calls.fp12Mul(product, product, other);
    pairing.clearPairs();
  }

  #readField(to: Address, input: Uint8Array, offset: number): boolean {
    for (let i = 0; i < PADDING_SIZE_BYTES; i++) if (input[offset + i] !== 0) return false;
    return this.#curve.kernel.read(to, input, offset + PADDING_SIZE_BYTES);
  }

  // A point of the curve, in the subgroup or not.
  #readPoint({ group, sizeBytes }: Subgroup, to: Address, input: Uint8Array, offset: number): PointKind {
    const partCount = sizeBytes / ENCODED_FIELD_SIZE_BYTES;
    for (let i = 0; i < partCount; i++) {
      const partOffset = offset + i * ENCODED_FIELD_SIZE_BYTES;
      if (!this.#readField(to + i * FIELD_SIZE_BYTES, input, partOffset)) return "invalid";
    }
    if (group.field.isZero(to) === 1 && group.field.isZero(to + group.sizeBytes) === 1) return "infinity";
    const b = group === this.#curve.g1 ? this.#curve.b : this.#curve.twistB;
    return group.isOnCurve(to, b, this.#part) ? "point" : "invalid";
  }

  #readMember(subgroup: Subgroup, to: Address, input: Uint8Array, offset: number): PointKind {
    const kind = this.#readPoint(subgroup, to, input, offset);
    if (kind !== "point") return kind;
    const isMember = subgroup === this.g1 ? this.#curve.isInG1(to) : this.#curve.isInG2(to);
    return isMember ? "point" : "invalid";
  }

  // 48 bytes: flags for compression, infinity and the larger y, then x.
  #readCompressed(to: Address, bytes: Uint8Array): PointKind {
    const { kernel, g1 } = this.#curve;
    const flags = bytes[0]! & 0xe0;
    const x = bytes.slice();
    x[0] = bytes[0]! & 0x1f;
    if (flags === 0xc0) return isZeroBytes(x) ? "infinity" : "invalid";
    if (flags !== 0x80 && flags !== 0xa0) return "invalid";
    if (!kernel.read(to, x, 0)) return "invalid";
    const square = this.#part;
    const y = to + FIELD_SIZE_BYTES;
    kernel.fp.sqr(square, to);
    kernel.fp.mul(square, square, to);
    kernel.fp.add(square, square, this.#curve.b);
    if (!this.#maps.squareRoot(y, square)) return "invalid";
    kernel.write(x, 0, y);
    const isLarger = bigintFromBytes(x) > (P - 1n) / 2n;
    if (isLarger !== (flags === 0xa0)) g1.negate(to, to, 2);
    return this.#curve.isInG1(to) ? "point" : "invalid";
  }

  #writePoint(subgroup: Subgroup, jacobian: Address): Uint8Array {
    if (subgroup.group.isInfinity(jacobian)) return this.#writeAffine(subgroup, null);
    subgroup.group.toAffine(this.#affine, jacobian);
    return this.#writeAffine(subgroup, this.#affine);
  }

  // A point, or infinity for null.
  #writeAffine({ sizeBytes }: Subgroup, affine: Address | null): Uint8Array {
    const output = new Uint8Array(sizeBytes);
    if (affine === null) return output;
    for (let i = 0; i < sizeBytes / ENCODED_FIELD_SIZE_BYTES; i++) {
      const offset = i * ENCODED_FIELD_SIZE_BYTES + PADDING_SIZE_BYTES;
      this.#curve.kernel.write(output, offset, affine + i * FIELD_SIZE_BYTES);
    }
    return output;
  }
}
