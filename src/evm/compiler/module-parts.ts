// What all functions of one compiled module share: imports, the functions that are copied into it, and the numbers of its
// functions in the thread's function table.

import type { ModuleBuilder } from "#wasm/assembler.ts";
import type { FunctionIndex, GlobalIndex, TableIndex } from "#wasm/function-emitter.ts";
import type { Rules } from "../gas/rules.ts";
import { LINK_NAMES, type LinkName, type Links, linkType, type WORD_FUNCTIONS } from "../runtime/links.ts";
import { defineWordFunction, SMALL_WORD_FUNCTIONS } from "../words/functions.ts";

/** Name of the module that the links are imported from. */
const CORE_IMPORT = "core";
/** Name of the module that memory, bases and table are imported from. */
const ENVIRONMENT_IMPORT = "env";

/** See the head of the file. */
export type ModuleParts = {
  readonly module: ModuleBuilder;
  readonly rules: Rules;
  readonly links: Links;
  /** Address of the thread's context record. */
  readonly base: GlobalIndex;
  /** Place of the module's first function in the function table. */
  readonly entryBase: GlobalIndex;
  readonly table: TableIndex;
};

/** Declares the imports of a module. Small word functions are copied when they are first used: they are inlined then. */
export function declareParts(module: ModuleBuilder, rules: Rules): ModuleParts {
  const from = (name: string) => ({ module: ENVIRONMENT_IMPORT, name });
  module.importMemory(from("memory"), { initialPages: 1, maximumPages: 65_536, shared: true });
  const base = module.importGlobal(from("base"), "i32");
  const entryBase = module.importGlobal(from("entryBase"), "i32");
  const table = module.importTable(from("table"), 1, 10_000_000);
  const links: Partial<Record<LinkName, FunctionIndex>> = {};
  for (const name of LINK_NAMES) {
    if (isSmall(name)) defineWhenUsed(links, name, module);
    else links[name] = module.importFunction({ module: CORE_IMPORT, name }, linkType(name));
  }
  return { module, rules, links: links as Links, base, entryBase, table };
}

function isSmall(name: LinkName): name is keyof typeof WORD_FUNCTIONS {
  return (SMALL_WORD_FUNCTIONS as readonly string[]).includes(name);
}

function defineWhenUsed(
  links: Partial<Record<LinkName, FunctionIndex>>,
  name: keyof typeof WORD_FUNCTIONS,
  module: ModuleBuilder,
): void {
  Object.defineProperty(links, name, {
    configurable: true,
    enumerable: true,
    get: () => {
      const index = defineWordFunction(module, name);
      Object.defineProperty(links, name, { value: index });
      return index;
    },
  });
}
