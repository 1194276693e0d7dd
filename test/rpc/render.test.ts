// JSON forms against the official RPC vectors: the chain is decoded, rendered here, and compared field by field.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "#base/hex.ts";
import { type Block, decodeBlocks } from "#chain/block.ts";
import { headerHash } from "#chain/header.ts";
import { encodeTransaction, recoverSender, transactionHash } from "#chain/transaction.ts";
import { renderHeader, renderTransaction } from "#rpc/render.ts";

const folder = join(process.env.MEGAETH_VECTORS ?? join(import.meta.dir, "../../.vectors"), "rpc-compat");
const isPresent = existsSync(join(folder, "chain.rlp"));
if (!isPresent) console.log(`skipped: no rpc-compat vectors in ${folder}`);

type Exchange = {
  readonly request: { readonly params: readonly unknown[] };
  readonly result: Record<string, unknown> | null;
};

function exchanges(method: string): { name: string; exchange: Exchange }[] {
  return readdirSync(join(folder, method)).map((name) => {
    const lines = readFileSync(join(folder, method, name), "utf8").split("\n");
    const request = JSON.parse(lines.find((line) => line.startsWith(">> "))?.slice(3) ?? "null");
    const { result } = JSON.parse(lines.find((line) => line.startsWith("<< "))?.slice(3) ?? "null");
    return { name, exchange: { request, result } };
  });
}

/** Through JSON, as a client sees it. */
function seen(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function renderAll(blocks: readonly Block[]): Map<string, unknown> {
  const rendered = new Map<string, unknown>();
  for (const { header, transactions } of blocks) {
    const blockHash = headerHash(header);
    transactions.forEach((transaction, transactionIndex) => {
      const sender = recoverSender(transaction);
      if (sender === null) throw new Error("a vector transaction has no sender");
      const hash = transactionHash(encodeTransaction(transaction));
      const place = {
        blockHash,
        blockNumber: header.number,
        blockTimestamp: Number(header.timestamp),
        transactionIndex,
        baseFee: header.baseFeePerGas ?? 0n,
      };
      rendered.set(toHex(hash), seen(renderTransaction({ transaction, hash, sender, place })));
    });
  }
  return rendered;
}

describe.skipIf(!isPresent)("rpc-compat", () => {
  const blocks = isPresent ? [...decodeBlocks(new Uint8Array(readFileSync(join(folder, "chain.rlp"))))] : [];
  const transactions = renderAll(blocks);

  test("every transaction of the vectors is rendered as they have it", () => {
    let compared = 0;
    for (const { exchange } of exchanges("eth_getTransactionByHash")) {
      if (exchange.result === null) continue;
      expect(transactions.get(String(exchange.request.params[0]))).toEqual(exchange.result);
      compared++;
    }
    expect(compared).toBeGreaterThanOrEqual(6);
  });

  test("every block header of the vectors is rendered as they have it", () => {
    let compared = 0;
    for (const { exchange } of [...exchanges("eth_getBlockByNumber"), ...exchanges("eth_getBlockByHash")]) {
      const expected = exchange.result;
      const block = blocks.find(({ header }) => expected !== null && toHex(headerHash(header)) === expected.hash);
      if (expected === null || block === undefined) continue;
      const { size, transactions: bodies, uncles, withdrawals, totalDifficulty, ...header } = expected;
      expect(seen(renderHeader(block.header, headerHash(block.header)))).toEqual(header);
      for (const body of bodies as unknown[]) {
        if (typeof body === "object") expect(transactions.get((body as { hash: string }).hash)).toEqual(body);
      }
      compared++;
    }
    expect(compared).toBeGreaterThanOrEqual(4);
  });
});
