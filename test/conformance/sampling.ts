// How much of the official vectors the tests take: a seeded sample by default, more by environment. All of them:
// `bun run conformance`.
//   MEGAETH_CONFORMANCE_CASES=n     cases of each suite
//   MEGAETH_CONFORMANCE_SEED=n      another sample

import type { SeededRandom } from "#base/random.ts";

/** The seed, printed in the names of the tests. */
export const CONFORMANCE_SEED = Number(process.env.MEGAETH_CONFORMANCE_SEED ?? 20_261_121);

/** Cases of a suite that a run takes, where it takes `usual` by default. */
export function conformanceCaseCount(usual: number): number {
  const asked = process.env.MEGAETH_CONFORMANCE_CASES ?? "";
  return asked === "" ? usual : Number(asked);
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

/** Folders and names whose cases take many seconds each on the reference engine. */
const SLOW = /stTimeConsuming|stQuadraticComplexity|vmPerformance|50000|stAttackTest|[lL]oop|forever/;

/** Whether the name of a file says that its cases are slow. */
export function isSlowFile(path: string): boolean {
  return SLOW.test(path);
}
