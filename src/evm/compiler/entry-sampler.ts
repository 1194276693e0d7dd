// Where a frame that the interpreter runs could be handed over: looks at some jumps of it, in windows with time between them, and picks
// the points that it came back to, best in several windows. A point names its height and the return labels on its stack; so what
// lies on the stack by chance must not be one of them.

import { assert } from "#base/assert.ts";
import { CODE_MAP_JUMPDEST } from "#formats/memory/evm-arena.ts";
import { immediateSizeBytes } from "../opcodes/stack.ts";
import { type Point, pointKey, relativePoint } from "./nodes.ts";

/** Jumps looked at in a window. */
export const WINDOW_JUMP_COUNT = 48;
/** Most points picked. */
const POINT_COUNT_MAX = 4;

/** Longest operand that can be a label. */
const LABEL_SIZE_BYTES_MAX = 4;
/** Codes longer than this push their labels with two bytes or more. */
const SHORT_CODE_SIZE_BYTES = 256;

/** A stack as little-endian 32-bit words, eight per slot, the deepest slot first. */
export type StackWords = Uint32Array;

/** Arrivals at a point: how many, and in which windows. */
type Hits = { readonly point: Point; count: number; readonly windows: Set<number> };

/** See the head of the file. */
export class EntrySampler {
  readonly #labels: ReadonlySet<number>;
  readonly #hits = new Map<string, Hits>();
  readonly #windowCountMax: number;
  #window = 0;
  #count = 0;

  /** @param map see `CODE_MAP_JUMPDEST` @param windowCountMax windows, the first of which is open */
  constructor(code: Uint8Array, map: Uint8Array, windowCountMax: number) {
    this.#labels = pushedLabels(code, map);
    this.#windowCountMax = windowCountMax;
  }

  /** Whether enough jumps were looked at in this window. */
  get isWindowFull(): boolean {
    return this.#count >= WINDOW_JUMP_COUNT;
  }

  /** Whether this window is the last one. */
  get isLastWindow(): boolean {
    return this.#window + 1 >= this.#windowCountMax;
  }

  /** Opens the next window. */
  openWindow(): void {
    this.#window++;
    this.#count = 0;
  }

  /** A jump arrived at `pc`. */
  add(pc: number, stack: StackWords): void {
    this.#count++;
    const point: Point = { pc, isRelative: false, height: stack.length / 8, labels: this.#labelsOn(stack) };
    const key = pointKey(point);
    const hits = this.#hits.get(key);
    if (hits === undefined) this.#hits.set(key, { point, count: 1, windows: new Set([this.#window]) });
    else {
      hits.count++;
      hits.windows.add(this.#window);
    }
  }

  /**
   * The points that came in most windows, and of those the most often, best first. Where several stacks came to one place, it is the
   * place alone: a function that is called from several places has another label each time.
   */
  points(): Point[] {
    const byPc = Map.groupBy(this.#hits.values(), ({ point }) => point.pc);
    return Array.from(byPc.values(), merge)
      .sort((a, b) => b.windows.size - a.windows.size || b.count - a.count)
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

function merge(hits: readonly Hits[]): Hits {
  const [first, ...others] = hits;
  assert(first !== undefined, "a group has members");
  if (others.length === 0) return first;
  return {
    point: relativePoint(first.point.pc),
    count: hits.reduce((sum, { count }) => sum + count, 0),
    windows: new Set(hits.flatMap(({ windows }) => [...windows])),
  };
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
