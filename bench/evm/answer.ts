// What a call did, in the words that every engine can answer, and how two answers are compared.

import { toBareHex } from "#base/hex.ts";
import type { Log } from "#chain/receipt.ts";
import { keccak256 } from "#crypto/keccak256.ts";

/** What a call did. */
export type Answer = {
  readonly succeeded: boolean;
  readonly gasUsed: bigint;
  readonly output: Uint8Array;
  readonly logs: readonly Pick<Log, "address" | "topics" | "data">[];
};

/** The first difference in words, null when there is none. */
export function differenceOf(expected: Answer, found: Answer): string | null {
  const [a, b] = [describeAnswer(expected), describeAnswer(found)];
  const at = a.findIndex((text, i) => text !== b[i]);
  return at < 0 ? null : `${b[at]?.slice(0, 120)}, anvil says ${a[at]?.slice(0, 120)}`;
}

/** The same for the same answers, bare hex. */
export function digestOf(answer: Answer): string {
  return toBareHex(keccak256(new TextEncoder().encode(describeAnswer(answer).join("\n"))));
}

function describeAnswer({ succeeded, gasUsed, output, logs }: Answer): string[] {
  const entries = logs.map(({ address, topics, data }) => [address, ...topics, data].map(toBareHex).join(" "));
  return [`succeeded ${succeeded}`, `gas ${gasUsed}`, `output ${toBareHex(output)}`, `logs ${entries.join(", ")}`];
}
