// Parameter validation, one row for each thing that can be wrong, in geth's words.

import { describe, expect, test } from "bun:test";
import { toHex } from "#base/hex.ts";
import { blockNumberParser, blockReferenceParser } from "#rpc/block-reference.ts";
import { RpcError } from "#rpc/errors.ts";
import { logFilterParser } from "#rpc/log-filter.ts";
import {
  addressParser,
  booleanParser,
  countParser,
  dataParser,
  hash32Parser,
  optional,
  type Parser,
  parseArguments,
  required,
  storageKeyParser,
  uint64Parser,
  uint256Parser,
} from "#rpc/parameters.ts";
import { transactionRequestParser } from "#rpc/transaction-request.ts";

const ADDRESS = `0x${"ab".repeat(20)}` as const;
const HASH = `0x${"cd".repeat(32)}`;

function refusalOf(run: () => unknown): { code: number; message: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof RpcError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("was not refused");
}

function argumentRefusal(parser: Parser<unknown>, value: unknown): string {
  const { code, message } = refusalOf(() => parseArguments([required("x", parser)], [value]));
  expect(code).toBe(-32602);
  return message;
}

describe("positions", () => {
  const two = [required("a", addressParser), optional("b", booleanParser)] as const;

  test("absent, null and missing", () => {
    expect(parseArguments(two, [ADDRESS])[1]).toBeUndefined();
    expect(parseArguments(two, [ADDRESS, null])[1]).toBeUndefined();
    expect(parseArguments(two, [ADDRESS, true])[1]).toBeTrue();
    expect(parseArguments([], undefined)).toEqual([]);
    expect(parseArguments([], null)).toEqual([]);
  });

  test.each([
    [[], "missing value for required argument 0"],
    [undefined, "missing value for required argument 0"],
    [[null], "missing value for required argument 0"],
    [[ADDRESS, true, 1], "too many arguments, want at most 2"],
    [{ a: ADDRESS }, "non-array args"],
    ["0x", "non-array args"],
    [[ADDRESS, "yes"], "invalid argument 1: json: cannot unmarshal string into Go value of type bool"],
  ])("%j is refused", (raw, message) => {
    expect(refusalOf(() => parseArguments(two, raw))).toEqual({ code: -32602, message });
  });
});

describe("values", () => {
  const unmarshal = (what: string, type: string): string => {
    return `invalid argument 0: json: cannot unmarshal ${what} into Go value of type ${type}`;
  };

  const refused: [string, Parser<unknown>, unknown, string][] = [
    ["address", addressParser, "ab", unmarshal("hex string without 0x prefix", "common.Address")],
    ["address", addressParser, "0xabc", unmarshal("hex string of odd length", "common.Address")],
    ["address", addressParser, 7, unmarshal("non-string", "common.Address")],
    ["address", addressParser, `0x${"zz".repeat(20)}`, unmarshal("invalid hex string", "common.Address")],
    ["address", addressParser, "0xab", "invalid argument 0: hex string has length 2, want 40 for common.Address"],
    ["address", addressParser, "", "invalid argument 0: hex string has length 0, want 40 for common.Address"],
    ["hash", hash32Parser, ADDRESS, "invalid argument 0: hex string has length 40, want 64 for common.Hash"],
    ["data", dataParser, "0x123", unmarshal("hex string of odd length", "hexutil.Bytes")],
    ["data", dataParser, "12", unmarshal("hex string without 0x prefix", "hexutil.Bytes")],
    ["data", dataParser, {}, unmarshal("non-string", "hexutil.Bytes")],
    ["uint64", uint64Parser, "", unmarshal("empty hex string", "hexutil.Uint64")],
    ["uint64", uint64Parser, "0x", unmarshal('hex string "0x"', "hexutil.Uint64")],
    ["uint64", uint64Parser, "0x01", unmarshal("hex number with leading zero digits", "hexutil.Uint64")],
    ["uint64", uint64Parser, "0x1ffffffffffffffff", unmarshal("hex number > 64 bits", "hexutil.Uint64")],
    ["uint64", uint64Parser, 1, unmarshal("non-string", "hexutil.Uint64")],
    ["uint256", uint256Parser, `0x1${"0".repeat(64)}`, unmarshal("hex number > 256 bits", "*hexutil.Big")],
    ["uint256", uint256Parser, "0xg", unmarshal("invalid hex string", "*hexutil.Big")],
    ["count", countParser, "ten", 'invalid argument 0: invalid hex or decimal integer "ten"'],
    ["count", countParser, -1, "invalid argument 0: invalid hex or decimal integer -1"],
    ["block", blockNumberParser, "0x01", "invalid argument 0: hex number with leading zero digits"],
    ["block", blockNumberParser, "newest", "invalid argument 0: hex string without 0x prefix"],
    ["block", blockNumberParser, "0xffffffffffffffff", "invalid argument 0: block number larger than int64"],
    ["block", blockReferenceParser, "0xffffffffffffffff", "invalid argument 0: blocknumber too high"],
    ["block", blockReferenceParser, 5, unmarshal("number", "string")],
    [
      "block",
      blockReferenceParser,
      { blockNumber: "0x1", blockHash: HASH },
      "invalid argument 0: cannot specify both BlockHash and BlockNumber, choose one or the other",
    ],
    ["key", storageKeyParser, "0xasdf", 'invalid hex in storage key: "0xasdf"'],
    [
      "key",
      storageKeyParser,
      `0x${"0".repeat(65)}`,
      `storage key too long (want at most 32 bytes): "0x${"0".repeat(65)}"`,
    ],
    [
      "request",
      transactionRequestParser,
      { from: "12" },
      "invalid argument 0: json: cannot unmarshal hex string without 0x prefix into Go struct field " +
        "TransactionArgs.from of type common.Address",
    ],
    ["request", transactionRequestParser, "0x", unmarshal("string", "ethapi.TransactionArgs")],
    [
      "filter",
      logFilterParser,
      { blockHash: HASH, fromBlock: "0x1" },
      "invalid argument 0: cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other",
    ],
    ["filter", logFilterParser, { address: 5 }, "invalid argument 0: invalid addresses in query"],
    ["filter", logFilterParser, { address: [5] }, "invalid argument 0: non-string address at index 0"],
    [
      "filter",
      logFilterParser,
      { address: ["0xab"] },
      "invalid argument 0: invalid address at index 0: hex has invalid length 1 after decoding; expected 20 for address",
    ],
    ["filter", logFilterParser, { topics: [5] }, "invalid argument 0: invalid topic(s)"],
    ["filter", logFilterParser, { topics: [null, null, null, null, null] }, "invalid argument 0: exceed max topics"],
    ["filter", logFilterParser, { address: new Array(1001).fill(ADDRESS) }, "invalid argument 0: exceed max addresses"],
  ];

  test.each(refused.map(([type, parser, value, message]) => ({ type, parser, value, message })))(
    "$type: $message",
    ({ parser, value, message }) => {
      expect(argumentRefusal(parser, value)).toBe(message);
    },
  );

  test("what is accepted", () => {
    const one = <T>(parser: Parser<T>, value: unknown): T =>
      parseArguments([required("x", parser)] as const, [value])[0];
    expect(toHex(one(addressParser, ADDRESS.toUpperCase().replace("0X", "0x")))).toBe(ADDRESS);
    expect(one(uint64Parser, "0xffffffffffffffff")).toBe(2n ** 64n - 1n);
    expect(one(uint64Parser, "0x0")).toBe(0n);
    expect(one(uint256Parser, `0x${"f".repeat(64)}`)).toBe(2n ** 256n - 1n);
    expect(one(dataParser, "0x")).toHaveLength(0);
    expect(one(countParser, "0x10")).toBe(16);
    expect(one(countParser, "12")).toBe(12);
    expect(one(countParser, 3)).toBe(3);
    expect(toHex(one(storageKeyParser, "1"))).toBe(`0x${"1".padStart(64, "0")}`);
    expect(one(blockReferenceParser, "safe")).toEqual({ kind: "tag", tag: "safe" });
    expect(one(blockReferenceParser, "0x7fffffffffffffff")).toEqual({
      kind: "number",
      number: Number.MAX_SAFE_INTEGER,
    });
    expect(one(blockReferenceParser, { blockHash: HASH, requireCanonical: true }).kind).toBe("hash");
    const { topics } = one(logFilterParser, { topics: [[HASH, null], HASH, null] });
    expect(topics.map((topic) => topic?.length ?? 0)).toEqual([0, 1, 0]);
  });
});
