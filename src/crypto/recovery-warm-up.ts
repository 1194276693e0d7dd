// Recoveries of known answers, a few at a time, so that the engine has optimized the kernel before the first
// transactions arrive: until then one takes 100 to 600 µs instead of 40. Threads share the optimized code, so one
// thread warms up for all. Answers are checked to the end: the optimizing tier makes other machine code than the one
// the self-test at start has seen.

import { bytesEqual } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import { recoverAddress } from "./secp256k1.ts";
import { CryptoSelfTestError } from "./self-test.ts";

/** Recoveries after which no faster code is to come. */
const WARM_UP_COUNT = 1_500;

const HASH = fromHex("8b76eb1ca5bd24b9b1f628a8fb6bc3653a7870d300db00d87df373c6a14feefd");
const R = fromHex("c6c5ef7bf9c55d6725088aa3bb5eecd70a61b2d35169619ef435160ce638fbaa");
const S = fromHex("4944fc19c5a3e1bb84eaf896ae4eab7582c910743c6da0d0e1be4a8a6fcf742b");
const ADDRESSES = ["0f5a67a8964c0e627c88dd6b713abe691de1b421", "6370ef2f4db3611d657b90667de398a2cc2a370c"].map(fromHex);

/** A warm-up in progress. */
export class RecoveryWarmUp {
  #leftCount = WARM_UP_COUNT;

  /** Whether there is nothing left to do. */
  get isDone(): boolean {
    return this.#leftCount === 0;
  }

  /**
   * Takes the next few steps.
   * @throws {CryptoSelfTestError} on a wrong answer
   */
  step(count: number): void {
    for (let i = 0; i < count && this.#leftCount > 0; i++, this.#leftCount--) {
      const yParity = this.#leftCount & 1;
      const address = recoverAddress(HASH, R, S, yParity);
      if (address === null || !bytesEqual(address, ADDRESSES[yParity]!)) {
        throw new CryptoSelfTestError(
          `secp256k1 recovery: a wrong answer ${this.#leftCount} before the end of warm-up`,
        );
      }
    }
  }
}
