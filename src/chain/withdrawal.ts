// A validator withdrawal that a block credits. Decoded and hashed for imported Ethereum blocks; our own blocks have none.

import type { Address } from "./primitives.ts";
import { encodeRlp, type RlpItem, type RlpReader, rlpInteger } from "./rlp.ts";

/** One withdrawal; the amount is in gwei. @see EIP-4895 */
export type Withdrawal = {
  readonly index: bigint;
  readonly validatorIndex: bigint;
  readonly address: Address;
  readonly amountGwei: bigint;
};

/** The canonical RLP of a withdrawal: a value of the withdrawals trie. */
export function encodeWithdrawal(withdrawal: Withdrawal): Uint8Array {
  return encodeRlp(withdrawalFields(withdrawal));
}

/** The fields in the order of the encoding, for withdrawals inside blocks. */
export function withdrawalFields(withdrawal: Withdrawal): RlpItem {
  const { index, validatorIndex, address, amountGwei } = withdrawal;
  return [rlpInteger(index), rlpInteger(validatorIndex), address, rlpInteger(amountGwei)];
}

/** Reads the withdrawal that comes next. @throws {RlpError} when it is not one */
export function readWithdrawal(reader: RlpReader): Withdrawal {
  const token = reader.enterList("types.Withdrawal", "");
  const withdrawal: Withdrawal = {
    index: reader.readInteger(8, "Index", "uint64"),
    validatorIndex: reader.readInteger(8, "Validator", "uint64"),
    address: reader.readFixed(20, "Address", "common.Address"),
    amountGwei: reader.readInteger(8, "Amount", "uint64"),
  };
  reader.leaveList(token, "types.Withdrawal", "");
  return withdrawal;
}
