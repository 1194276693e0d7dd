// The Solidity of this bench as code that runs as it is: no constructors, no immutables.

import { join } from "node:path";
import { must } from "#base/assert.ts";
import { fromHex } from "#base/hex.ts";
import { compileSolidity, type SolidityOutput } from "#test/solidity.ts";

/** A contract's runtime code, and the selector of the function asked for. */
export type CompiledCode = { readonly code: Uint8Array; readonly selector: Uint8Array };

let compiled: Readonly<Record<string, SolidityOutput>> | null = null;

/** The code of a contract of `contracts/compute.sol`. */
export function compiledContract(name: string, method: string): CompiledCode {
  compiled ??= compileSolidity(join(import.meta.dir, "contracts"), "cancun");
  const { deployedBytecode, methodIdentifiers } = must(compiled[name], name).evm;
  const selectors = Object.entries(methodIdentifiers);
  const [, selector] = must(
    selectors.find(([signature]) => signature.startsWith(`${method}(`)),
    method,
  );
  return { code: fromHex(deployedBytecode.object), selector: fromHex(selector) };
}
