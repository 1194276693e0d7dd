// What runs have shown of a byte code's places, as sets of bits: the blocks that were entered, and the heads of loops where a number was
// not as small as compiled code had taken it for. It is gathered from several threads and kept on disk with the compiled code, so
// that a later compilation neither leaves out what an earlier one had nor guesses wrong again.

import { CODE_MAP_VISITED, CODE_MAP_WIDE } from "#formats/memory/evm-arena.ts";

/** For each flag of {@link FLAGS} a bit for each byte of code, the lowest first, in whole bytes. */
export type SeenPlaces = Uint8Array;

const FLAGS = [CODE_MAP_VISITED, CODE_MAP_WIDE] as const;

/** What a code map says of its places. */
export function seenPlacesOf(map: Uint8Array): SeenPlaces {
  const setSizeBytes = Math.ceil(map.length / 8);
  const seen = new Uint8Array(FLAGS.length * setSizeBytes);
  for (const [set, flag] of FLAGS.entries()) {
    for (let pc = 0; pc < map.length; pc++) {
      if ((map[pc]! & flag) === 0) continue;
      const at = set * setSizeBytes + (pc >> 3);
      seen[at] = seen[at]! | (1 << (pc & 7));
    }
  }
  return seen;
}

/** Adds what was seen to a code map. */
export function markSeenPlaces(map: Uint8Array, seen: SeenPlaces): void {
  const setSizeBytes = Math.ceil(map.length / 8);
  for (const [set, flag] of FLAGS.entries()) {
    for (let pc = 0; pc < map.length; pc++) {
      const bits = seen[set * setSizeBytes + (pc >> 3)] ?? 0;
      if ((bits & (1 << (pc & 7))) !== 0) map[pc] = map[pc]! | flag;
    }
  }
}

/** Heads of loops where a number was not as small as compiled code had taken it for. */
export function wrongGuessCount(map: Uint8Array): number {
  return map.reduce((count, flags) => ((flags & CODE_MAP_WIDE) === 0 ? count : count + 1), 0);
}

/** How much was seen: it only ever grows. */
export function seenCount(map: Uint8Array): number {
  let count = 0;
  for (const flags of map) for (const flag of FLAGS) if ((flags & flag) !== 0) count++;
  return count;
}
