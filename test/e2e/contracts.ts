// The Solidity contracts of the end-to-end tests.

import { join } from "node:path";
import type { Abi, Hex } from "viem";
import { must } from "#base/assert.ts";
import { compileSolidity } from "../solidity.ts";

/** A compiled contract: what it is called with, and what creates it. */
export type CompiledContract = { readonly abi: Abi; readonly bytecode: Hex };

const NAMES = ["Token", "Ledger", "Factory", "Child", "Unborn", "Delegate"] as const;

type Contracts = Readonly<Record<(typeof NAMES)[number], CompiledContract>>;

let compiled: Contracts | null = null;

/** All contracts by name. */
export function contracts(): Contracts {
  compiled ??= load();
  return compiled;
}

function load(): Contracts {
  const outputs = compileSolidity(join(import.meta.dir, "contracts"), "prague");
  return Object.fromEntries(
    NAMES.map((name) => {
      const { abi, evm } = must(outputs[name], name);
      return [name, { abi, bytecode: `0x${evm.bytecode.object}` as Hex }];
    }),
  ) as Contracts;
}
