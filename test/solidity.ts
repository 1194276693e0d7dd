// Solidity compiled by the npm compiler, whose version package.json pins. Kept under .build/ by the sources' hash, since the compiler
// alone takes seconds to load.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import type { Abi } from "viem";

/** What the compiler says of a contract; codes are hex without a prefix. */
export type SolidityOutput = {
  readonly abi: Abi;
  readonly evm: {
    /** What creates it. */
    readonly bytecode: { readonly object: string };
    /** What runs. */
    readonly deployedBytecode: { readonly object: string };
    /** Selectors by signature. */
    readonly methodIdentifiers: Readonly<Record<string, string>>;
  };
};

type CompilerOutput = {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly contracts: Readonly<Record<string, Readonly<Record<string, SolidityOutput>>>>;
};

const CACHE = resolve(import.meta.dir, "../.build/contracts");
const OUTPUTS = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.methodIdentifiers"];

/**
 * Compiles all files of a folder.
 * @param evmVersion the newest fork whose opcodes the code may use, in the compiler's words
 * @returns the contracts by name
 * @throws {Error} with the compiler's words
 */
export function compileSolidity(folder: string, evmVersion: string): Readonly<Record<string, SolidityOutput>> {
  const files = readdirSync(folder).sort();
  const sources = Object.fromEntries(
    files.map((file) => [file, { content: readFileSync(join(folder, file), "utf8") }]),
  );
  const settings = {
    optimizer: { enabled: true, runs: 200 },
    evmVersion,
    metadata: { bytecodeHash: "none" },
    outputSelection: { "*": { "*": OUTPUTS } },
  };
  const input = JSON.stringify({ language: "Solidity", sources, settings });
  const cached = join(CACHE, `${Bun.hash(input).toString(16)}.json`);
  if (existsSync(cached)) return JSON.parse(readFileSync(cached, "utf8"));
  const result = compile(input);
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(`${cached}.${process.pid}`, JSON.stringify(result));
  renameSync(`${cached}.${process.pid}`, cached);
  return result;
}

function compile(input: string): Record<string, SolidityOutput> {
  const solc = createRequire(import.meta.url)("solc") as { compile(input: string): string };
  const output: CompilerOutput = JSON.parse(solc.compile(input));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join("\n"));
  return Object.assign({}, ...Object.values(output.contracts));
}
