// eth_getLogs: sealed blocks through their header blooms, and with toBlock `pending` the mini-blocks of the open block.
// `latest` stops at the newest sealed block, so that an indexer which continues after the highest block it has seen
// misses nothing; logs of the open block carry the all-ff block hash.

import type { Hash32 } from "#chain/primitives.ts";
import type { MiniBlock } from "#formats/wire/mini-block.ts";
import type { BlockReference } from "../block-reference.ts";
import type { ReadContext } from "../context.ts";
import { headerNotFound, invalidParameters, prunedHistory, serverError } from "../errors.ts";
import { type LogFilter, matchesLog, mayMatchBloom } from "../log-filter.ts";
import { blockHashOf, miniBlocksOf, placedReceipts } from "../placement.ts";
import { type Json, renderLog } from "../render.ts";

/**
 * eth_getLogs.
 * @throws {RpcError} -32602 for a range that is reversed, too wide or beyond the head; -32000 for too many logs
 */
export function getLogs(context: ReadContext, filter: LogFilter): Json[] {
  const collector = new LogCollector(context, filter);
  if (filter.blockHash !== null) {
    const block = context.store.blockByHash(filter.blockHash);
    if (block === null) throw serverError("unknown block");
    collector.addBlock(block.header.number);
    return collector.logs;
  }
  const { first, last } = resolveRange(context, filter);
  for (let number = first; number <= last; number++) collector.addBlock(number);
  if (filter.toBlock?.kind === "tag" && filter.toBlock.tag === "pending") collector.addOpenBlock();
  return collector.logs;
}

/** Logs of one mini-block that pass, as JSON. */
export function matchingLogs(
  miniBlock: MiniBlock,
  filter: LogFilter,
  blockHash: Hash32,
  options: { readonly removed: boolean } = { removed: false },
): Json[] {
  const logs: Json[] = [];
  if (miniBlock.receipts.every((receipt) => receipt.logs.length === 0)) return logs;
  for (const { receipt, place, hash, firstLogIndex } of placedReceipts(miniBlock, blockHash)) {
    receipt.logs.forEach((log, index) => {
      if (!matchesLog(filter, log)) return;
      logs.push(renderLog(log, { ...place, hash, logIndex: firstLogIndex + index, removed: options.removed }));
    });
  }
  return logs;
}

class LogCollector {
  readonly logs: Json[] = [];
  readonly #context: ReadContext;
  readonly #filter: LogFilter;

  constructor(context: ReadContext, filter: LogFilter) {
    this.#context = context;
    this.#filter = filter;
  }

  addBlock(number: number): void {
    const { store } = this.#context;
    const block = store.block(number);
    if (block === null) throw prunedHistory();
    if (!mayMatchBloom(this.#filter, block.header.logsBloom)) return;
    const miniBlocks = miniBlocksOf(store, number);
    if (miniBlocks === null) throw prunedHistory();
    for (const miniBlock of miniBlocks) this.#add(miniBlock, block.hash);
  }

  addOpenBlock(): void {
    const { store } = this.#context;
    if (store.openBlock === null) return;
    const { blockNumber } = store.openBlock;
    const miniBlocks = miniBlocksOf(store, blockNumber) ?? [];
    for (const miniBlock of miniBlocks) this.#add(miniBlock, blockHashOf(store, blockNumber));
  }

  #add(miniBlock: MiniBlock, blockHash: Hash32): void {
    const { logCountMax } = this.#context.options;
    this.logs.push(...matchingLogs(miniBlock, this.#filter, blockHash));
    if (this.logs.length <= logCountMax) return;
    this.#context.meters.limited("logs");
    throw serverError(`query returned more than ${logCountMax} results`);
  }
}

function resolveRange(context: ReadContext, filter: LogFilter): { first: number; last: number } {
  const head = context.store.headBlockNumber;
  const first = resolveEnd(filter.fromBlock, head);
  const last = resolveEnd(filter.toBlock, head);
  if (first > last) throw invalidParameters("invalid block range params");
  if (last > head || first > head) throw invalidParameters("block range extends beyond current head block");
  const { logBlockCountMax } = context.options;
  if (last - first >= logBlockCountMax) {
    context.meters.limited("logs");
    throw invalidParameters(`exceed maximum block range: ${logBlockCountMax}`);
  }
  return { first, last };
}

function resolveEnd(reference: BlockReference | null, head: number): number {
  if (reference === null) return head;
  if (reference.kind === "number") return reference.number;
  if (reference.kind === "hash") throw headerNotFound();
  return reference.tag === "earliest" ? 0 : head;
}
