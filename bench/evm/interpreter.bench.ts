// What an opcode costs in the interpreter: loops of arithmetic, logic, memory and jumps in a frame made by hand, with the frame's end
// (gas, top of the stack) as the digest. The rival is the library's interpreter on the same code. Calls, storage and transactions
// around them are measured in evm.bench.ts, against revm too.

import { createEVM, type EVM } from "@ethereumjs/evm";
import { must } from "#base/assert.ts";
import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { assemble } from "#test/evm/fixtures.ts";
import { FrameBench } from "#test/evm/interpreter/frame.fixture.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const GAS = 1n << 40n;
/** An odd constant of full width. */
const C = "9e3779b97f4a7c15f39cc0605cedc8341082276bf3a27251f86c6a11d0c18e95";
/** Opcodes that a round of the loop has besides its body. */
const LOOP_OPCODE_COUNT = 7;

const roundCount = smokeOr(2_000, 20);
/** Runs of the frame in one timed run: short ones, so that most of them are not interrupted. */
const frameCount = smokeOr(5, 2);

// The stack is (value, rounds left), and stays so.
const BODIES: readonly (readonly [name: string, opcodeCount: number, source: string])[] = [
  ["addition", 6, "SWAP1 DUP1 ADD DUP2 ADD SWAP1"],
  ["multiplication", 4, `SWAP1 ${C} MUL SWAP1`],
  ["comparison and logic", 10, `SWAP1 DUP1 ${C} AND DUP3 XOR DUP3 LT ISZERO ADD SWAP1`],
  ["memory", 10, "DUP1 3e0 AND DUP1 MLOAD DUP3 ADD SWAP1 MSTORE DUP1 POP"],
];

const bench = new FrameBench("osaka");
const library = (await createEVM()) as EVM;

for (const [name, opcodeCount, body] of BODIES) {
  const code = fromHex(assemble(loop(body)));
  await runInterleaved({
    name: `interpreter: ${name}`,
    rounds: smokeOr(9, 1),
    operationCount: frameCount * roundCount * (opcodeCount + LOOP_OPCODE_COUNT),
    parameters: { rounds: roundCount, frames: frameCount, moduleSizeBytes: bench.moduleSizeBytes },
    contenders: {
      interpreter: () => runFrames(code),
      "@ethereumjs/evm": () => runLibrary(code),
    },
  });
}
bench.close();

/** The loop's place as a PUSH2, as compilers of contracts write it. */
function loop(body: string): string {
  const head = `${C} ${roundCount.toString(16).padStart(6, "0")}`;
  const place = fromHex(assemble(head)).length.toString(16).padStart(4, "0");
  return `${head} raw:5b ${body} 1 SWAP1 SUB DUP1 raw:61${place} raw:57`;
}

function runFrames(code: Uint8Array): string {
  for (let index = 1; index < frameCount; index++) {
    bench.prepare({ code, gas: GAS });
    bench.interpret();
  }
  const { gas, stack } = bench.run({ code, gas: GAS });
  return digestOf(GAS - gas, stack);
}

async function runLibrary(code: Uint8Array): Promise<string> {
  for (let index = 1; index < frameCount; index++) await library.runCode({ code, gasLimit: GAS });
  const { runState, executionGasUsed } = await library.runCode({ code, gasLimit: GAS });
  return digestOf(executionGasUsed, must(runState, "the library ran code").stack.getStack());
}

function digestOf(gasUsed: bigint, stack: readonly bigint[]): string {
  return toBareHex(keccak256(concatBytes(...[gasUsed, ...stack].map((word) => bigintToBytes(word, 32)))));
}
