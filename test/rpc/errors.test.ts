// Revert data in geth's words; viem's ABI encoder writes the data.

import { describe, expect, test } from "bun:test";
import { encodeErrorResult, parseAbi } from "viem";
import { fromHex } from "#base/hex.ts";
import { executionReverted, RpcError, revertReason } from "#rpc/errors.ts";

const abi = parseAbi(["error Error(string)", "error Panic(uint256)", "error Custom(uint256)"]);

describe("revert reasons", () => {
  test.each([["user error"], [""], ["ünïcode ✓ and more than thirty-two bytes of it"]])("Error(%p)", (text) => {
    const data = encodeErrorResult({ abi, errorName: "Error", args: [text] });
    expect(revertReason(fromHex(data))).toBe(text);
  });

  test.each([
    [0x01n, "assert(false)"],
    [0x11n, "arithmetic underflow or overflow"],
    [0x12n, "division or modulo by zero"],
    [0x32n, "out-of-bounds access of an array or bytesN"],
    [0x77n, "unknown panic code: 0x77"],
  ])("Panic(%p)", (code, words) => {
    const data = encodeErrorResult({ abi, errorName: "Panic", args: [code] });
    expect(revertReason(fromHex(data))).toBe(words);
  });

  test("anything else has no reason, and goes out as it is", () => {
    const custom = encodeErrorResult({ abi, errorName: "Custom", args: [5n] });
    expect(revertReason(fromHex(custom))).toBeNull();
    expect(executionReverted(fromHex(custom)).toObject()).toEqual({
      code: 3,
      message: "execution reverted",
      data: custom,
    });
    expect(executionReverted(new Uint8Array(0)).toObject()).toEqual({
      code: 3,
      message: "execution reverted",
      data: "0x",
    });
  });

  test("data that lies about its lengths is no reason and no crash", () => {
    const honest = encodeErrorResult({ abi, errorName: "Error", args: ["abc"] });
    for (let end = 10; end < honest.length; end += 2) {
      const cut = fromHex(honest.slice(0, end));
      expect(revertReason(cut) === null || revertReason(cut) === "abc").toBeTrue();
    }
    const farOffset = `0x08c379a0${"f".repeat(128)}`;
    expect(revertReason(fromHex(farOffset))).toBeNull();
  });
});

test("an error without data has no data member", () => {
  expect(new RpcError(-32000, "words").toObject()).toEqual({ code: -32000, message: "words" });
});
