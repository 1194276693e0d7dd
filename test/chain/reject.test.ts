// Texts of refusals: geth's words, as viem classifies them.

import { describe, expect, test } from "bun:test";
import {
  FeeCapTooHighError,
  FeeCapTooLowError,
  InsufficientFundsError,
  IntrinsicGasTooHighError,
  IntrinsicGasTooLowError,
  NonceMaxValueError,
  NonceTooHighError,
  NonceTooLowError,
  RpcRequestError,
  TipAboveFeeCapError,
} from "viem";
import { getNodeError } from "viem/utils";
import { fromHex } from "#base/hex.ts";
import { checksumAddress } from "#chain/checksum-address.ts";
import * as rejects from "#chain/reject.ts";

const { reject } = rejects;
const ALICE = fromHex("f39fd6e51aad88f6f4ce6ab8827279cfffb92266");
const CHECKSUMMED = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

describe("messages are geth's", () => {
  const cases: readonly (readonly [rejects.Reject, string])[] = [
    [rejects.rejectNonceTooLow(5n, 3n), "nonce too low: next nonce 5, tx nonce 3"],
    [rejects.rejectNonceTooHigh(5n, 7n), "nonce too high: tx nonce 7, gapped nonce 5"],
    [
      rejects.rejectInsufficientFunds(0n, 21_000n),
      "insufficient funds for gas * price + value: balance 0, tx cost 21000, overshot 21000",
    ],
    [
      rejects.rejectInsufficientFundsQueued(10n, 8n, 5n),
      "insufficient funds for gas * price + value: balance 10, queued cost 8, tx cost 5, overshot 3",
    ],
    [
      rejects.rejectInsufficientFundsBumped(10n, 8n, 5n),
      "insufficient funds for gas * price + value: balance 10, queued cost 8, tx bumped 5, overshot 3",
    ],
    [rejects.rejectIntrinsicGas(20_000n, 21_000n), "intrinsic gas too low: gas 20000, minimum needed 21000"],
    [
      rejects.rejectFeeCapTooLow(ALICE, 1n, 7n),
      `max fee per gas less than block base fee: address ${CHECKSUMMED}, maxFeePerGas: 1, baseFee: 7`,
    ],
    [
      rejects.rejectBlobFeeCapTooLow(ALICE, 1n, 7n),
      `max fee per blob gas less than block blob gas fee: address ${CHECKSUMMED} blobGasFeeCap: 1, blobBaseFee: 7`,
    ],
    [rejects.rejectSenderNotEoa(ALICE, 12), `sender not an eoa: address ${CHECKSUMMED}, len(code): 12`],
    [rejects.rejectUnderpriced(1n, 2n), "transaction underpriced: gas tip cap 1, minimum needed 2"],
    [rejects.rejectTipBelowMinimum(0n, 1n), "transaction gas price below minimum: gas tip cap 0, minimum needed 1"],
    [rejects.rejectReplacementUnderpriced(), "replacement transaction underpriced"],
    [rejects.rejectAccountLimit(500), "account limit exceeded: pooled 500 txs"],
    [rejects.rejectInvalidSignature(), "invalid sender: invalid transaction v, r, s values"],
    [reject("already known"), "already known"],
    [reject("txpool is full"), "txpool is full"],
    [reject("gas limit reached"), "gas limit reached"],
  ];
  for (const [rejected, message] of cases) {
    test(message, () => {
      expect(rejected.message).toBe(message);
      expect(rejects.REJECT_CODES).toContain(rejected.code);
      expect(message.startsWith(rejected.code)).toBe(true);
    });
  }
});

describe("viem recognises them by their text", () => {
  const cases: readonly (readonly [rejects.Reject, new (...args: never[]) => Error])[] = [
    [rejects.rejectNonceTooLow(5n, 3n), NonceTooLowError],
    [reject("already known"), NonceTooLowError],
    [rejects.rejectNonceTooHigh(5n, 7n), NonceTooHighError],
    [reject("nonce has max value"), NonceMaxValueError],
    [rejects.rejectInsufficientFunds(0n, 1n), InsufficientFundsError],
    [rejects.rejectIntrinsicGas(1n, 21_000n), IntrinsicGasTooLowError],
    [reject("gas limit reached"), IntrinsicGasTooHighError],
    [rejects.rejectFeeCapTooLow(ALICE, 1n, 2n), FeeCapTooLowError],
    [reject("max fee per gas higher than 2^256-1"), FeeCapTooHighError],
    [reject("max priority fee per gas higher than max fee per gas"), TipAboveFeeCapError],
  ];
  for (const [{ message }, expected] of cases) {
    test(message, () => {
      const error = new RpcRequestError({ body: {}, error: { code: -32000, message }, url: "" });
      expect(getNodeError(error, {})).toBeInstanceOf(expected);
    });
  }
});

test("checksummed addresses: the examples of EIP-55", () => {
  for (const text of [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
  ]) {
    expect(checksumAddress(fromHex(text)) as string).toBe(text);
  }
});
