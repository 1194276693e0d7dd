// Tiering on one thread: what is hot is compiled, what is compiled runs, running frames are handed over; and whatever tier runs, the
// outcome is the interpreter's to the last unit of gas.

import { describe, expect, test } from "bun:test";
import type { CompileAnswer, CompileLink } from "#evm/compiler/compile-link.ts";
import { OwnThreadLink } from "#evm/compiler/compile-link.ts";
import { type CompileJob, runCompileJob } from "#evm/compiler/compile-service.ts";
import { DEFAULT_TIERING, type TieringOptions } from "#evm/compiler/tiered-compiler.ts";
import type { CallMessage } from "#evm/engine.ts";
import { HALT_ABORTED } from "#evm/halt.ts";
import { createRange } from "#evm/runtime/range.ts";
import { createWasmEngine, type WasmEngine } from "#evm/wasm-engine.ts";
import { CODE_MAP_VISITED } from "#formats/memory/evm-arena.ts";
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

  test("a run with a deadline is handed over as well, and ends when the time is over", async () => {
    await withEngine({}, async (engine) => {
      let askedCount = 0;
      const deadline = () => ++askedCount === 200;
      const outcome = await call(engine, hostWith(SUM_OF_SQUARES), 0xffff_ffff, { deadline });
      expect([outcome.halt, askedCount]).toEqual([HALT_ABORTED, 200]);
      expect(engine.tiering?.counters.handovers).toBeGreaterThanOrEqual(1);
      expect(engine.counters.gasCompiled).toBeGreaterThan(engine.counters.gasInterpreted);
    });
  });

  test("a frame in the other of two functions, or with another return label, stays where it is right", async () => {
    // Two loops call one function from two places; which one is taken changes every round, and so does the stack's height.
    const code = assemble(`
      0 CALLDATALOAD 0
      loop: DUP2 ISZERO @done JUMPI
      DUP2 1 AND @odd JUMPI
      @even DUP3 @triple JUMP
      even: ADD @next JUMP
      odd: 7 @back DUP4 @triple JUMP
      back: ADD ADD @next JUMP
      next: SWAP1 1 SWAP1 SUB SWAP1 @loop JUMP
      done: 0 MSTORE 20 0 RETURN
      triple: 3 MUL SWAP1 JUMP
    `);
    const want = await expected(code, 60_000);
    for (const pollIntervalGas of [1_000, 7_777, 100_000]) {
      await withEngine({ tiering: { pollIntervalGas, gasPerByte: 1 } }, async (engine) => {
        expect(await call(engine, hostWith(code), 60_000)).toEqual(want);
        expect(engine.tiering?.counters.handovers).toBeGreaterThanOrEqual(1);
      });
    }
  });
});

describe("code that is met bit by bit", () => {
  /** Goes through other blocks the further it has counted down; a function with a loop in it is called from many places. */
  const STAGES = [390_000, 330_000, 230_000, 120_000, 40_000, 3];
  const CODE = assemble(`
    0 CALLDATALOAD 0
    loop: DUP2 ISZERO @done JUMPI
    ${STAGES.map((stage, i) => `DUP2 ${stage.toString(16)} GT @stage${i} JUMPI after${i}:`).join(" ")}
    @back DUP3 @square JUMP back: ADD
    SWAP1 1 SWAP1 SUB SWAP1 @loop JUMP
    done: 0 MSTORE 20 0 RETURN
    square: 8 inner: 1 SWAP1 SUB DUP1 @inner JUMPI POP DUP1 MUL SWAP1 JUMP
    ${STAGES.map((_, i) => `stage${i}: @mixed${i} DUP3 @square JUMP mixed${i}: XOR @after${i} JUMP`).join(" ")}
  `);

  test("is replaced while it runs, and goes on in what is newer", async () => {
    const want = await expected(CODE, 400_000);
    for (const pollIntervalGas of [20_000, 300_000]) {
      await withEngine({ tiering: { pollIntervalGas, gasPerByte: 1 } }, async (engine) => {
        expect(await call(engine, hostWith(CODE), 400_000)).toEqual(want);
        const { handovers, installs } = engine.tiering!.counters;
        expect([handovers > 2, installs > 2]).toEqual([true, true]);
        expect(engine.counters.gasCompiled).toBeGreaterThan(engine.counters.gasInterpreted);
      });
    }
  });

  test("ends up compiled as a whole, however rarely some of it runs", async () => {
    const want = await expected(CODE, 400_000);
    await withEngine({ tiering: { gasPerByte: 1 } }, async (engine) => {
      const host = hostWith(CODE);
      for (let i = 0; i < 12; i++) expect(await call(engine, host, 400_000)).toEqual(want);
      const { gasInterpreted } = engine.counters;
      expect(await call(engine, host, 400_000)).toEqual(want);
      expect(engine.counters.gasInterpreted - gasInterpreted).toBeLessThan(10_000);
    });
  });
});

describe("what is asked for", () => {
  /** Burns gas in one of two branches. */
  const BRANCHES = assemble(`
    0 CALLDATALOAD @other JUMPI
    20 0 KECCAK256 POP 20 0 KECCAK256 POP 20 0 KECCAK256 POP STOP
    other: 20 0 KECCAK256 POP 20 0 KECCAK256 POP 20 0 KECCAK256 POP STOP
  `);
  const visitedCount = ({ map }: CompileJob) => map.filter((flags) => (flags & CODE_MAP_VISITED) !== 0).length;

  async function callOften(engine: WasmEngine, host: MemoryHost, n: number): Promise<void> {
    for (let i = 0; i < 3_000; i++) await call(engine, host, n);
  }

  test("more of a code once more of it was seen, and no more when nothing new was", async () => {
    const link = new HeldLink();
    link.isOpen = true;
    await withEngine({ link }, async (engine) => {
      const host = hostWith(BRANCHES);
      await callOften(engine, host, 0);
      expect(link.jobs.map(({ attempt }) => attempt)).toEqual([0]);
      await callOften(engine, host, 1);
      expect(link.jobs.map(({ attempt }) => attempt)).toEqual([0, 1]);
      expect(visitedCount(link.jobs[1]!)).toBeGreaterThan(visitedCount(link.jobs[0]!));
      const { gasInterpreted } = engine.counters;
      await callOften(engine, host, 0);
      await callOften(engine, host, 1);
      expect(link.jobs.length).toBe(2);
      expect(engine.counters.gasInterpreted).toBe(gasInterpreted);
    });
  });

  test("again what was dropped, nothing while an answer is due, nothing that is too long", async () => {
    const jobs: CompileJob[] = [];
    const answers: CompileAnswer[] = [];
    const link = { request: (job: CompileJob) => void jobs.push(job), receive: () => answers.shift() ?? null };
    await withEngine({ link }, async (engine) => {
      const host = hostWith(BRANCHES);
      await callOften(engine, host, 0);
      await callOften(engine, host, 1);
      expect(jobs.length).toBe(1);
      answers.push({ kind: "dropped", fork: "osaka", codeHash: jobs[0]!.codeHash });
      await callOften(engine, host, 0);
      expect(jobs.map(({ attempt }) => attempt)).toEqual([0, 0]);
    });
    jobs.length = 0;
    await withEngine({ link, tiering: { codeSizeBytesMax: 10 } }, async (engine) => {
      await callOften(engine, hostWith(BRANCHES), 0);
      expect(jobs.length).toBe(0);
      expect(engine.counters.gasUncompilable).toBe(engine.counters.gasInterpreted);
    });
  });

  test("nothing twice when the thread's codes are cleared, as another fork's rules do", async () => {
    const link = new HeldLink();
    link.isOpen = true;
    await withEngine({ link }, async (engine) => {
      const host = hostWith(BRANCHES);
      await callOften(engine, host, 0);
      const { installs } = engine.tiering!.counters;
      for (let i = 0; i < 3; i++) {
        await engine.call(messageOf({ to: CONTRACT, data: word(0), gas: 100_000n }), environmentOf("cancun"), host);
        const { gasCompiled } = engine.counters;
        await call(engine, host, 0);
        expect(engine.counters.gasCompiled).toBeGreaterThan(gasCompiled);
      }
      expect(engine.tiering!.counters.installs).toBe(installs + 3);
      expect(link.jobs.length).toBe(1);
    });
  });

  test("what another thread had compiled is taken when the code is first met", async () => {
    const link = new HeldLink();
    link.isOpen = true;
    const host = hostWith(BRANCHES);
    let gas = 0;
    await withEngine({ link }, async (engine) => {
      await call(engine, host, 0);
      gas = engine.counters.gasInterpreted;
      await callOften(engine, host, 0);
    });
    const [job] = link.jobs as [CompileJob];
    const answers: CompileAnswer[] = [{ kind: "result", result: runCompileJob(job) }];
    const other = { request: () => expect.unreachable(), receive: () => answers.shift() ?? null };
    await withEngine({ link: other }, async (engine) => {
      await call(engine, host, 0);
      expect([engine.counters.gasInterpreted, engine.counters.gasCompiled]).toEqual([0, gas]);
    });
  });

  test("answers are taken where nothing runs, and the bound holds there", async () => {
    const jobs = new HeldLink();
    jobs.isOpen = true;
    await withEngine({ link: jobs }, (engine) => callOften(engine, hostWith(BRANCHES), 0));
    const result = runCompileJob(jobs.jobs[0] as CompileJob);
    const sizeBytes = result.compiled?.sizeBytes ?? 0;
    expect(sizeBytes).toBeGreaterThan(0);
    const answers: CompileAnswer[] = Array.from({ length: 100 }, (_, i) => {
      const codeHash = result.codeHash.slice() as typeof result.codeHash;
      codeHash[0] = i;
      return { kind: "result", result: { ...result, codeHash } };
    });
    const link = { request: () => expect.unreachable(), receive: () => answers.shift() ?? null };
    await withEngine({ link, tiering: { cacheSizeBytes: 10 * sizeBytes } }, async (engine) => {
      for (let turn = 0; turn < 100; turn++) {
        engine.tiering?.takeAnswers();
        expect(engine.tiering?.sizeBytes).toBeLessThanOrEqual(10 * sizeBytes);
      }
      expect(answers.length).toBe(0);
      expect(engine.tiering?.sizeBytes).toBe(10 * sizeBytes);
    });
  });

  test("modules beyond the bound are forgotten, and results stay what they are", async () => {
    const link = new HeldLink();
    link.isOpen = true;
    await withEngine({ link, tiering: { cacheSizeBytes: 1 } }, async (engine) => {
      const host = hostWith(BRANCHES);
      const want = await call(engine, host, 0);
      for (let i = 0; i < 3_000; i++) expect(await call(engine, host, 0)).toEqual(want);
      expect(link.jobs.length).toBeGreaterThan(0);
      expect(engine.tiering?.sizeBytes).toBe(0);
    });
  });
});
