// Fee suggestions and history. While blocks have room a tip buys nothing, so the suggested tip is 0 then.

import { type Hex, toQuantity } from "#base/hex.ts";
import { BLOB_GAS_PER_BLOB, blobBaseFee, nextBaseFee, nextExcessBlobGas } from "#chain/base-fee.ts";
import { blobParametersAt } from "#chain/chain-spec.ts";
import type { BlockHeader } from "#chain/header.ts";
import { decodeTransaction, effectiveTip } from "#chain/transaction.ts";
import type { BlockReference } from "../block-reference.ts";
import type { ReadContext, StoredBlock } from "../context.ts";
import { headerNotFound, prunedHistory, requestTimedOut, serverError } from "../errors.ts";
import { keptMiniBlocksOf } from "../placement.ts";
import type { Json } from "../render.ts";
import { findBlock } from "../state-access.ts";

/** Sealed blocks that a suggestion looks at. */
const SAMPLE_BLOCK_COUNT = 20;
/** Which of the sampled tips is suggested. */
const SAMPLE_PERCENTILE = 60;
/** Most reward percentiles in one eth_feeHistory. */
const PERCENTILE_COUNT_MAX = 100;

/** eth_gasPrice: base fee of the next transaction plus the suggested tip. */
export function gasPrice(context: ReadContext): Hex {
  return toQuantity(newestBaseFee(context) + suggestTip(context));
}

/** eth_maxPriorityFeePerGas. */
export function maxPriorityFeePerGas(context: ReadContext): Hex {
  return toQuantity(suggestTip(context));
}

/** Base fee that a transaction sent now meets: that of the open block, else the next one's. */
export function newestBaseFee({ spec, store }: ReadContext): bigint {
  if (store.openBlock !== null) return store.openBlock.baseFee;
  const head = store.block(store.headBlockNumber);
  if (head === null) throw headerNotFound();
  return nextBaseFee(spec, head.header);
}

/** eth_baseFee: that of the transaction that is sent now. */
export function baseFee(context: ReadContext): Hex {
  return toQuantity(newestBaseFee(context));
}

/** eth_blobBaseFee of the next block. @throws {RpcError} before Cancun */
export function blobFee({ spec, store }: ReadContext): Hex {
  const head = store.block(store.headBlockNumber);
  if (head === null) throw headerNotFound();
  const { header } = head;
  const timestamp = store.openBlock?.timestamp ?? header.timestamp;
  if (blobParametersAt(spec, timestamp) === null) throw serverError("blob base fee is not supported before Cancun");
  return toQuantity(blobBaseFee(spec, nextExcessBlobGas(spec, header, timestamp), timestamp));
}

/** A tip that gets a transaction in: 0 while recent blocks are under half full, else what others pay. */
export function suggestTip(context: ReadContext): bigint {
  const { store } = context;
  const tips: bigint[] = [];
  for (let i = 0; i < SAMPLE_BLOCK_COUNT; i++) {
    const number = store.headBlockNumber - i;
    const block = number > 0 ? store.block(number) : null;
    if (block === null) break;
    if (block.header.gasUsed * 2n > block.header.gasLimit) tips.push(medianTip(context, block));
  }
  tips.sort(compare);
  return tips[Math.floor(((tips.length - 1) * SAMPLE_PERCENTILE) / 100)] ?? 0n;
}

function medianTip(context: ReadContext, block: StoredBlock): bigint {
  const shares = tipShares(context, block).sort((a, b) => compare(a.tip, b.tip));
  return shares[shares.length >> 1]?.tip ?? 0n;
}

/**
 * eth_feeHistory. The range is shorter than asked for where older blocks are no longer kept.
 * @param blockCount how many blocks, capped by the limit
 * @param percentiles ascending, of the gas used in a block, 0 to 100
 */
export function feeHistory(
  context: ReadContext,
  blockCount: number,
  newest: BlockReference,
  percentiles: readonly number[] = [],
): Json {
  checkPercentiles(percentiles);
  const last = resolveNewest(context, newest);
  const count = Math.min(blockCount, context.options.feeHistoryBlockCountMax, last + 1);
  if (count === 0) return { oldestBlock: "0x0", gasUsedRatio: [] };
  const blocks = keptBlocks(context, last, count, percentiles.length > 0);
  const headers = blocks.map((block) => block.header);
  const history: Json = {
    oldestBlock: toQuantity(last - blocks.length + 1),
    baseFeePerGas: [...headers.map((header) => header.baseFeePerGas ?? 0n), baseFeeAfter(context, last)].map(
      toQuantity,
    ),
    gasUsedRatio: headers.map((header) => ratio(header.gasUsed, header.gasLimit)),
    ...blobHistory(context, headers),
  };
  if (percentiles.length === 0) return history;
  const deadlineMs = context.nowMs() + context.options.callTimeMsMax;
  history.reward = blocks.map((block) => {
    if (context.nowMs() > deadlineMs) {
      context.meters.limited("time");
      throw requestTimedOut();
    }
    return rewards(context, block, percentiles);
  });
  return history;
}

/** Up to `count` blocks that end at `last`, ascending: fewer where older ones, or their bodies, are no longer kept. */
function keptBlocks({ store }: ReadContext, last: number, count: number, withBodies: boolean): StoredBlock[] {
  const blocks: StoredBlock[] = [];
  for (let number = last; number > last - count; number--) {
    const block = store.block(number);
    if (block === null || (withBodies && number > 0 && store.miniBlocksOfBlock(number) === null)) break;
    blocks.push(block);
  }
  if (blocks.length === 0) throw prunedHistory();
  return blocks.reverse();
}

function checkPercentiles(percentiles: readonly number[]): void {
  if (percentiles.length > PERCENTILE_COUNT_MAX) {
    throw serverError(`invalid reward percentile: over the query limit ${PERCENTILE_COUNT_MAX}`);
  }
  percentiles.forEach((percentile, index) => {
    const previous = percentiles[index - 1] ?? -1;
    if (percentile < 0 || percentile > 100) throw serverError(`invalid reward percentile: ${percentile.toFixed(6)}`);
    if (percentile > previous) return;
    throw serverError(
      `invalid reward percentile: #${index - 1}:${previous.toFixed(6)} >= #${index}:${percentile.toFixed(6)}`,
    );
  });
}

function resolveNewest(context: ReadContext, newest: BlockReference): number {
  const head = context.store.headBlockNumber;
  if (newest.kind === "number" && newest.number > head) {
    throw serverError(`request beyond head block: requested ${newest.number}, head ${head}`);
  }
  const block = findBlock(context, newest);
  if (block === null) throw headerNotFound();
  return block.header.number;
}

function baseFeeAfter(context: ReadContext, number: number): bigint {
  const next = context.store.block(number + 1);
  if (next !== null) return next.header.baseFeePerGas ?? 0n;
  const block = context.store.block(number);
  return block === null ? 0n : nextBaseFee(context.spec, block.header);
}

function blobHistory({ spec }: ReadContext, headers: readonly BlockHeader[]): Json {
  const priceOf = (excess: bigint | undefined, timestamp: bigint): bigint => {
    return excess === undefined ? 0n : blobBaseFee(spec, excess, timestamp);
  };
  const last = headers[headers.length - 1] as BlockHeader;
  const hasBlobs = last.excessBlobGas !== undefined;
  const nextExcess = hasBlobs ? nextExcessBlobGas(spec, last, last.timestamp) : undefined;
  return {
    baseFeePerBlobGas: [
      ...headers.map((header) => priceOf(header.excessBlobGas, header.timestamp)),
      priceOf(nextExcess, last.timestamp),
    ].map(toQuantity),
    blobGasUsedRatio: headers.map((header) => {
      const max = blobParametersAt(spec, header.timestamp)?.max ?? 0;
      return max === 0 ? 0 : ratio(header.blobGasUsed ?? 0n, BigInt(max) * BLOB_GAS_PER_BLOB);
    }),
  };
}

/** The tips at given percentiles of a block's gas, as geth computes them. */
function rewards(context: ReadContext, block: StoredBlock, percentiles: readonly number[]): Hex[] {
  const shares = tipShares(context, block).sort((a, b) => compare(a.tip, b.tip));
  if (shares.length === 0) return percentiles.map(() => "0x0");
  const blockGasUsed = Number(block.header.gasUsed);
  let index = 0;
  let gasSum = shares[0]?.gasUsed ?? 0;
  return percentiles.map((percentile) => {
    const threshold = Math.floor((blockGasUsed * percentile) / 100);
    while (gasSum < threshold && index < shares.length - 1) gasSum += shares[++index]?.gasUsed ?? 0;
    return toQuantity(shares[index]?.tip ?? 0n);
  });
}

type TipShare = { readonly tip: bigint; readonly gasUsed: number };

function tipShares(context: ReadContext, block: StoredBlock): TipShare[] {
  const baseFee = block.header.baseFeePerGas ?? 0n;
  return keptMiniBlocksOf(context.store, block.header.number).flatMap((miniBlock) => {
    return miniBlock.transactions.map((raw, index) => {
      return { tip: effectiveTip(decodeTransaction(raw), baseFee), gasUsed: miniBlock.receipts[index]?.gasUsed ?? 0 };
    });
  });
}

function ratio(part: bigint, whole: bigint): number {
  return whole === 0n ? 0 : Number(part) / Number(whole);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
