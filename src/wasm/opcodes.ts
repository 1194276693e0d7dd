// WebAssembly opcodes as branded numbers, by value type. The brand says which emitter method takes the opcode, so
// that a load without an address offset or a lane access without a lane does not compile.
//
// Packing: bits 0-15 opcode, bits 16-23 prefix byte (0 = none), bits 24-27 log2 of the natural alignment of a memory
// access. Names are those of the text format in camel case.
// @see https://webassembly.github.io/spec/core/binary/instructions.html

import type { Brand } from "#base/brand.ts";

/** An instruction without immediates. */
export type PlainOpcode = Brand<number, "PlainOpcode">;
/** A load, store or atomic access; takes an address offset. */
export type MemoryOpcode = Brand<number, "MemoryOpcode">;
/** A SIMD instruction that names one lane. */
export type LaneOpcode = Brand<number, "LaneOpcode">;

const MISC = 0xfc_0000;
const SIMD = 0xfd_0000;
const ATOMIC = 0xfe_0000;
const ALIGN_2 = 1 << 24;
const ALIGN_4 = 2 << 24;
const ALIGN_8 = 3 << 24;
const ALIGN_16 = 4 << 24;

type Branded<Rows, Opcode> = { readonly [Name in keyof Rows]: Opcode };

function plain<Rows extends Record<string, number>>(rows: Rows): Branded<Rows, PlainOpcode> {
  return rows as unknown as Branded<Rows, PlainOpcode>;
}

function memory<Rows extends Record<string, number>>(rows: Rows): Branded<Rows, MemoryOpcode> {
  return rows as unknown as Branded<Rows, MemoryOpcode>;
}

function lane<Rows extends Record<string, number>>(rows: Rows): Branded<Rows, LaneOpcode> {
  return rows as unknown as Branded<Rows, LaneOpcode>;
}

/** Control and parametric instructions without immediates. */
export const CONTROL = plain({ unreachable: 0x00, nop: 0x01, return: 0x0f, drop: 0x1a, select: 0x1b });

/** 32-bit integer instructions. */
export const I32 = {
  ...plain({
    eqz: 0x45,
    eq: 0x46,
    ne: 0x47,
    ltS: 0x48,
    ltU: 0x49,
    gtS: 0x4a,
    gtU: 0x4b,
    leS: 0x4c,
    leU: 0x4d,
    geS: 0x4e,
    geU: 0x4f,
    clz: 0x67,
    ctz: 0x68,
    popcnt: 0x69,
    add: 0x6a,
    sub: 0x6b,
    mul: 0x6c,
    divS: 0x6d,
    divU: 0x6e,
    remS: 0x6f,
    remU: 0x70,
    and: 0x71,
    or: 0x72,
    xor: 0x73,
    shl: 0x74,
    shrS: 0x75,
    shrU: 0x76,
    rotl: 0x77,
    rotr: 0x78,
    wrapI64: 0xa7,
    extend8S: 0xc0,
    extend16S: 0xc1,
  }),
  ...memory({
    load: 0x28 | ALIGN_4,
    load8S: 0x2c,
    load8U: 0x2d,
    load16S: 0x2e | ALIGN_2,
    load16U: 0x2f | ALIGN_2,
    store: 0x36 | ALIGN_4,
    store8: 0x3a,
    store16: 0x3b | ALIGN_2,
    atomicNotify: ATOMIC | 0x00 | ALIGN_4,
    atomicWait: ATOMIC | 0x01 | ALIGN_4,
    atomicLoad: ATOMIC | 0x10 | ALIGN_4,
    atomicStore: ATOMIC | 0x17 | ALIGN_4,
    atomicAdd: ATOMIC | 0x1e | ALIGN_4,
    atomicSub: ATOMIC | 0x25 | ALIGN_4,
    atomicExchange: ATOMIC | 0x41 | ALIGN_4,
    atomicCompareExchange: ATOMIC | 0x48 | ALIGN_4,
  }),
} as const;

/** 64-bit integer instructions, wide arithmetic included. */
export const I64 = {
  ...plain({
    eqz: 0x50,
    eq: 0x51,
    ne: 0x52,
    ltS: 0x53,
    ltU: 0x54,
    gtS: 0x55,
    gtU: 0x56,
    leS: 0x57,
    leU: 0x58,
    geS: 0x59,
    geU: 0x5a,
    clz: 0x79,
    ctz: 0x7a,
    popcnt: 0x7b,
    add: 0x7c,
    sub: 0x7d,
    mul: 0x7e,
    divS: 0x7f,
    divU: 0x80,
    remS: 0x81,
    remU: 0x82,
    and: 0x83,
    or: 0x84,
    xor: 0x85,
    shl: 0x86,
    shrS: 0x87,
    shrU: 0x88,
    rotl: 0x89,
    rotr: 0x8a,
    extendI32S: 0xac,
    extendI32U: 0xad,
    extend8S: 0xc2,
    extend16S: 0xc3,
    extend32S: 0xc4,
    /** low a, high a, low b, high b → low, high. @see https://github.com/WebAssembly/wide-arithmetic */
    add128: MISC | 0x13,
    /** low a, high a, low b, high b → low, high of a - b. */
    sub128: MISC | 0x14,
    /** a, b → low, high of the signed product. */
    mulWideS: MISC | 0x15,
    /** a, b → low, high of the unsigned product. */
    mulWideU: MISC | 0x16,
  }),
  ...memory({
    load: 0x29 | ALIGN_8,
    load8S: 0x30,
    load8U: 0x31,
    load16S: 0x32 | ALIGN_2,
    load16U: 0x33 | ALIGN_2,
    load32S: 0x34 | ALIGN_4,
    load32U: 0x35 | ALIGN_4,
    store: 0x37 | ALIGN_8,
    store8: 0x3c,
    store16: 0x3d | ALIGN_2,
    store32: 0x3e | ALIGN_4,
    atomicLoad: ATOMIC | 0x11 | ALIGN_8,
    atomicStore: ATOMIC | 0x18 | ALIGN_8,
    atomicAdd: ATOMIC | 0x1f | ALIGN_8,
    atomicCompareExchange: ATOMIC | 0x49 | ALIGN_8,
  }),
} as const;

/** 128-bit SIMD instructions: the subset that hash kernels and byte reversal need. */
export const V128 = {
  ...plain({
    i8x16Swizzle: SIMD | 0x0e,
    i8x16Splat: SIMD | 0x0f,
    i32x4Splat: SIMD | 0x11,
    i64x2Splat: SIMD | 0x12,
    i8x16Eq: SIMD | 0x23,
    not: SIMD | 0x4d,
    and: SIMD | 0x4e,
    andnot: SIMD | 0x4f,
    or: SIMD | 0x50,
    xor: SIMD | 0x51,
    bitselect: SIMD | 0x52,
    anyTrue: SIMD | 0x53,
    i8x16AllTrue: SIMD | 0x63,
    i8x16Bitmask: SIMD | 0x64,
    i32x4AllTrue: SIMD | 0xa3,
    i32x4Shl: SIMD | 0xab,
    i32x4ShrU: SIMD | 0xad,
    i32x4Add: SIMD | 0xae,
    i32x4Sub: SIMD | 0xb1,
    i32x4Mul: SIMD | 0xb5,
    i64x2AllTrue: SIMD | 0xc3,
    i64x2Shl: SIMD | 0xcb,
    i64x2ShrU: SIMD | 0xcd,
    i64x2Add: SIMD | 0xce,
    i64x2Sub: SIMD | 0xd1,
    /** As `i8x16Swizzle`, but lanes of an index above 15 are the machine's choice. */
    i8x16RelaxedSwizzle: SIMD | 0x100,
  }),
  ...memory({
    load: SIMD | 0x00 | ALIGN_16,
    load8Splat: SIMD | 0x07,
    load32Splat: SIMD | 0x09 | ALIGN_4,
    load64Splat: SIMD | 0x0a | ALIGN_8,
    store: SIMD | 0x0b | ALIGN_16,
    load32Zero: SIMD | 0x5c | ALIGN_4,
    load64Zero: SIMD | 0x5d | ALIGN_8,
  }),
  ...lane({
    i8x16ExtractLaneU: SIMD | 0x16,
    i8x16ReplaceLane: SIMD | 0x17,
    i32x4ExtractLane: SIMD | 0x1b,
    i32x4ReplaceLane: SIMD | 0x1c,
    i64x2ExtractLane: SIMD | 0x1d,
    i64x2ReplaceLane: SIMD | 0x1e,
  }),
} as const;

/** Opcodes with immediates of their own; only the function emitter uses them. */
export const STRUCTURE = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  prefixMisc: 0xfc,
  memoryCopy: 0x0a,
  memoryFill: 0x0b,
  prefixSimd: 0xfd,
  v128Const: 0x0c,
  i8x16Shuffle: 0x0d,
} as const;
