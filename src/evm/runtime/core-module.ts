// The core module of a fork: word functions, runtime, interpreter and driver, with the fork's rules as constants. Its bytes
// depend on nothing else, so that threads share the module; each gives it its own base and table.

import { must } from "#base/assert.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { ModuleBuilder } from "#wasm/assembler.ts";
import type { FunctionIndex } from "#wasm/function-emitter.ts";
import { defineKeccak } from "#wasm/kernels/keccak.ts";
import { compileModule } from "#wasm/loader.ts";
import { type Rules, rulesOf } from "../gas/rules.ts";
import { defineInterpreter } from "../interpreter/interpreter.ts";
import { defineWordFunction } from "../words/functions.ts";
import { defineAccess } from "./access.ts";
import { defineAccounts } from "./accounts.ts";
import { defineCalls } from "./calls.ts";
import { defineCodeRegion } from "./code-region.ts";
import { Core, HOST_FUNCTIONS } from "./core.ts";
import { defineCreations } from "./creations.ts";
import { defineDriver } from "./driver.ts";
import { defineEvmMemory } from "./evm-memory.ts";
import { defineFrames } from "./frames.ts";
import { defineHashing } from "./hashing.ts";
import { defineJournal } from "./journal.ts";
import { LINK_NAMES, type LinkName, WORD_FUNCTIONS } from "./links.ts";
import { defineLogs } from "./logs.ts";
import { defineReturnData } from "./return-data.ts";
import { defineSelfDestruct } from "./self-destruct.ts";
import { defineStorage } from "./storage.ts";
import { defineWorld } from "./world.ts";

/** Most functions that the table of a thread holds. */
export const FUNCTION_TABLE_SIZE_MAX = 1 << 20;

/** What JavaScript calls. Records and words are addresses. */
export type CoreExports = {
  /** Runs the transaction that the first frame's record describes; 1 creates a contract. Returns a status. */
  readonly execute: (isCreation: number) => number;
  readonly warmAddress: (word: number) => void;
  readonly warmSlot: (address: number, key: number) => void;
  readonly findCode: (hash: number) => number;
  readonly addCode: (hash: number, sizeBytes: number) => number;
  readonly analyze: (code: number, sizeBytes: number, map: number) => void;
} & { readonly [Name in LinkName]: WebAssembly.ExportValue };

const EXPORTED = ["execute", "warmAddress", "warmSlot", "findCode", "addCode", "analyze"] as const;

const modules = new Map<Hardfork, WebAssembly.Module>();

/** The compiled core module of a fork; made once per thread. */
export function coreModuleOf(fork: Hardfork): WebAssembly.Module {
  let module = modules.get(fork);
  if (module === undefined) modules.set(fork, (module = compileModule(emitCoreModule(rulesOf(fork)))));
  return module;
}

/** Takes the core module that another thread of the process made: what its engine has optimized comes with it. */
export function adoptCoreModule(fork: Hardfork, module: WebAssembly.Module): void {
  modules.set(fork, module);
}

/**
 * The bytes of a core module. Imports "env": memory (shared), base and keccak (i32 globals: the context record, and the
 * sponge's own bytes), table; and "host": `HOST_FUNCTIONS`. Exports every link by its name, and `CoreExports`.
 */
export function emitCoreModule(rules: Rules): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 65_536, shared: true });
  const base = module.importGlobal({ module: "env", name: "base" }, "i32");
  const spongeBase = module.importGlobal({ module: "env", name: "keccak" }, "i32");
  const table = module.importTable({ module: "env", name: "table" }, 1, FUNCTION_TABLE_SIZE_MAX);
  const host: Record<string, FunctionIndex> = {};
  for (const [name, type] of Object.entries(HOST_FUNCTIONS)) {
    host[name] = module.importFunction({ module: "host", name }, type);
  }
  const words: Record<string, FunctionIndex> = {};
  for (const name of Object.keys(WORD_FUNCTIONS) as (keyof typeof WORD_FUNCTIONS)[]) {
    words[name] = defineWordFunction(module, name);
  }
  const core = new Core({
    module,
    rules,
    base,
    table,
    host: host as Record<keyof typeof HOST_FUNCTIONS, FunctionIndex>,
    words,
  });
  defineHashing(core, defineKeccak(module, spongeBase));
  defineRuntime(core);
  const hot = must(host.hot, "the import of hot code");
  const enter = must(host.enter, "the import for frames that are handed over");
  defineDriver(core, defineInterpreter(module, { rules, links: core.links, base, hot, enter }));
  for (const name of [...LINK_NAMES, ...EXPORTED]) module.exportFunction(name, core.functions[name]);
  return module.build();
}

function defineRuntime(core: Core): void {
  defineEvmMemory(core);
  defineJournal(core);
  defineWorld(core);
  defineAccess(core);
  defineAccounts(core);
  defineStorage(core);
  defineLogs(core);
  defineSelfDestruct(core);
  defineCodeRegion(core);
  defineReturnData(core);
  defineCalls(core);
  defineCreations(core);
  defineFrames(core);
}
