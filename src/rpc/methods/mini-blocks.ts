// Mini-blocks by number: ours are kept in the log, so that a reader can catch up with the stream.

import type { ReadContext } from "../context.ts";
import { invalidParameters } from "../errors.ts";
import { blockHashOf } from "../placement.ts";
import type { Json } from "../render.ts";
import { renderMiniBlock } from "../render-mini-block.ts";

/** mega_getMiniBlockByNumber; null when it does not exist (yet) or is no longer kept. */
export function getMiniBlockByNumber(context: ReadContext, number: bigint): Json | null {
  if (number >= BigInt(context.store.headVersion)) return null;
  const miniBlock = context.store.miniBlock(Number(number));
  const record = context.store.miniBlockRecord(Number(number));
  if (miniBlock === null || record === null) return null;
  const blockHash = blockHashOf(context.store, miniBlock.header.blockNumber);
  return renderMiniBlock(miniBlock, record.signature, blockHash);
}

/**
 * mega_getMiniBlocks: up to `count` mini-blocks from number `from`; fewer at the head, and where one is no longer kept.
 * @throws {RpcError} -32602 for a count above the limit
 */
export function getMiniBlocks(context: ReadContext, from: bigint, count: bigint): Json[] {
  const countMax = context.options.miniBlockCountMax;
  if (count > BigInt(countMax)) throw invalidParameters(`too many mini-blocks: ${count}, want at most ${countMax}`);
  const miniBlocks: Json[] = [];
  for (let number = from; number < from + count; number++) {
    const miniBlock = getMiniBlockByNumber(context, number);
    if (miniBlock === null) break;
    miniBlocks.push(miniBlock);
  }
  return miniBlocks;
}
