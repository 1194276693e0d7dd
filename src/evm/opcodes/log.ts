// Rows 0xa0 to 0xa4: logs with up to four topics. The price of the topics is static; the link charges data and memory.

import { CONTEXT, WORD_SIZE_BYTES } from "#formats/memory/evm-arena.ts";
import { storeLimbs } from "../words/memory.ts";
import type { Word } from "../words/word.ts";
import type { Opcode, OpcodeContext } from "./opcode.ts";
import { always, saturated } from "./row.ts";

const TOPIC_COUNT_MAX = 4;

/** See the head of the file. */
export const LOG: readonly Opcode[] = Array.from({ length: TOPIC_COUNT_MAX + 1 }, (_, topicCount) => ({
  kind: "word" as const,
  byte: 0xa0 + topicCount,
  name: `LOG${topicCount}`,
  inputs: 2 + topicCount,
  outputs: 0,
  exists: always,
  // The log itself costs what a topic does.
  gas: (rules) => (1 + topicCount) * rules.gas.logTopic,
  startsSegment: true,
  emit: emitLog,
}));

function emitLog(c: OpcodeContext, [offset, size, ...topics]: readonly Word[]): null {
  topics.forEach((topic, index) => {
    storeLimbs(c.code, c.context, CONTEXT.logTopics + index * WORD_SIZE_BYTES, topic);
  });
  c.callWithGas("log", [saturated(c.code, offset!), saturated(c.code, size!), topics.length], []);
  c.reloadMemorySize();
  return null;
}
