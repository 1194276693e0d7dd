// What a SALT witness of MegaETH's test network opens, read just far enough to check its proof: node ids by breadth
// first, an expanded bucket's root under the id of its place in the main tree.

import { blake3 } from "#crypto/blake3.ts";

/** A witness file taken apart. */
export type Witness = {
  /** Slots by key; null for an empty one, else 94 bytes: both lengths, key, value. */
  readonly slots: ReadonlyMap<bigint, Uint8Array | null>;
  /** Levels of each bucket's own tree. */
  readonly levels: ReadonlyMap<bigint, number>;
  /** The place of each node's commitment. */
  readonly nodes: ReadonlyMap<bigint, number>;
  /** 32 bytes each. */
  readonly commitments: Uint8Array;
  readonly proof: Uint8Array;
  readonly isWhole: boolean;
};

/** Openings in the order of the proof; values are not yet reduced. */
export type WitnessOpenings = { commitmentOf: Uint32Array; points: Uint8Array; values: Uint8Array };

const FIRST_OF_LEVEL = [0n, 1n, 257n, 65_793n, 16_843_009n];
const BUCKET_ROOTS = FIRST_OF_LEVEL[3]!;
const SEGMENTS = FIRST_OF_LEVEL[4]!;
const SLOT_BITS = 40n;
const LEVEL_SHIFT = 33n;
const HASHES_SIZE_BYTES = 80;
const SLOT_SIZE_BYTES = 94;
const EMPTY_SLOT = new Uint8Array(32).fill(1);

const local = (id: bigint) => BigInt.asUintN(Number(SLOT_BITS), id);
const levelOf = (id: bigint) => FIRST_OF_LEVEL.findLastIndex((first) => first <= local(id));
const position = (id: bigint) => Number((local(id) - FIRST_OF_LEVEL[levelOf(id)]!) & 255n);
const parent = (id: bigint) => {
  const level = levelOf(id);
  return id - local(id) + FIRST_OF_LEVEL[level - 1]! + ((local(id) - FIRST_OF_LEVEL[level]!) >> 8n);
};
const child = (id: bigint, index: number) => {
  const level = levelOf(id);
  return id - local(id) + FIRST_OF_LEVEL[level + 1]! + ((local(id) - FIRST_OF_LEVEL[level]!) << 8n) + BigInt(index);
};

/** Reads a witness file. */
export function readWitness(file: Uint8Array): Witness {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  let at = HASHES_SIZE_BYTES;
  const take = (sizeBytes: number) => file.slice(at, (at += sizeBytes));
  const number = () => view.getBigUint64((at += 8) - 8, true);
  const list = <T>(read: () => T): T[] => Array.from({ length: Number(number()) }, read);
  const slots = new Map(list(() => [number(), take(1)[0] === 1 ? take(SLOT_SIZE_BYTES) : null] as const));
  const nodes = list(() => ({ id: number(), commitment: take(32) }));
  const proof = take(Number(number()));
  const levels = new Map(list(() => [BigInt(new DataView(take(4).buffer).getUint32(0, true)), take(1)[0]!] as const));
  return {
    slots,
    levels,
    nodes: new Map(nodes.map(({ id }, index) => [id, index])),
    commitments: new Uint8Array(nodes.flatMap(({ commitment }) => [...commitment])),
    proof,
    isWhole: at === file.length,
  };
}

/**
 * The openings of a witness.
 * @param nodeScalars what each commitment counts as in its parent, 32 bytes each
 */
export function witnessOpenings(witness: Witness, nodeScalars: Uint8Array): WitnessOpenings {
  const { inner, leaves } = openedPlaces(witness);
  const openings: { node: bigint; point: number; value: Uint8Array }[] = [];
  for (const [id, point] of inOrder(inner)) {
    const level = Number(id >> LEVEL_SHIFT);
    const isExpandedRoot = id < 1n << SLOT_BITS && level > 0;
    const node = isExpandedRoot ? BigInt.asUintN(Number(LEVEL_SHIFT), id) : id;
    const logical = isExpandedRoot ? ((node - BUCKET_ROOTS) << SLOT_BITS) | FIRST_OF_LEVEL[5 - level]! : id;
    const index = witness.nodes.get(child(logical, point))!;
    openings.push({ node, point, value: nodeScalars.subarray(32 * index, 32 * index + 32) });
  }
  for (const [node, point] of inOrder(leaves)) {
    const isUnexpanded = node < 1n << SLOT_BITS;
    const first = isUnexpanded
      ? (node - BUCKET_ROOTS) << SLOT_BITS
      : node - local(node) + ((local(node) - SEGMENTS) << 8n);
    const slot = witness.slots.get(first + BigInt(point))!;
    openings.push({
      node,
      point,
      value: slot === null ? EMPTY_SLOT : blake3(slot.subarray(2, 2 + slot[0]! + slot[1]!)),
    });
  }
  return {
    commitmentOf: Uint32Array.from(openings, ({ node }) => witness.nodes.get(node)!),
    points: Uint8Array.from(openings, ({ point }) => point),
    values: new Uint8Array(openings.flatMap(({ value }) => [...value])),
  };
}

type Places = Map<bigint, Set<number>>;

function openedPlaces({ slots, levels }: Witness): { inner: Places; leaves: Places } {
  const [inner, leaves]: [Places, Places] = [new Map(), new Map()];
  const open = (places: Places, node: bigint, point: number) => {
    places.set(node, (places.get(node) ?? new Set()).add(point));
  };
  for (const key of slots.keys()) {
    const [bucket, slot] = [key >> SLOT_BITS, local(key)];
    const levelCount = levels.get(bucket)!;
    for (let id = BUCKET_ROOTS + bucket; id !== 0n; id = parent(id)) open(inner, parent(id), position(id));
    let id = (bucket << SLOT_BITS) + SEGMENTS + (slot >> 8n);
    open(leaves, levelCount === 1 ? BUCKET_ROOTS + bucket : id, Number(slot & 255n));
    for (let level = 2; level < levelCount; level++, id = parent(id)) open(inner, parent(id), position(id));
    const root = (BUCKET_ROOTS + bucket) | (BigInt(levelCount) << LEVEL_SHIFT);
    if (levelCount >= 2) open(inner, root, position(id));
  }
  return { inner, leaves };
}

function inOrder(places: Places): [bigint, number][] {
  const ids = [...places.keys()].sort((a, b) => (a < b ? -1 : 1));
  return ids.flatMap((id) => [...places.get(id)!].sort((a, b) => a - b).map((point): [bigint, number] => [id, point]));
}
