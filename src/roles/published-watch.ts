// What the main thread knows of the head: numbers for O(1) answers and metrics, read from the fixed part of each record.

import { peekRecord } from "#formats/wire/record.ts";
import type { Gauge, Histogram, Metrics } from "#observability/metrics.ts";
import type { Recovered } from "./threads/thread-protocol.ts";

/** Seals remembered; a roll-back spans far fewer. */
const SEAL_COUNT_MAX = 1_024;

/** Follows published records. */
export class PublishedWatch {
  /** Number of the newest sealed EVM block. */
  sealedBlock: number;
  /** Number that the next mini-block will have. */
  nextMiniBlock: number;
  #lastMiniBlockMs = 0;
  /** State version at each of the last seals: what a roll-back takes away. */
  readonly #sealVersions: number[] = [];
  readonly #headMiniBlock: Gauge;
  readonly #headBlock: Gauge;
  readonly #interval: Histogram;

  constructor(metrics: Metrics, recovered: Recovered) {
    this.sealedBlock = recovered.sealedBlock;
    this.nextMiniBlock = recovered.version;
    this.#headMiniBlock = metrics.gauge("head_mini_block");
    this.#headBlock = metrics.gauge("head_block");
    this.#interval = metrics.histogram("mini_block_interval_seconds");
    this.#headBlock.set(this.sealedBlock + 1);
    this.#headMiniBlock.set(Math.max(0, this.nextMiniBlock - 1));
  }

  /** Takes the next published record. */
  onRecord(bytes: Uint8Array): void {
    const { type, number } = peekRecord(bytes);
    if (type === "seal") this.#onSeal(number);
    if (type !== "mini") return;
    this.nextMiniBlock = number + 1;
    this.#headMiniBlock.set(number);
    const nowMs = performance.now();
    if (this.#lastMiniBlockMs > 0) this.#interval.observe((nowMs - this.#lastMiniBlockMs) / 1000);
    this.#lastMiniBlockMs = nowMs;
  }

  /** Everything from mini-block `version` on is void. */
  onRollback(version: number): void {
    this.nextMiniBlock = version;
    while ((this.#sealVersions.at(-1) ?? 0) > version) {
      this.#sealVersions.pop();
      this.sealedBlock--;
    }
    this.#headMiniBlock.set(version - 1);
    this.#headBlock.set(this.sealedBlock + 1);
  }

  #onSeal(version: number): void {
    this.#headBlock.set(++this.sealedBlock + 1);
    this.#sealVersions.push(version);
    if (this.#sealVersions.length > SEAL_COUNT_MAX) this.#sealVersions.shift();
  }
}
