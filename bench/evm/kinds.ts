// The kinds of programs, each with the least ratio against anvil that is accepted and the one that is aimed for. A program
// that does next to nothing counts as a call whatever it computes: what surrounds the code decides its time.

/** The names of the kinds. */
export type Kind = "compute" | "addmod" | "div" | "mulmod" | "keccak" | "call";

/** What is expected of a kind. */
export type KindRow = {
  readonly title: string;
  /** Hot, against anvil: anvil's time over ours. */
  readonly floor: number;
  readonly goal: number;
  /** Whether the floor against ethereumjs holds: its hashing is native-like code too. */
  readonly comparesWithLibrary: boolean;
};

/** Every kind, in the order of the report. */
export const KINDS: Readonly<Record<Kind, KindRow>> = {
  compute: { title: "compute, ALU and memory", floor: 8, goal: 15, comparesWithLibrary: true },
  addmod: { title: "ADDMOD heavy", floor: 3, goal: 5, comparesWithLibrary: true },
  div: { title: "DIV heavy", floor: 2, goal: 4, comparesWithLibrary: true },
  mulmod: { title: "MULMOD heavy", floor: 1.3, goal: 2.5, comparesWithLibrary: true },
  keccak: { title: "keccak heavy", floor: 0.9, goal: 1.1, comparesWithLibrary: false },
  call: { title: "whole calls, journal and state", floor: 2, goal: 5, comparesWithLibrary: true },
};

/** The first, cold call, against anvil. */
export const COLD = { floor: 0.5, goal: 1 } as const;

/** Hot, against ethereumjs. */
export const LIBRARY = { floor: 100, goal: 500 } as const;

const BY_NAME: readonly (readonly [RegExp, Kind])[] = [
  [/addmod/i, "addmod"],
  [/mulmod|weierstrudel/i, "mulmod"],
  [/(^|[-_/])div([-_/0-9]|$)/i, "div"],
  [/hash|keccak/i, "keccak"],
  [/erc20|token|weth|uniswap|univ2|seaport|usdc|proxy|airdrop|stableswap|counter|eip\d|storage|sload|sstore/i, "call"],
];

/** Below this a program does next to nothing, its 21,000 gas of being a transaction included. */
const CALL_GAS_MAX = 50_000n;

/** What a program counts as, knowing what it does. */
export function effectiveKind(kind: Kind, gasUsed: bigint): Kind {
  return gasUsed < CALL_GAS_MAX ? "call" : kind;
}

/** The kind of a fixture by its name; compute when the name says nothing. */
export function kindOfName(name: string): Kind {
  return BY_NAME.find(([pattern]) => pattern.test(name))?.[1] ?? "compute";
}
