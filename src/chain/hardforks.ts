// Ethereum's rule sets in the order in which they came.

/** Every hardfork, oldest first. */
export const HARDFORKS = [
  "frontier",
  "homestead",
  "tangerineWhistle",
  "spuriousDragon",
  "byzantium",
  "constantinople",
  "petersburg",
  "istanbul",
  "muirGlacier",
  "berlin",
  "london",
  "arrowGlacier",
  "grayGlacier",
  "paris",
  "shanghai",
  "cancun",
  "prague",
  "osaka",
] as const;

/** The name of a rule set. */
export type Hardfork = (typeof HARDFORKS)[number];

const RANKS: Readonly<Record<Hardfork, number>> = Object.fromEntries(
  HARDFORKS.map((fork, rank) => [fork, rank]),
) as Record<Hardfork, number>;

/** Whether `fork` is `than` or came after it. */
export function isAtLeast(fork: Hardfork, than: Hardfork): boolean {
  return RANKS[fork] >= RANKS[than];
}

/** Whether `text` names a hardfork. */
export function isHardfork(text: string): text is Hardfork {
  return Object.hasOwn(RANKS, text);
}
