// How much of the official vectors a run takes: a seeded sample by default, more by environment.
//   MEGAETH_CONFORMANCE_CASES=n     cases of each suite, or "all" (state tests: about half an hour)
//   MEGAETH_CONFORMANCE_SEED=n      another sample

import type { SeededRandom } from "#base/random.ts";

/** The seed, printed in the names of the tests. */
export const CONFORMANCE_SEED = Number(process.env.MEGAETH_CONFORMANCE_SEED ?? 20_261_121);

/** Cases of a suite that a run takes, where it takes `usual` by default; infinite for all. */
export function conformanceCaseCount(usual: number): number {
  const asked = process.env.MEGAETH_CONFORMANCE_CASES ?? "";
  if (asked === "") return usual;
  return asked === "all" ? Number.POSITIVE_INFINITY : Number(asked);
}

/** `count` items, or all when there are fewer, in an order that the generator decides. */
export function draw<T>(items: readonly T[], random: SeededRandom, count: number): T[] {
  const rest = [...items];
  const drawn: T[] = [];
  while (drawn.length < count && rest.length > 0) {
    const at = random.below(rest.length);
    drawn.push(rest[at]!);
    rest[at] = rest[rest.length - 1]!;
    rest.pop();
  }
  return drawn;
}
