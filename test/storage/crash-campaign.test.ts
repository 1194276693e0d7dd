// Power failure at every changing disk call of a workload, with several choices of what survives, and again during the recovery;
// and a failing call at every index. After each, the log must be a prefix of what was written that holds everything durable, the
// newest finished checkpoint must open, and the signing limit must not have gone back.
// MEGAETH_CRASH_ROUNDS=n runs n times as many workloads; MEGAETH_CRASH_SEED picks the first seed.

import { describe, expect, test } from "bun:test";
import { DiskError } from "#storage/disk.ts";
import { type DiskFaults, SimulatedCrash, SimulatedDisk, type Survivors } from "../simulation/simulated-disk.ts";
import { live, needsReopening, reopenAndCheck, StorageModel, StorageNode, stopCleanly } from "./storage-workload.ts";

const ROUNDS = Number(process.env.MEGAETH_CRASH_ROUNDS ?? "1");
const FIRST_SEED = Number(process.env.MEGAETH_CRASH_SEED ?? "1");
const SEEDS = Array.from({ length: ROUNDS }, (_, i) => FIRST_SEED + i);
const SURVIVORS: readonly Survivors[] = ["none", "all", "prefix", "random", "random", "random"];
const TIMEOUT_MS = 60_000 * ROUNDS;

/** Runs a life that may be cut short. @returns whether it came to its end */
function runLife(disk: SimulatedDisk, model: StorageModel, faults: DiskFaults, seed: number, life = 1): boolean {
  disk.setFaults(faults);
  try {
    const node = new StorageNode(disk);
    live(node, model, { seed: seed + life, life });
    stopCleanly(node, model);
    return true;
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
    return false;
  }
}

function describeFailure(error: unknown, where: string): Error {
  return new Error(`${where}: ${(error as Error).message}`, { cause: error });
}

describe("crash campaign", () => {
  for (const seed of SEEDS) {
    test(
      `power failure at every call, workload ${seed}`,
      () => {
        let crashCount = 0;
        for (let crashAt = 0; ; crashAt++) {
          let isOver = false;
          SURVIVORS.forEach((survivors, draw) => {
            const where = `seed ${seed}, crash at ${crashAt}, survivors ${survivors} ${draw}`;
            const model = new StorageModel();
            const disk = new SimulatedDisk(seed);
            isOver = runLife(disk, model, { crashAt }, seed);
            try {
              const survived = disk.crash(survivors, seed * 1000 + crashAt * 10 + draw);
              recoverAndLiveOn(survived, model, { seed, draw });
            } catch (error) {
              throw describeFailure(error, where);
            }
            crashCount++;
          });
          if (isOver) break;
        }
        expect(crashCount).toBeGreaterThan(300);
      },
      TIMEOUT_MS,
    );

    test(
      `a second power failure at every call of the recovery, workload ${seed}`,
      () => {
        for (let crashAt = 5; crashAt < 120; crashAt += 13) {
          for (let secondAt = 0; secondAt < 40; secondAt++) {
            const where = `seed ${seed}, crash at ${crashAt}, again at ${secondAt}`;
            const model = new StorageModel();
            const disk = new SimulatedDisk(seed);
            runLife(disk, model, { crashAt }, seed);
            const survived = disk.crash("random", crashAt);
            let isOver = true;
            try {
              survived.setFaults({ crashAt: secondAt });
              new StorageNode(survived).close();
            } catch (error) {
              if (!(error instanceof SimulatedCrash)) throw describeFailure(error, where);
              isOver = false;
            }
            try {
              recoverAndLiveOn(survived.crash("random", secondAt), model, { seed, draw: 0 });
            } catch (error) {
              throw describeFailure(error, where);
            }
            if (isOver) break;
          }
        }
      },
      TIMEOUT_MS,
    );

    test(
      `the process dies, starts again, and then the power fails, workload ${seed}`,
      () => {
        for (let killAt = 2; killAt < 120; killAt += 3) {
          const model = new StorageModel();
          const disk = new SimulatedDisk(seed);
          runLife(disk, model, { crashAt: killAt }, seed);
          try {
            const restarted = disk.kill();
            reopenAndCheck(restarted, model);
            reopenAndCheck(restarted.crash("none", killAt), model).close();
          } catch (error) {
            throw describeFailure(error, `seed ${seed}, killed at ${killAt}`);
          }
        }
      },
      TIMEOUT_MS,
    );

    test(
      `power failure at every call after a clean stop, workload ${seed}`,
      () => {
        for (let crashAt = 0; ; crashAt++) {
          const model = new StorageModel();
          const disk = new SimulatedDisk(seed);
          expect(runLife(disk, model, {}, seed)).toBe(true);
          const isOver = runLife(disk, model, { crashAt }, seed, 2);
          try {
            const survivors = crashAt % 2 === 0 ? "none" : "random";
            recoverAndLiveOn(disk.crash(survivors, seed * 1000 + crashAt), model, { seed, draw: 3 });
          } catch (error) {
            throw describeFailure(error, `seed ${seed}, crash at ${crashAt} of the second life`);
          }
          if (isOver) break;
        }
      },
      TIMEOUT_MS,
    );

    for (const failCode of ["ENOSPC", "EIO"] as const) {
      test(
        `${failCode} at every call, workload ${seed}`,
        () => {
          let failureCount = 0;
          for (let failAt = 0; ; failAt++) {
            const disk = new SimulatedDisk(seed);
            const model = new StorageModel();
            try {
              const hasFailed = liveThroughFailure(disk, model, { seed, faults: { failAt, failCode } });
              if (!hasFailed) break;
              failureCount++;
            } catch (error) {
              throw describeFailure(error, `seed ${seed}, ${failCode} at ${failAt}`);
            }
          }
          expect(failureCount).toBeGreaterThan(50);
        },
        TIMEOUT_MS,
      );
    }
  }
});

/** The next start: everything promised is there; then another life, an orderly stop, and all of it is there again. */
function recoverAndLiveOn(disk: SimulatedDisk, model: StorageModel, options: { seed: number; draw: number }): void {
  const node = reopenAndCheck(disk, model);
  if (options.draw > 2) {
    node.close();
    return;
  }
  live(node, model, { seed: options.seed + 1, life: 2 });
  stopCleanly(node, model);
  const again = reopenAndCheck(disk, model);
  expect(again.plan.isClean).toBe(true);
  again.close();
}

/** Goes on after a failing call: the same work is tried again, on the same objects unless a sync failed. */
function liveThroughFailure(
  disk: SimulatedDisk,
  model: StorageModel,
  options: { seed: number; faults: DiskFaults },
): boolean {
  disk.setFaults(options.faults);
  let node: StorageNode | null = null;
  let hasFailed = false;
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      node ??= attempt === 0 ? new StorageNode(disk) : reopenAndCheck(disk, model);
      live(node, model, { seed: options.seed, life: 1 });
      stopCleanly(node, model);
      break;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      expect(error.code).toBe(options.faults.failCode!);
      hasFailed = true;
      disk.setFaults({});
      if (needsReopening(error)) {
        node?.close();
        node = null;
      } else if (node !== null) {
        model.tried.length = node.log.lastSequence + 1;
      }
    }
  }
  disk.setFaults({});
  const again = reopenAndCheck(disk, model);
  expect(again.plan.isClean).toBe(true);
  again.close();
  return hasFailed;
}
