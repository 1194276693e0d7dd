// Wide arithmetic for engines without it: functions of 64-bit instructions that a module calls in its place, so that a
// kernel written for it runs everywhere, some times slower. What it gives is the same.

import type { ModuleBuilder } from "./assembler.ts";
import { Code, i64, type Var } from "./code.ts";
import type { FunctionIndex, ValueType } from "./function-emitter.ts";
import { I64, type PlainOpcode } from "./opcodes.ts";

type Pair = readonly [Var<"i64">, Var<"i64">];

/** Lets all functions that the module defines from now on do without wide arithmetic. */
export function replaceWideArithmetic(builder: ModuleBuilder): void {
  const define = (paramCount: number, emit: (code: Code, params: readonly Var<"i64">[]) => Pair): FunctionIndex => {
    const params = new Array<ValueType>(paramCount).fill("i64");
    return builder.defineFunction({ params, results: ["i64", "i64"] }, (f) => {
      const code = new Code(f, false);
      code.return(
        ...emit(
          code,
          f.params.map((local) => ({ local, type: "i64" })),
        ),
      );
    });
  };
  const ofPairs = (combine: (code: Code, a: Pair, b: Pair) => Pair) =>
    define(4, (code, [a, b, c, d]) => combine(code, [a!, b!], [c!, d!]));
  builder.replaceInstructions(
    new Map<PlainOpcode, FunctionIndex>([
      [I64.mulWideU, define(2, (code, [a, b]) => code.mulWide(a!, b!))],
      [I64.mulWideS, define(2, (code, [a, b]) => mulWideSigned(code, a!, b!))],
      [I64.add128, ofPairs((code, a, b) => code.add128(a, b))],
      [I64.sub128, ofPairs((code, a, b) => code.sub128(a, b))],
    ]),
  );
}

// A negative factor counts as 2^64 more without a sign: the other factor is taken from the high half again.
function mulWideSigned(code: Code, a: Var<"i64">, b: Var<"i64">): Pair {
  const [low, high] = code.mulWide(a, b);
  code.set(high, i64.sub(high, i64.and(i64.shrS(a, 63), b)));
  code.set(high, i64.sub(high, i64.and(i64.shrS(b, 63), a)));
  return [low, high];
}
