// Tiering on one thread: what is hot is compiled, what is compiled runs, running frames are handed over; and whatever tier runs, the
// outcome is the interpreter's to the last unit of gas.

import { describe, expect, test } from "bun:test";
import type { CompileAnswer, CompileLink } from "#evm/compiler/compile-link.ts";
import { OwnThreadLink } from "#evm/compiler/compile-link.ts";
import type { CompileJob } from "#evm/compiler/compile-service.ts";
import { DEFAULT_TIERING, type TieringOptions } from "#evm/compiler/tiered-compiler.ts";
import type { CallMessage } from "#evm/engine.ts";
import { createRange } from "#evm/runtime/range.ts";
import { createWasmEngine, type WasmEngine } from "#evm/wasm-engine.ts";
import { releaseMemory } from "#wasm/loader.ts";
import { addressOf, assemble, environmentOf, fund, messageOf, specOf } from "../fixtures.ts";
import { MemoryHost } from "../memory-host.ts";

const CONTRACT = addressOf(0xc0de);
const SPEC = specOf("osaka");
const MEBIBYTE = 1 << 20;

/** Sums i * i from the number in the call data down to 1, in a function that is jumped to with its return label. */
const SUM_OF_SQUARES = assemble(`
  0 0 CALLDATALOAD
  loop: DUP1 ISZERO @done JUMPI
  @back DUP2 @square JUMP
  back: DUP3 ADD SWAP2 POP
  1 SWAP1 SUB @loop JUMP
  done: POP 0 MSTORE 20 0 RETURN
  square: DUP1 MUL SWAP1 JUMP
`);

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(28, value);
  return bytes;
}

/** A link that holds answers back until they are let through. */
class HeldLink implements CompileLink {
  readonly jobs: CompileJob[] = [];
  isOpen = false;
  readonly #own = new OwnThreadLink();

  request(job: CompileJob): void {
    this.jobs.push(job);
    this.#own.request(job);
  }

  receive(): CompileAnswer | null {
    return this.isOpen ? this.#own.receive() : null;
  }
}

async function withEngine(
  options: { link?: CompileLink; tiering?: Partial<TieringOptions>; tier?: "auto" | "interpreter" },
  run: (engine: WasmEngine) => Promise<void>,
): Promise<void> {
  const range = createRange(64 * MEBIBYTE);
  const { link, tiering = {}, tier = "auto" } = options;
  try {
    await run(
      await createWasmEngine(SPEC, {
        tier,
        range,
        ...(link === undefined ? {} : { link }),
        tiering: { ...DEFAULT_TIERING, ...tiering },
      }),
    );
  } finally {
    releaseMemory(range.memory);
  }
}

function hostWith(code: string): MemoryHost {
  const host = new MemoryHost();
  fund(host, CONTRACT, 0n, code, 1n);
  return host;
}

function call(engine: WasmEngine, host: MemoryHost, n: number, changes: Partial<CallMessage> = {}) {
  return engine.call(
    messageOf({ to: CONTRACT, data: word(n), gas: 500_000_000n, ...changes }),
    environmentOf("osaka"),
    host,
  );
}

async function expected(code: string, n: number) {
  let outcome: Awaited<ReturnType<typeof call>> | null = null;
  await withEngine({ tier: "interpreter" }, async (engine) => {
    outcome = await call(engine, hostWith(code), n);
  });
  return outcome!;
}

describe("tiering", () => {
  test("code that has burnt its threshold is compiled, once, and then runs compiled", async () => {
    const link = new HeldLink();
    await withEngine({ link }, async (engine) => {
      const host = hostWith(SUM_OF_SQUARES);
      const small = await call(engine, host, 10);
      expect([link.jobs.length, engine.counters.gasCompiled]).toEqual([0, 0]);
      for (let i = 0; i < 20; i++) expect(await call(engine, host, 10)).toEqual(small);
      expect(link.jobs.map(({ attempt, entryPoints }) => [attempt, entryPoints])).toEqual([[0, []]]);
      expect(engine.counters.gasCompiled).toBe(0);
      link.isOpen = true;
      expect(await call(engine, host, 10)).toEqual(small);
      expect(engine.counters.gasCompiled).toBeGreaterThan(0);
      const interpreted = engine.counters.gasInterpreted;
      for (let i = 0; i < 100; i++) expect(await call(engine, host, 10)).toEqual(small);
      expect(engine.counters.gasInterpreted).toBe(interpreted);
      expect(link.jobs.length).toBe(1);
    });
  });

  test("a frame that runs for long is handed over while it runs", async () => {
    const want = await expected(SUM_OF_SQUARES, 200_000);
    await withEngine({}, async (engine) => {
      const outcome = await call(engine, hostWith(SUM_OF_SQUARES), 200_000);
      expect(outcome).toEqual(want);
      const { gasCompiled, gasInterpreted } = engine.counters;
      expect(engine.tiering?.counters.handovers).toBeGreaterThanOrEqual(1);
      expect(gasCompiled).toBeGreaterThan(3 * gasInterpreted);
      // Intrinsic gas is neither's.
      expect(gasCompiled + gasInterpreted).toBeLessThan(Number(outcome.gasUsed));
    });
  });
});
