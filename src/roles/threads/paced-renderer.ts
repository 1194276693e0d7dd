// Subscriptions follow the log at the pace of the main thread: what it has not sent yet is bounded, and beyond that the records
// wait in the store, not as rendered text. When even that lag passes its bound, all subscribers are closed and told.
//
//   store ─▶ cursor ─▶ renderer ─▶ deliveries (bounded) ─▶ main ─▶ acknowledged ─▶ cursor goes on

import type { ChainRecord } from "#formats/wire/record.ts";
import type { Delivery } from "#rpc/subscription-renderer.ts";

/** Deliveries that main may have unsent, in messages and in characters. */
export type PacedRendererLimits = {
  readonly unsentCountMax: number;
  readonly unsentCharactersMax: number;
  /** Records that the subscribers may be behind. */
  readonly lagRecordsMax: number;
};

/** Room for a stutter of the main thread; a lag of seconds at the shortest interval. */
export const PACED_RENDERER_LIMITS: PacedRendererLimits = {
  unsentCountMax: 256,
  unsentCharactersMax: 8 << 20,
  lagRecordsMax: 20_000,
};

/** What the pacing stands between. */
export type PacedRendererParts = {
  /** A record that the store has followed; null when it is not kept. */
  readonly readRecord: (sequence: number) => ChainRecord | null;
  /** Renders a record; what comes of it goes to `PacedRenderer.send`. */
  readonly render: (record: ChainRecord) => void;
  /** Whether anybody listens. */
  readonly hasTopics: () => boolean;
  /** To the main thread, which acknowledges each message. */
  readonly post: (deliveries: readonly Delivery[]) => void;
};

/** Renders records in order while the main thread keeps up. */
export class PacedRenderer {
  readonly #parts: PacedRendererParts;
  readonly #limits: PacedRendererLimits;
  /** Characters of each message that is not acknowledged, oldest first. */
  readonly #unsent: number[] = [];
  #unsentCharacters = 0;
  /** Newest record that needs no rendering any more. */
  #cursor: number;
  #newest: number;

  /** @param sequence newest record of the store */
  constructor(parts: PacedRendererParts, sequence: number, limits = PACED_RENDERER_LIMITS) {
    this.#parts = parts;
    this.#limits = limits;
    this.#cursor = sequence;
    this.#newest = sequence;
  }

  /** The store has followed a record. */
  onRecord(sequence: number): void {
    this.#newest = sequence;
    this.#goOn();
  }

  /** A record that voids others, before the store goes back: everything before it is rendered now, whatever the pace. */
  onTerm(record: ChainRecord): void {
    if (!this.#parts.hasTopics()) this.#cursor = this.#newest;
    while (this.#cursor < this.#newest) this.#renderNext();
    this.#parts.render(record);
    this.#cursor = record.header.sequence;
    this.#newest = this.#cursor;
  }

  /** Sends what was rendered. */
  send(deliveries: readonly Delivery[]): void {
    let characters = 0;
    for (const delivery of deliveries) {
      if (delivery.kind === "results") for (const result of delivery.results) characters += result.length;
    }
    this.#unsent.push(characters);
    this.#unsentCharacters += characters;
    this.#parts.post(deliveries);
  }

  /** The main thread has handed on the oldest message. */
  acknowledge(): void {
    this.#unsentCharacters -= this.#unsent.shift() ?? 0;
    this.#goOn();
  }

  #goOn(): void {
    if (!this.#parts.hasTopics()) this.#cursor = this.#newest;
    if (this.#newest - this.#cursor > this.#limits.lagRecordsMax) this.#loseAll();
    while (this.#cursor < this.#newest && this.#hasRoom()) this.#renderNext();
  }

  #hasRoom(): boolean {
    const { unsentCountMax, unsentCharactersMax } = this.#limits;
    return this.#unsent.length < unsentCountMax && this.#unsentCharacters < unsentCharactersMax;
  }

  #renderNext(): void {
    const record = this.#parts.readRecord(++this.#cursor);
    if (record === null) this.#loseAll();
    else this.#parts.render(record);
  }

  #loseAll(): void {
    this.#cursor = this.#newest;
    this.send([{ kind: "lost" }]);
  }
}
