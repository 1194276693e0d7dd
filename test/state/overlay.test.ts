// The overlay's rules and the order of new keys; the random comparison with a naive state is in versioned-model.test.ts.

import { describe, expect, test } from "bun:test";
import { AssertionError } from "#base/assert.ts";
import { bigintToBytes } from "#base/bytes.ts";
import { KECCAK_EMPTY, keccak256 } from "#crypto/keccak256.ts";
import type { NewKey, StateDiff } from "#formats/wire/diff.ts";
import { buildDiff, Overlay } from "#state/overlay.ts";
import type { StateTable } from "#state/table.ts";
import { account, makeTable } from "./naive-state.ts";

const address = (n: number) => bigintToBytes(BigInt(n) + 0xa000n, 20);
const word = (n: number) => bigintToBytes(BigInt(n), 32);

/** Account 1 with slots 1 = 10 and 2 = 20 (indices 0 to 2) and account 2 (index 3). */
function begin(): { table: StateTable; overlay: Overlay } {
  const { table } = makeTable();
  const storage = [
    { slot: word(1), value: word(10) },
    { slot: word(2), value: word(20) },
  ];
  table.loadGenesis([
    { address: address(1), nonce: 1n, balance: 1n, code: new Uint8Array(0), storage },
    { address: address(2), nonce: 2n, balance: 2n, code: new Uint8Array(0), storage: [] },
  ]);
  return { table, overlay: new Overlay(table) };
}

function transact(overlay: Overlay, run: () => void): void {
  overlay.beginTransaction();
  run();
  overlay.endTransaction();
}

function install(table: StateTable, overlay: Overlay): StateDiff {
  const diff = buildDiff(overlay, table);
  table.apply(diff, table.newest + 1);
  overlay.reset();
  return diff;
}

function isEmpty(diff: StateDiff): boolean {
  return diff.newKeys.length + diff.accounts.length + diff.slots.length + diff.codes.length === 0;
}

describe("net changes", () => {
  test("reads leave nothing", () => {
    const { table, overlay } = begin();
    transact(overlay, () => {
      overlay.account(address(7));
      overlay.slot(address(7), word(1));
      overlay.slot(address(1), word(1));
      overlay.originalSlot(address(2), word(9));
      [...overlay.slotsOf(address(1))];
    });
    expect(isEmpty(buildDiff(overlay, table))).toBe(true);
  });

  test("reverted and aborted writes leave nothing, not even an index", () => {
    const { table, overlay } = begin();
    transact(overlay, () => {
      overlay.checkpoint();
      overlay.setAccount(address(5), account(1n, 1n));
      overlay.checkpoint();
      overlay.setSlot(address(5), word(1), word(1));
      overlay.deleteAccount(address(1));
      overlay.commit();
      overlay.revert();
    });
    overlay.beginTransaction();
    overlay.setAccount(address(6), account(1n, 1n));
    overlay.setSlot(address(1), word(9), word(1));
    overlay.checkpoint();
    overlay.abortTransaction();
    expect(isEmpty(buildDiff(overlay, table))).toBe(true);
    expect(overlay.slot(address(1), word(1))).toEqual(word(10));
  });

  test("one transaction writes, the next restores: nothing", () => {
    const { table, overlay } = begin();
    transact(overlay, () => {
      overlay.setSlot(address(1), word(1), word(11));
      overlay.setSlot(address(1), word(9), word(9));
      overlay.setAccount(address(2), account(3n, 3n));
      overlay.setAccount(address(5), account(0n, 1n));
    });
    transact(overlay, () => {
      overlay.setSlot(address(1), word(1), word(10));
      overlay.setSlot(address(1), word(9), word(0));
      overlay.setAccount(address(2), account(2n, 2n));
      overlay.deleteAccount(address(5));
    });
    expect(isEmpty(buildDiff(overlay, table))).toBe(true);
  });

  test("created and deleted in one mini-block gets no index", () => {
    const { table, overlay } = begin();
    transact(overlay, () => {
      overlay.setAccount(address(5), account(1n, 0n, overlay.putCode(Uint8Array.of(1))));
      overlay.setSlot(address(5), word(1), word(1));
    });
    transact(overlay, () => overlay.deleteAccount(address(5)));
    expect(isEmpty(buildDiff(overlay, table))).toBe(true);
  });

  test("deleting an account zeroes every slot of it, seen or not", () => {
    const { table, overlay } = begin();
    transact(overlay, () => {
      overlay.setSlot(address(1), word(1), word(11));
      overlay.deleteAccount(address(1));
      expect(overlay.slot(address(1), word(2))).toEqual(word(0));
      expect(overlay.originalSlot(address(1), word(2))).toEqual(word(20));
      expect(overlay.originalSlot(address(1), word(1))).toEqual(word(10));
      expect([...overlay.slotsOf(address(1))]).toEqual([]);
    });
    expect(install(table, overlay)).toMatchObject({
      accounts: [{ index: 0, account: null }],
      slots: [
        { index: 1, value: word(0) },
        { index: 2, value: word(0) },
      ],
    });
  });

  test("deleted and created again in one transaction: old storage is gone, new storage stays", () => {
    const { table, overlay } = begin();
    transact(overlay, () => {
      overlay.deleteAccount(address(1));
      overlay.setAccount(address(1), account(1n, 1n));
      overlay.setSlot(address(1), word(2), word(22));
      overlay.setSlot(address(1), word(3), word(33));
    });
    const diff = install(table, overlay);
    expect(diff.accounts).toEqual([]);
    expect(diff.slots).toEqual([
      { index: 1, value: word(0) },
      { index: 2, value: word(22) },
      { index: 4, value: word(33) },
    ]);
    expect([...table.slotsOf(address(1))].length).toBe(2);
  });

  test("created, deleted, created again over mini-blocks: the index stays", () => {
    const { table, overlay } = begin();
    transact(overlay, () => {
      overlay.setAccount(address(5), account(1n, 5n));
      overlay.setSlot(address(5), word(1), word(1));
    });
    expect(install(table, overlay).newKeys.length).toBe(2);
    transact(overlay, () => overlay.deleteAccount(address(5)));
    expect(install(table, overlay)).toMatchObject({ newKeys: [], accounts: [{ index: 4 }], slots: [{ index: 5 }] });
    transact(overlay, () => {
      overlay.setAccount(address(5), account(1n, 6n));
      overlay.setSlot(address(5), word(1), word(7));
      overlay.setSlot(address(5), word(2), word(8));
    });
    const diff = install(table, overlay);
    expect(diff.newKeys).toEqual([{ kind: "slot", ownerIndex: 4, slot: word(2) }]);
    expect(diff.accounts).toEqual([{ index: 4, account: account(1n, 6n) }]);
    expect(diff.slots.map(({ index }) => index)).toEqual([5, 6]);
  });

  test("a reverted clearing brings every slot back", () => {
    const { overlay } = begin();
    transact(overlay, () => {
      overlay.setSlot(address(1), word(1), word(11));
      overlay.checkpoint();
      overlay.clearStorage(address(1));
      overlay.setSlot(address(1), word(2), word(5));
      overlay.checkpoint();
      expect(overlay.slot(address(1), word(1))).toEqual(word(0));
      overlay.clearStorage(address(1));
      overlay.revert();
      expect(overlay.slot(address(1), word(2))).toEqual(word(5));
      overlay.revert();
      expect(overlay.slot(address(1), word(1))).toEqual(word(11));
      expect(overlay.slot(address(1), word(2))).toEqual(word(20));
      expect([...overlay.slotsOf(address(1))].length).toBe(2);
    });
  });

  test("code enters the diff once, when an account names it and the store has it not", () => {
    const { table, overlay } = begin();
    const [used, unused] = [Uint8Array.of(1, 2), Uint8Array.of(3)];
    transact(overlay, () => {
      const codeHash = overlay.putCode(used);
      expect(codeHash).toEqual(keccak256(used));
      expect(overlay.code(codeHash)).toEqual(used);
      const room = new Uint8Array(overlay.codeSize(codeHash));
      expect(overlay.copyCode(codeHash, room, 0)).toBe(true);
      expect(room).toEqual(used);
      expect(overlay.putCode(new Uint8Array(0))).toEqual(KECCAK_EMPTY);
      overlay.putCode(unused);
      for (const n of [5, 6]) overlay.setAccount(address(n), account(1n, 0n, codeHash));
    });
    expect(install(table, overlay).codes).toEqual([used]);
    transact(overlay, () => overlay.setAccount(address(7), account(1n, 0n, overlay.putCode(used))));
    expect(install(table, overlay).codes).toEqual([]);
  });
});

describe("order of new keys", () => {
  const names = (keys: readonly NewKey[]) =>
    keys.map((key) => (key.kind === "account" ? `a${key.address[19]}` : `s${key.ownerIndex}/${key.slot[31]}`));

  test("first writing transaction, then address, account before its slots, slot key", () => {
    const { table, overlay } = begin();
    transact(overlay, () => {
      overlay.setSlot(address(2), word(9), word(1));
      overlay.setAccount(address(8), account(0n, 1n));
      overlay.setSlot(address(8), word(3), word(1));
      overlay.setSlot(address(8), word(2), word(1));
      overlay.setAccount(address(6), account(0n, 1n));
      overlay.setSlot(address(1), word(7), word(1));
    });
    transact(overlay, () => {
      overlay.setAccount(address(5), account(0n, 1n));
      overlay.setSlot(address(8), word(1), word(1));
      overlay.setSlot(address(8), word(2), word(2));
    });
    const diff = buildDiff(overlay, table);
    // Genesis has indices 0 to 3: account 1 is 0, account 2 is 3.
    expect(names(diff.newKeys)).toEqual(["s0/7", "s3/9", "a6", "a8", "s7/2", "s7/3", "a5", "s7/1"]);
    expect(diff.slots.map(({ index }) => index)).toEqual([4, 5, 8, 9, 11]);
    expect(table.checkDiff(diff, 1)).toBeNull();
  });

  test("a write that its own transaction restores does not count, a later restored one does", () => {
    const { table, overlay } = begin();
    transact(overlay, () => {
      overlay.setSlot(address(1), word(9), word(1));
      overlay.setSlot(address(1), word(9), word(0));
      overlay.setSlot(address(1), word(8), word(1));
    });
    transact(overlay, () => {
      overlay.setSlot(address(1), word(7), word(1));
      overlay.setSlot(address(1), word(8), word(0));
    });
    transact(overlay, () => {
      overlay.setSlot(address(1), word(9), word(1));
      overlay.setSlot(address(1), word(8), word(1));
      overlay.setSlot(address(1), word(6), word(1));
    });
    expect(names(buildDiff(overlay, table).newKeys)).toEqual(["s0/8", "s0/7", "s0/6", "s0/9"]);
  });

  test("writes outside a transaction come before the next one's", () => {
    const { table, overlay } = begin();
    overlay.setSlot(address(2), word(9), word(1));
    transact(overlay, () => overlay.setSlot(address(1), word(9), word(1)));
    expect(names(buildDiff(overlay, table).newKeys)).toEqual(["s3/9", "s0/9"]);
  });

  test("a slot of an account that does not exist is a bug", () => {
    const { table, overlay } = begin();
    transact(overlay, () => overlay.setSlot(address(5), word(1), word(1)));
    expect(() => buildDiff(overlay, table)).toThrow(AssertionError);
  });
});

describe("transactions", () => {
  test("the original value is that at the start of the transaction", () => {
    const { overlay } = begin();
    transact(overlay, () => overlay.setSlot(address(1), word(1), word(11)));
    overlay.beginTransaction();
    expect(overlay.originalSlot(address(1), word(1))).toEqual(word(11));
    overlay.setSlot(address(1), word(1), word(12));
    overlay.setSlot(address(1), word(1), word(13));
    expect(overlay.originalSlot(address(1), word(1))).toEqual(word(11));
    overlay.abortTransaction();
    expect(overlay.slot(address(1), word(1))).toEqual(word(11));
  });

  test("transient storage follows checkpoints and ends with the transaction", () => {
    const { overlay } = begin();
    overlay.beginTransaction();
    overlay.setTransient(address(1), word(1), word(5));
    overlay.checkpoint();
    overlay.setTransient(address(1), word(1), word(6));
    overlay.setTransient(address(1), word(2), word(7));
    expect(overlay.getTransient(address(1), word(1))).toEqual(word(6));
    overlay.revert();
    expect(overlay.getTransient(address(1), word(1))).toEqual(word(5));
    expect(overlay.getTransient(address(1), word(2))).toEqual(word(0));
    expect(overlay.slot(address(1), word(1))).toEqual(word(10));
    overlay.endTransaction();
    overlay.beginTransaction();
    expect(overlay.getTransient(address(1), word(1))).toEqual(word(0));
    overlay.endTransaction();
  });

  test("misuse is a bug", () => {
    const { table, overlay } = begin();
    expect(() => overlay.commit()).toThrow(AssertionError);
    expect(() => overlay.revert()).toThrow(AssertionError);
    expect(() => overlay.endTransaction()).toThrow(AssertionError);
    overlay.beginTransaction();
    expect(() => overlay.beginTransaction()).toThrow(AssertionError);
    expect(() => buildDiff(overlay, table)).toThrow(AssertionError);
    overlay.checkpoint();
    expect(() => overlay.endTransaction()).toThrow("checkpoint is still open");
  });

  test("an overlay over an overlay sees through it", () => {
    const { overlay } = begin();
    transact(overlay, () => overlay.setSlot(address(1), word(1), word(11)));
    const call = new Overlay(overlay);
    call.setSlot(address(1), word(2), word(0));
    expect(call.slot(address(1), word(1))).toEqual(word(11));
    expect([...call.slotsOf(address(1))]).toEqual([word(1)]);
    expect([...overlay.slotsOf(address(1))].length).toBe(2);
  });
});
