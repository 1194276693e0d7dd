// The seven operations on BLS12-381 (0x0b to 0x11). A field element takes 64 bytes, the first 16 zero; a point is x, y,
// and infinity is all zeroes. Additions take points outside the subgroup, everything else refuses them.

import { bls12381 } from "#crypto/bls12-381.ts";
import { copyPadded, type Precompile, trueWord } from "./precompile.ts";

const G1_SIZE_BYTES = 128;
const G2_SIZE_BYTES = 256;
const SCALAR_SIZE_BYTES = 32;
const PAIR_SIZE_BYTES = G1_SIZE_BYTES + G2_SIZE_BYTES;

// Thousandths of the price of one multiplication, by the number of terms less one; the last holds for all larger sums.
const G1_DISCOUNTS: readonly number[] = [
  1000, 949, 848, 797, 764, 750, 738, 728, 719, 712, 705, 698, 692, 687, 682, 677, 673, 669, 665, 661, 658, 654, 651,
  648, 645, 642, 640, 637, 635, 632, 630, 627, 625, 623, 621, 619, 617, 615, 613, 611, 609, 608, 606, 604, 603, 601,
  599, 598, 596, 595, 593, 592, 591, 589, 588, 586, 585, 584, 582, 581, 580, 579, 577, 576, 575, 574, 573, 572, 570,
  569, 568, 567, 566, 565, 564, 563, 562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 551, 550, 549, 548, 547,
  547, 546, 545, 544, 543, 542, 541, 540, 540, 539, 538, 537, 536, 536, 535, 534, 533, 532, 532, 531, 530, 529, 528,
  528, 527, 526, 525, 525, 524, 523, 522, 522, 521, 520, 520, 519,
];
const G2_DISCOUNTS: readonly number[] = [
  1000, 1000, 923, 884, 855, 832, 812, 796, 782, 770, 759, 749, 740, 732, 724, 717, 711, 704, 699, 693, 688, 683, 679,
  674, 670, 666, 663, 659, 655, 652, 649, 646, 643, 640, 637, 634, 632, 629, 627, 624, 622, 620, 618, 615, 613, 611,
  609, 607, 606, 604, 602, 600, 598, 597, 595, 593, 592, 590, 589, 587, 586, 584, 583, 582, 580, 579, 578, 576, 575,
  574, 573, 571, 570, 569, 568, 567, 566, 565, 563, 562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 552, 551,
  550, 549, 548, 547, 546, 545, 545, 544, 543, 542, 541, 541, 540, 539, 538, 537, 537, 536, 535, 535, 534, 533, 532,
  532, 531, 530, 530, 529, 528, 528, 527, 526, 526, 525, 524, 524,
];

/** 0x0b to 0x11. @see EIP-2537 */
export const BLS12_381_PRECOMPILES: readonly Precompile[] = [
  fixed({ address: 0x0b, name: "bls12G1Add", gas: 375, sizeBytes: 2 * G1_SIZE_BYTES }, (input) =>
    bls12381().addG1(input),
  ),
  multiExp({ address: 0x0c, name: "bls12G1Msm", gas: 12_000, pointSizeBytes: G1_SIZE_BYTES }, G1_DISCOUNTS, (input) =>
    bls12381().msmG1(input),
  ),
  fixed({ address: 0x0d, name: "bls12G2Add", gas: 600, sizeBytes: 2 * G2_SIZE_BYTES }, (input) =>
    bls12381().addG2(input),
  ),
  multiExp({ address: 0x0e, name: "bls12G2Msm", gas: 22_500, pointSizeBytes: G2_SIZE_BYTES }, G2_DISCOUNTS, (input) =>
    bls12381().msmG2(input),
  ),
  {
    address: 0x0f,
    name: "bls12Pairing",
    since: "prague",
    gas: (input) => 37_700 + 32_600 * Math.floor(input.length / PAIR_SIZE_BYTES),
    run: (input) => {
      if (input.length === 0 || input.length % PAIR_SIZE_BYTES !== 0) return null;
      const isOne = bls12381().isPairingProductOne(input);
      if (isOne === null) return null;
      return isOne ? trueWord() : new Uint8Array(32);
    },
  },
  fixed({ address: 0x10, name: "bls12MapFpToG1", gas: 5500, sizeBytes: 64 }, (input) => bls12381().mapToG1(input)),
  fixed({ address: 0x11, name: "bls12MapFp2ToG2", gas: 23_800, sizeBytes: 128 }, (input) => bls12381().mapToG2(input)),
];

// An operation of one price over one size of input.
function fixed(
  row: { address: number; name: string; gas: number; sizeBytes: number },
  compute: (input: Uint8Array) => Uint8Array | null,
): Precompile {
  return {
    address: row.address,
    name: row.name,
    since: "prague",
    gas: () => row.gas,
    run: (input) => (input.length === row.sizeBytes ? compute(copyPadded(input, 0, row.sizeBytes)) : null),
  };
}

// A sum of multiples: any number of point and scalar, at least one.
function multiExp(
  row: { address: number; name: string; gas: number; pointSizeBytes: number },
  discounts: readonly number[],
  compute: (input: Uint8Array) => Uint8Array | null,
): Precompile {
  const termSizeBytes = row.pointSizeBytes + SCALAR_SIZE_BYTES;
  return {
    address: row.address,
    name: row.name,
    since: "prague",
    gas: (input) => {
      const count = Math.floor(input.length / termSizeBytes);
      const discount = discounts[Math.min(count, discounts.length) - 1];
      return discount === undefined ? 0 : Math.floor((count * row.gas * discount) / 1000);
    },
    run: (input) => (input.length === 0 || input.length % termSizeBytes !== 0 ? null : compute(input)),
  };
}
