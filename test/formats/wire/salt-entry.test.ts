// Layouts of SALT's entries: exact bytes of each kind, round trips, and refusal of what no entry can be.

import { describe, expect, test } from "bun:test";
import { concatBytes, EMPTY_BYTES } from "#base/bytes.ts";
import { FormatError } from "#formats/codec.ts";
import {
  BUCKET_META_SIZE_BYTES,
  bucketMetaEntry,
  bucketMetaFromEntry,
  DEFAULT_BUCKET_META,
  decodePlainAccount,
  encodePlainAccount,
  encodeSaltEntry,
  isDataEntry,
  readSaltEntry,
  SALT_ENTRY_SIZE_BYTES,
  storagePlainKey,
  writeSaltEntry,
} from "#formats/wire/salt-entry.ts";

const ADDRESS = new Uint8Array(20).fill(0xaa);
const HASH = new Uint8Array(32).fill(0xcc);

describe("plain values", () => {
  test("an account is nonce and balance in big-endian, and its code hash if it has code", () => {
    const plain = encodePlainAccount({ nonce: 1n, balance: 0x0203n, codeHash: null });
    expect(plain.toHex()).toBe(`0000000000000001${"00".repeat(30)}0203`);
    expect(encodePlainAccount({ nonce: 1n, balance: 0x0203n, codeHash: HASH }).toHex()).toBe(
      plain.toHex() + "cc".repeat(32),
    );
  });

  test("accounts survive a round trip; other sizes are no account", () => {
    for (const codeHash of [null, HASH]) {
      const account = { nonce: 2n ** 64n - 1n, balance: 2n ** 256n - 1n, codeHash };
      expect(decodePlainAccount(encodePlainAccount(account))).toEqual(account);
    }
    for (const size of [0, 32, 39, 41, 71, 73]) expect(decodePlainAccount(new Uint8Array(size))).toBeNull();
  });

  test("sizes tell accounts and storage from anything else", () => {
    const storageKey = storagePlainKey(ADDRESS, HASH);
    expect(storageKey.toHex()).toBe("aa".repeat(20) + "cc".repeat(32));
    const good = [
      [20, 40],
      [20, 72],
      [52, 32],
    ];
    for (const keySize of [0, 12, 20, 52])
      for (const valueSize of [0, 32, 40, 72]) {
        const isGood = good.some(([key, value]) => key === keySize && value === valueSize);
        expect(isDataEntry({ key: new Uint8Array(keySize), value: new Uint8Array(valueSize) })).toBe(isGood);
      }
  });
});

describe("entries", () => {
  const entry = { key: ADDRESS, value: new Uint8Array(40).fill(0xbb) };

  test("sizes, key, value, zeroes", () => {
    const expected = `1428${"aa".repeat(20)}${"bb".repeat(40)}${"00".repeat(32)}`;
    expect(encodeSaltEntry(entry).toHex()).toBe(expected);
    const target = new Uint8Array(SALT_ENTRY_SIZE_BYTES + 2).fill(0xff);
    writeSaltEntry(entry, target, 1);
    expect(target.toHex()).toBe(`ff${expected}ff`);
    expect(readSaltEntry(target, 1)).toEqual(entry);
  });

  test("the largest entry fills all 94 bytes, one more does not fit", () => {
    const largest = { key: ADDRESS, value: new Uint8Array(72).fill(1) };
    expect(readSaltEntry(encodeSaltEntry(largest), 0)).toEqual(largest);
    expect(() => encodeSaltEntry({ key: ADDRESS, value: new Uint8Array(73) })).toThrow(FormatError);
  });

  test("what no writer writes is refused", () => {
    const bytes = encodeSaltEntry(entry);
    expect(() => readSaltEntry(bytes.subarray(1), 0)).toThrow("cut off");
    expect(() => readSaltEntry(concatBytes(Uint8Array.of(93, 0), bytes.subarray(2)), 0)).toThrow("sizes");
    bytes[93] = 1;
    expect(() => readSaltEntry(bytes, 0)).toThrow("padding");
  });
});

describe("metadata", () => {
  test("is the key of an entry without value, little-endian", () => {
    const entry = bucketMetaEntry(DEFAULT_BUCKET_META);
    expect(entry.key.toHex()).toBe("000000000001000000000000");
    expect(entry.value.length).toBe(0);
    const large = { nonce: 0xfffefdfc, capacity: 2 ** 39 };
    expect(bucketMetaEntry(large).key.toHex()).toBe("fcfdfeff0000000080000000");
    expect(bucketMetaFromEntry(bucketMetaEntry(large))).toEqual(large);
  });

  test("other sizes and impossible capacities are refused", () => {
    expect(() => bucketMetaFromEntry({ key: new Uint8Array(11), value: EMPTY_BYTES })).toThrow("sizes");
    const { key } = bucketMetaEntry(DEFAULT_BUCKET_META);
    expect(key.length).toBe(BUCKET_META_SIZE_BYTES);
    expect(() => bucketMetaFromEntry({ key, value: Uint8Array.of(0) })).toThrow("sizes");
    for (const capacity of [0, 128, 300, 2 ** 40])
      expect(() => bucketMetaFromEntry(bucketMetaEntry({ nonce: 0, capacity }))).toThrow("slots");
  });
});
