// The fuzz run that belongs to every test run: a seeded sample of worlds, the fixed cases, random bytes as code, and proof
// that the generator reaches what it should and that faults are found and shrunk.
//   MEGAETH_FUZZ_PROGRAMS=n, MEGAETH_FUZZ_SEED=n     another sample; more of it by `bun run fuzz`
//   MEGAETH_FUZZ_ENGINES=a,b                         fewer engines than there are, the opinion first

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SeededRandom } from "#base/random.ts";
import { HARDFORKS, type Hardfork } from "#chain/hardforks.ts";
import { compareEngines } from "./comparison.ts";
import { Coverage } from "./coverage.ts";
import { ENGINE_NAMES, fuzzEngine, fuzzEngineOf, REFERENCE } from "./engines.ts";
import { DEADLY_FAULTS, FAULTS } from "./faults.ts";
import { runFuzz, USAGE_NAMES } from "./fuzz-run.ts";
import { KNOWN_CASES, knownWorld } from "./known-cases.ts";
import { assembleProgram, programFromText, programToText } from "./program.ts";
import { shrinkWorld } from "./shrinker.ts";
import { type World, worldFromJson, worldToJson } from "./world.ts";
import { generateWorld, worldSeed } from "./world-generator.ts";

const SEED = Number(process.env.MEGAETH_FUZZ_SEED ?? 20_261_127);
const PROGRAMS = Number(process.env.MEGAETH_FUZZ_PROGRAMS ?? 12_000);
const COVERAGE_PROGRAMS = 4000;
const RANDOM_CODES = 1500;
const FAULT_PROGRAMS = 4000;
/** A broken engine differs everywhere; so many differences say as much. */
const DIFFERENCES_SHOWN_MAX = 10;
const KECCAK256 = 0x20;
const CASES = join(import.meta.dir, "cases");
/** Milliseconds; the samples are counted in programs, not in time. */
const NO_LIMIT = 3_600_000;

/** Every rule set that differs from the one before. */
const FORKS = HARDFORKS.filter((fork) => !["muirGlacier", "arrowGlacier", "grayGlacier", "paris"].includes(fork));
/** Enough for each known case, and limits that fail within it. */
const GAS_SWEEP = [0, 3, 40, 900, 2_310, 5_100, 9_000, 20_000, 22_110, 26_000, 33_000, 60_000, 100_000, 1_000_000];

const names = process.env.MEGAETH_FUZZ_ENGINES?.split(",") ?? ENGINE_NAMES;
const engines = names.map(fuzzEngine);
const reference = fuzzEngine(REFERENCE);
const hasRivals = engines.length > 1;

describe("programs", () => {
  test("come back from their text as the same bytes", () => {
    for (let index = 0; index < 200; index++) {
      const world = generateWorld(worldSeed(SEED, index));
      for (const { code } of world.accounts) {
        const again = programFromText(programToText(code));
        expect(assembleProgram(again)).toEqual(assembleProgram(code));
      }
      const json = JSON.stringify(worldToJson(world));
      expect(JSON.stringify(worldToJson(worldFromJson(JSON.parse(json))))).toBe(json);
    }
  });

  test("name positions, lengths and nested code", () => {
    const code = assembleProgram(programFromText("#4 @4 @1+2 JUMP 1: {4 @1 1: } raw:60"));
    expect(code.toHex()).toBe("610004" + "61000b" + "61000c" + "56" + "5b" + "6100035b" + "60");
  });

  test("are the same for the same seed", () => {
    const text = (index: number) => JSON.stringify(worldToJson(generateWorld(worldSeed(SEED, index))));
    for (let index = 0; index < 50; index++) expect(text(index)).toBe(text(index));
    expect(text(1)).not.toBe(text(2));
  });

  test(
    `run every opcode and end in every way (seed ${SEED})`,
    async () => {
      const coverage = new Coverage();
      const counted = fuzzEngineOf(REFERENCE, coverage.factory);
      for (let index = 0; index < COVERAGE_PROGRAMS; index++) {
        await compareEngines(generateWorld(worldSeed(SEED, index)), [counted], coverage.observe);
      }
      expect(coverage.missingOpcodes()).toEqual([]);
      expect(coverage.successShare).toBeGreaterThan(0.4);
      const ends = [...coverage.transactions.keys()];
      expect(ends).toEqual(
        expect.arrayContaining([
          ...["success", "out of gas", "execution reverted", "stack underflow", "stack limit reached 1024"],
          ...["invalid opcode", "invalid jump destination", "return data out of bounds", "invalid code"],
          ...["contract creation code storage out of gas", "max code size exceeded"],
        ]),
      );
      expect([...coverage.frames.keys()]).toEqual(expect.arrayContaining(["static state change", "revert"]));
    },
    NO_LIMIT,
  );
});

describe("faults", () => {
  for (const { name, factory } of FAULTS) {
    test(
      `${name}: found, and shrunk to a few instructions (seed ${SEED})`,
      async () => {
        const pair = [reference, fuzzEngineOf(name, factory)];
        const found = await firstDifference(pair);
        expect(found).not.toBeNull();
        const { world, difference } = found!;
        const shrunk = await shrinkWorld(world, difference, (candidate) => compareEngines(candidate, pair));
        const items = shrunk.world.accounts.reduce((count, account) => count + account.code.length, 0);
        expect(items).toBeLessThanOrEqual(40);
        expect(shrunk.world.transactions.length).toBe(1);
        // What is printed as a fixed case shows the same.
        const again = await compareEngines(worldFromJson(worldToJson(shrunk.world)), pair);
        expect(again?.what).toBe(difference.what);
        expect(await compareEngines(shrunk.world, [reference, reference])).toBeNull();
      },
      NO_LIMIT,
    );
  }

  test(
    "an engine that dies or hangs costs one world, not the run",
    async () => {
      const deadly = await firstWorldWith(KECCAK256);
      const plan = { seed: SEED, from: deadly - 1, programCount: 4, jobCount: 2, fork: null, silenceMsMax: 3000 };
      for (const { name } of DEADLY_FAULTS) {
        const found: string[] = [];
        const result = await runFuzz(
          { ...plan, engines: [REFERENCE, name] },
          { done: () => {}, found: (one) => found.push(`${one.index} ${one.what}`) },
        );
        expect(result.programCount).toBe(4);
        expect(found).toContain(`${deadly} crash`);
        expect(found.every((text) => text.endsWith(" crash"))).toBe(true);
        expect(new Set(found).size).toBe(found.length);
      }
    },
    NO_LIMIT,
  );

  test(
    "the command ends with the count and exit code 1",
    async () => {
      const outcome = await runCommand(
        "--programs",
        "60",
        "--seed",
        "4",
        "--engines",
        `${REFERENCE},${FAULTS[0]!.name}`,
      );
      expect(outcome.code).toBe(1);
      expect(outcome.output).toMatch(/\n60 programs, [1-9]\d* differences \(seed 4\)\n$/);
      expect(outcome.output).toContain("again: bun run fuzz -- --seed 4 --from ");
      const same = await runCommand("--programs", "20", "--seed", "4", "--engines", `${REFERENCE},${REFERENCE}`);
      expect(same.code).toBe(0);
      expect(same.output).toEndWith("20 programs, 0 differences (seed 4)\n");
      expect((await runCommand("--programs", "many")).code).toBe(2);
    },
    NO_LIMIT,
  );
});

describe(`all engines agree: ${names.join(", ")}`, () => {
  test.skipIf(!hasRivals)(
    `on ${PROGRAMS} worlds (seed ${SEED})`,
    async () => {
      const differences: string[] = [];
      const plan = { seed: SEED, from: 0, programCount: PROGRAMS, jobCount: 2, engines: names, fork: null };
      const result = await runFuzz(
        { ...plan, silenceMsMax: 120_000 },
        { done: () => {}, found: (found) => differences.push(JSON.stringify(found)) },
      );
      expect(differences).toEqual([]);
      expect(result.programCount).toBe(PROGRAMS);
      for (const counts of result.usage.values()) {
        expect(Number(counts[USAGE_NAMES.indexOf("left to the reference")])).toBeLessThan(PROGRAMS / 500);
      }
      if (names.includes("exits")) {
        expect(result.usage.get("exits")?.[USAGE_NAMES.indexOf("side exits")]).toBeGreaterThan(0n);
      }
      if (names.includes("compile")) {
        expect(result.usage.get("compile")?.[USAGE_NAMES.indexOf("gas compiled")]).toBeGreaterThan(0n);
      }
    },
    NO_LIMIT,
  );

  test.skipIf(!hasRivals)(
    "on every known class of faults, on every fork, with every kind of gas limit",
    async () => {
      const differences: string[] = [];
      for (const known of KNOWN_CASES) {
        if (differences.length > DIFFERENCES_SHOWN_MAX) break;
        for (const fork of FORKS) {
          for (const gas of known.gas ?? GAS_SWEEP) {
            const difference = await compareEngines(knownWorld(known, fork, BigInt(gas)), engines);
            if (difference === null) continue;
            const { engine, what, details } = difference;
            differences.push(`${known.about}, ${fork}, gas ${gas}: ${engine}: ${what}: ${details}`);
          }
        }
      }
      expect(differences).toEqual([]);
    },
    NO_LIMIT,
  );

  for (const name of readdirSync(CASES)
    .filter((file) => file.endsWith(".json"))
    .sort()) {
    test.skipIf(!hasRivals)(`on ${name}`, async () => {
      const { world } = JSON.parse(readFileSync(join(CASES, name), "utf8")) as { world: Record<string, unknown> };
      expect(await compareEngines(worldFromJson(world), engines)).toBeNull();
    });
  }

  test(
    `on random bytes as code (seed ${SEED})`,
    async () => {
      const random = new SeededRandom(SEED);
      const differences: string[] = [];
      for (let index = 0; index < RANDOM_CODES && differences.length <= DIFFERENCES_SHOWN_MAX; index++) {
        const world = randomBytesWorld(random);
        const difference = await compareEngines(world, engines);
        if (difference !== null) differences.push(`${index}: ${JSON.stringify(difference)}`);
      }
      expect(differences).toEqual([]);
    },
    NO_LIMIT,
  );
});

test("every known case does something, and runs to its end or fails by its own rule", async () => {
  const ends = new Map<string, number>();
  for (const known of KNOWN_CASES) {
    const world = knownWorld(known, "osaka", 1_000_000n);
    await compareEngines(world, [reference], (result) => {
      const halt = "kind" in result && result.kind === "applied" ? result.outcome.halt : "refused";
      ends.set(`${halt}`, (ends.get(`${halt}`) ?? 0) + 1);
      if ("kind" in result && result.kind === "applied") expect(result.outcome.gasUsed).toBeGreaterThan(21_000n);
    });
  }
  expect(ends.get("refused")).toBeUndefined();
  expect(ends.get("null")).toBeGreaterThan(KNOWN_CASES.length * 0.6);
});

async function firstDifference(pair: Parameters<typeof compareEngines>[1]) {
  for (let index = 0; index < FAULT_PROGRAMS; index++) {
    const world = generateWorld(worldSeed(SEED, index));
    const difference = await compareEngines(world, pair);
    if (difference !== null) return { world, difference };
  }
  return null;
}

/** Number of the first world of the seed, but not of the first one, that executes an opcode. */
async function firstWorldWith(opcode: number): Promise<number> {
  const coverage = new Coverage();
  const counted = [fuzzEngineOf(REFERENCE, coverage.factory)];
  for (let index = 0; ; index++) {
    const before = coverage.opcodes[opcode];
    await compareEngines(generateWorld(worldSeed(SEED, index)), counted);
    if (index > 0 && coverage.opcodes[opcode] !== before) return index;
  }
}

function randomBytesWorld(random: SeededRandom): World {
  const fork: Hardfork = random.chance(0.5) ? "osaka" : random.pick(HARDFORKS);
  const known = knownWorld({ about: "", a: "STOP" }, fork, BigInt(random.below(100_000)));
  const size = random.chance(0.02) ? 24_576 : 1 + random.below(random.chance(0.5) ? 64 : 2000);
  const bytes = random.bytes(size);
  // With only the bytes of instructions that do something, more of them run before the first that is not there.
  if (random.chance(0.6)) for (let i = 0; i < size; i++) bytes[i] = random.pick(LIVELY);
  return { ...known, accounts: [{ ...known.accounts[0]!, code: [{ kind: "bytes", bytes }] }] };
}

const LIVELY = [...Array(32).keys(), 0x30, 0x35, 0x50, 0x51, 0x54, 0x56, 0x57, 0x5a, ...Array(6).fill(0x5b)]
  .concat(
    [...Array(48).keys()].map((i) => 0x60 + i),
    [0x80, 0x81, 0x82, 0x90, 0x91, 0xa0, 0xf1, 0xf3, 0xfa],
  )
  .filter((byte) => byte !== 0);

async function runCommand(...args: string[]): Promise<{ readonly code: number; readonly output: string }> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "command.ts"), ...args], {
    stdout: "pipe",
    stderr: "ignore",
  });
  const output = await new Response(child.stdout).text();
  return { code: await child.exited, output };
}
