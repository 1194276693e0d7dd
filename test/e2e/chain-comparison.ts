// Whether two nodes hold the same chain and the same state: every record's signature, every block, every receipt, and the
// state by account and slot. Signed records and state roots already bind the rest.

import { expect } from "bun:test";
import { type Hex, numberToHex } from "viem";
import type { NodeProcess } from "./node-process.ts";
import { waitUntil } from "./node-process.ts";

type Json = Readonly<Record<string, unknown>>;

const BATCH = 128;

/** Waits until a node has published as many mini-blocks as another has now. */
export async function catchUp(follower: NodeProcess, leader: NodeProcess, timeoutMs = 30_000): Promise<void> {
  const wanted = await leader.metric("head_mini_block");
  await waitUntil(`${follower.name} to reach mini-block ${wanted} of ${leader.name}`, timeoutMs, async () => {
    return (await follower.metric("head_mini_block")) >= wanted;
  });
  // The store behind the RPC follows the state.
  await waitUntil(`${follower.name} to serve mini-block ${wanted}`, timeoutMs, async () => {
    return (await follower.rpc.call("mega_getMiniBlockByNumber", numberToHex(Math.max(0, wanted)))) !== null;
  });
}

/** Mini-blocks `from` up to `to`, without the hash of their EVM block: that may be sealed on one node and not yet on the other. */
export async function miniBlocksOf(node: NodeProcess, from: number, to: number): Promise<Json[]> {
  const all: Json[] = [];
  while (from + all.length < to) {
    const count = Math.min(BATCH, to - from - all.length);
    const part = await node.rpc.call<Json[]>("mega_getMiniBlocks", numberToHex(from + all.length), numberToHex(count));
    if (part.length === 0) throw new Error(`${node.name} has no mini-block ${from + all.length}`);
    all.push(...part);
  }
  return JSON.parse(JSON.stringify(all, (key, value) => (key === "blockHash" ? null : value)));
}

/** Asserts that two nodes agree on all mini-blocks in [`from`, `to`) and on all blocks that both have sealed. */
export async function expectSameChain(
  one: NodeProcess,
  other: NodeProcess,
  range: { from?: number; to: number },
): Promise<void> {
  const { from = 0, to } = range;
  const [mine, theirs] = await Promise.all([miniBlocksOf(one, from, to), miniBlocksOf(other, from, to)]);
  expect(theirs.length).toBe(mine.length);
  mine.forEach((miniBlock, index) => {
    if (!Bun.deepEquals(miniBlock, theirs[index])) expect(theirs[index]).toEqual(miniBlock);
  });
  const heads = await Promise.all([one, other].map(async ({ rpc }) => Number(await rpc.call<Hex>("eth_blockNumber"))));
  const firstBlock = Number(mine[0]?.block_number ?? 0);
  for (let number = from === 0 ? 0 : firstBlock + 1; number <= Math.min(...heads); number += BATCH) {
    const count = Math.min(BATCH, Math.min(...heads) - number + 1);
    const params = Array.from({ length: count }, (_, index) => [numberToHex(number + index), true]);
    const [ours, copies] = await Promise.all([one, other].map(({ rpc }) => rpc.many("eth_getBlockByNumber", params)));
    expect(copies).toEqual(ours as unknown[]);
    const numbers = params.map(([block]) => [block]);
    const receipts = await Promise.all([one, other].map(({ rpc }) => rpc.many("eth_getBlockReceipts", numbers)));
    expect(receipts[1]).toEqual(receipts[0] as unknown[]);
  }
}

/** Asserts that two quiet nodes give the same state for these accounts: balance, nonce, code and the first slots. */
export async function expectSameState(one: NodeProcess, other: NodeProcess, addresses: readonly Hex[]): Promise<void> {
  for (const method of ["eth_getBalance", "eth_getTransactionCount", "eth_getCode"]) {
    const params = addresses.map((address) => [address, "latest"]);
    const [mine, theirs] = await Promise.all([one, other].map(({ rpc }) => rpc.many(method, params)));
    expect(theirs).toEqual(mine as unknown[]);
  }
  const slots = addresses.flatMap((address) => [0, 1, 2, 3].map((slot) => [address, numberToHex(slot), "latest"]));
  const [mine, theirs] = await Promise.all([one, other].map(({ rpc }) => rpc.many("eth_getStorageAt", slots)));
  expect(theirs).toEqual(mine as unknown[]);
}
