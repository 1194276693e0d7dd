// States of one crowded bucket with roots that are known: through growth, deletion, a growth that is taken back, and a witness.

import { describe, expect, test } from "bun:test";
import { utf8 } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import { sha256 } from "#crypto/sha256.ts";
import { encodePlainAccount } from "#formats/wire/salt-entry.ts";
import { encodeSaltWitness } from "#formats/wire/salt-witness.ts";
import { canonicalize, deleteEntry, type PlainChange, upsertEntry } from "#state/salt/bucket-table.ts";
import { MemorySaltStore } from "#state/salt/memory-store.ts";
import { bucketRootId, subtreeLevelCount } from "#state/salt/node-ids.ts";
import { MemoryNodeStore } from "#state/salt/node-store.ts";
import { changedSlots } from "#state/salt/post-state.ts";
import { proveWitness } from "#state/salt/prove-witness.ts";
import { metadataBucketOf, metadataSlotOf, saltKey } from "#state/salt/salt-key.ts";
import { SaltOverlay } from "#state/salt/salt-overlay.ts";
import { SaltTrie } from "#state/salt/salt-trie.ts";
import { COLLIDING_BUCKET, COLLIDING_KEYS } from "./colliding-keys.ts";
import { banderwagonScheme } from "./schemes.ts";

const scheme = banderwagonScheme();

/** A state that takes batches of plain changes. */
class KnownState {
  readonly store = new MemorySaltStore();
  readonly nodes = new MemoryNodeStore<Uint8Array>((bucket) => subtreeLevelCount(this.store.metadata(bucket).capacity));
  readonly #trie = new SaltTrie(scheme, this.nodes);
  root = "";

  apply(changes: readonly PlainChange[]): this {
    const slots = changedSlots(this.store, changes);
    this.#trie.update([...slots]);
    const { root, nodes } = this.#trie.finalize();
    this.nodes.apply(nodes);
    this.store.apply(slots);
    this.root = toBareHex(root);
    return this;
  }

  capacity(): number {
    return this.store.metadata(COLLIDING_BUCKET).capacity;
  }

  bucketCommitment(): string {
    return toBareHex(scheme.encode([this.nodes.node(bucketRootId(COLLIDING_BUCKET))!]));
  }
}

function accounts(from: number, to: number): PlainChange[] {
  return COLLIDING_KEYS.slice(from, to).map((key, i) => {
    return { key, value: encodePlainAccount({ nonce: 1n, balance: BigInt(from + i), codeHash: null }) };
  });
}

const without = (from: number, to: number): PlainChange[] => {
  return COLLIDING_KEYS.slice(from, to).map((key) => ({ key, value: null }));
};

describe("a crowded bucket", () => {
  test.each([
    [
      204,
      256,
      "f586f1435790a0cf2009c930cdf311aa9714f8b102a2b666e79f2fae7eed7110",
      "4f783803f61fc82de433fa9d239a3fe43fa1cabf4a9b51a7ec2c1bd3a9916b20",
    ],
    [
      205,
      512,
      "5f81fc8585d333a4b2359b1d84c08c08be9cd4baef9a71606526dc91c49bf619",
      "223cd30b2bb5a976e0ed194a4e142ff33c1714d5a7589701cf47c1a3fcbc626f",
    ],
    [
      260,
      512,
      "adb8471391cab2a7f135f02244eb44baa4ee177e7b2fbd9bfa03603b8330360b",
      "4e9791617e17aa0ce0483df90f5e079d30a6c0e5f506154c0c0fb70d59d0c802",
    ],
  ])("of %d keys has %d slots and a known root", (count, capacity, root, commitment) => {
    const whole = new KnownState().apply(accounts(0, count));
    expect([whole.capacity(), whole.root, whole.bucketCommitment()]).toEqual([capacity, root, commitment]);
    const parts = new KnownState();
    for (let from = 0; from < count; from += 50) parts.apply(accounts(from, Math.min(count, from + 50)).toReversed());
    expect(parts.root).toBe(root);
  });

  test("that loses keys keeps its slots", () => {
    const state = new KnownState().apply(accounts(0, 260)).apply(without(100, 260));
    expect([state.capacity(), state.root]).toEqual([
      512,
      "a2b6cb470ccac62b7bab17907a968e3c8ee1e04971c717c8aab7d184e993440e",
    ]);
  });

  test("that grows within a batch and need not have is as before", () => {
    const state = new KnownState().apply(accounts(0, 200));
    const before = state.root;
    expect(before).toBe("339774449ee748a147ab57f56a9d7655b99cc34dc9a62902cbb01301cdcfec03");
    const overlay = new SaltOverlay(state.store);
    for (const { key, value } of accounts(200, 210)) upsertEntry(overlay, COLLIDING_BUCKET, { key, value: value! });
    expect(overlay.metadata(COLLIDING_BUCKET).capacity).toBe(512);
    for (const { key } of without(200, 210)) deleteEntry(overlay, COLLIDING_BUCKET, key);
    canonicalize(overlay);
    expect([overlay.metadata(COLLIDING_BUCKET).capacity, overlay.updates.size]).toEqual([256, 0]);
  });

  test("shows slots by a known proof", () => {
    const state = new KnownState().apply(accounts(0, 260));
    const meta = saltKey(metadataBucketOf(COLLIDING_BUCKET), metadataSlotOf(COLLIDING_BUCKET));
    const keys = [meta, ...[0, 300, 511].map((slot) => saltKey(COLLIDING_BUCKET, slot))];
    const source = { nodes: state.nodes, entryAt: (bucket: number, slot: number) => state.store.entryAt(bucket, slot) };
    const witness = proveWitness(scheme, source, keys);
    const bytes = encodeSaltWitness(witness);
    expect(bytes.length).toBe(1_202);
    expect(toBareHex(sha256(bytes))).toBe("c662c0e17402242d73644a5644d3d66542e2ec4db4adb6aab64ecdf1060bc443");
  });
});

test("keys and values of any text", () => {
  const change = (key: string, value: string | null) => ({
    key: utf8(key),
    value: value === null ? null : utf8(value),
  });
  const state = new KnownState().apply([
    change("account:alice", "balance:100"),
    change("account:bob", "balance:50"),
    change("storage:alice:slot:0", "0x01"),
    change("storage:alice:slot:1", "0x02"),
    change("long/storage/key/that/looks/like/an/evm-slot", "0xbeef"),
  ]);
  expect(state.root).toBe("efd1d0df9ed14a46700778786cbaaeb61c149a713fd3492e67a04bd9772bf004");
  state.apply([
    change("account:alice", "balance:125"),
    change("storage:alice:slot:1", null),
    change("storage:alice:slot:2", "0x03"),
    change("new:contract:codehash", "0xc0de"),
  ]);
  expect(state.root).toBe("316a6b970bbf28630e81acae285d532ea35da2ba9d947e2611ed281ce23b9f17");
});
