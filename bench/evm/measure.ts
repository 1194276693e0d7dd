// One program on all contenders: first that they agree on status, gas, output and logs, then their times, interleaved.
//
//   long programs   anvil: a request less one that does nothing      ours: a whole call
//   short programs  all: messages of n and of 2n calls, the difference over n; besides, the whole call, batched on anvil
//
// The library is several hundred times slower: it gets less calls and a cap on its time, beyond which its figure is a lower bound.

import { bigintFromBytes, bytesEqual } from "#base/bytes.ts";
import type { CallOutcome } from "#evm/engine.ts";
import { HALT_ABORTED } from "#evm/halt.ts";
import { type Answer, differenceOf, digestOf } from "./answer.ts";
import type { AnvilCalls } from "./anvil-calls.ts";
import { CLOCK } from "./clock.ts";
import type { BenchWorld, ContenderName, LocalRun } from "./contenders.ts";
import { driverMessage, type Program, type ProgramMessage, withDriver } from "./program.ts";

/** Who is timed. */
export type TimedName = ContenderName | "anvil";

/** How much is measured. */
export type Effort = {
  readonly rounds: number;
  /** Milliseconds of a round of untimed calls before, and three calls at least; rounds go on while calls get faster. */
  readonly warmUpMs: number;
  /** Milliseconds that a sample should take. */
  readonly sampleMs: number;
  /** Milliseconds that the library may take for a program. */
  readonly libraryCapMs: number;
};

/** What was found about one program. All figures are nanoseconds of one call. */
export type Measurement = {
  readonly program: Program;
  readonly method: "one request each" | "n and 2n calls";
  readonly gasUsed: bigint;
  readonly succeeded: boolean;
  /** Over status, gas, output and logs, the same for all. */
  readonly digest: string;
  /** Where a contender disagrees; there are no figures then. */
  readonly mismatch: string | null;
  /** Contenders that were stopped before they could answer, by the nanoseconds they had by then. */
  readonly stoppedNs: Partial<Record<ContenderName, number>>;
  readonly samplesNs: Partial<Record<TimedName, number[]>>;
  /** Whole calls of short programs; anvil's less a request that does nothing. Empty where it cannot be measured. */
  readonly wholeNs: Partial<Record<TimedName, number[]>>;
};

/** The parts that a measurement needs. */
export type Field = {
  readonly anvil: AnvilCalls;
  readonly world: BenchWorld;
  /** The library first, if it takes part. */
  readonly runs: readonly LocalRun[];
  readonly effort: Effort;
};

const SHORT_NS = 1_000_000;
const BATCH_COUNT = 100;
const DRIVER_COUNT_MAX = 20_000;
const LIBRARY_COUNT_SHARE = 200;
/** What a call through the driver takes at least. */
const SLOPE_NS_MIN = 50;
/** Rounds of warming up; they end after some in which no call was faster than this part of the fastest before. */
const WARM_UP_ROUND_COUNT_MAX = 16;
const IDLE_ROUND_COUNT_MAX = 2;
const WARM_UP_GAIN = 0.98;

/** Measures a program. */
export async function measure(program: Program, field: Field): Promise<Measurement> {
  const { anvil, world, effort } = field;
  await anvil.load(program.alloc);
  world.load(program.alloc);
  const answer = await anvil.answer(program, program.message);
  const { mismatch, stoppedNs } = await compareAnswers(answer, program.message, field);
  const { from, to } = program.message;
  // A driver in the sender's place would replace the program.
  const isShort = !bytesEqual(from, to) && (await shortestCallNs(program, anvil)) < SHORT_NS;
  const found: Measurement = {
    program,
    method: isShort ? "n and 2n calls" : "one request each",
    gasUsed: answer.gasUsed,
    succeeded: answer.succeeded,
    digest: digestOf(answer),
    mismatch,
    stoppedNs,
    samplesNs: {},
    wholeNs: {},
  };
  if (mismatch !== null) return found;
  const runs = field.runs.filter(({ name }) => stoppedNs[name] === undefined);
  for (const run of runs) await warmUp(run, program.message, effort);
  if (!isShort) {
    const timers = [anvilTimer(program, anvil), ...runs.map((run) => localTimer(run, program.message, effort))];
    return { ...found, samplesNs: await interleave(timers, effort) };
  }
  const wholeNs = await measureWhole(program, { ...field, runs });
  const driven = withDriver(program);
  await anvil.load(driven.alloc);
  world.load(driven.alloc);
  const count = await driverCount(driven, answer, field);
  const differing = await compareDriven(driven, count, answer, { ...field, runs });
  if (differing !== null) return { ...found, mismatch: differing };
  for (const run of runs) await warmUp(run, driverMessage(driven, driverCountFor(run, count)), effort);
  const timers = [
    drivenAnvilTimer(driven, anvil, count),
    ...runs.map((run) => drivenTimer(run, driven, count, effort)),
  ];
  return { ...found, wholeNs, samplesNs: await interleave(timers, effort) };
}

/** A way to take samples of one contender, until it answers null: enough. */
type Timer = { readonly name: TimedName; readonly sample: () => Promise<number | null> };

/** Rounds in the order A B C, C B A, and so on. */
async function interleave(timers: readonly Timer[], { rounds }: Effort): Promise<Partial<Record<TimedName, number[]>>> {
  const samplesNs: Partial<Record<TimedName, number[]>> = {};
  for (let round = 0; round < rounds; round++) {
    for (const { name, sample } of round % 2 === 0 ? timers : timers.toReversed()) {
      const ns = await sample();
      if (ns !== null) (samplesNs[name] ??= []).push(ns);
    }
  }
  return samplesNs;
}

function anvilTimer(program: Program, anvil: AnvilCalls): Timer {
  return {
    name: "anvil",
    sample: async () => {
      const before = await anvil.timeNothingNs();
      const ns = await anvil.timeCallNs(program, program.message);
      return ns - (before + (await anvil.timeNothingNs())) / 2;
    },
  };
}

function localTimer(run: LocalRun, message: ProgramMessage, effort: Effort): Timer {
  let count = 0;
  const mayGoOn = budget(run, effort);
  return {
    name: run.name,
    sample: async () => {
      if (!mayGoOn()) return null;
      if (count === 0) count = repetitions(await run.timeNs(message, 1), effort.sampleMs);
      return run.timeNs(message, count);
    },
  };
}

function drivenAnvilTimer(driven: Program, anvil: AnvilCalls, count: number): Timer {
  return {
    name: "anvil",
    sample: async () => {
      const once = await anvil.timeCallNs(driven, driverMessage(driven, count));
      return ((await anvil.timeCallNs(driven, driverMessage(driven, 2 * count))) - once) / count;
    },
  };
}

function drivenTimer(run: LocalRun, driven: Program, anvilCount: number, effort: Effort): Timer {
  const count = driverCountFor(run, anvilCount);
  const [once, twice] = [driverMessage(driven, count), driverMessage(driven, 2 * count)];
  const mayGoOn = budget(run, effort);
  return {
    name: run.name,
    sample: async () => {
      if (!mayGoOn()) return null;
      const onceNs = await run.timeNs(once, 1);
      // A program that compiles to next to nothing is lost in the noise.
      return Math.max(SLOPE_NS_MIN, ((await run.timeNs(twice, 1)) - onceNs) / count);
    },
  };
}

/** Whole calls: batches on anvil, kept on one core, and our engine through its interface. */
async function measureWhole(program: Program, { anvil, runs, effort }: Field): Promise<Measurement["wholeNs"]> {
  if (!anvil.pin(true)) return {};
  try {
    const batch: Timer = {
      name: "anvil",
      sample: async () => {
        const ns = await anvil.timeInBatchNs(program, program.message, BATCH_COUNT);
        return ns - (await anvil.timeNothingInBatchNs(BATCH_COUNT));
      },
    };
    return await interleave([batch, ...runs.map((run) => localTimer(run, program.message, effort))], effort);
  } finally {
    anvil.pin(false);
  }
}

/** The library may go on while its time lasts; everyone else may. */
function budget(run: LocalRun, { libraryCapMs }: Effort): () => boolean {
  if (run.name !== "ethereumjs") return () => true;
  let endNs = 0;
  return () => {
    if (endNs === 0) endNs = CLOCK.ownNs() + libraryCapMs * 1e6;
    return CLOCK.ownNs() < endNs;
  };
}

function repetitions(ns: number, sampleMs: number): number {
  return Math.max(1, Math.min(10_000, Math.round((sampleMs * 1e6) / ns)));
}

function driverCountFor(run: LocalRun, anvilCount: number): number {
  return run.name === "ethereumjs" ? Math.max(4, Math.ceil(anvilCount / LIBRARY_COUNT_SHARE)) : anvilCount;
}

/** So many calls that a sample takes long enough, as long as twice as many all go like the single one. */
async function driverCount(driven: Program, single: Answer, { anvil, effort }: Field): Promise<number> {
  let count = 8;
  while (count < DRIVER_COUNT_MAX) {
    const ns = (await anvil.timeCallNs(driven, driverMessage(driven, count))) - (await anvil.timeNothingNs());
    if (ns > effort.sampleMs * 1e6) return count;
    const { output } = await anvil.answer(driven, driverMessage(driven, 4 * count));
    if (successesIn(output) !== (single.succeeded ? BigInt(4 * count) : 0n)) return count;
    count *= 2;
  }
  return count;
}

function successesIn(driverOutput: Uint8Array): bigint {
  return bigintFromBytes(driverOutput.subarray(0, 32));
}

/** Calls until they get no faster: the optimizer may be long about it on a busy machine. */
async function warmUp(run: LocalRun, message: ProgramMessage, { warmUpMs }: Effort): Promise<void> {
  let [fastestNs, idleRoundCount] = [Number.POSITIVE_INFINITY, 0];
  for (let round = 0; round < WARM_UP_ROUND_COUNT_MAX && idleRoundCount < IDLE_ROUND_COUNT_MAX; round++) {
    const ns = await fastestWithin(run, message, warmUpMs);
    if (run.name === "ethereumjs" || warmUpMs === 0) return;
    idleRoundCount = ns > WARM_UP_GAIN * fastestNs ? idleRoundCount + 1 : 0;
    fastestNs = Math.min(ns, fastestNs);
  }
}

async function fastestWithin(run: LocalRun, message: ProgramMessage, timeMs: number): Promise<number> {
  const endMs = performance.now() + timeMs;
  let fastestNs = Number.POSITIVE_INFINITY;
  for (let calls = 0; calls < 3 || performance.now() < endMs; calls++) {
    fastestNs = Math.min(fastestNs, await run.timeNs(message, 1));
    if (run.name === "ethereumjs") break;
  }
  return fastestNs;
}

async function shortestCallNs(program: Program, anvil: AnvilCalls): Promise<number> {
  const [calls, nothings]: [number[], number[]] = [[], []];
  for (let i = 0; i < 3; i++) {
    nothings.push(await anvil.timeNothingNs());
    calls.push(await anvil.timeCallNs(program, program.message));
  }
  return Math.min(...calls) - Math.min(...nothings);
}

type Comparison = Pick<Measurement, "mismatch" | "stoppedNs">;

async function compareAnswers(expected: Answer, message: ProgramMessage, field: Field): Promise<Comparison> {
  const stoppedNs: Partial<Record<ContenderName, number>> = {};
  for (const run of field.runs) {
    const startedNs = CLOCK.ownNs();
    const isLate = () => CLOCK.ownNs() - startedNs > field.effort.libraryCapMs * 1e6;
    const outcome = await run.call(message, run.name === "ethereumjs" ? isLate : undefined);
    if (outcome.halt === HALT_ABORTED) stoppedNs[run.name] = CLOCK.ownNs() - startedNs;
    else {
      const difference = differenceOf(expected, answerOf(outcome));
      if (difference !== null) return { mismatch: `${run.name}: ${difference}`, stoppedNs };
    }
  }
  return { mismatch: null, stoppedNs };
}

/** The driver's answers agree too, and each of its calls went as the single one did. */
async function compareDriven(driven: Program, count: number, single: Answer, field: Field): Promise<string | null> {
  for (const run of field.runs) {
    const message = driverMessage(driven, 2 * driverCountFor(run, count));
    const expected = await field.anvil.answer(driven, message);
    const successes = successesIn(expected.output);
    const wanted = single.succeeded ? BigInt(2 * driverCountFor(run, count)) : 0n;
    if (successes !== wanted) return `of the calls in a row ${successes} succeed, expected ${wanted}`;
    const difference = differenceOf(expected, answerOf(await run.call(message)));
    if (difference !== null) return `${run.name}, calls in a row: ${difference}`;
  }
  return null;
}

function answerOf({ halt, gasUsed, output, logs }: CallOutcome): Answer {
  return { succeeded: halt === null, gasUsed, output, logs };
}
