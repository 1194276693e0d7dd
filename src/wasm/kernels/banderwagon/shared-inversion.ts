// Many divisions with one inversion (Montgomery's trick) as a loop over records in memory: on the way forward the
// denominators are multiplied up, the product is inverted, and on the way back each record gets its own inverse for
// three multiplications. What a denominator is, and what is done with the inverse, is given by the caller.
//
// @see Montgomery, "Speeding the Pollard and elliptic curve methods of factorization", 10.3.1

import { Code, i32, type Var } from "../../code.ts";
import type { FunctionEmitter, FunctionIndex, Local } from "../../function-emitter.ts";
import type { KernelModule, Place } from "../kernel-program.ts";
import { assignLimbs, pushIsZero } from "../limbs.ts";
import { constantModulus, LimbEmitter, type PrimeField } from "../prime-field.ts";

/** The most divisions that share one inversion: its cost is small beside theirs, and their numbers stay in the cache. */
const LANE_COUNT_MAX = 1024;
/** Bytes of a record that the loop keeps for the way back: what the caller stores. */
const SPARE_SIZE_BYTES = 64;

/** Where code for one record finds things. */
export type Lane = {
  readonly f: FunctionEmitter;
  readonly code: Code;
  readonly limbs: LimbEmitter;
  /** The record's addresses, one for each of the loop's arrays. */
  readonly at: readonly Var<"i32">[];
  /** Place of 64 bytes that lasts from the way forward to the way back. */
  readonly spare: Place;
  /** A constant of the kernel. */
  readonly constant: (place: Place) => Place;
};

/** A loop over records with one division each. */
export type DivisionLoop = {
  /** Bytes from one record to the next, for each array. */
  readonly strides: readonly number[];
  /** The denominator, in Montgomery form; 0 when there is nothing to divide. */
  readonly denominator: (lane: Lane) => Local[];
  /** Uses the inverse of the denominator. */
  readonly finish: (lane: Lane, inverse: Local[]) => void;
  /** What to do on the way back where the denominator was 0. */
  readonly skip?: (lane: Lane) => void;
};

/** Defines loops over one field. */
export class SharedInversion {
  readonly #module: KernelModule;
  readonly #field: PrimeField;
  readonly #one: Place;
  readonly #inverse: FunctionIndex;
  readonly #lanes: Place;
  readonly #running: Place;
  readonly #size: number;

  /**
   * @param options.one the place of 1 in Montgomery form
   * @param options.inverse the function of an inversion: destination, operand
   */
  constructor(module: KernelModule, field: PrimeField, options: { one: Place; inverse: FunctionIndex }) {
    this.#module = module;
    this.#field = field;
    this.#one = options.one;
    this.#inverse = options.inverse;
    this.#size = 8 * field.limbCount;
    this.#lanes = module.reserve(LANE_COUNT_MAX * this.#laneSizeBytes);
    this.#running = module.reserve(this.#size);
  }

  /** Defines the function of a loop: the address of each array, and the count of records. */
  define(loop: DivisionLoop): FunctionIndex {
    const forward = this.#defineForward(loop);
    const backward = this.#defineBackward(loop);
    const params = new Array<"i32">(loop.strides.length + 1).fill("i32");
    return this.#module.builder.defineFunction({ params, results: [] }, (f) => {
      const code = new Code(f);
      const arrays = loop.strides.map((_, i) => code.param(i, "i32"));
      const left = code.param(arrays.length, "i32");
      const count = code.i32();
      const running = code.i32(i32.add(i32.global(this.#module.base), this.#running.offset));
      code.while(i32.ne(left, 0), () => {
        code.set(count, i32.select(i32.ltU(left, LANE_COUNT_MAX), left, LANE_COUNT_MAX));
        code.call(forward, ...arrays, count);
        code.call(this.#inverse, running, running);
        code.call(backward, ...arrays, count);
        arrays.forEach((array, i) => {
          code.set(array, i32.add(array, i32.mul(count, loop.strides[i]!)));
        });
        code.set(left, i32.sub(left, count));
      });
    });
  }

  get #laneSizeBytes(): number {
    return 2 * this.#size + SPARE_SIZE_BYTES;
  }

  #defineForward(loop: DivisionLoop): FunctionIndex {
    return this.#defineWay(loop, (lane, own) => {
      const { f, limbs, code } = lane;
      const running = limbs.load(lane.constant(this.#one));
      return {
        step: this.#laneSizeBytes,
        record: () => {
          const denominator = loop.denominator(lane);
          limbs.store(own.denominator, denominator);
          pushIsZero(f, denominator);
          f.if(
            () => {},
            () => {
              limbs.store(own.prefix, running);
              assignLimbs(f, running, product(limbs, running, denominator));
            },
          );
        },
        end: () => limbs.store(lane.constant(this.#running), running),
        start: () => code.set({ local: own.denominator.at!, type: "i32" }, this.#firstLane()),
      };
    });
  }

  #defineBackward(loop: DivisionLoop): FunctionIndex {
    return this.#defineWay(loop, (lane, own, count) => {
      const { f, limbs, code } = lane;
      const running = limbs.load(lane.constant(this.#running));
      const last = i32.sub(count, 1);
      return {
        step: -this.#laneSizeBytes,
        record: () => {
          const denominator = limbs.load(own.denominator);
          pushIsZero(f, denominator);
          f.if(
            () => loop.skip?.(lane),
            () => {
              const inverse = product(limbs, running, limbs.load(own.prefix));
              assignLimbs(f, running, product(limbs, running, denominator));
              loop.finish(lane, inverse);
            },
          );
        },
        end: () => {},
        start: () => {
          const own32 = { local: own.denominator.at!, type: "i32" as const };
          code.set(own32, i32.add(this.#firstLane(), i32.mul(last, this.#laneSizeBytes)));
          lane.at.forEach((array, i) => {
            code.set(array, i32.add(array, i32.mul(last, loop.strides[i]!)));
          });
        },
      };
    });
  }

  #firstLane() {
    return i32.add(i32.global(this.#module.base), this.#lanes.offset);
  }

  // One way along the records.
  #defineWay(
    loop: DivisionLoop,
    emit: (
      lane: Lane,
      own: { denominator: Place; prefix: Place },
      count: Var<"i32">,
    ) => { step: number; start: () => void; record: () => void; end: () => void },
  ): FunctionIndex {
    const params = new Array<"i32">(loop.strides.length + 1).fill("i32");
    return this.#module.builder.defineFunction({ params, results: [] }, (f) => {
      const code = new Code(f);
      const at = loop.strides.map((_, i) => code.param(i, "i32"));
      const count = code.param(at.length, "i32");
      const base = code.i32(i32.global(this.#module.base));
      const record = code.i32();
      const place = (offset: number): Place => ({ at: record.local, offset });
      const lane: Lane = {
        f,
        code,
        limbs: new LimbEmitter(f, constantModulus(this.#field)),
        at,
        spare: place(2 * this.#size),
        constant: ({ offset }) => ({ at: base.local, offset }),
      };
      const way = emit(lane, { denominator: place(0), prefix: place(this.#size) }, count);
      way.start();
      code.while(i32.ne(count, 0), () => {
        way.record();
        code.set(record, i32.add(record, way.step));
        at.forEach((array, i) => {
          code.set(array, i32.add(array, Math.sign(way.step) * loop.strides[i]!));
        });
        code.set(count, i32.sub(count, 1));
      });
      way.end();
    });
  }
}

/** a · b. */
export function product(limbs: LimbEmitter, a: readonly Local[], b: readonly Local[]): Local[] {
  return limbs.sumOfProducts([{ a, pushB: (i) => limbs.f.get(b[i]!) }]);
}
