// What the access recorder notes for a transaction that reads, writes and reverts.

import { expect, test } from "bun:test";
import { bigintToBytes } from "#base/bytes.ts";
import { AccessRecorder } from "#state/access-recorder.ts";
import { Overlay } from "#state/overlay.ts";
import { account, makeTable } from "./naive-state.ts";

const address = (n: number) => bigintToBytes(BigInt(n), 20);
const word = (n: number) => bigintToBytes(BigInt(n), 32);

test("records what each transaction read and wrote, absences included", () => {
  const { table } = makeTable();
  table.loadGenesis([{ address: address(1), nonce: 0n, balance: 1n, code: new Uint8Array(0), storage: [] }]);
  const overlay = new Overlay(table);
  overlay.accesses = new AccessRecorder();
  overlay.beginTransaction();
  overlay.account(address(1));
  overlay.account(address(2));
  overlay.slot(address(1), word(1));
  overlay.slot(address(1), word(1));
  overlay.code(word(3));
  overlay.checkpoint();
  overlay.setSlot(address(1), word(2), word(1));
  overlay.setAccount(address(4), account(0n, 0n));
  overlay.deleteAccount(address(9));
  overlay.revert();
  overlay.endTransaction();
  expect(overlay.accesses.take()).toEqual({
    accountsRead: [
      { address: address(1), exists: true },
      { address: address(2), exists: false },
      { address: address(9), exists: false },
    ],
    slotsRead: [{ address: address(1), slot: word(1) }],
    codesRead: [word(3)],
    accountsWritten: [address(4)],
    slotsWritten: [{ address: address(1), slot: word(2) }],
  });
  overlay.beginTransaction();
  overlay.clearStorage(address(1));
  overlay.endTransaction();
  expect(overlay.accesses.take()).toEqual({
    accountsRead: [],
    slotsRead: [],
    codesRead: [],
    accountsWritten: [address(1)],
    slotsWritten: [],
  });
});

test("records nothing unless asked", () => {
  const { table } = makeTable();
  table.loadGenesis([]);
  const overlay = new Overlay(table);
  expect(overlay.accesses).toBeNull();
  expect(overlay.account(address(1))).toBeNull();
});
