// The way into the pool: every answer that a client may hear, and that nothing is stored but on acceptance.

import { describe, expect, test } from "bun:test";
import { assert } from "#base/assert.ts";
import { encodeTransaction, recoverSender, transactionHash } from "#chain/transaction.ts";
import { Intake, type VerifiedTransaction } from "#sequencer/intake.ts";
import { ACCOUNTS, ProducerFixture, signedTransfer } from "./producer-fixture.ts";

async function openIntake() {
  const fixture = await ProducerFixture.create();
  await fixture.settle();
  const state = { closedReason: null as string | null };
  const intake = new Intake({
    pool: fixture.pool,
    source: fixture.producer.state,
    rules: () => fixture.rules(),
    closedReason: () => state.closedReason,
    nowMs: () => fixture.nowUs / 1000,
  });
  return { fixture, intake, state };
}

function verified(nonce: bigint, parts: { account?: number; requireReady?: boolean; fee?: bigint } = {}) {
  const fee = parts.fee ?? 2_000_000n;
  const transaction = signedTransfer(parts.account ?? 0, { nonce, gasPrice: fee, maxFeePerGas: fee });
  const raw = encodeTransaction(transaction);
  const sender = recoverSender(transaction);
  assert(sender !== null, "a signed transaction has a sender");
  return { raw, hash: transactionHash(raw), sender, requireReady: parts.requireReady ?? false };
}

describe("intake", () => {
  test("accepts, and the executor includes it", async () => {
    const { fixture, intake } = await openIntake();
    const candidate = verified(0n);
    expect(intake.submit(candidate)).toEqual({ kind: "accepted" });
    expect(fixture.pool.byHash(candidate.hash)?.raw).toEqual(candidate.raw);
    await fixture.settle();
    expect(fixture.miniBlocks().flatMap(({ transactions }) => transactions)).toEqual([candidate.raw]);
  });

  test("counts the account's nonces over state and pool", async () => {
    const { fixture, intake } = await openIntake();
    const { address } = ACCOUNTS[0] as { address: Uint8Array };
    expect(intake.pendingNonce(address)).toBe(0n);
    for (const nonce of [0n, 1n, 3n]) intake.submit(verified(nonce));
    expect(intake.pendingNonce(address)).toBe(2n);
    await fixture.settle();
    expect(intake.pendingNonce(address)).toBe(2n);
    intake.submit(verified(2n));
    expect(intake.pendingNonce(address)).toBe(4n);
    expect(intake.pendingNonce(new Uint8Array(20).fill(0xee))).toBe(0n);
  });

  test("a gap is stored, unless only what can run is wanted", async () => {
    const { fixture, intake } = await openIntake();
    expect(intake.submit(verified(2n, { requireReady: true }))).toEqual({ kind: "nonceGap", expectedNonce: 0n });
    expect(fixture.pool.byHash(verified(2n).hash)).toBeNull();
    expect(intake.submit(verified(0n, { requireReady: true }))).toEqual({ kind: "accepted" });
    expect(intake.submit(verified(1n, { requireReady: true }))).toEqual({ kind: "accepted" });
    expect(intake.submit(verified(5n))).toEqual({ kind: "accepted" });
    expect(intake.submit(verified(3n, { requireReady: true }))).toEqual({ kind: "nonceGap", expectedNonce: 2n });
  });

  test("refuses what admission refuses, in its words", async () => {
    const { fixture, intake } = await openIntake();
    intake.submit(verified(0n));
    await fixture.settle();
    const low = intake.submit(verified(0n, { fee: 3_000_000n }));
    expect(low).toMatchObject({ kind: "rejected", reject: { code: "nonce too low" } });
    const cheap = intake.submit(verified(1n, { fee: 999_999n }));
    expect(cheap).toMatchObject({ kind: "rejected", reject: { code: "max fee per gas less than block base fee" } });
    expect(fixture.pool.byHash(verified(1n, { fee: 999_999n }).hash)).toBeNull();
  });

  test("refuses what the pool refuses", async () => {
    const { intake } = await openIntake();
    expect(intake.submit(verified(0n)).kind).toBe("accepted");
    const again = intake.submit(verified(0n));
    expect(again).toMatchObject({ kind: "rejected", reject: { code: "already known" } });
    const replacement = intake.submit(verified(0n, { fee: 2_000_001n }));
    const code = "replacement transaction underpriced";
    expect(replacement).toMatchObject({ kind: "rejected", reject: { code } });
    expect(intake.submit(verified(0n, { fee: 2_200_000n })).kind).toBe("rejected"); // the tip did not grow
  });

  test("closed: nothing is looked at, nothing is stored", async () => {
    const { fixture, intake, state } = await openIntake();
    state.closedReason = "disk full";
    const candidate: VerifiedTransaction = verified(0n);
    expect(intake.submit(candidate)).toEqual({ kind: "unavailable", reason: "disk full" });
    const nonsense = { ...candidate, raw: Uint8Array.of(1, 2, 3) };
    expect(intake.submit(nonsense)).toEqual({ kind: "unavailable", reason: "disk full" });
    expect(fixture.pool.byHash(candidate.hash)).toBeNull();
    state.closedReason = null;
    expect(intake.submit(candidate).kind).toBe("accepted");
  });
});
