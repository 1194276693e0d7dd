// Straight-line programs over numbers in memory: a kernel's larger functions are sequences of calls to smaller ones
// with addresses as operands. Intermediate values have fixed places in the kernel's range, so such functions do not
// recurse and one thread uses a kernel at a time.

import { makeTuple, type Tuple } from "#base/tuple.ts";
import type { ModuleBuilder } from "../assembler.ts";
import type { FunctionEmitter, FunctionIndex, GlobalIndex, Local } from "../function-emitter.ts";
import { I32, I64 } from "../opcodes.ts";

/** A place in memory: a parameter that holds an address, or the kernel's base when null; plus bytes. */
export type Place = { readonly at: Local | null; readonly offset: number };

/** `place` and some bytes. */
export function behind(place: Place, offsetBytes: number): Place {
  return { at: place.at, offset: place.offset + offsetBytes };
}

/** What the first parameters of a function point to. */
export function parameterPlaces<const Count extends number>(f: FunctionEmitter, count: Count): Tuple<Place, Count> {
  return makeTuple(count, (index) => ({ at: f.param(index), offset: 0 }));
}

/** The places of equal parts, one behind the other. */
export function partsOf<const Count extends number>(
  place: Place,
  count: Count,
  partSizeBytes: number,
): Tuple<Place, Count> {
  return makeTuple(count, (index) => behind(place, index * partSizeBytes));
}

/** A module under construction, and the layout of the kernel's range. */
export class KernelModule {
  readonly builder: ModuleBuilder;
  readonly base: GlobalIndex;
  #sizeBytes: number;

  /** @param reservedBytes what the range begins with, such as constants */
  constructor(builder: ModuleBuilder, base: GlobalIndex, reservedBytes: number) {
    this.builder = builder;
    this.base = base;
    this.#sizeBytes = reservedBytes;
  }

  /** Bytes of the range in use so far. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** A place for an intermediate value. */
  reserve(sizeBytes: number): Place {
    const place = { at: null, offset: this.#sizeBytes };
    this.#sizeBytes += sizeBytes;
    return place;
  }

  /** Places for several of a size. */
  reserveEach<const Count extends number>(count: Count, sizeBytes: number): Tuple<Place, Count> {
    return makeTuple(count, () => this.reserve(sizeBytes));
  }

  /** A function of `parameterCount` addresses. */
  program<const Count extends number>(
    parameterCount: Count,
    emit: (p: KernelProgram, parameters: Tuple<Place, Count>) => void,
  ): FunctionIndex {
    const params = new Array<"i32">(parameterCount).fill("i32");
    return this.builder.defineFunction({ params, results: [] }, (f) => {
      emit(new KernelProgram(f, this.base), parameterPlaces(f, parameterCount));
    });
  }
}

/** Emits the calls of one function. */
export class KernelProgram {
  readonly f: FunctionEmitter;
  readonly #base: GlobalIndex;

  constructor(f: FunctionEmitter, base: GlobalIndex) {
    this.f = f;
    this.#base = base;
  }

  /** Pushes the address of a place. */
  push(place: Place): void {
    this.#pushBase(place);
    if (place.offset === 0) return;
    this.f.i32Const(place.offset);
    this.f.op(I32.add);
  }

  /** Calls a function with addresses. Destinations come first. */
  call(target: FunctionIndex, ...places: readonly Place[]): void {
    for (const place of places) this.push(place);
    this.f.call(target);
  }

  /** Copies bytes, a multiple of 8, between places that do not overlap. The bulk instruction calls out of the code. */
  copy(to: Place, from: Place, sizeBytes: number): void {
    for (let offset = 0; offset < sizeBytes; offset += 8) {
      this.#pushBase(to);
      this.#pushBase(from);
      this.f.memory(I64.load, from.offset + offset);
      this.f.memory(I64.store, to.offset + offset);
    }
  }

  /** Zeroes bytes, a multiple of 8. */
  clear(at: Place, sizeBytes: number): void {
    for (let offset = 0; offset < sizeBytes; offset += 8) {
      this.#pushBase(at);
      this.f.i64Const(0);
      this.f.memory(I64.store, at.offset + offset);
    }
  }

  #pushBase(place: Place): void {
    if (place.at === null) this.f.globalGet(this.#base);
    else this.f.get(place.at);
  }
}

/** Runs `body` as often as a local of 32 bits says, at least once; it counts down to zero. */
export function emitRepeat(f: FunctionEmitter, left: Local, body: () => void): void {
  f.loop((again) => {
    body();
    f.get(left);
    f.i32Const(1);
    f.op(I32.sub);
    f.tee(left);
    f.brIf(again);
  });
}
