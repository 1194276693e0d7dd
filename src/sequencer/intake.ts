// The way into the pool: a transaction whose signature has been checked is judged against the newest state and stored.
// Everything a client may hear about its transaction before it runs is decided here.
//
//   verify thread (decode, recover) ─▶ Intake.submit ─▶ admit ─▶ pool.add

import type { Address, Hash32 } from "#chain/primitives.ts";
import { type Reject, rejectFeeCapTooLow } from "#chain/reject.ts";
import { decodeTransaction } from "#chain/transaction.ts";
import type { StateSource } from "#state/source.ts";
import { type AdmissionRules, admit } from "./admission.ts";
import type { TransactionPool } from "./pool.ts";

/** What became of a transaction handed in. */
export type IntakeResult =
  | { readonly kind: "accepted" }
  | { readonly kind: "rejected"; readonly reject: Reject }
  /** Only with `requireReady`: a lower nonce is missing, and nothing was stored. */
  | { readonly kind: "nonceGap"; readonly expectedNonce: bigint }
  /** Only with `requireReady`: it could not run in the open block, and nothing was stored. */
  | { readonly kind: "notReady"; readonly reason: string }
  /** The node takes nothing at the moment, and nothing was stored. */
  | { readonly kind: "unavailable"; readonly reason: string };

/** A transaction whose sender is proven. */
export type VerifiedTransaction = {
  readonly raw: Uint8Array;
  readonly hash: Hash32;
  readonly sender: Address;
  /** Refuse instead of queueing what cannot run yet. */
  readonly requireReady: boolean;
};

/** What the intake asks of its thread. */
export type IntakePorts = {
  readonly pool: TransactionPool;
  /** The newest state. */
  readonly source: Pick<StateSource, "account" | "code">;
  /** The rules of the block that is open now. */
  rules(): AdmissionRules;
  /** Why nothing is taken at the moment, or null. */
  closedReason(): string | null;
  nowMs(): number;
};

/** Takes transactions on the thread that owns the pool. */
export class Intake {
  readonly #ports: IntakePorts;

  constructor(ports: IntakePorts) {
    this.#ports = ports;
  }

  /** Judges and stores one transaction. */
  submit(candidate: VerifiedTransaction): IntakeResult {
    const { pool, source } = this.#ports;
    const closed = this.#ports.closedReason();
    if (closed !== null) return { kind: "unavailable", reason: closed };
    const { raw, hash, sender } = candidate;
    const transaction = decodeTransaction(raw);
    const rules = this.#ports.rules();
    const refusal = admit(transaction, sender, source, rules, raw.length);
    if (refusal !== null) return { kind: "rejected", reject: refusal };
    const accountNonce = source.account(sender)?.nonce ?? 0n;
    if (candidate.requireReady) {
      const expectedNonce = this.pendingNonce(sender);
      if (transaction.nonce > expectedNonce) return { kind: "nonceGap", expectedNonce };
      if (transaction.maxFeePerGas < rules.baseFee) {
        return {
          kind: "notReady",
          reason: rejectFeeCapTooLow(sender, transaction.maxFeePerGas, rules.baseFee).message,
        };
      }
    }
    const nowMs = this.#ports.nowMs();
    const added = pool.add({ transaction, sender, raw, hash, nowMs, accountNonce });
    return added.kind === "accepted" ? { kind: "accepted" } : { kind: "rejected", reject: added.reject };
  }

  /** The account's next nonce with everything runnable in the pool counted. */
  pendingNonce(address: Address): bigint {
    const inState = this.#ports.source.account(address)?.nonce ?? 0n;
    const inPool = this.#ports.pool.pendingNonce(address) ?? 0n;
    return inPool > inState ? inPool : inState;
  }
}
