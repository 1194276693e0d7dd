// What a record contributes to the indexes by number and hash, read once for the index files and for the index in memory.

import { decodeHeader } from "#chain/header.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { FormatError } from "#formats/codec.ts";
import { decodeMiniBlock, type MiniBlock } from "#formats/wire/mini-block.ts";
import { decodeOpen, decodeSeal } from "#formats/wire/payloads.ts";
import type { ChainRecord } from "#formats/wire/record.ts";

/** The facts of one record; `nextMiniBlock` is the number that the record's header carries. */
export type RecordFacts = { readonly nextMiniBlock: number } & (
  | {
      readonly kind: "mini";
      readonly number: number;
      readonly blockNumber: number;
      readonly firstTransactionIndex: number;
      readonly transactionHashes: readonly Hash32[];
    }
  | { readonly kind: "open"; readonly blockNumber: number }
  | {
      readonly kind: "seal";
      readonly blockNumber: number;
      readonly hash: Hash32;
      readonly firstMiniBlock: number;
      readonly miniBlockCount: number;
    }
  | { readonly kind: "other" }
);

/**
 * Reads the facts of a record.
 * @throws {FormatError} when its sections are not canonical
 */
export function recordFacts(record: ChainRecord): RecordFacts {
  const nextMiniBlock = record.header.number;
  switch (record.header.type) {
    case "mini":
      return miniBlockFacts(decodeMiniBlock(record));
    case "open":
      return { kind: "open", nextMiniBlock, blockNumber: decodeOpen(record).blockNumber };
    case "seal": {
      const seal = decodeSeal(record);
      return {
        kind: "seal",
        nextMiniBlock,
        blockNumber: decodeSealedHeader(seal.headerRlp).number,
        hash: keccak256(seal.headerRlp),
        firstMiniBlock: seal.miniBlockOffset,
        miniBlockCount: seal.miniBlockCount,
      };
    }
    default:
      return { kind: "other", nextMiniBlock };
  }
}

/** The facts of a decoded mini-block. */
export function miniBlockFacts(miniBlock: MiniBlock): RecordFacts & { kind: "mini" } {
  const { number, header, transactions } = miniBlock;
  const { blockNumber, firstTransactionIndex } = header;
  const transactionHashes = transactions.map((transaction) => keccak256(transaction));
  return { kind: "mini", nextMiniBlock: number, number, blockNumber, firstTransactionIndex, transactionHashes };
}

/** A sealed header's fields. @throws {FormatError} when it is no header */
export function decodeSealedHeader(headerRlp: Uint8Array): ReturnType<typeof decodeHeader> {
  try {
    return decodeHeader(headerRlp);
  } catch (error) {
    throw new FormatError(`sealed header: ${(error as Error).message}`, 0);
  }
}
