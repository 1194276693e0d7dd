// Runner of go-ethereum's vectors of precompiled contracts. A small contract calls the precompile with a gas of our choice,
// so that any engine can be asked: with exactly the given gas it must succeed, with one less it must fail. An outermost
// call straight to the precompile must answer the same.

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { fromHex, toBareHex, toHex } from "#base/hex.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import type { Address } from "#chain/primitives.ts";
import type { Engine } from "#evm/engine.ts";
import { addressOf, assemble, environmentOf, messageOf, specOf } from "#test/evm/fixtures.ts";
import { type ConformanceCase, skippedCase, type Verdict } from "./case.ts";
import { createWorld, type FixtureAccounts } from "./world.ts";

type Vector = {
  readonly Name: string;
  readonly Input: string;
  readonly Expected?: string;
  readonly Gas?: number;
  readonly ExpectedError?: string;
};

type Precompile = { readonly address: number; readonly fork: Hardfork };

/** By the file's name in lower case without "fail-" and what follows "_": the newest rules unless the name says others. */
const PRECOMPILES: Readonly<Record<string, Precompile>> = {
  ecrecover: { address: 1, fork: "osaka" },
  sha256: { address: 2, fork: "osaka" },
  ripemd160: { address: 3, fork: "osaka" },
  identity: { address: 4, fork: "osaka" },
  datacopy: { address: 4, fork: "osaka" },
  modexp: { address: 5, fork: "byzantium" },
  modexp_eip2565: { address: 5, fork: "berlin" },
  modexp_eip7823: { address: 5, fork: "osaka" },
  modexp_eip7883: { address: 5, fork: "osaka" },
  bn256add: { address: 6, fork: "osaka" },
  bn256scalarmul: { address: 7, fork: "osaka" },
  bn256pairing: { address: 8, fork: "osaka" },
  blake2f: { address: 9, fork: "osaka" },
  pointevaluation: { address: 0x0a, fork: "osaka" },
  blsg1add: { address: 0x0b, fork: "osaka" },
  blsg1mul: { address: 0x0c, fork: "osaka" },
  blsg1multiexp: { address: 0x0c, fork: "osaka" },
  blsg2add: { address: 0x0d, fork: "osaka" },
  blsg2mul: { address: 0x0e, fork: "osaka" },
  blsg2multiexp: { address: 0x0e, fork: "osaka" },
  blspairing: { address: 0x0f, fork: "osaka" },
  blsmapg1: { address: 0x10, fork: "osaka" },
  blsmapg2: { address: 0x11, fork: "osaka" },
  p256verify: { address: 0x100, fork: "osaka" },
};

/** Takes `gas (32 bytes) ‖ address (32 bytes) ‖ input`, calls, and returns `success (32 bytes) ‖ return data`. */
const CALLER_CODE = assemble(`
  40 CALLDATASIZE SUB 40 0 CALLDATACOPY
  0 0 40 CALLDATASIZE SUB 0 0 20 CALLDATALOAD 0 CALLDATALOAD CALL
  0 MSTORE
  RETURNDATASIZE 0 20 RETURNDATACOPY
  20 RETURNDATASIZE ADD 0 RETURN
`);

const CALLER = addressOf(0xca11e4);
const SENDER = addressOf(0x5e9de4);
const WORLD: FixtureAccounts = { [toHex(CALLER)]: { nonce: "0x1", balance: "0x0", code: CALLER_CODE, storage: {} } };
const MESSAGE_GAS = 1n << 40n;
const AMPLE_GAS = 1_000_000_000n;

/** The vectors of a file. @param file named after the precompile, as go-ethereum names it */
export function precompileCasesOf(file: string): ConformanceCase[] {
  const group = basename(file, ".json");
  const precompile = precompileOf(group);
  const vectors = JSON.parse(readFileSync(file, "utf8")) as Vector[];
  if (!Array.isArray(vectors) || vectors.some((vector) => typeof vector.Input !== "string")) {
    return [skippedCase("(whole file)", "", group, "not a file of precompile vectors")];
  }
  return vectors.map((vector): ConformanceCase => {
    if (precompile === null) return skippedCase(vector.Name, "", group, `no precompile is named ${group}`);
    const run: ConformanceCase["run"] = async (engineOf) => {
      return runVector(vector, precompile, await engineOf(specOf(precompile.fork)));
    };
    return { name: vector.Name, fork: precompile.fork, group, skipReason: null, run };
  });
}

function precompileOf(name: string): Precompile | null {
  const plain = name.toLowerCase().replace(/^fail-/, "");
  return PRECOMPILES[plain] ?? PRECOMPILES[plain.split("_")[0]!] ?? null;
}

async function runVector(vector: Vector, precompile: Precompile, engine: Engine): Promise<Verdict> {
  const ask = (gas: bigint): Promise<Answer> => askContract(vector, precompile, engine, gas);
  const straight = await engine.call(...callTo(addressOf(precompile.address), fromHex(vector.Input), precompile.fork));
  if (vector.ExpectedError !== undefined) {
    const answer = await ask(AMPLE_GAS);
    if (answer.isSuccess) return `succeeded with ${answer.output}, expected: ${vector.ExpectedError}`;
    return straight.halt === null ? `an outermost call succeeded, expected: ${vector.ExpectedError}` : null;
  }
  const gas = vector.Gas === undefined ? AMPLE_GAS : BigInt(vector.Gas);
  const answer = await ask(gas);
  if (!answer.isSuccess) {
    return (await ask(AMPLE_GAS)).isSuccess ? `${gas} gas do not suffice` : `failed, expected ${vector.Expected}`;
  }
  if (answer.output !== vector.Expected) return `output ${answer.output}, expected ${vector.Expected}`;
  const output = toBareHex(straight.output);
  if (straight.halt !== null) return `an outermost call halted: ${straight.halt}`;
  if (output !== vector.Expected) return `output ${output} of an outermost call, expected ${vector.Expected}`;
  if (vector.Gas === undefined || vector.Gas === 0) return null;
  return (await ask(gas - 1n)).isSuccess ? `${gas - 1n} gas suffice, expected to need ${gas}` : null;
}

type Answer = { readonly isSuccess: boolean; readonly output: string };

async function askContract(vector: Vector, precompile: Precompile, engine: Engine, gas: bigint): Promise<Answer> {
  const address = bigintToBytes(BigInt(precompile.address), 32);
  const data = concatBytes(bigintToBytes(gas, 32), address, fromHex(vector.Input));
  const { halt, output } = await engine.call(...callTo(CALLER, data, precompile.fork));
  if (halt !== null || output.length < 32) throw new Error(`the calling contract halted: ${halt}`);
  return { isSuccess: output[31] === 1, output: toBareHex(output.subarray(32)) };
}

function callTo(to: Address, data: Uint8Array, fork: Hardfork): Parameters<Engine["call"]> {
  const message = messageOf({ from: SENDER, to, data, gas: MESSAGE_GAS });
  return [message, environmentOf(fork, { gasLimit: MESSAGE_GAS }), createWorld(WORLD).host];
}
