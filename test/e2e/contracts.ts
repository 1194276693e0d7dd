// The Solidity contracts of the end-to-end tests, compiled by the npm compiler and kept under .build/ by their sources'
// hash, since the compiler alone takes seconds to load.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import type { Abi, Hex } from "viem";

/** A compiled contract: what it is called with, and what creates it. */
export type CompiledContract = { readonly abi: Abi; readonly bytecode: Hex };

type ContractName = "Token" | "Ledger" | "Factory" | "Child" | "Unborn" | "Delegate";
type CompilerOutput = {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly contracts: Record<string, Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>>;
};

const SOURCES = join(import.meta.dir, "contracts");
const CACHE = resolve(import.meta.dir, "../../.build/contracts");
const SETTINGS = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: "prague",
  metadata: { bytecodeHash: "none" },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
};

let compiled: Readonly<Record<ContractName, CompiledContract>> | null = null;

/** All contracts by name. */
export function contracts(): Readonly<Record<ContractName, CompiledContract>> {
  compiled ??= loadOrCompile();
  return compiled;
}

function loadOrCompile(): Record<ContractName, CompiledContract> {
  const sources = Object.fromEntries(
    readdirSync(SOURCES)
      .sort()
      .map((file) => [file, { content: readFileSync(join(SOURCES, file), "utf8") }]),
  );
  const input = JSON.stringify({ language: "Solidity", sources, settings: SETTINGS });
  const cached = join(CACHE, `${Bun.hash(input).toString(16)}.json`);
  if (existsSync(cached)) return JSON.parse(readFileSync(cached, "utf8"));
  const result = compile(input);
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(`${cached}.${process.pid}`, JSON.stringify(result));
  renameSync(`${cached}.${process.pid}`, cached);
  return result as Record<ContractName, CompiledContract>;
}

function compile(input: string): Record<string, CompiledContract> {
  const solc = createRequire(import.meta.url)("solc") as { compile(input: string): string };
  const output: CompilerOutput = JSON.parse(solc.compile(input));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join("\n"));
  const entries = Object.values(output.contracts).flatMap((file) => Object.entries(file));
  return Object.fromEntries(
    entries.map(([name, { abi, evm }]) => [name, { abi, bytecode: `0x${evm.bytecode.object}` as Hex }]),
  );
}
