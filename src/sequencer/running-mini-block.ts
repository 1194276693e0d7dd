// The mini-block that is being filled: transactions executed into the overlay since the last one was sealed.

import { assert } from "#base/assert.ts";
import type { Address } from "#chain/primitives.ts";
import type { Receipt } from "#chain/receipt.ts";
import type { TransactionOutcome } from "#evm/engine.ts";
import type { StateDiff } from "#formats/wire/diff.ts";
import type { MiniBlock } from "#formats/wire/mini-block.ts";
import type { ChainHead } from "#storage/chain-head.ts";
import { addFootprints, BASE_FOOTPRINT, type Footprint } from "./footprint.ts";
import type { PoolEntry } from "./pool.ts";

/** Transactions, receipts and senders on their way into one mini-block. */
export class RunningMiniBlock {
  readonly #transactions: Uint8Array[] = [];
  readonly #receipts: Receipt[] = [];
  readonly #senders: Address[] = [];
  #footprint = BASE_FOOTPRINT;
  #gasUsed = 0;
  #startedAtUs = 0;

  /** Transactions so far. */
  get transactionCount(): number {
    return this.#transactions.length;
  }

  /** Gas used so far. */
  get gasUsed(): number {
    return this.#gasUsed;
  }

  /** When the first transaction began, Unix microseconds; only while there is one. */
  get startedAtUs(): number {
    return this.#startedAtUs;
  }

  /** An upper bound of what has been written. */
  get footprint(): Footprint {
    return this.#footprint;
  }

  /**
   * Adds an executed transaction.
   * @param gasBefore gas used in the EVM block before this mini-block
   * @param footprint an upper bound of what the transaction wrote
   */
  add(
    entry: PoolEntry,
    outcome: TransactionOutcome,
    gasBefore: number,
    footprint: Footprint,
    startedAtUs: number,
  ): void {
    if (this.#transactions.length === 0) this.#startedAtUs = startedAtUs;
    const gasUsed = Number(outcome.gasUsed);
    this.#gasUsed += gasUsed;
    this.#transactions.push(entry.raw);
    this.#senders.push(entry.lane.address);
    this.#receipts.push({
      type: entry.transaction.type,
      status: outcome.status,
      cumulativeGasUsed: gasBefore + this.#gasUsed,
      gasUsed,
      logs: outcome.logs,
    });
    this.#footprint = addFootprints(this.#footprint, footprint);
  }

  /** The mini-block that comes next at `head`, with these transactions and this diff. */
  finish(head: ChainHead, diff: StateDiff, nowUs: number): MiniBlock {
    const { open } = head;
    assert(open !== null, "a mini-block needs an open block");
    return {
      number: head.nextMiniBlockNumber,
      header: {
        blockNumber: open.payload.blockNumber,
        blockTimestamp: open.payload.timestamp,
        index: open.miniBlockCount,
        timestampUs: Math.max(head.timestampUs, nowUs), // a clock that jumps back must not show
        gasUsed: this.#gasUsed,
        transactionCount: this.#transactions.length,
        firstTransactionIndex: open.transactionCount,
        firstLogIndex: open.logCount,
        cumulativeGasBefore: open.gasUsed,
        baseFee: open.payload.baseFee,
      },
      transactions: this.#transactions,
      receipts: this.#receipts,
      diff,
      senders: this.#senders,
    };
  }
}
