// What the tests of the compiler's parts begin with: byte code from text, its map, its pieces, and what is followed in it.

import { PieceCutter } from "#evm/bytecode/pieces.ts";
import { type ExploreLimits, exploreRegion, type Node, type Point, type Region, Work } from "#evm/compiler/nodes.ts";
import { Routines } from "#evm/compiler/routines.ts";
import { type Rules, rulesOf } from "#evm/gas/rules.ts";
import { opcodesAt } from "#evm/opcodes/table.ts";
import { CODE_MAP_JUMPDEST, CODE_MAP_VISITED } from "#formats/memory/evm-arena.ts";
import { assembleProgram, programFromText } from "#test/fuzz/program.ts";

/** The rules of all these tests. */
export const RULES: Rules = rulesOf("osaka");
/** Where code begins. */
export const START: Point = { pc: 0, height: 0, isRelative: false, labels: [] };
/** Work that no small code takes. */
export const MUCH_WORK = 1_000_000;

/** Byte code of a program as text, see `test/fuzz/program.ts`. */
export function codeOf(text: string): Uint8Array {
  return assembleProgram(programFromText(text));
}

/** The map of a code. @param visited places that the interpreter has entered */
export function mapOf(code: Uint8Array, visited: readonly number[] = []): Uint8Array {
  const map = new Uint8Array(code.length);
  for (let pc = 0; pc < code.length; pc++) {
    const byte = code[pc]!;
    if (byte === 0x5b) map[pc] = CODE_MAP_JUMPDEST;
    if (byte >= 0x60 && byte <= 0x7f) pc += byte - 0x5f;
  }
  for (const pc of visited) map[pc] = map[pc]! | CODE_MAP_VISITED;
  return map;
}

/** Cuts a code. @param visited only these places count as entered; all places without it */
export function cutterOf(code: Uint8Array, visited?: readonly number[]): PieceCutter {
  const options = { rules: RULES, opcodes: opcodesAt(RULES), visitedOnly: visited !== undefined };
  return new PieceCutter(code, mapOf(code, visited), options);
}

const CLONED_INSTRUCTION_COUNT_MAX = 16;

/** Limits that no small code reaches. */
export function limitsOf(changes: Partial<ExploreLimits> = {}): ExploreLimits {
  return {
    sizeBytesMax: MUCH_WORK,
    forceExit: null,
    routines: null,
    clonedInstructionCountMax: CLONED_INSTRUCTION_COUNT_MAX,
    isRoutine: false,
    work: new Work(MUCH_WORK),
    ...changes,
  };
}

/** The routines of a code. */
export function routinesOf(cutter: PieceCutter, work = new Work(MUCH_WORK)): Routines {
  return new Routines(cutter, { forceExit: null, clonedInstructionCountMax: CLONED_INSTRUCTION_COUNT_MAX, work });
}

/**
 * What is followed from a point.
 * @throws {Error} when there is no region
 */
export function explore(cutter: PieceCutter, changes: Partial<ExploreLimits> = {}, start = START): Region {
  const region = exploreRegion(cutter, start, limitsOf(changes));
  if (typeof region === "string") throw new Error(`no region: ${region}`);
  return region;
}

/** The nodes of a piece. */
export function nodesAt({ nodes }: Region, pc: number): Node[] {
  return nodes.filter(({ point }) => point.pc === pc);
}

/** Places of the JUMPDESTs of a code. */
export function destinationsOf(code: Uint8Array): number[] {
  return [...mapOf(code).entries()].filter(([, flags]) => flags !== 0).map(([pc]) => pc);
}
