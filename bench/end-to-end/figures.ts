// What the end-to-end benches print: parameters, machine, figures of both programs, their ratio, and the digest that says
// that both did the same work.

import { describeMachine, SMOKE } from "../harness.ts";

/** The middle of some figures. */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** The figure below which `percent` of the figures lie (nearest rank). */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN;
}

/** Prints the head of a bench. */
export function printHead(name: string, parameters: Readonly<Record<string, string | number>>): void {
  console.log(`\n${name}${SMOKE ? " (smoke size: figures mean nothing)" : ""}`);
  console.log(`  ${describeMachine()}`);
  for (const [parameter, value] of Object.entries(parameters)) console.log(`  ${parameter}: ${value}`);
}

/** Checks that all contenders came to the same digest, and prints it. @throws {Error} when they did not */
export function printDigest(digests: ReadonlyMap<string, string>): void {
  if (new Set(digests.values()).size !== 1) {
    throw new Error(`the contenders did different work: ${JSON.stringify([...digests])}`);
  }
  console.log(`  digest ${[...digests.values()][0]?.slice(2)}`);
}
