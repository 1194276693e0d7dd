// Which blocks of a byte code were entered, as a set of bits: what several threads have seen of it, and what is kept on disk with the
// compiled code, so that a later compilation never leaves out what an earlier one had.

import { CODE_MAP_VISITED } from "#formats/memory/evm-arena.ts";

/** A bit for each byte of code, the lowest first. */
export type VisitedBlocks = Uint8Array;

/** The entered blocks of a code map. */
export function visitedBlocksOf(map: Uint8Array): VisitedBlocks {
  const visited = new Uint8Array(Math.ceil(map.length / 8));
  for (let pc = 0; pc < map.length; pc++) {
    if ((map[pc]! & CODE_MAP_VISITED) !== 0) visited[pc >> 3] = visited[pc >> 3]! | (1 << (pc & 7));
  }
  return visited;
}

/** Marks blocks in a code map. */
export function markVisitedBlocks(map: Uint8Array, visited: VisitedBlocks): void {
  for (let pc = 0; pc < map.length; pc++) {
    if (((visited[pc >> 3] ?? 0) & (1 << (pc & 7))) !== 0) map[pc] = map[pc]! | CODE_MAP_VISITED;
  }
}
