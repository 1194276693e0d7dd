// Keccak-256 in WebAssembly over a range of a memory. The permutation keeps its 25 lanes in locals and does two
// rounds per turn, from one set of 25 to another and back, so that no lane is moved; round constants are loaded, not
// inlined. Measured: full unrolling is 1.5 times slower, two messages at once by SIMD 1.6 times slower.
//
// The kernel's range, from `base` (a multiple of 8):
//
//   0     round constants, 24 × 8
//   192   state between calls of one long message, 25 × 8
//   392   padded last block, 136
//   528   room for a result, 32
//   560   input buffer, the rest
//
// @see FIPS 202 for the permutation; padding is the original 0x01 … 0x80 of the Keccak submission

import { ModuleBuilder } from "../assembler.ts";
import type { FunctionEmitter, FunctionIndex, GlobalIndex, Local } from "../function-emitter.ts";
import { compileModule } from "../loader.ts";
import { CONTROL, I32, I64 } from "../opcodes.ts";
import { instantiateKernel, type KernelPlacement } from "./kernel-placement.ts";

/** Bytes absorbed per permutation by keccak-256. */
export const KECCAK_RATE_BYTES = 136;

const STATE_OFFSET = 192;
const TAIL_OFFSET = 392;
const OUTPUT_OFFSET = 528;
const INPUT_OFFSET = 560;

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

// Start from the stored state instead of zero.
const MODE_RESUME = 1;
// Store the state when less than a block is left, instead of padding and squeezing.
const MODE_SUSPEND = 2;

const LANE_COUNT = 25;
const RATE_LANE_COUNT = KECCAK_RATE_BYTES / 8;
const ROUND_COUNT = 24;

// Parameters: address, size, output, mode.
function emitSponge(f: FunctionEmitter, baseGlobal: GlobalIndex): void {
  const [address, size, output, mode] = f.params as [Local, Local, Local, Local];
  const base = f.local("i32");
  const source = f.local("i32");
  const isLast = f.local("i32");
  const round = f.local("i32");
  const cursor = f.local("i32");
  const lanes = f.locals("i64", LANE_COUNT);
  const scratch: RoundScratch = {
    next: f.locals("i64", LANE_COUNT),
    parity: f.locals("i64", 5),
    theta: f.locals("i64", 5),
    row: f.locals("i64", 5),
  };
  f.globalGet(baseGlobal);
  f.set(base);
  f.get(mode);
  f.i32Const(MODE_RESUME);
  f.op(I32.and);
  f.if(() => forEachLane(lanes, LANE_COUNT, (lane, offset) => loadLane(f, base, STATE_OFFSET + offset, lane)));

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
      f.if(() => {
        forEachLane(lanes, LANE_COUNT, (lane, offset) => storeLane(f, base, STATE_OFFSET + offset, lane));
        f.op(CONTROL.return);
      });
      emitPaddedTail(f, { address, size, base, cursor });
      f.get(base);
      f.i32Const(TAIL_OFFSET);
      f.op(I32.add);
      f.set(source);
      f.i32Const(1);
      f.set(isLast);
    });
    forEachLane(lanes, RATE_LANE_COUNT, (lane, offset) => {
      f.get(lane);
      f.get(source);
      f.memory(I64.load, offset);
      f.op(I64.xor);
      f.set(lane);
    });
    emitPermutation(f, { lanes, scratch, base, round });
    addConstant(f, address, KECCAK_RATE_BYTES);
    addConstant(f, size, -KECCAK_RATE_BYTES);
    f.get(isLast);
    f.op(I32.eqz);
    f.brIf(nextBlock);
  });
  forEachLane(lanes, 4, (lane, offset) => storeLane(f, output, offset, lane));
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

type RoundScratch = { next: Local[]; parity: Local[]; theta: Local[]; row: Local[] };

function emitPermutation(
  f: FunctionEmitter,
  at: { lanes: Local[]; scratch: RoundScratch; base: Local; round: Local },
): void {
  const { lanes, scratch, base, round } = at;
  f.get(base);
  f.set(round);
  f.loop((again) => {
    emitRound(f, { from: lanes, to: scratch.next, scratch, round, constantOffset: 0 });
    emitRound(f, { from: scratch.next, to: lanes, scratch, round, constantOffset: 8 });
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
  at: { from: Local[]; to: Local[]; scratch: RoundScratch; round: Local; constantOffset: number },
): void {
  const { from, to, scratch } = at;
  const { parity, theta, row } = scratch;
  for (let x = 0; x < 5; x++) {
    f.get(from[x]!);
    for (let y = 1; y < 5; y++) {
      f.get(from[x + 5 * y]!);
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
      f.get(from[source]!);
      f.get(theta[sourceX]!);
      f.op(I64.xor);
      f.i64Const(ROTATIONS[source]!);
      f.op(I64.rotl);
      f.set(row[x]!);
    }
    for (let x = 0; x < 5; x++) {
      f.get(row[(x + 1) % 5]!);
      f.i64Const(-1);
      f.op(I64.xor);
      f.get(row[(x + 2) % 5]!);
      f.op(I64.and);
      f.get(row[x]!);
      f.op(I64.xor);
      if (x === 0 && y === 0) {
        f.get(at.round);
        f.memory(I64.load, at.constantOffset);
        f.op(I64.xor);
      }
      f.set(to[x + 5 * y]!);
    }
  }
}

function forEachLane(lanes: readonly Local[], count: number, emit: (lane: Local, offset: number) => void): void {
  for (let i = 0; i < count; i++) emit(lanes[i]!, 8 * i);
}

function loadLane(f: FunctionEmitter, base: Local, offset: number, lane: Local): void {
  f.get(base);
  f.memory(I64.load, offset);
  f.set(lane);
}

function storeLane(f: FunctionEmitter, base: Local, offset: number, lane: Local): void {
  f.get(base);
  f.get(lane);
  f.memory(I64.store, offset);
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
