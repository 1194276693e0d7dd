// The table's promises one by one: key indices, tombstones, refused diffs, publishing, roll-back, and what happens when the
// undo ring or the memory is used up.

import { describe, expect, test } from "bun:test";
import { AssertionError } from "#base/assert.ts";
import { bigintToBytes } from "#base/bytes.ts";
import { KECCAK_EMPTY, keccak256 } from "#crypto/keccak256.ts";
import { emptyDiff, type NewKey, type StateDiff } from "#formats/wire/diff.ts";
import { StateTable } from "#state/table.ts";
import { StateVersionGoneError, StateView } from "#state/view.ts";
import { account, makeTable } from "./naive-state.ts";

const address = (n: number) => bigintToBytes(BigInt(n) + 0xa000n, 20);
const word = (n: number) => bigintToBytes(BigInt(n), 32);
const newAccount = (n: number): NewKey => ({ kind: "account", address: address(n) });
const CODE = Uint8Array.of(0x60, 0, 0x60, 0, 0xfd);

/** Accounts 1 and 2; account 1 has code and slot 5 = 50. Indices 0, 1 (the slot), 2. */
function loaded() {
  const made = makeTable();
  made.table.loadGenesis([
    { address: address(1), nonce: 1n, balance: 100n, code: CODE, storage: [{ slot: word(5), value: word(50) }] },
    { address: address(2), nonce: 0n, balance: 7n, code: new Uint8Array(0), storage: [] },
  ]);
  return made;
}

function diff(table: StateTable, part: Partial<StateDiff>): StateDiff {
  return { ...emptyDiff(table.keyCount), ...part };
}

describe("genesis", () => {
  test("is version 0, published, with indices in the order given", () => {
    const { table } = loaded();
    expect([table.newest, table.published, table.oldest, table.keyCount]).toEqual([0, 0, 0, 3]);
    expect(table.accountIndex(address(1))).toBe(0);
    expect(table.slotIndex(address(1), word(5))).toBe(1);
    expect(table.accountIndex(address(2))).toBe(2);
    expect(table.account(address(1))).toEqual(account(1n, 100n, keccak256(CODE)));
    expect(table.code(keccak256(CODE))).toEqual(CODE);
    expect(table.code(KECCAK_EMPTY)).toEqual(new Uint8Array(0));
    expect(table.code(word(9))).toBeNull();
    expect([keccak256(CODE), KECCAK_EMPTY, word(9)].map((hash) => table.codeSize(hash))).toEqual([CODE.length, 0, -1]);
    const room = new Uint8Array(CODE.length + 2);
    expect(table.copyCode(keccak256(CODE), room, 1)).toBe(true);
    expect(room).toEqual(Uint8Array.of(0, ...CODE, 0));
    expect(table.copyCode(word(9), room, 0)).toBe(false);
    expect(room).toEqual(Uint8Array.of(0, ...CODE, 0));
    expect(table.keyName(1)).toEqual({ kind: "slot", address: address(1), ownerIndex: 0, slot: word(5) });
    expect([...table.slotsOf(address(1))]).toEqual([word(5)]);
    expect([...table.slotsOf(address(3))]).toEqual([]);
    expect(table.slot(address(2), word(5))).toEqual(word(0));
  });

  test("is loaded once", () => {
    const { table } = loaded();
    expect(() => table.loadGenesis([])).toThrow(AssertionError);
  });
});

describe("apply", () => {
  test("new keys continue the index; views see them at their version only", () => {
    const { table, regions } = loaded();
    const view = new StateView(regions);
    table.apply(
      diff(table, {
        newKeys: [
          newAccount(3),
          { kind: "slot", ownerIndex: 3, slot: word(1) },
          { kind: "slot", ownerIndex: 0, slot: word(1) },
        ],
        accounts: [{ index: 3, account: account(0n, 1n) }],
        slots: [
          { index: 4, value: word(11) },
          { index: 5, value: word(12) },
        ],
      }),
      1,
    );
    expect(table.slot(address(3), word(1))).toEqual(word(11));
    expect(view.account(address(3))).toBeNull();
    expect(view.slot(address(1), word(1))).toEqual(word(0));
    expect([...view.slotsOf(address(1))]).toEqual([word(5)]);
    expect(() => view.pin(1)).toThrow(StateVersionGoneError);
    table.publish(1);
    expect(view.pin()).toBe(1);
    expect(view.account(address(3))).toEqual(account(0n, 1n));
    expect([...view.slotsOf(address(1))]).toEqual([word(1), word(5)]);
    expect(view.pin(0)).toBe(0);
    expect(view.account(address(3))).toBeNull();
  });

  test("deletion keeps the key and its index", () => {
    const { table } = loaded();
    table.apply(diff(table, { accounts: [{ index: 0, account: null }], slots: [{ index: 1, value: word(0) }] }), 1);
    expect(table.account(address(1))).toBeNull();
    expect(table.accountIndex(address(1))).toBe(0);
    expect(table.slotIndex(address(1), word(5))).toBe(1);
    expect([...table.slotsOf(address(1))]).toEqual([]);
    table.apply(
      diff(table, { accounts: [{ index: 0, account: account(5n, 5n) }], slots: [{ index: 1, value: word(51) }] }),
      2,
    );
    expect(table.account(address(1))).toEqual(account(5n, 5n));
    expect(table.slot(address(1), word(5))).toEqual(word(51));
    expect(table.keyCount).toBe(3);
  });

  const slotOf = (ownerIndex: number, n: number): NewKey => ({ kind: "slot", ownerIndex, slot: word(n) });
  const refused: Record<string, [part: Partial<StateDiff>, reason: string]> = {
    "another first index": [{ firstNewIndex: 2 }, "first new index 2, but 3 keys"],
    "a known account as new": [
      { newKeys: [newAccount(2)], accounts: [{ index: 3, account: account(0n, 0n) }] },
      "has an index already",
    ],
    "a known slot as new": [{ newKeys: [slotOf(0, 5)], slots: [{ index: 3, value: word(1) }] }, "has an index already"],
    "a new key twice": [
      {
        newKeys: [newAccount(3), newAccount(3)],
        accounts: [
          { index: 3, account: account(0n, 0n) },
          { index: 4, account: account(0n, 0n) },
        ],
      },
      "given twice",
    ],
    "a slot of a slot": [{ newKeys: [slotOf(1, 6)], slots: [{ index: 3, value: word(1) }] }, "belongs to no account"],
    "a slot before its account": [
      { newKeys: [slotOf(4, 6), newAccount(3)], slots: [{ index: 3, value: word(1) }] },
      "belongs to no account",
    ],
    "a new key without a value": [{ newKeys: [newAccount(3)] }, "has no value"],
    "a new account that does not exist": [
      { newKeys: [newAccount(3)], accounts: [{ index: 3, account: null }] },
      "does not exist",
    ],
    "a new slot of zero": [{ newKeys: [slotOf(0, 6)], slots: [{ index: 3, value: word(0) }] }, "is zero"],
    "an account update of a slot": [{ accounts: [{ index: 1, account: null }] }, "is no account"],
    "a slot update of an account": [{ slots: [{ index: 0, value: word(1) }] }, "is no slot"],
    "an update of an unknown key": [{ slots: [{ index: 3, value: word(1) }] }, "is no slot"],
    "updates out of order": [
      {
        accounts: [
          { index: 2, account: null },
          { index: 0, account: null },
        ],
      },
      "do not ascend",
    ],
    "a repeated update": [
      {
        slots: [
          { index: 1, value: word(1) },
          { index: 1, value: word(2) },
        ],
      },
      "do not ascend",
    ],
    "an unknown code hash": [{ accounts: [{ index: 0, account: account(0n, 0n, word(3)) }] }, "has unknown code"],
    "a known code": [{ codes: [CODE] }, "is known already"],
    "a code twice": [{ codes: [Uint8Array.of(1), Uint8Array.of(1)] }, "is known already"],
    "empty code": [{ codes: [new Uint8Array(0)] }, "is known already"],
    "code beyond the store": [{ codes: [new Uint8Array(2 ** 17)] }, "bytes of code"],
  };
  for (const [name, [part, reason]] of Object.entries(refused)) {
    test(`refuses ${name} and changes nothing`, () => {
      const { table } = loaded();
      expect(table.checkDiff(diff(table, part), 1)).toContain(reason);
      expect(() => table.apply(diff(table, part), 1)).toThrow(AssertionError);
      expect([table.newest, table.keyCount, table.freeCodeCount]).toEqual([0, 3, 255]);
      expect(table.account(address(1))).toEqual(account(1n, 100n, keccak256(CODE)));
    });
  }

  test("refuses a gap in the versions", () => {
    const { table } = loaded();
    expect(table.checkDiff(diff(table, {}), 2)).toContain("version 2 on version 0");
    expect(table.checkDiff(diff(table, {}), 0)).toContain("version 0 on version 0");
  });

  test("a full memory refuses new keys and goes on with old ones", () => {
    const { table } = makeTable({ stateMemoryBytes: 1 << 20 });
    table.loadGenesis([]);
    const first = table.freeRecordCount - 1;
    const keys = Array.from({ length: first }, (_, n) => newAccount(n));
    const accounts = keys.map((_, index) => ({ index, account: account(0n, BigInt(index)) }));
    table.apply(diff(table, { newKeys: keys, accounts }), 1);
    expect(table.freeRecordCount).toBe(1);
    const two = diff(table, { newKeys: [newAccount(first), newAccount(first + 1)] });
    expect(table.checkDiff(two, 2)).toContain("2 new keys, 1 fit");
    const one = { newKeys: [newAccount(first)], accounts: [{ index: first, account: account(9n, 9n) }] };
    table.apply(diff(table, one), 2);
    expect(table.freeRecordCount).toBe(0);
    for (let n = 0; n <= first; n += 97) expect(table.accountIndex(address(n))).toBe(n);
    expect(table.accountIndex(address(first + 1))).toBe(-1);
    table.apply(diff(table, { accounts: [{ index: 0, account: null }] }), 3);
    expect(table.account(address(0))).toBeNull();
  });
});

describe("the undo ring", () => {
  function countUp(versions: number, undoEntryCount = 16) {
    const made = makeTable({ stateMemoryBytes: 1 << 20, undoEntryCount });
    made.table.loadGenesis([
      { address: address(1), nonce: 0n, balance: 0n, code: new Uint8Array(0), storage: [] },
      { address: address(2), nonce: 0n, balance: 5n, code: new Uint8Array(0), storage: [] },
    ]);
    const write = (version: number) => {
      const update = { index: 0, account: account(BigInt(version), 0n) };
      made.table.apply(diff(made.table, { accounts: [update] }), version);
      made.table.publish(version);
    };
    for (let version = 1; version <= versions; version++) write(version);
    return { ...made, write };
  }

  test("serves as many versions as it has entries, then says that a version is gone", () => {
    const { table, regions, write } = countUp(0);
    const view = new StateView(regions);
    const untouched = new StateView(regions);
    for (let version = 1; version <= 16; version++) {
      write(version);
      expect(view.account(address(1))?.nonce).toBe(0n);
      expect(table.oldest).toBe(0);
    }
    write(17);
    expect(view.oldestVersion()).toBe(1);
    expect(() => view.account(address(1))).toThrow(StateVersionGoneError);
    expect(untouched.account(address(2))?.balance).toBe(5n);
    for (let version = 1; version <= 17; version++) {
      view.pin(version);
      expect(view.account(address(1))?.nonce).toBe(BigInt(version));
    }
    expect(() => view.pin(0)).toThrow(new StateVersionGoneError(0));
    expect(() => view.pin(18)).toThrow(StateVersionGoneError);
  });

  test("a mini-block may not use up the ring, so that the version before it stays readable", () => {
    const { table } = loaded();
    expect(table.changeCountMax).toBe(table.plan.undoEntryCount / 2);
    const small = makeTable({ stateMemoryBytes: 1 << 20, undoEntryCount: 16 }).table;
    const alloc = Array.from({ length: 9 }, (_, n) => {
      return { address: address(n), nonce: 0n, balance: 0n, code: new Uint8Array(0), storage: [] };
    });
    small.loadGenesis(alloc);
    const update = (index: number) => ({ index, account: account(1n, 1n) });
    const nine = diff(small, { accounts: alloc.map((_, index) => update(index)) });
    expect(small.checkDiff(nine, 1)).toBe("9 changed keys, at most 8 (--state-memory)");
  });

  test("a new writer on the same memory goes on where the last one stopped", () => {
    const { table, regions } = countUp(20);
    const next = new StateTable(regions);
    expect([next.newest, next.oldest, next.keyCount]).toEqual([20, table.oldest, 2]);
    next.apply(diff(next, { accounts: [{ index: 0, account: account(21n, 0n) }] }), 21);
    next.publish(21);
    const view = new StateView(regions);
    for (let version = next.oldest; version <= 21; version++) {
      view.pin(version);
      expect(view.account(address(1))?.nonce).toBe(BigInt(version));
    }
  });

  test("versions older than the marks are gone, however little they wrote", () => {
    const { table } = loaded();
    const { markCount } = table.plan;
    for (let version = 1; version <= markCount + 3; version++) table.apply(diff(table, {}), version);
    expect(table.oldest).toBe(4);
    expect(table.rollbackTo(3)).toBe(false);
    expect(table.rollbackTo(4)).toBe(true);
  });
});

describe("rollbackTo", () => {
  test("takes back values, keys, lists and codes; then other content may follow", () => {
    const { table, regions } = loaded();
    const code = Uint8Array.of(1, 2, 3);
    const created: Partial<StateDiff> = {
      newKeys: [
        newAccount(3),
        { kind: "slot", ownerIndex: 3, slot: word(1) },
        { kind: "slot", ownerIndex: 0, slot: word(1) },
      ],
      accounts: [
        { index: 0, account: null },
        { index: 3, account: account(0n, 1n, keccak256(code)) },
      ],
      slots: [
        { index: 1, value: word(0) },
        { index: 4, value: word(11) },
        { index: 5, value: word(12) },
      ],
      codes: [code],
    };
    table.apply(diff(table, created), 1);
    table.apply(diff(table, { slots: [{ index: 4, value: word(99) }] }), 2);
    table.publish(2);
    const [pinned0, pinned1, pinned2] = [0, 1, 2].map((version) => {
      const view = new StateView(regions);
      view.pin(version);
      return view;
    });
    expect(table.rollbackTo(0)).toBe(true);
    expect([table.newest, table.published, table.keyCount, table.freeCodeCount]).toEqual([0, 0, 3, 255]);
    expect(table.account(address(1))).toEqual(account(1n, 100n, keccak256(CODE)));
    expect([...table.slotsOf(address(1))]).toEqual([word(5)]);
    expect(table.accountIndex(address(3))).toBe(-1);
    expect(table.slotIndex(address(1), word(1))).toBe(-1);
    expect(table.hasCode(keccak256(code))).toBe(false);
    expect(pinned0!.account(address(1))?.balance).toBe(100n);
    expect(() => pinned1!.account(address(1))).toThrow(StateVersionGoneError);
    // The same numbers again, with other content: the old pins stay gone.
    table.apply(diff(table, { newKeys: [newAccount(4)], accounts: [{ index: 3, account: account(4n, 4n) }] }), 1);
    table.apply(diff(table, {}), 2);
    table.publish(2);
    expect(() => pinned1!.account(address(1))).toThrow(StateVersionGoneError);
    expect(() => pinned2!.slot(address(1), word(5))).toThrow(StateVersionGoneError);
    expect(pinned2!.pin()).toBe(2);
    expect(pinned2!.account(address(4))).toEqual(account(4n, 4n));
    expect(pinned2!.account(address(3))).toBeNull();
  });

  test("many roll-backs in a row are all noticed, also by a view that slept through them", () => {
    const { table, regions } = loaded();
    const write = (balance: bigint) => {
      table.apply(diff(table, { accounts: [{ index: 2, account: account(0n, balance) }] }), 1);
      table.publish(1);
    };
    const early = new StateView(regions);
    for (let round = 0; round < 70; round++) {
      write(BigInt(round));
      const view = new StateView(regions);
      expect(table.rollbackTo(0)).toBe(true);
      expect(() => view.account(address(2))).toThrow(StateVersionGoneError);
    }
    // More roll-backs than are remembered: the view cannot know that version 0 survived them all.
    expect(() => early.account(address(2))).toThrow(StateVersionGoneError);
    expect(early.pin()).toBe(0);
    expect(early.account(address(2))?.balance).toBe(7n);
  });

  test("a reset empties the table for another load", () => {
    const { table, regions } = loaded();
    const view = new StateView(regions);
    table.apply(diff(table, { newKeys: [newAccount(3)], accounts: [{ index: 3, account: account(0n, 1n) }] }), 1);
    table.reset();
    expect([table.newest, table.published, table.oldest, table.keyCount]).toEqual([-1, -1, -1, 0]);
    expect(() => view.account(address(1))).toThrow(StateVersionGoneError);
    expect(() => view.pin()).toThrow(StateVersionGoneError);
    table.loadGenesis([{ address: address(9), nonce: 0n, balance: 9n, code: CODE, storage: [] }]);
    expect(view.pin()).toBe(0);
    expect(view.account(address(9))?.balance).toBe(9n);
    expect(view.account(address(1))).toBeNull();
  });
});
