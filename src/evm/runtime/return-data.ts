// What the last call of the running frame gave back, in a region of its own: neither the memory of a frame that has ended
// nor an output that overlaps the input can be changed under it. Precompiles write their output here.

import { CONTEXT, FRAME, FRAME_SIZE_BYTES } from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64 } from "#wasm/code.ts";
import type { Core } from "./core.ts";
import { charge } from "./evm-memory.ts";
import { EXHAUSTED, OUT_OF_GAS } from "./status.ts";
import { wordsOf } from "./word-memory.ts";

const IDENTITY = 4;
const IDENTITY_GAS = 15;
const IDENTITY_WORD_GAS = 3;

/** Defines the functions of this subject. */
export function defineReturnData(core: Core): void {
  core.define("setReturnData", (code) => {
    const from = code.param(0, "i32");
    const size = code.param(1, "i32");
    const region = code.i32(core.field(CONTEXT.returnDataRegion));
    code.if(i32.gtU(size, i32.sub(core.field(CONTEXT.returnDataCapacityEnd), region)), () => {
      core.fail(code, EXHAUSTED);
      code.return(0);
    });
    code.copy(region, from, size);
    core.setField(code, CONTEXT.returnData, region);
    core.setField(code, CONTEXT.returnDataSize, size);
    code.return(1);
  });
  core.define("deliverReturnData", (code) => {
    const frame = code.param(0, "i32");
    const wanted = code.i32(i32.load(frame, FRAME.returnSize));
    const size = code.i32(core.field(CONTEXT.returnDataSize));
    code.if(i32.ltU(wanted, size), () => code.set(size, wanted));
    const memory = i32.load(i32.sub(frame, FRAME_SIZE_BYTES), FRAME.memory);
    code.if(size, () => {
      code.copy(i32.add(memory, i32.load(frame, FRAME.returnOffset)), core.field(CONTEXT.returnData), size);
    });
  });
  core.define("runPrecompile", (code) => emitRunPrecompile(core, code));
}

function emitRunPrecompile(core: Core, code: Code): void {
  const number = code.param(0, "i32");
  const input = code.param(1, "i32");
  const size = code.param(2, "i32");
  const gas = code.param(3, "i64");
  code.if(i32.eq(number, IDENTITY), () => {
    const words = wordsOf(i64.extend(size));
    charge(code, gas, i64.add(i64.mul(words, IDENTITY_WORD_GAS), IDENTITY_GAS));
    code.if(i32.eqz(core.call32(code, "setReturnData", input, size)), () => code.return(-BigInt(EXHAUSTED)));
    code.return(gas);
  });
  core.setField64(code, CONTEXT.precompileGas, gas);
  const status = code.i32(core.call32(code, "precompile", number, input, size));
  code.if(status, () => code.return(i64.sub(0, i64.extend(status))));
  charge(code, gas, core.field64(CONTEXT.precompileGas));
  code.if(core.field(CONTEXT.failure), () => code.return(-BigInt(OUT_OF_GAS)));
  code.return(gas);
}
