// The comparison of a world with expected accounts: each kind of difference is found and named.

import { expect, test } from "bun:test";
import { createWorld, type FixtureAccounts, firstDifference } from "./world.ts";

const A = `0x${"0a".repeat(20)}`;
const B = `0x${"0b".repeat(20)}`;
const SLOT = `0x${"00".repeat(31)}05`;
const ACCOUNTS: FixtureAccounts = {
  [A]: { nonce: "0x01", balance: "0x02", code: "0x6000", storage: { "0x05": "0x0700", "0x06": "0x00" } },
};

test("no difference, whatever the width of numbers and however zero is written", () => {
  const { storage: _, ...rest } = ACCOUNTS[A]!;
  const same = { [A]: { ...rest, nonce: "0x1", storage: { [SLOT]: "0x700" } } };
  expect(firstDifference(createWorld(ACCOUNTS).accounts(), same)).toBeNull();
});

const CHANGES: readonly (readonly [what: string, expected: FixtureAccounts, answer: string])[] = [
  ["an account too few", { ...ACCOUNTS, [B]: ACCOUNTS[A]! }, `account ${B} is absent`],
  ["an account too many", {}, `account ${A} exists, expected none`],
  ["a nonce", { [A]: { ...ACCOUNTS[A]!, nonce: "0x2" } }, `account ${A}: nonce 1, expected 2`],
  ["a balance", { [A]: { ...ACCOUNTS[A]!, balance: "0x1" } }, `account ${A}: balance 2, expected 1`],
  ["code", { [A]: { ...ACCOUNTS[A]!, code: "0x" } }, `account ${A}: code with hash 0x`],
  [
    "a slot",
    { [A]: { ...ACCOUNTS[A]!, storage: { "0x5": "0x1" } } },
    `account ${A}: slot ${SLOT} holds 0x700, expected 0x1`,
  ],
  [
    "a slot too many",
    { [A]: { ...ACCOUNTS[A]!, storage: {} } },
    `account ${A}: slot ${SLOT} holds 0x700, expected 0x0`,
  ],
];

for (const [what, expected, answer] of CHANGES) {
  test(what, () => expect(firstDifference(createWorld(ACCOUNTS).accounts(), expected)).toStartWith(answer));
}
