// The whole durable road on the simulated disk: a sequencer that produces, signs, writes, publishes and checkpoints while two
// replicas follow, one of them lagging. Power fails at every disk call, with several choices of what survives, and again while the
// next start recovers; or the process dies and the disk lives on. Then it produces on, the replicas come back, and all agree.
//
// MEGAETH_CRASH_ROUNDS=n runs n times as many workloads with every choice of survivors; MEGAETH_CRASH_SEED picks the first seed.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { CHECKPOINT_INTERVAL, SequencerLife } from "./crash-campaign-sequencer.ts";
import { type Ending, World } from "./crash-campaign-world.ts";
import { SimulatedCrash, SimulatedDisk, type Survivors } from "./simulated-disk.ts";

const ROUNDS = Number(process.env.MEGAETH_CRASH_ROUNDS ?? "1");
const FIRST_SEED = Number(process.env.MEGAETH_CRASH_SEED ?? "1");
const LIFE_ROUND_COUNT = 30;
const LATER_LIFE_ROUND_COUNT = 8;
const TIMEOUT_MS = 120_000 * ROUNDS;

/** What is left: by a power failure one of these, or everything when only the process dies. */
type Fate = Survivors | "process dies";
const FATES: readonly Fate[] = ["random", "none", "prefix", "random", "process dies", "all"];

/** One crash: where it strikes, and what it leaves. */
type Crash = { readonly seed: number; readonly crashAt: number; readonly fate: Fate; readonly draw: number };

/** The disk as the next start finds it. */
type Aftermath = { readonly disk: SimulatedDisk; readonly ending: Ending };

/** Ends everything that runs on a disk. */
function afterCrash(world: World, crashed: SimulatedDisk, fate: Fate, seed: number): Aftermath {
  if (fate === "process dies") return { disk: crashed.kill(), ending: "process died" };
  world.notePowerFailure();
  return { disk: crashed.crash(fate, seed), ending: "power failure" };
}

type Outcome = { readonly hasCrashed: boolean; readonly world: World };

/** Runs a life until it ends in order or crashes. @returns whether it crashed */
async function runLife(
  world: World,
  disk: SimulatedDisk,
  parts: { ending: Ending; seed: number; roundCount: number; crashAt?: number },
): Promise<boolean> {
  disk.setFaults(parts.crashAt === undefined ? {} : { crashAt: parts.crashAt });
  try {
    const life = new SequencerLife(world, disk, parts.ending, parts.seed);
    await life.live(parts.roundCount);
    await life.stop();
    return false;
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
    return true;
  }
}

/** A crash, perhaps another while recovering, then a life to its end, and a look at everything. */
async function strike(mode: "always" | "interval", { seed, crashAt, fate, draw }: Crash): Promise<Outcome> {
  const world = new World(mode);
  const random = new SeededRandom(seed * 7919 + crashAt * 11 + draw);
  try {
    const first = new SimulatedDisk(seed);
    const start = { ending: "orderly stop", seed, roundCount: LIFE_ROUND_COUNT } as const;
    const hasCrashed = await runLife(world, first, { ...start, crashAt });
    let { disk, ending }: Aftermath = hasCrashed
      ? afterCrash(world, first, fate, random.u32())
      : { disk: first, ending: "orderly stop" };
    for (const replica of world.replicas) replica.receive(random.below(20)); // the rest never arrives
    for (let again = 0; random.chance(0.5) && again < 3; again++) {
      const crashAgainAt = random.below(24);
      if (!(await runLife(world, disk, { ending, seed, roundCount: 6, crashAt: crashAgainAt }))) {
        ending = "orderly stop";
        break;
      }
      ({ disk, ending } = afterCrash(world, disk, random.pick(FATES), random.u32()));
    }
    disk.setFaults({});
    await finish(world, disk, seed, ending);
    return { hasCrashed, world };
  } finally {
    world.close();
  }
}

/** Produces on, brings the replicas up, stops in order, and starts once more. */
async function finish(world: World, disk: SimulatedDisk, seed: number, ending: Ending): Promise<void> {
  const life = new SequencerLife(world, disk, ending, seed);
  await life.live(LATER_LIFE_ROUND_COUNT);
  await life.stop();
  life.catchUp();
  const { digest, version } = life;
  for (const replica of world.replicas) expect(replica.digest).toBe(digest);
  const again = new SequencerLife(world, disk, "orderly stop", seed);
  expect([again.version, again.digest]).toEqual([version, digest]);
}

describe("crash campaign over the whole road", () => {
  for (const mode of ["always", "interval"] as const) {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUNDS; seed++) {
      test(
        `--fsync ${mode}, seed ${seed}`,
        async () => {
          let crashCount = 0;
          let rollbackCount = 0;
          let replayedMax = 0;
          for (let crashAt = 0, isOver = false; !isOver; crashAt++) {
            const draws = ROUNDS > 1 ? FATES.keys() : [crashAt % FATES.length];
            for (const draw of draws) {
              const crash: Crash = { seed, crashAt, fate: FATES[draw] as Fate, draw };
              const { hasCrashed, world } = await strike(mode, crash).catch((error) => {
                throw new Error(`${JSON.stringify(crash)}: ${error.message}`, { cause: error });
              });
              isOver = !hasCrashed;
              crashCount++;
              rollbackCount += world.rollbackCount;
              replayedMax = Math.max(replayedMax, world.replayedMiniBlockCountMax);
            }
          }
          console.log(
            `  ${mode}, seed ${seed}: ${crashCount} crashes, ${rollbackCount} roll-backs, at most ${replayedMax} replayed`,
          );
          expect(crashCount).toBeGreaterThan(60);
          if (mode === "interval") expect(rollbackCount).toBeGreaterThan(0);
          expect(replayedMax).toBeGreaterThan(CHECKPOINT_INTERVAL / 4);
        },
        TIMEOUT_MS,
      );
    }
  }
});
