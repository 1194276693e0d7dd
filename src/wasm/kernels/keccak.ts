// Keccak-256 in WebAssembly over a range of a memory. The permutation does two rounds per turn, from one copy of the
// state in memory to another and back: the optimizing tier makes most loads part of the instruction that needs them,
// where lanes in locals are spilled by it. Six lanes are kept inverted ("lane complementing"), which leaves one
// inversion of five in each row. Round constants are loaded, not inlined. Measured: 237 ns per permutation; with lanes
// in locals 303, in memory without inverted lanes 297, four rounds per turn 244, fully unrolled 1.5 times as long, two
// messages at once by SIMD 1.6 times.
//
// The kernel's range, from `base` (a multiple of 8):
//
//   0     round constants, 24 × 8
//   192   state, 25 × 8, six lanes of it inverted; it stays between calls of one long message
//   392   state after every other round, 25 × 8
//   592   padded last block, 136
//   728   room for a result, 32
//   760   input buffer, the rest
//
// @see FIPS 202 for the permutation; padding is the original 0x01 … 0x80 of the Keccak submission
// @see Bertoni, Daemen, Peeters, Van Assche, Van Keer, "Keccak implementation overview", section 2.2

import { ModuleBuilder } from "../assembler.ts";
import type { FunctionEmitter, FunctionIndex, GlobalIndex, Local } from "../function-emitter.ts";
import { compileModule } from "../loader.ts";
import { CONTROL, I32, I64 } from "../opcodes.ts";
import { instantiateKernel, type KernelPlacement } from "./kernel-placement.ts";

/** Bytes absorbed per permutation by keccak-256. */
export const KECCAK_RATE_BYTES = 136;

const STATE_OFFSET = 192;
const OTHER_STATE_OFFSET = 392;
const TAIL_OFFSET = 592;
const OUTPUT_OFFSET = 728;
const INPUT_OFFSET = 760;

/** Constants, state and last block: what the sponge needs besides its input and output, bytes. */
export const KECCAK_SCRATCH_SIZE_BYTES = OUTPUT_OFFSET;

/** The smallest range that a kernel can live in, bytes: room for one block of input. */
export const KECCAK_RANGE_SIZE_BYTES_MIN = INPUT_OFFSET + KECCAK_RATE_BYTES;

/** Functions over addresses of the kernel's memory; inputs may lie anywhere in it. */
export type KeccakKernel = {
  /** The memory that addresses refer to. */
  readonly memory: WebAssembly.Memory;
  /** Address of the input buffer. */
  readonly inputAddress: number;
  /** Size of the input buffer, bytes; a multiple of the rate. */
  readonly inputSizeBytes: number;
  /** Address of 32 bytes for a result. */
  readonly outputAddress: number;
  /** Hashes `sizeBytes` bytes at `address` into 32 bytes at `output`. */
  readonly hash: (address: number, sizeBytes: number, output: number) => void;
  /** Starts a message longer than the input buffer: absorbs its first bytes, a multiple of the rate. */
  readonly begin: (address: number, sizeBytes: number) => void;
  /** Absorbs more of the message, a multiple of the rate. */
  readonly absorb: (address: number, sizeBytes: number) => void;
  /** Absorbs the last bytes, any number, and writes the hash to `output`. */
  readonly finish: (address: number, sizeBytes: number, output: number) => void;
};

/**
 * Makes a kernel. One thread uses it at a time: it keeps intermediate values in its range.
 * @param placement a range of at least `KECCAK_RANGE_SIZE_BYTES_MIN`; all kernels of a thread can live in one memory
 * @param compiled what `emitKeccakModule` gave for the kind of memory, compiled; emitted and compiled here without it
 */
export function createKeccakKernel(placement: KernelPlacement, compiled?: WebAssembly.Module): KeccakKernel {
  const { memory, base, sizeBytes } = placement;
  const module = compiled ?? compileModule(emitKeccakModule(memory.buffer instanceof SharedArrayBuffer));
  const functions = instantiateKernel<Pick<KeccakKernel, "hash" | "begin" | "absorb" | "finish">>(
    module,
    placement,
    KECCAK_RANGE_SIZE_BYTES_MIN,
  );
  return {
    memory,
    inputAddress: base + INPUT_OFFSET,
    inputSizeBytes: sizeBytes - INPUT_OFFSET - ((sizeBytes - INPUT_OFFSET) % KECCAK_RATE_BYTES),
    outputAddress: base + OUTPUT_OFFSET,
    hash: functions.hash,
    begin: functions.begin,
    absorb: functions.absorb,
    finish: functions.finish,
  };
}

/** The module's bytes: they depend on nothing but whether the memory is shared. Imports `env.memory` and `env.base`. */
export function emitKeccakModule(shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 65_536, shared });
  const base = module.importGlobal({ module: "env", name: "base" }, "i32");
  const sponge = defineKeccak(module, base);
  const entry = (name: string, mode: number, hasOutput: boolean) => {
    const params = hasOutput ? (["i32", "i32", "i32"] as const) : (["i32", "i32"] as const);
    const index = module.defineFunction({ params, results: [] }, (f) => {
      for (const param of f.params) f.get(param);
      if (!hasOutput) f.i32Const(0);
      f.i32Const(mode);
      f.call(sponge);
    });
    module.exportFunction(name, index);
  };
  entry("hash", 0, true);
  entry("begin", MODE_SUSPEND, false);
  entry("absorb", MODE_RESUME | MODE_SUSPEND, false);
  entry("finish", MODE_RESUME, true);
  return module.build();
}

/**
 * Defines the sponge in a module: (address, size, output, mode), where mode 0 hashes one whole message.
 * @param base an imported i32 global: where {@link KECCAK_SCRATCH_SIZE_BYTES} of the memory are the sponge's own
 */
export function defineKeccak(module: ModuleBuilder, base: GlobalIndex): FunctionIndex {
  module.addData({ base }, encodeRoundConstants());
  return module.defineFunction({ params: ["i32", "i32", "i32", "i32"], results: [] }, (f) => emitSponge(f, base));
}

// Go on from the state instead of from zero.
const MODE_RESUME = 1;
// Return when less than a block is left, instead of padding and squeezing.
const MODE_SUSPEND = 2;

const LANE_COUNT = 25;
const RATE_LANE_COUNT = KECCAK_RATE_BYTES / 8;
const ROUND_COUNT = 24;

// Lanes that are stored inverted.
const INVERTED_LANES: ReadonlySet<number> = new Set([1, 2, 8, 12, 17, 20]);

// χ of each row over such lanes: the operation between the two neighbours for each of the five results, and the one
// lane that some of them need the other way round.
const CHI: readonly { operations: string; flippedLane: number; flippedIn: readonly number[] }[] = [
  { operations: "||&|&", flippedLane: 2, flippedIn: [1] },
  { operations: "|&||&", flippedLane: 4, flippedIn: [2] },
  { operations: "|&&|&", flippedLane: 3, flippedIn: [2, 3] },
  { operations: "&||&|", flippedLane: 3, flippedIn: [2, 3] },
  { operations: "&|&|&", flippedLane: 1, flippedIn: [0, 1] },
];

// Parameters: address, size, output, mode.
function emitSponge(f: FunctionEmitter, baseGlobal: GlobalIndex): void {
  const [address, size, output, mode] = f.params as [Local, Local, Local, Local];
  const base = f.local("i32");
  const source = f.local("i32");
  const isLast = f.local("i32");
  const cursor = f.local("i32");
  const scratch: RoundScratch = {
    round: f.local("i32"),
    parity: f.locals("i64", 5),
    theta: f.locals("i64", 5),
    row: f.locals("i64", 5),
    flipped: f.local("i64"),
    lastRow: f.locals("i64", 5),
  };
  f.globalGet(baseGlobal);
  f.set(base);
  f.get(mode);
  f.i32Const(MODE_RESUME);
  f.op(I32.and);
  f.op(I32.eqz);
  f.if(() => emitClear(f, base));

  f.loop((nextBlock) => {
    f.get(address);
    f.set(source);
    f.get(size);
    f.i32Const(KECCAK_RATE_BYTES);
    f.op(I32.ltU);
    f.if(() => {
      f.get(mode);
      f.i32Const(MODE_SUSPEND);
      f.op(I32.and);
      f.if(() => f.op(CONTROL.return));
      emitPaddedTail(f, { address, size, base, cursor });
      f.get(base);
      f.i32Const(TAIL_OFFSET);
      f.op(I32.add);
      f.set(source);
      f.i32Const(1);
      f.set(isLast);
    });
    emitAbsorb(f, base, source);
    emitPermutation(f, base, scratch);
    addConstant(f, address, KECCAK_RATE_BYTES);
    addConstant(f, size, -KECCAK_RATE_BYTES);
    f.get(isLast);
    f.op(I32.eqz);
    f.brIf(nextBlock);
  });
  emitSqueeze(f, base, output);
}

function emitClear(f: FunctionEmitter, base: Local): void {
  for (let lane = 0; lane < LANE_COUNT; lane++) {
    f.get(base);
    f.i64Const(INVERTED_LANES.has(lane) ? -1 : 0);
    f.memory(I64.store, STATE_OFFSET + 8 * lane);
  }
}

function emitAbsorb(f: FunctionEmitter, base: Local, source: Local): void {
  for (let lane = 0; lane < RATE_LANE_COUNT; lane++) {
    f.get(base);
    loadLane(f, base, STATE_OFFSET, lane);
    loadLane(f, source, 0, lane);
    f.op(I64.xor);
    f.memory(I64.store, STATE_OFFSET + 8 * lane);
  }
}

function emitSqueeze(f: FunctionEmitter, base: Local, output: Local): void {
  for (let lane = 0; lane < 4; lane++) {
    f.get(output);
    loadLane(f, base, STATE_OFFSET, lane);
    if (INVERTED_LANES.has(lane)) invert(f);
    f.memory(I64.store, 8 * lane);
  }
}

// Copies the last bytes, fewer than a block, into the tail range, zeroes the rest and pads. Never reads behind the
// input.
function emitPaddedTail(f: FunctionEmitter, at: { address: Local; size: Local; base: Local; cursor: Local }): void {
  const { address, size, base, cursor } = at;
  for (let offset = 0; offset < KECCAK_RATE_BYTES; offset += 8) {
    f.get(base);
    f.i64Const(0);
    f.memory(I64.store, TAIL_OFFSET + offset);
  }
  const copy = (width: 1 | 8) => {
    f.get(base);
    f.get(cursor);
    f.op(I32.add);
    f.get(address);
    f.get(cursor);
    f.op(I32.add);
    f.memory(width === 8 ? I64.load : I64.load8U);
    f.memory(width === 8 ? I64.store : I64.store8, TAIL_OFFSET);
  };
  // Words, while one fits; then single bytes.
  for (const width of [8, 1] as const) {
    if (width === 8) {
      f.i32Const(0);
      f.set(cursor);
    }
    f.block((done) => {
      f.loop((again) => {
        f.get(cursor);
        if (width === 8) {
          f.i32Const(8);
          f.op(I32.add);
        }
        f.get(size);
        f.op(width === 8 ? I32.gtU : I32.geU);
        f.brIf(done);
        copy(width);
        addConstant(f, cursor, width);
        f.br(again);
      });
    });
  }
  f.get(base);
  f.get(size);
  f.op(I32.add);
  f.i32Const(0x01);
  f.memory(I32.store8, TAIL_OFFSET);
  const lastByte = TAIL_OFFSET + KECCAK_RATE_BYTES - 1;
  f.get(base);
  f.get(base);
  f.memory(I32.load8U, lastByte);
  f.i32Const(0x80);
  f.op(I32.or);
  f.memory(I32.store8, lastByte);
}

type RoundScratch = {
  /** Address of the next round constant. */
  round: Local;
  parity: Local[];
  theta: Local[];
  row: Local[];
  flipped: Local;
  /** The last row of the state, which the next round begins with: saves its loads. */
  lastRow: Local[];
};

const LAST_ROW = 4;

function emitPermutation(f: FunctionEmitter, base: Local, scratch: RoundScratch): void {
  const { round, lastRow } = scratch;
  f.get(base);
  f.set(round);
  lastRow.forEach((lane, x) => {
    loadLane(f, base, STATE_OFFSET, x + 5 * LAST_ROW);
    f.set(lane);
  });
  f.loop((again) => {
    emitRound(f, { base, from: STATE_OFFSET, to: OTHER_STATE_OFFSET, scratch, constantOffset: 0 });
    emitRound(f, { base, from: OTHER_STATE_OFFSET, to: STATE_OFFSET, scratch, constantOffset: 8 });
    addConstant(f, round, 16);
    f.get(round);
    f.get(base);
    f.op(I32.sub);
    f.i32Const(8 * ROUND_COUNT);
    f.op(I32.ltU);
    f.brIf(again);
  });
}

// θ, ρ, π, χ, ι in one pass: each output row needs five rotated lanes, and is finished before the next is begun.
function emitRound(
  f: FunctionEmitter,
  at: { base: Local; from: number; to: number; scratch: RoundScratch; constantOffset: number },
): void {
  const { base, from, scratch } = at;
  const { parity, theta, row, lastRow } = scratch;
  for (let x = 0; x < 5; x++) {
    f.get(lastRow[x]!);
    for (let y = 0; y < LAST_ROW; y++) {
      loadLane(f, base, from, x + 5 * y);
      f.op(I64.xor);
    }
    f.set(parity[x]!);
  }
  for (let x = 0; x < 5; x++) {
    f.get(parity[(x + 1) % 5]!);
    f.i64Const(1);
    f.op(I64.rotl);
    f.get(parity[(x + 4) % 5]!);
    f.op(I64.xor);
    f.set(theta[x]!);
  }
  for (let y = 0; y < 5; y++) {
    for (let x = 0; x < 5; x++) {
      const sourceX = (x + 3 * y) % 5;
      const source = sourceX + 5 * x;
      f.get(theta[sourceX]!);
      loadLane(f, base, from, source);
      f.op(I64.xor);
      f.i64Const(ROTATIONS[source]!);
      f.op(I64.rotl);
      f.set(row[x]!);
    }
    for (let x = 0; x < 5; x++) emitResultLane(f, { ...at, x, y });
  }
}

// χ and ι of one lane. A flipped lane is made where it is first needed, so that it is not alive for long.
function emitResultLane(
  f: FunctionEmitter,
  at: { base: Local; to: number; scratch: RoundScratch; constantOffset: number; x: number; y: number },
): void {
  const { x, y } = at;
  const { row, flipped, lastRow, round } = at.scratch;
  const { operations, flippedLane, flippedIn } = CHI[y]!;
  const push = (lane: number) => {
    if (lane !== flippedLane || !flippedIn.includes(x)) {
      f.get(row[lane]!);
    } else if (x === flippedIn[0]) {
      f.get(row[lane]!);
      invert(f);
      f.tee(flipped);
    } else {
      f.get(flipped);
    }
  };
  f.get(at.base);
  push((x + 1) % 5);
  push((x + 2) % 5);
  f.op(operations[x] === "&" ? I64.and : I64.or);
  push(x);
  f.op(I64.xor);
  if (x === 0 && y === 0) {
    f.get(round);
    f.memory(I64.load, at.constantOffset);
    f.op(I64.xor);
  }
  if (y === LAST_ROW) f.tee(lastRow[x]!);
  f.memory(I64.store, at.to + 8 * (x + 5 * y));
}

// Pushes a lane of a state at an address plus an offset.
function loadLane(f: FunctionEmitter, address: Local, offset: number, lane: number): void {
  f.get(address);
  f.memory(I64.load, offset + 8 * lane);
}

function invert(f: FunctionEmitter): void {
  f.i64Const(-1);
  f.op(I64.xor);
}

function addConstant(f: FunctionEmitter, local: Local, value: number): void {
  f.get(local);
  f.i32Const(value);
  f.op(I32.add);
  f.set(local);
}

// ρ: lane (x, y) turns left by (t+1)(t+2)/2, where t counts the steps (x, y) → (y, 2x+3y) from (1, 0).
const ROTATIONS: readonly number[] = (() => {
  const rotations = new Array<number>(LANE_COUNT).fill(0);
  let x = 1;
  let y = 0;
  for (let t = 0; t < 24; t++) {
    rotations[x + 5 * y] = (((t + 1) * (t + 2)) / 2) % 64;
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return rotations;
})();

// ι: bit 2^j - 1 of round constant i is output 7i + j of the shift register x^8 + x^6 + x^5 + x^4 + 1.
function encodeRoundConstants(): Uint8Array {
  const constants = new BigUint64Array(ROUND_COUNT);
  let register = 1;
  for (let i = 0; i < ROUND_COUNT; i++) {
    for (let j = 0; j <= 6; j++) {
      if ((register & 1) !== 0) constants[i] = constants[i]! | (1n << BigInt(2 ** j - 1));
      register <<= 1;
      if ((register & 0x100) !== 0) register ^= 0x171;
    }
  }
  return new Uint8Array(constants.buffer);
}
