// The bytes of snapshot headers and keys, and that nothing else decodes to the same.

import { expect, test } from "bun:test";
import { fromHex, toBareHex } from "#base/hex.ts";
import { ByteReader, ByteWriter, FormatError } from "#formats/codec.ts";
import {
  readSnapshotHeader,
  readSnapshotKey,
  type SnapshotKey,
  writeSnapshotHeader,
  writeSnapshotKey,
} from "#formats/memory/state-snapshot.ts";

const address = new Uint8Array(20).fill(0xaa);
const slot = new Uint8Array(32).fill(0xbb);
const value = new Uint8Array(32);
value.set([1, 0], 30);

// These bytes are on disks and peers: a change here needs a new snapshot format.
const golden: [key: SnapshotKey, hex: string][] = [
  [{ kind: "account", address, account: null }, `00${"aa".repeat(20)}`],
  [{ kind: "account", address, account: { nonce: 0n, balance: 0n, codeId: 0 } }, `01${"aa".repeat(20)}000000`],
  [
    { kind: "account", address, account: { nonce: 258n, balance: 10n ** 18n, codeId: 300 } },
    `01${"aa".repeat(20)}020102080de0b6b3a7640000ac02`,
  ],
  [{ kind: "slot", ownerIndex: 200, slot, value }, `02c801${"bb".repeat(32)}020100`],
  [{ kind: "slot", ownerIndex: 0, slot, value: new Uint8Array(32) }, `0200${"bb".repeat(32)}00`],
];

test("header and keys have their golden bytes, and come back", () => {
  const header = { version: 300, keyCount: 5, codeCount: 1 };
  const writer = new ByteWriter();
  writeSnapshotHeader(writer, header);
  expect(toBareHex(writer.toBytes())).toBe("4d454741535441540100ac020501");
  expect(readSnapshotHeader(new ByteReader(writer.toBytes()))).toEqual(header);
  for (const [key, hex] of golden) {
    const item = new ByteWriter();
    writeSnapshotKey(item, key);
    expect(toBareHex(item.toBytes())).toBe(hex);
    const reader = new ByteReader(fromHex(hex));
    expect(readSnapshotKey(reader)).toEqual(key);
    reader.expectEnd();
  }
});

test("other bytes for the same key, and unknown ones, are refused", () => {
  const refused = [
    `03${"aa".repeat(20)}`,
    `01${"aa".repeat(20)}01000000`,
    `01${"aa".repeat(20)}09${"01".repeat(9)}0000`,
    `01${"aa".repeat(20)}00008000`,
    `0200${"bb".repeat(32)}020001`,
    `0200${"bb".repeat(32)}21${"01".repeat(33)}`,
    `0200${"bb".repeat(31)}`,
  ];
  for (const hex of refused) expect(() => readSnapshotKey(new ByteReader(fromHex(hex))), hex).toThrow(FormatError);
  const header = "4d454741535441540100ac020501";
  const swapped = [`00${header.slice(2)}`, header.replace("0100ac", "0200ac")];
  for (const hex of swapped) expect(() => readSnapshotHeader(new ByteReader(fromHex(hex)))).toThrow(FormatError);
});
