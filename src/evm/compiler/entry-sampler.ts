// Where a frame that the interpreter runs could be handed over: looks at some jumps of it, and picks the points that it came back
// to. A point names its height and the return labels on its stack; so what lies on the stack by chance must not be one of them.

import { CODE_MAP_JUMPDEST } from "#formats/memory/evm-arena.ts";
import { immediateSizeBytes } from "../opcodes/stack.ts";
import { type Point, pointKey } from "./nodes.ts";

/** Jumps looked at. */
export const SAMPLED_JUMP_COUNT = 48;
/** Most points picked. */
const POINT_COUNT_MAX = 4;

/** Longest operand that can be a label. */
const LABEL_SIZE_BYTES_MAX = 4;
/** Codes longer than this push their labels with two bytes or more. */
const SHORT_CODE_SIZE_BYTES = 256;

/** A stack as little-endian 32-bit words, eight per slot, the deepest slot first. */
export type StackWords = Uint32Array;

/** See the head of the file. */
export class EntrySampler {
  readonly #labels: ReadonlySet<number>;
  readonly #hits = new Map<string, { readonly point: Point; count: number }>();
  #count = 0;

  /** @param map see `CODE_MAP_JUMPDEST` */
  constructor(code: Uint8Array, map: Uint8Array) {
    this.#labels = pushedLabels(code, map);
  }

  /** Whether enough jumps were looked at. */
  get isDone(): boolean {
    return this.#count >= SAMPLED_JUMP_COUNT;
  }

  /** A jump arrived at `pc`. */
  add(pc: number, stack: StackWords): void {
    this.#count++;
    const point: Point = { pc, isRelative: false, height: stack.length / 8, labels: this.#labelsOn(stack) };
    const key = pointKey(point);
    const hit = this.#hits.get(key);
    if (hit === undefined) this.#hits.set(key, { point, count: 1 });
    else hit.count++;
  }

  /** The points that came most often, best first. */
  points(): Point[] {
    return [...this.#hits.values()]
      .sort((a, b) => b.count - a.count)
      .slice(0, POINT_COUNT_MAX)
      .map(({ point }) => point);
  }

  #labelsOn(stack: StackWords): Point["labels"] {
    const labels: [number, bigint][] = [];
    for (let at = 0; at < stack.length; at += 8) {
      const label = labelAt(stack, at);
      if (label !== null && this.#labels.has(label)) labels.push([at / 8, BigInt(label)]);
    }
    return labels;
  }
}

/** The small number in a slot that begins at `at`; null for a large one. */
export function labelAt(stack: StackWords, at: number): number | null {
  for (let i = 1; i < 8; i++) if (stack[at + i] !== 0) return null;
  return stack[at]!;
}

/** Jump destinations that the code itself pushes. */
function pushedLabels(code: Uint8Array, map: Uint8Array): Set<number> {
  const labels = new Set<number>();
  const sizeMin = code.length > SHORT_CODE_SIZE_BYTES ? 2 : 1;
  for (let pc = 0; pc < code.length; pc++) {
    const size = immediateSizeBytes(code[pc]!);
    if (size >= sizeMin && size <= LABEL_SIZE_BYTES_MAX) {
      let value = 0;
      for (let i = 1; i <= size; i++) value = value * 256 + (code[pc + i] ?? 0);
      if (((map[value] ?? 0) & CODE_MAP_JUMPDEST) !== 0) labels.add(value);
    }
    pc += size;
  }
  return labels;
}
