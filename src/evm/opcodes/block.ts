// Rows 0x40 to 0x4a: the block, the chain, and the blobs of the transaction.

import { CONTEXT } from "#formats/memory/evm-arena.ts";
import { loadLimbs } from "../words/memory.ts";
import type { Word } from "../words/word.ts";
import type { Opcode, OpcodeContext } from "./opcode.ts";
import { callForWord, row, since, TIER } from "./row.ts";

/** See the head of the file. 0x44 answers the beacon's randomness since Paris; the context's field holds whichever it is. */
export const BLOCK: readonly Opcode[] = [
  { ...row(0x40, "BLOCKHASH", 20, 1, (c, [number]) => callForWord(c, "blockHash", number!)), endsSegment: true },
  row(0x41, "COINBASE", TIER.base, 0, field(CONTEXT.coinbase)),
  row(0x42, "TIMESTAMP", TIER.base, 0, field(CONTEXT.timestamp)),
  row(0x43, "NUMBER", TIER.base, 0, field(CONTEXT.number)),
  row(0x44, "DIFFICULTY", TIER.base, 0, field(CONTEXT.difficulty)),
  row(0x45, "GASLIMIT", TIER.base, 0, field(CONTEXT.gasLimit)),
  row(0x46, "CHAINID", TIER.base, 0, field(CONTEXT.chainId), since("istanbul")),
  row(0x47, "SELFBALANCE", TIER.low, 0, (c) => callForWord(c, "selfBalance", []), since("istanbul")),
  row(0x48, "BASEFEE", TIER.base, 0, field(CONTEXT.baseFee), since("london")),
  row(0x49, "BLOBHASH", TIER.veryLow, 1, (c, [index]) => callForWord(c, "blobHash", index!), since("cancun")),
  row(0x4a, "BLOBBASEFEE", TIER.base, 0, field(CONTEXT.blobBaseFee), since("cancun")),
];

function field(offset: number): (c: OpcodeContext) => Word {
  return (c) => loadLimbs(c.code, c.context, offset);
}
