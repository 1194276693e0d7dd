// The incremental commitment, over both kinds of trie, against tries built from scratch by the library without pruning, and against the
// genesis and head state of the public RPC test chain.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createMPT } from "@ethereumjs/mpt";
import { RLP } from "@ethereumjs/rlp";
import { bigintToMinimalBytes, trimLeadingZeroes } from "#base/bytes.ts";
import { fromHex, type Hex, toBareHex, toHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { genesisHeader, parseGenesis } from "#chain/genesis.ts";
import { headerHash } from "#chain/header.ts";
import { decodeRlpPrefix } from "#chain/rlp.ts";
import { KECCAK_EMPTY_RLP } from "#crypto/keccak256.ts";
import { type AccountChange, genesisChanges, mergeChanges, resolveDiff } from "#state/commitment.ts";
import { createLibraryTrie } from "#state/library-trie.ts";
import { createMemoryTrie, type SecureTrie } from "#state/memory-trie.ts";
import { MptCommitment } from "#state/mpt-commitment.ts";
import { buildDiff, Overlay } from "#state/overlay.ts";
import { commitWholeState } from "#state/state-walk.ts";
import { StateView } from "#state/view.ts";
import { vectorsFolder } from "#test/vectors.ts";
import { makeGenesis, makeTable, makeUniverse, type NaiveState, runMiniBlock } from "./naive-state.ts";

async function rootFromScratch(state: NaiveState): Promise<Hex> {
  const accounts = await createMPT({ useKeyHashing: true });
  for (const [address, { state: account, slots }] of state.accounts) {
    if (account === null) continue;
    const storage = await createMPT({ useKeyHashing: true });
    for (const [slot, value] of slots) await storage.put(fromHex(slot), RLP.encode(trimLeadingZeroes(fromHex(value))));
    const { nonce, balance, codeHash } = account;
    const fields = [bigintToMinimalBytes(nonce), bigintToMinimalBytes(balance), storage.root(), codeHash];
    await accounts.put(fromHex(address), RLP.encode(fields));
  }
  return toHex(accounts.root());
}

type CreateTrie = () => Promise<SecureTrie>;
const TRIES: Record<string, CreateTrie> = { "@ethereumjs/mpt": createLibraryTrie, "memory trie": createMemoryTrie };

async function rootOf(createTrie: CreateTrie, changes: readonly AccountChange[]): Promise<Hex> {
  const commitment = new MptCommitment(createTrie);
  await commitment.update(changes);
  return toHex(await commitment.root());
}

describe.each(Object.entries(TRIES))("MptCommitment over %s", (_name, createTrie) => {
  test("an empty state has the empty root", async () => {
    expect(await new MptCommitment(createTrie).root()).toEqual(KECCAK_EMPTY_RLP);
    expect(await rootOf(createTrie, [])).toBe(toHex(KECCAK_EMPTY_RLP));
  });

  for (const seed of [41, 42, 43]) {
    test(`follows random EVM blocks of several mini-blocks (seed ${seed})`, async () => {
      const random = new SeededRandom(seed);
      const universe = makeUniverse(random, 24, 12);
      const { table, regions } = makeTable();
      const { alloc, naive } = makeGenesis(random, universe);
      table.loadGenesis(alloc);
      const commitment = new MptCommitment(createTrie);
      await commitment.update(genesisChanges(alloc));
      expect(toHex(await commitment.root()), `seed ${seed}`).toBe(await rootFromScratch(naive));
      const overlay = new Overlay(table);
      let state = naive;
      for (let block = 0; block < 15; block++) {
        const steps: AccountChange[][] = [];
        for (let i = 0; i <= random.below(4); i++) {
          state = runMiniBlock(random, overlay, state, universe);
          const diff = buildDiff(overlay, table);
          table.apply(diff, table.newest + 1);
          overlay.reset();
          steps.push(resolveDiff(diff, table));
        }
        await commitment.update(mergeChanges(steps));
        const expected = await rootFromScratch(state);
        expect(toHex(await commitment.root()), `seed ${seed} block ${block}`).toBe(expected);
        table.publish(table.newest);
        const whole = new MptCommitment(createTrie);
        await commitWholeState(whole, new StateView(regions));
        expect(toHex(await whole.root()), `seed ${seed} block ${block} from a view`).toBe(expected);
        // Pruning keeps exactly the nodes that a fresh build makes.
        expect(await commitment.nodeCount(), `seed ${seed} block ${block} nodes`).toBe(await whole.nodeCount());
      }
    });
  }

  test("slots of an account that does not exist are a bug", async () => {
    const slots = [{ slot: new Uint8Array(32), value: new Uint8Array(32).fill(1) }];
    const update = { address: new Uint8Array(20), account: undefined, slots, storageCleared: false };
    expect(new MptCommitment(createTrie).update([update])).rejects.toThrow("does not exist");
  });
});

describe.each(Object.entries(TRIES))("public vectors over %s", (_name, createTrie) => {
  const folder = vectorsFolder("rpc-compat");

  test.skipIf(folder === null)("the genesis root gives the parent hash of block 1", async () => {
    const genesis = parseGenesis(JSON.parse(readFileSync(join(folder!, "genesis.json"), "utf8")));
    const commitment = new MptCommitment(createTrie);
    await commitment.update(genesisChanges(genesis.alloc));
    const { item } = decodeRlpPrefix(readFileSync(join(folder!, "chain.rlp")), 0);
    const parentHash = ((item as Uint8Array[][])[0] as Uint8Array[])[0]!;
    expect(toHex(headerHash(genesisHeader(genesis, await commitment.root())))).toBe(toHex(parentHash));
  });

  test.skipIf(folder === null)("account leaves of the head state give its root", async () => {
    type Head = { root: string; accounts: Record<string, HeadAccount> };
    type HeadAccount = {
      balance: string;
      nonce: number;
      root: string;
      codeHash: string;
      storage?: Record<string, string>;
    };
    const head: Head = JSON.parse(readFileSync(join(folder!, "headstate.json"), "utf8"));
    const changes = Object.entries(head.accounts).map(([address, state]): AccountChange => {
      const account = { nonce: BigInt(state.nonce), balance: BigInt(state.balance), codeHash: fromHex(state.codeHash) };
      const slots = Object.entries(state.storage ?? {}).map(([slot, value]) => {
        const full = new Uint8Array(32);
        const trimmed = fromHex(value.length % 2 ? value.replace("0x", "0x0") : value);
        full.set(trimmed, 32 - trimmed.length);
        return { slot: fromHex(slot), value: full };
      });
      return { address: fromHex(address), account, slots, storageCleared: false };
    });
    expect(changes.length).toBeGreaterThan(100);
    expect(await rootOf(createTrie, changes)).toBe(`0x${head.root}` as Hex);
    // One by one, so that the insertion path gives it too.
    const commitment = new MptCommitment(createTrie);
    for (const change of changes) await commitment.update([change]);
    expect(toBareHex(await commitment.root())).toBe(head.root);
  });
});
