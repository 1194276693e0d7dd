// The read worker's half of subscriptions: follows the records and renders each notification once per topic, however many
// subscribers share it. One thread renders all of them, so deliveries and replays leave it in one order.
//
//   record ─▶ store.follow ─▶ renderer.onRecord ─▶ deliveries ─▶ hub (main) ─▶ sockets
//                               renderer.replay ◀─ from n ─────┘

import { must } from "#base/assert.ts";
import { bytesEqual } from "#base/bytes.ts";
import { toBareHex, toHex, toQuantity } from "#base/hex.ts";
import { decodeHeader } from "#chain/header.ts";
import { PLACEHOLDER_BLOCK_HASH } from "#chain/primitives.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { decodeMiniBlock, type MiniBlock } from "#formats/wire/mini-block.ts";
import { decodeSeal, decodeTerm, type SealPayload } from "#formats/wire/payloads.ts";
import type { ChainRecord } from "#formats/wire/record.ts";
import type { ChainReader, StateChange } from "./context.ts";
import { mayMatchBloom } from "./log-filter.ts";
import { matchingLogs } from "./methods/logs.ts";
import { blockHashOf } from "./placement.ts";
import { type Json, renderHeader, renderSealFields, wordQuantity } from "./render.ts";
import { renderMiniBlock } from "./render-mini-block.ts";
import type { SubscriptionTopic } from "./subscription-topics.ts";

/** Something for the hub; plain data. */
export type Delivery =
  /** `results` are serialized; `number` is that of the mini-block, or of the next one for sealed blocks. */
  | { readonly kind: "results"; readonly key: string; readonly number: number; readonly results: readonly string[] }
  /** Mini-blocks from `version` on are void; their numbers will come again. */
  | { readonly kind: "rollback"; readonly version: number }
  /** Subscribers were so far behind that notifications are missing: all of them are closed. */
  | { readonly kind: "lost" };

/** A piece of the past of the miniBlocks stream; plain data. */
export type ReplayChunk =
  | {
      readonly kind: "chunk";
      readonly results: readonly string[];
      /** Number after the last result. */
      readonly next: number;
      /** Number that the next published mini-block will have. */
      readonly head: number;
    }
  /** The first number asked for is no longer kept. */
  | { readonly kind: "gone" };

/** What the renderer reads. */
export type RendererParts = {
  readonly store: ChainReader;
  /** The accounts that a mini-block changed, with their state after it. */
  readonly resolveChanges: (miniBlock: MiniBlock) => readonly StateChange[];
  /** Sends deliveries of one record to the hub, in order. */
  readonly deliver: (deliveries: readonly Delivery[]) => void;
};

type TopicOf<K extends SubscriptionTopic["kind"]> = Extract<SubscriptionTopic, { kind: K }>;

/** Renders the notifications of all open topics. */
export class SubscriptionRenderer {
  readonly #parts: RendererParts;
  readonly #topics = new Map<string, SubscriptionTopic>();

  constructor(parts: RendererParts) {
    this.#parts = parts;
  }

  /** Topics that are rendered. */
  get topicCount(): number {
    return this.#topics.size;
  }

  /** Starts rendering a topic. Without effect when it is open. */
  open(topic: SubscriptionTopic): void {
    this.#topics.set(topic.key, topic);
  }

  /** Stops rendering a topic. */
  close(key: string): void {
    this.#topics.delete(key);
  }

  /**
   * Follows a record, in order. After the store has followed it; a `term` record before the store rolls back, since the
   * logs that it voids are read from there.
   */
  onRecord(record: ChainRecord): void {
    const { type } = record.header;
    const deliveries: Delivery[] = [];
    if (type === "term") this.#onTerm(record, deliveries);
    if (type === "mini") this.#onMiniBlock(record, deliveries);
    if (type === "seal") this.#onSeal(record, deliveries);
    if (deliveries.length > 0) this.#parts.deliver(deliveries);
  }

  /**
   * Mini-blocks of the past, as the stream gave them.
   * @param countMax most of them in one chunk
   * @param bytesMax size at which the chunk ends; at least one mini-block is in it
   */
  replay(from: number, countMax: number, bytesMax: number): ReplayChunk {
    const { store } = this.#parts;
    const head = store.headVersion;
    const results: string[] = [];
    let bytes = 0;
    let next = from;
    while (next < head && results.length < countMax && bytes < bytesMax) {
      const miniBlock = store.miniBlock(next);
      const record = store.miniBlockRecord(next);
      if (miniBlock === null || record === null) break;
      const result = renderStreamed(miniBlock, record);
      results.push(result);
      bytes += result.length;
      next++;
    }
    return results.length === 0 && from < head ? { kind: "gone" } : { kind: "chunk", results, next, head };
  }

  #onMiniBlock(record: ChainRecord, deliveries: Delivery[]): void {
    const topics = [...this.#topics.values()].filter(({ kind }) => kind !== "newHeads");
    if (topics.length === 0) return;
    const miniBlock = decodeMiniBlock(record);
    let changes: readonly StateChange[] | null = null;
    for (const topic of topics) {
      const add = (results: readonly string[]): void => pushResults(deliveries, topic.key, miniBlock.number, results);
      if (topic.kind === "miniBlocks") add([renderStreamed(miniBlock, record)]);
      if (topic.kind === "logs" && topic.timing === "stream") {
        add(serialize(matchingLogs(miniBlock, topic.filter, PLACEHOLDER_BLOCK_HASH)));
      }
      if (topic.kind === "stateChanges") {
        changes ??= this.#parts.resolveChanges(miniBlock);
        add(renderChanges(topic, changes));
      }
    }
  }

  #onSeal(record: ChainRecord, deliveries: Delivery[]): void {
    const seal = decodeSeal(record);
    for (const topic of this.#topics.values()) {
      if (topic.kind === "newHeads") {
        pushResults(deliveries, topic.key, record.header.number, [JSON.stringify(renderHead(seal))]);
      }
      if (topic.kind === "logs" && topic.timing === "sealed") {
        pushResults(deliveries, topic.key, record.header.number, serialize(this.#sealedLogs(topic, seal)));
      }
    }
  }

  #sealedLogs(topic: TopicOf<"logs">, seal: SealPayload): Json[] {
    if (!mayMatchBloom(topic.filter, decodeHeader(seal.headerRlp).logsBloom)) return [];
    const hash = keccak256(seal.headerRlp);
    const logs: Json[] = [];
    for (let i = 0; i < seal.miniBlockCount; i++) {
      const miniBlock = must(this.#parts.store.miniBlock(seal.miniBlockOffset + i), "a block just sealed is kept");
      logs.push(...matchingLogs(miniBlock, topic.filter, hash));
    }
    return logs;
  }

  #onTerm(record: ChainRecord, deliveries: Delivery[]): void {
    const version = decodeTerm(record).lastKeptVersion;
    for (const topic of this.#topics.values()) {
      if (topic.kind === "logs") {
        pushResults(deliveries, topic.key, version, serialize(this.#voidedLogs(topic, version)));
      }
    }
    deliveries.push({ kind: "rollback", version });
  }

  /** The logs that a roll-back to `version` takes away, newest mini-block first, as far as they had been announced. */
  #voidedLogs(topic: TopicOf<"logs">, version: number): Json[] {
    const { store } = this.#parts;
    const logs: Json[] = [];
    for (let number = store.headVersion - 1; number >= version; number--) {
      const miniBlock = store.miniBlock(number);
      if (miniBlock === null) continue;
      const sealedHash = blockHashOf(store, miniBlock.header.blockNumber);
      const isAnnounced = topic.timing === "stream" || !bytesEqual(sealedHash, PLACEHOLDER_BLOCK_HASH);
      const hash = topic.timing === "stream" ? PLACEHOLDER_BLOCK_HASH : sealedHash;
      if (isAnnounced) logs.push(...matchingLogs(miniBlock, topic.filter, hash, { removed: true }).reverse());
    }
    return logs;
  }
}

/** The newHeads object of a sealed block. */
export function renderHead(seal: SealPayload): Json {
  const header = decodeHeader(seal.headerRlp);
  return { ...renderHeader(header, keccak256(seal.headerRlp)), ...renderSealFields(seal) };
}

function renderStreamed(miniBlock: MiniBlock, record: ChainRecord): string {
  return JSON.stringify(renderMiniBlock(miniBlock, record.signature, PLACEHOLDER_BLOCK_HASH));
}

function renderChanges(topic: TopicOf<"stateChanges">, changes: readonly StateChange[]): string[] {
  const wanted = new Set(topic.addresses.map(toBareHex));
  const picked = changes.filter(({ address }) => wanted.size === 0 || wanted.has(toBareHex(address)));
  return picked.map(({ address, account, slots }) => {
    const storage = Object.fromEntries(slots.map(({ slot, value }) => [toHex(slot), wordQuantity(value)]));
    return JSON.stringify({
      address: toHex(address),
      nonce: toQuantity(account?.nonce ?? 0n),
      balance: toQuantity(account?.balance ?? 0n),
      storage,
    });
  });
}

function serialize(items: readonly Json[]): string[] {
  return items.map((item) => JSON.stringify(item));
}

function pushResults(deliveries: Delivery[], key: string, number: number, results: readonly string[]): void {
  if (results.length > 0) deliveries.push({ kind: "results", key, number, results });
}
