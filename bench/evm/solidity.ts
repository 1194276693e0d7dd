// Compiles the Solidity of this bench by the npm compiler, whose version package.json pins, to code that runs as it is:
// no constructors, no immutables. Kept under .build/ by the sources' hash, since loading the compiler takes most of a second.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { must } from "#base/assert.ts";
import { fromHex } from "#base/hex.ts";

/** A contract's runtime code, and the selector of the function asked for. */
export type CompiledCode = { readonly code: Uint8Array; readonly selector: Uint8Array };

type Output = Readonly<Record<string, { readonly code: string; readonly selectors: Readonly<Record<string, string>> }>>;
type CompilerOutput = {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly contracts: Record<
    string,
    Record<string, { evm: { deployedBytecode: { object: string }; methodIdentifiers: Record<string, string> } }>
  >;
};

const SOURCE = join(import.meta.dir, "contracts/compute.sol");
const CACHE = resolve(import.meta.dir, "../../.build/contracts");
const SETTINGS = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: "cancun",
  metadata: { bytecodeHash: "none" },
  outputSelection: { "*": { "*": ["evm.deployedBytecode.object", "evm.methodIdentifiers"] } },
};

let compiled: Output | null = null;

/** The code of a contract of `contracts/compute.sol`. */
export function compiledContract(name: string, method: string): CompiledCode {
  compiled ??= loadOrCompile();
  const { code, selectors } = must(compiled[name], name);
  return { code: fromHex(code), selector: fromHex(must(selectors[method], method)) };
}

function loadOrCompile(): Output {
  const sources = { "compute.sol": { content: readFileSync(SOURCE, "utf8") } };
  const input = JSON.stringify({ language: "Solidity", sources, settings: SETTINGS });
  const cached = join(CACHE, `bench-${Bun.hash(input).toString(16)}.json`);
  if (existsSync(cached)) return JSON.parse(readFileSync(cached, "utf8")) as Output;
  const result = compile(input);
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(`${cached}.${process.pid}`, JSON.stringify(result));
  renameSync(`${cached}.${process.pid}`, cached);
  return result;
}

function compile(input: string): Output {
  const solc = createRequire(import.meta.url)("solc") as { compile(input: string): string };
  const output: CompilerOutput = JSON.parse(solc.compile(input));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join("\n"));
  const entries = Object.values(output.contracts).flatMap((file) => Object.entries(file));
  return Object.fromEntries(
    entries.map(([name, { evm }]) => {
      const selectors = Object.entries(evm.methodIdentifiers).map(([signature, hex]) => {
        return [signature.slice(0, signature.indexOf("(")), hex] as const;
      });
      return [name, { code: evm.deployedBytecode.object, selectors: Object.fromEntries(selectors) }];
    }),
  );
}
