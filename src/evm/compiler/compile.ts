// Byte code of one contract to one WebAssembly module. Function 0 begins at the start of the code; the others begin behind calls of
// contracts, at routines inside the code, where frames are handed over, and where a function had to be cut:
//
//   points to enter ▸ unfold: nodes, routines ▸ cut along the dominator tree ▸ regions ▸ one function each, one entry each
//
// Code that does not unfold (loops with two heads, high stacks, too many clones) is compiled in dispatch form instead, and what
// would take too long to compile, or become too long, is not compiled at all: the interpreter has it.

import { must } from "#base/assert.ts";
import { CODE_MAP_VISITED, CODE_MAP_WIDE } from "#formats/memory/evm-arena.ts";
import { ModuleBuilder } from "#wasm/assembler.ts";
import { FUNCTION_SIZE_BYTES_MAX, FunctionEmitter, type FunctionIndex } from "#wasm/function-emitter.ts";
import { PieceCutter } from "../bytecode/pieces.ts";
import type { Rules } from "../gas/rules.ts";
import { immediateSizeBytes } from "../opcodes/stack.ts";
import { opcodesAt } from "../opcodes/table.ts";
import { REGION_FUNCTION } from "./compiled-frame.ts";
import { blockTable, emitDispatchFunction, functionOf, planDispatch } from "./dispatch.ts";
import { defineEntry } from "./entry.ts";
import { analyzeFlow } from "./flow.ts";
import { declareParts, type ModuleParts } from "./module-parts.ts";
import {
  type Edge,
  exploreRegion,
  type Node,
  type Point,
  pointBehindFrame,
  pointKey,
  type Region,
  relativePoint,
  Work,
} from "./nodes.ts";
import { partition } from "./partition.ts";
import { emitRegion } from "./region-emitter.ts";
import { Routines } from "./routines.ts";
import { wrongGuessCount } from "./seen-places.ts";

/** Changes whenever the same byte code gives another module: compiled code on disk of another version is not loaded. */
export const GENERATOR_VERSION = 4;

/** What to compile, and how. */
export type CompileOptions = {
  /** Follow only blocks that the interpreter has entered (bit `CODE_MAP_VISITED` of the map). */
  readonly visitedOnly: boolean;
  /** Where compiled code hands over to the interpreter for no reason, for tests. @param pc of the piece */
  readonly forceExit: ((pc: number) => boolean) | null;
  /** Where frames that the interpreter runs already shall be able to enter. */
  readonly entryPoints: readonly Point[];
  /** The only form to take, for tests; without it the better one that there is. */
  readonly form?: CodeForm;
};

/** How code is compiled: unfolded into regions, or with a table of blocks. */
export type CodeForm = "regions" | "dispatch";

/** A place where the interpreter may hand a running frame over. */
export type CompiledEntry = Point & {
  /** Number of the function among the module's. */
  readonly function: number;
  /** What `FRAME.block` must be. */
  readonly block: number;
  /** The stack may be of any height. */
  readonly anyHeight: boolean;
};

/** A compiled byte code. */
export type CompiledCode = {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Functions that the module puts into the table. */
  readonly functionCount: number;
  readonly form: CodeForm;
  /** What `CODE_ENTRY.blocks` points to: blocks of the dispatch form, relative regions; null where nothing is looked up. */
  readonly blocks: Uint16Array | null;
  /** Those of the asked entry points that can be entered. */
  readonly entries: readonly CompiledEntry[];
};

/** Most functions of one module. */
const FUNCTION_COUNT_MAX = 256;
/** Instructions in one function of the dispatch form: it stays below the size that the optimizer takes. */
const INSTRUCTION_COUNT_MAX = 1_200;
/** Bytes that are followed from one point, by estimate. */
const UNIT_SIZE_BYTES_MAX = 600_000;
/** Bytes of a region by estimate, well below the size that the optimizer takes. */
const REGION_SIZE_BYTES_MAX = 40_000;
/** Work that a byte of code may take when it is unfolded, before it is compiled in dispatch form; see `Work`. */
const WORK_PER_BYTE_MAX = 12;
/** Work that even a small code may take, and the most that any may. */
const UNFOLD_WORK_MIN = 4_500;
const UNFOLD_WORK_MAX = 60_000;
/** What one byte code may cost to compile; see `compileCost`. */
const COMPILE_COST_MAX = 40_000;
/** Instructions whose WebAssembly is long. */
const EXPENSIVE_COST = 4;
const EXPENSIVE_OPCODES: ReadonlySet<number> = new Set([
  0x02, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x1b, 0x1c, 0x1d, 0x20, 0x37, 0x39, 0x3c, 0x3e, 0x5e, 0xa0,
  0xa1, 0xa2, 0xa3, 0xa4,
]);
/**
 * Instructions of a routine that is still cloned into its callers, the first of these bounds by which the code unfolds: a call of
 * a routine goes through memory, so long clones make mandelbrot 2.5 times faster, and with them snailtracer does not unfold.
 */
const CLONED_INSTRUCTION_COUNTS = [48, 16] as const;
/** Work that is done to find routines, in all: the longest contracts of the benches take 27,000 (USDC) to 119,000 (Seaport). */
const ROUTINE_WORK_MAX = 200_000;
/**
 * Bytes of all functions of a module. What is longer is nearly always code without loops, and never pays: 20 KB of MLOAD after
 * MLOAD become 1.3 MB, which take 240 us a call after a thousand calls where the interpreter takes 36 us. The longest that pay are
 * half as long (Seaport whole: 734 KB, snailtracer: 671 KB).
 */
const MODULE_SIZE_BYTES_MAX = 1_000_000;
/** Heads of loops where a number was not below 2^64, before none is taken for one any more. */
const WRONG_GUESS_COUNT_MAX = 3;
/** Functions are written this much smaller when one came out too large. */
const SHRINK_COUNT_MAX = 3;

/**
 * Compiles a byte code.
 * @param map one byte per byte of code; see `CODE_MAP_JUMPDEST`
 * @returns null when it is empty, too costly to compile, or begins with what only the interpreter does
 */
export function compileCode(
  code: Uint8Array,
  map: Uint8Array,
  rules: Rules,
  options: CompileOptions,
): CompiledCode | null {
  if (code.length === 0) return null;
  const { visitedOnly } = options;
  const cutter = new PieceCutter(code, map, { rules, opcodes: opcodesAt(rules), visitedOnly });
  if (compileCost(cutter, visitedOnly) > COMPILE_COST_MAX) return null;
  const { form } = options;
  return (
    (form === "dispatch" ? null : compileRegions(cutter, rules, options)) ??
    (form === "regions" ? null : compileDispatch(cutter, rules, options))
  );
}

/** An upper bound of the work, in time proportional to the code. */
function compileCost({ code, map }: PieceCutter, visitedOnly: boolean): number {
  let cost = 0;
  let counts = true;
  for (let pc = 0; pc < code.length; pc++) {
    const byte = code[pc]!;
    if (visitedOnly && byte === 0x5b) counts = (map[pc]! & CODE_MAP_VISITED) !== 0;
    if (counts) cost += EXPENSIVE_OPCODES.has(byte) ? EXPENSIVE_COST : 1;
    pc += immediateSizeBytes(byte);
  }
  return cost;
}

const START: Point = { pc: 0, height: 0, isRelative: false, labels: [] };

function compileRegions(cutter: PieceCutter, rules: Rules, options: CompileOptions): CompiledCode | null {
  const units = unfoldWithin(cutter, options);
  if (units === null) return null;
  for (let shrink = 0; shrink < SHRINK_COUNT_MAX; shrink++) {
    const plan = planRegions(units, REGION_SIZE_BYTES_MAX >> shrink);
    if (plan.regions.length > FUNCTION_COUNT_MAX) return null;
    const compiled = emitRegions(plan, cutter, rules, options.entryPoints);
    if (compiled !== "too large") return compiled;
  }
  return null;
}

function unfoldWithin(cutter: PieceCutter, options: CompileOptions): Map<string, Region> | null {
  for (const clonedInstructionCountMax of CLONED_INSTRUCTION_COUNTS) {
    const units = unfold(cutter, options, clonedInstructionCountMax);
    if (units !== null) return units;
  }
  return null;
}

/**
 * What is reached without a call from each point where the driver or a caller may enter, by the point's key; the start comes first.
 * @returns null when it is too much, or too high a stack for variables
 */
function unfold(
  cutter: PieceCutter,
  options: CompileOptions,
  clonedInstructionCountMax: number,
): Map<string, Region> | null {
  const forceExit = options.forceExit && (({ pc }: Point) => options.forceExit!(pc));
  const clones = { forceExit, clonedInstructionCountMax };
  const routines = new Routines(cutter, { ...clones, work: new Work(ROUTINE_WORK_MAX) });
  const workMax = Math.min(UNFOLD_WORK_MAX, Math.max(UNFOLD_WORK_MIN, WORK_PER_BYTE_MAX * cutter.code.length));
  const work = new Work(workMax);
  const limits = { ...clones, sizeBytesMax: UNIT_SIZE_BYTES_MAX, routines, isRoutine: false, work };
  const units = new Map<string, Region>();
  // The start comes off the list first, so that it is function 0.
  const pending = [...options.entryPoints, START];
  for (let point = pending.pop(); point !== undefined; point = pending.pop()) {
    if (units.has(pointKey(point)) || units.size >= FUNCTION_COUNT_MAX) continue;
    const unit = exploreRegion(cutter, point, limits);
    if (unit === "too high" || unit === "too much") return null;
    if (typeof unit === "string") continue;
    units.set(pointKey(point), unit);
    for (const node of unit.nodes) pending.push(...pointsBehind(node, cutter));
  }
  return units.has(pointKey(START)) ? units : null;
}

/** The functions of a module. */
type RegionPlan = {
  readonly regions: readonly Region[];
  /** Number of the region that begins at a point where something enters. */
  readonly byPoint: ReadonlyMap<string, number>;
  /** Number of the region with this root. */
  readonly byRoot: ReadonlyMap<Node, number>;
};

function planRegions(units: ReadonlyMap<string, Region>, sizeBytesMax: number): RegionPlan {
  const regions: Region[] = [];
  const byPoint = new Map<string, number>();
  for (const [key, unit] of units) {
    byPoint.set(key, regions.length);
    regions.push(...partition(unit, sizeBytesMax));
  }
  return { regions, byPoint, byRoot: new Map(regions.map(({ root }, number) => [root, number])) };
}

/** Where other regions begin behind a node. */
function pointsBehind(node: Node, cutter: PieceCutter): Point[] {
  if (node.isForcedExit) return [];
  if (node.piece.end.kind === "frame") return [pointBehindFrame(node, cutter)];
  return [node.taken, node.next].flatMap((edge) => {
    return edge === null ? [] : pointsOf(edge);
  });
}

function pointsOf(edge: Edge): Point[] {
  if (edge.kind === "call") return [relativePoint(edge.routine.pc), ...pointsOf(edge.next)];
  return edge.kind === "region" ? [...edge.returns.map(relativePoint), edge.point] : [];
}

function emitRegions(
  plan: RegionPlan,
  cutter: PieceCutter,
  rules: Rules,
  entryPoints: readonly Point[],
): CompiledCode | "too large" | null {
  const { regions, byPoint, byRoot } = plan;
  const module = new ModuleBuilder();
  const parts = declareParts(module, rules);
  const functions = regions.map(() => module.declareFunction(REGION_FUNCTION));
  const table = module.defineTable(regions.length);
  module.addElements(table, 0, functions);
  const guesses = wrongGuessCount(cutter.map) < WRONG_GUESS_COUNT_MAX;
  let sizeBytes = 0;
  for (const [number, region] of regions.entries()) {
    const flow = analyzeFlow(region);
    if (flow === null) return null;
    const emitter = new FunctionEmitter(REGION_FUNCTION.params);
    emitRegion(emitter, region, flow, parts, {
      regionAt: (point) => byPoint.get(pointKey(point)) ?? null,
      regions: table,
      regionOf: (root) => must(byRoot.get(root), "a node outside a region is the root of another"),
      mayGuess: (pc) => guesses && (cutter.map[pc]! & CODE_MAP_WIDE) === 0,
      behindFrame: (node) => pointBehindFrame(node, cutter),
      routine: (pc) => {
        const routine = must(byPoint.get(pointKey(relativePoint(pc))), "a routine that is called has a region");
        return { index: functions[routine]!, number: routine };
      },
    });
    if (isTooLarge(emitter)) return "too large";
    sizeBytes += emitter.sizeBytes;
    if (sizeBytes > MODULE_SIZE_BYTES_MAX) return null;
    module.setBody(functions[number]!, emitter);
  }
  const entries = entryPoints.flatMap((point): CompiledEntry[] => {
    const number = byPoint.get(pointKey(point));
    return number === undefined ? [] : [{ ...point, function: number, block: 0, anyHeight: point.isRelative }];
  });
  return finish(parts, functions, { form: "regions", blocks: regionTable(plan, cutter), entries });
}

/** Where a computed jump may go: for each byte of the code the number of the relative region there plus one; null when there is none. */
function regionTable({ regions, byPoint }: RegionPlan, cutter: PieceCutter): Uint16Array | null {
  let table: Uint16Array | null = null;
  for (const number of byPoint.values()) {
    const { isRelative, labels, pc } = regions[number]!.root.point;
    if (!isRelative || labels.length > 0 || !cutter.isJumpDestination(BigInt(pc))) continue;
    table ??= new Uint16Array(cutter.code.length);
    table[pc] = number + 1;
  }
  return table;
}

function compileDispatch(cutter: PieceCutter, rules: Rules, options: CompileOptions): CompiledCode | null {
  for (let shrink = 0; shrink < SHRINK_COUNT_MAX; shrink++) {
    const instructionCountMax = INSTRUCTION_COUNT_MAX >> shrink;
    const plan = planDispatch(cutter, instructionCountMax);
    if (plan === null || plan.firstBlocks.length > FUNCTION_COUNT_MAX) return null;
    const parts = declareParts(new ModuleBuilder(), rules);
    const functions: FunctionIndex[] = [];
    let sizeBytes = 0;
    for (const index of plan.firstBlocks.keys()) {
      const emitter = new FunctionEmitter(REGION_FUNCTION.params);
      emitDispatchFunction(emitter, plan, index, parts, cutter, options.forceExit);
      if (isTooLarge(emitter)) break;
      sizeBytes += emitter.sizeBytes;
      if (sizeBytes > MODULE_SIZE_BYTES_MAX) return null;
      functions.push(addFunction(parts, emitter));
    }
    if (functions.length < plan.firstBlocks.length) continue;
    const entries = options.entryPoints.flatMap((point): CompiledEntry[] => {
      const block = plan.numbers.get(point.pc);
      if (block === undefined) return [];
      return [{ ...point, labels: [], function: functionOf(plan, block), block, anyHeight: true }];
    });
    return finish(parts, functions, { form: "dispatch", blocks: blockTable(plan, cutter), entries });
  }
  return null;
}

/** Leaves room for the declarations of local variables. */
function isTooLarge(emitter: FunctionEmitter): boolean {
  return emitter.sizeBytes > FUNCTION_SIZE_BYTES_MAX - 4_096;
}

function addFunction({ module }: ModuleParts, emitter: FunctionEmitter): FunctionIndex {
  const index = module.declareFunction(REGION_FUNCTION);
  module.setBody(index, emitter);
  return index;
}

function finish(
  parts: ModuleParts,
  functions: readonly FunctionIndex[],
  rest: Pick<CompiledCode, "form" | "blocks" | "entries">,
): CompiledCode {
  const { module, table, entryBase } = parts;
  const hasBlocks = rest.form === "regions" && rest.blocks !== null;
  const entries = functions.map((index) => defineEntry(parts, index, hasBlocks));
  module.addElements(table, { base: entryBase }, entries);
  return { bytes: module.build(), functionCount: functions.length, ...rest };
}
