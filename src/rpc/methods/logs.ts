// eth_getLogs: sealed blocks through their header blooms, and the mini-blocks of the open block where the filter follows
// the moving end. Logs of the open block carry its real number and the all-ff block hash.
//
//   toBlock pending                           with the open block
//   toBlock latest or absent,
//     fromBlock latest, pending or absent     with the open block: the rule of the logs subscription
//     fromBlock a number or another tag       sealed blocks only
//   toBlock a number or another tag           sealed blocks only
//
// The last but one row keeps what indexers build on: an answer holds all logs of a block or none. One that asks from
// "highest block seen + 1" to `latest` would skip the later logs of a block that it was shown while it was open.

import type { Hash32 } from "#chain/primitives.ts";
import type { MiniBlock } from "#formats/wire/mini-block.ts";
import type { BlockReference } from "../block-reference.ts";
import type { ReadContext } from "../context.ts";
import { headerNotFound, invalidParameters, prunedHistory, requestTimedOut, serverError } from "../errors.ts";
import { type LogFilter, matchesLog, mayMatchBloom } from "../log-filter.ts";
import { blockHashOf, keptMiniBlocksOf, miniBlocksOf, placedReceipts } from "../placement.ts";
import { type Json, renderLog } from "../render.ts";
import { isMoving } from "../state-access.ts";

/**
 * eth_getLogs; which filters see the open block is said at the top of this file.
 * @throws {RpcError} -32602 for a range that is reversed, too wide or beyond the head; -32000 for too many logs; -32002
 *   when the search ran too long
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
  if (followsOpenBlock(filter)) collector.addOpenBlock();
  return collector.logs;
}

function followsOpenBlock({ fromBlock, toBlock }: LogFilter): boolean {
  if (toBlock?.kind === "tag" && toBlock.tag === "pending") return true;
  return [fromBlock, toBlock].every((end) => end === null || isMoving(end));
}

/** Logs of one mini-block that pass, as JSON. */
export function matchingLogs(
  miniBlock: MiniBlock,
  filter: LogFilter,
  blockHash: Hash32,
  options: { readonly removed: boolean } = { removed: false },
): Json[] {
  const logs: Json[] = [];
  // Most mini-blocks hold nothing that passes, and placing their receipts decodes and hashes every transaction.
  if (!miniBlock.receipts.some((receipt) => receipt.logs.some((log) => matchesLog(filter, log)))) return logs;
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
  readonly #deadlineMs: number;

  constructor(context: ReadContext, filter: LogFilter) {
    this.#context = context;
    this.#filter = filter;
    this.#deadlineMs = context.nowMs() + context.options.callTimeMsMax;
  }

  addBlock(number: number): void {
    const { store } = this.#context;
    this.#checkTime();
    const block = store.block(number);
    if (block === null) throw prunedHistory();
    if (!mayMatchBloom(this.#filter, block.header.logsBloom)) return;
    for (const miniBlock of keptMiniBlocksOf(store, number)) this.#add(miniBlock, block.hash);
  }

  addOpenBlock(): void {
    const { store } = this.#context;
    if (store.openBlock === null) return;
    const { blockNumber } = store.openBlock;
    const miniBlocks = miniBlocksOf(store, blockNumber) ?? [];
    for (const miniBlock of miniBlocks) this.#add(miniBlock, blockHashOf(store, blockNumber));
  }

  #checkTime(): void {
    if (this.#context.nowMs() <= this.#deadlineMs) return;
    this.#context.meters.limited("time");
    throw requestTimedOut();
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
