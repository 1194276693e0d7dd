// Finds the head of the log before a record that was written before this start: a new term may go back behind it. Walks over the
// log from the state that the start began with, so it costs what a start costs, and is asked once in a roll-back at most.

import { decodeMiniBlock } from "#formats/wire/mini-block.ts";
import { decodeRecord } from "#formats/wire/record.ts";
import { ChainHead, type ChainHeadContext } from "#storage/chain-head.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { SegmentLogReader } from "#storage/segment-log-reader.ts";
import { LOG_DIRECTORY } from "../data-layout.ts";

/** What is walked over. */
export type EarlierHeadsParts = {
  readonly directory: string;
  /** Head at the checkpoint or genesis that the start began with. */
  readonly base: ChainHead;
  readonly context: ChainHeadContext;
  /** The newest record that is written; waits for those on their way. */
  readonly lastSequence: () => number;
};

/** @returns a function from a sequence to the head before that record, null when it is before the base */
export function earlierHeads(parts: EarlierHeadsParts): (sequence: number) => ChainHead | null {
  const { directory, context } = parts;
  const base = parts.base.toBytes();
  return (sequence) => {
    const head = ChainHead.restore(base, context);
    if (sequence < head.nextSequence) return null;
    const log = new SegmentLogReader(new RealDisk(directory), LOG_DIRECTORY, context.identity, parts.lastSequence());
    try {
      while (head.nextSequence < sequence) {
        const bytes = log.read(head.nextSequence);
        if (bytes === null) return null;
        const record = decodeRecord(bytes, context.identity);
        head.advance(record, record.header.type === "mini" ? decodeMiniBlock(record) : undefined);
      }
      return head;
    } finally {
      log.close();
    }
  };
}
