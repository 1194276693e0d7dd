// The warm-up of recovery: it ends, and it ends the process when the optimized code answers wrongly.

import { describe, expect, test } from "bun:test";
import { RecoveryWarmUp } from "#crypto/recovery-warm-up.ts";
import { CryptoSelfTestError } from "#crypto/self-test.ts";
import { kernelPlacement } from "#crypto/thread-kernels.ts";
import { BASE_TABLE_COUNT, OFFSET } from "#wasm/kernels/secp256k1/layout.ts";

describe("recovery warm-up", () => {
  test("takes its steps and is done", () => {
    const warmUp = new RecoveryWarmUp();
    warmUp.step(1_499);
    expect(warmUp.isDone).toBe(false);
    warmUp.step(100);
    expect(warmUp.isDone).toBe(true);
    warmUp.step(1);
    expect(warmUp.isDone).toBe(true);
  });

  test("finds a wrong answer", () => {
    const { memory, base } = kernelPlacement("secp256k1");
    const tables = new Uint8Array(memory.buffer, base + OFFSET.baseTable, 2 * 64 * BASE_TABLE_COUNT);
    const sound = tables.slice();
    tables.forEach((byte, i) => {
      tables[i] = byte ^ 1;
    });
    expect(() => new RecoveryWarmUp().step(2)).toThrow(CryptoSelfTestError);
    tables.set(sound);
    new RecoveryWarmUp().step(2);
  });
});
