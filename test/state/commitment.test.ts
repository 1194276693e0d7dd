// Diffs by key index become named changes, and changes of mini-blocks fold into those of an EVM block.

import { describe, expect, test } from "bun:test";
import { bigintToBytes } from "#base/bytes.ts";
import { emptyDiff } from "#formats/wire/diff.ts";
import { type AccountChange, mergeChanges, resolveDiff } from "#state/commitment.ts";
import { account, makeTable } from "./naive-state.ts";

const address = (n: number) => bigintToBytes(BigInt(n), 20);
const word = (n: number) => bigintToBytes(BigInt(n), 32);
const change = (n: number, part: Partial<AccountChange>): AccountChange => {
  return { address: address(n), account: undefined, slots: [], storageCleared: false, ...part };
};

describe("resolveDiff", () => {
  test("names keys and groups them by account", () => {
    const { table } = makeTable();
    const storage = [1, 2].map((n) => ({ slot: word(n), value: word(10 * n) }));
    table.loadGenesis([
      { address: address(1), nonce: 0n, balance: 1n, code: new Uint8Array(0), storage },
      { address: address(2), nonce: 0n, balance: 2n, code: new Uint8Array(0), storage: [] },
    ]);
    const diff = {
      ...emptyDiff(table.keyCount),
      newKeys: [{ kind: "slot" as const, ownerIndex: 3, slot: word(9) }],
      accounts: [{ index: 0, account: null }],
      slots: [
        { index: 1, value: word(0) },
        { index: 2, value: word(0) },
        { index: 4, value: word(5) },
      ],
    };
    table.apply(diff, 1);
    expect(resolveDiff(diff, table)).toEqual([
      change(1, {
        account: null,
        slots: [
          { slot: word(1), value: word(0) },
          { slot: word(2), value: word(0) },
        ],
        storageCleared: true,
      }),
      change(2, { slots: [{ slot: word(9), value: word(5) }] }),
    ]);
  });
});

describe("mergeChanges", () => {
  test("the last write of a key wins", () => {
    const merged = mergeChanges([
      [change(1, { account: account(1n, 1n), slots: [{ slot: word(1), value: word(1) }] })],
      [change(2, { account: account(2n, 2n) })],
      [
        change(1, {
          slots: [
            { slot: word(1), value: word(7) },
            { slot: word(2), value: word(8) },
          ],
        }),
      ],
      [change(1, { account: account(3n, 3n) })],
    ]);
    expect(merged).toEqual([
      change(1, {
        account: account(3n, 3n),
        slots: [
          { slot: word(1), value: word(7) },
          { slot: word(2), value: word(8) },
        ],
      }),
      change(2, { account: account(2n, 2n) }),
    ]);
  });

  test("deletion forgets earlier slots, and creation after it starts from nothing", () => {
    const merged = mergeChanges([
      [change(1, { account: account(1n, 1n), slots: [{ slot: word(1), value: word(1) }] })],
      [change(1, { account: null, storageCleared: true })],
      [change(1, { account: account(2n, 2n), slots: [{ slot: word(2), value: word(2) }] })],
    ]);
    const slots = [{ slot: word(2), value: word(2) }];
    expect(merged).toEqual([change(1, { account: account(2n, 2n), slots, storageCleared: true })]);
  });
});
