// What a transaction did: outcome, gas and logs, and the consensus encoding that the receipts root commits to.

import { EMPTY_BYTES } from "#base/bytes.ts";
import { BLOOM_SIZE_BYTES, logsBloom } from "./bloom.ts";
import type { Log } from "./log.ts";
import type { Hash32 } from "./primitives.ts";
import { encodeRlp, RlpError, type RlpItem, RlpReader, rlpInteger } from "./rlp.ts";
import type { TransactionType } from "./transaction.ts";

export type { Log } from "./log.ts";

/** The outcome of one transaction. */
export type Receipt = {
  readonly type: TransactionType;
  readonly status: 0 | 1;
  /** Gas used in the EVM block up to and with this transaction. */
  readonly cumulativeGasUsed: number;
  /** Gas used by this transaction; no part of the consensus form. */
  readonly gasUsed: number;
  readonly logs: readonly Log[];
  /** Before Byzantium: the state root after the transaction, encoded in the place of `status`. */
  readonly stateRoot?: Hash32;
};

/** The consensus form: rlp([status, cumulativeGasUsed, bloom, logs]), after the type byte when there is one. @see EIP-2718 */
export function encodeReceipt(receipt: Receipt): Uint8Array {
  return encodeReceiptWith(receipt, logsBloom(receipt.logs));
}

/** The same, where the caller has the log filter already: it is half the work. */
export function encodeReceiptWith(receipt: Receipt, bloom: Uint8Array): Uint8Array {
  const { type, status, cumulativeGasUsed, logs, stateRoot } = receipt;
  const outcome = stateRoot ?? (status === 1 ? Uint8Array.of(1) : EMPTY_BYTES);
  const list = encodeRlp([outcome, rlpInteger(cumulativeGasUsed), bloom, logs.map(logFields)]);
  if (type === 0) return list;
  const bytes = new Uint8Array(list.length + 1);
  bytes[0] = type;
  bytes.set(list, 1);
  return bytes;
}

/**
 * Decodes the consensus form. `gasUsed` is set to `cumulativeGasUsed` minus `gasBefore`.
 * @param gasBefore the cumulative gas of the transaction before it in the block, 0 for the first
 * @returns a receipt whose bytes are views of the input
 * @throws {RlpError} when the bytes are no receipt or the bloom does not belong to its logs
 */
export function decodeReceipt(bytes: Uint8Array, gasBefore: number): Receipt {
  const first = bytes[0] ?? 0;
  if (first < 0x80 && (first < 1 || first > 4)) throw new RlpError("receipt type not supported");
  const type = (first > 0x7f ? 0 : first) as TransactionType;
  const reader = new RlpReader(bytes, "receipt", type === 0 ? 0 : 1);
  const token = reader.enterList("receipt", "");
  const outcome = reader.readBytes("PostStateOrStatus");
  const cumulativeGasUsed = Number(reader.readInteger(6, "CumulativeGasUsed", "uint64"));
  const bloom = reader.readFixed(BLOOM_SIZE_BYTES, "Bloom", "types.Bloom");
  const logs = readLogs(reader);
  reader.leaveList(token, "receipt", "");
  reader.finish();
  const isStatus = outcome.length === 0 || (outcome.length === 1 && outcome[0] === 1);
  if (!isStatus && outcome.length !== 32) throw new RlpError("invalid receipt status");
  if (!logsBloom(logs).every((byte, i) => byte === bloom[i]))
    throw new RlpError("receipt bloom does not match its logs");
  const gasUsed = cumulativeGasUsed - gasBefore;
  const receipt: Receipt = { type, status: outcome.length === 0 ? 0 : 1, cumulativeGasUsed, gasUsed, logs };
  return isStatus ? receipt : { ...receipt, stateRoot: outcome };
}

/** The log filter of one receipt. */
export function receiptBloom(logs: readonly Log[]): Uint8Array {
  return logsBloom(logs);
}

function logFields(log: Log): RlpItem {
  return [log.address, log.topics, log.data];
}

function readLogs(reader: RlpReader): readonly Log[] {
  const token = reader.enterList("[]*types.Log", "Logs");
  const logs: Log[] = [];
  while (reader.hasNext()) {
    const logToken = reader.enterList("types.Log", "");
    const address = reader.readFixed(20, "Address", "common.Address");
    const topicsToken = reader.enterList("[]common.Hash", "Topics");
    const topics: Hash32[] = [];
    while (reader.hasNext()) topics.push(reader.readFixed(32, "Topics", "common.Hash"));
    reader.leaveList(topicsToken, "[]common.Hash", "Topics");
    const data = reader.readBytes("Data");
    reader.leaveList(logToken, "types.Log", "");
    logs.push({ address, topics, data });
  }
  reader.leaveList(token, "[]*types.Log", "Logs");
  return logs;
}
