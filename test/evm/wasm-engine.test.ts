// Our own engine: what every engine must do, by the interpreter.

import { createWasmEngine } from "#evm/wasm-engine.ts";
import { testEngine } from "./engine-cases.ts";

testEngine((spec) => createWasmEngine(spec, { tier: "interpreter" }));
