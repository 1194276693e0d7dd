// The report of the engine's bench: per kind a table of times and ratios with what is below floor or goal marked, or all
// of it as JSON.

import { describeMachine } from "../harness.ts";
import { alignColumns } from "./columns.ts";
import type { ContenderName } from "./contenders.ts";
import { COLD, effectiveKind, KINDS, type Kind, LIBRARY } from "./kinds.ts";
import type { Measurement, TimedName } from "./measure.ts";
import { type Ratio, ratioOf, type Spread, spreadOf } from "./spread.ts";

/** A program's figures, ready to print. */
export type ReportRow = {
  readonly name: string;
  readonly kind: Kind;
  readonly fork: string;
  readonly method: string;
  readonly gasUsed: string;
  readonly succeeded: boolean;
  readonly digest: string;
  readonly mismatch: string | null;
  /** Nanoseconds of a call, by contender. */
  readonly times: Partial<Record<TimedName, Spread>>;
  /** Nanoseconds of whole calls of short programs. */
  readonly whole: Partial<Record<TimedName, Spread>>;
  /** The library was stopped after this many nanoseconds. */
  readonly libraryAtLeastNs: number | null;
  /** A contender's time over ours: above 1, ours is faster. */
  readonly ratios: {
    readonly hot: Ratio | null;
    readonly interpreter: Ratio | null;
    readonly wholeHot: Ratio | null;
    /** anvil's over our first call; whole calls for short programs. */
    readonly cold: number | null;
    /** Of the library; a lower bound when it was stopped. */
    readonly library: number | null;
  };
  readonly belowFloor: readonly string[];
  readonly belowGoal: readonly string[];
};

/** Sums a measurement up. @param coldNs samples of the first call */
export function reportRow(found: Measurement, coldNs: readonly number[]): ReportRow {
  const { program, samplesNs, wholeNs, stoppedNs } = found;
  const times = spreads(samplesNs);
  const whole = spreads(wholeNs);
  const compared = {
    hot: ratio(samplesNs, "hot"),
    interpreter: ratio(samplesNs, "interpreter"),
    wholeHot: ratio(wholeNs, "hot"),
    cold: coldRatio(found, times, whole, coldNs),
    library: libraryRatio(times, stoppedNs.ethereumjs),
  };
  const kind = effectiveKind(program.kind, found.gasUsed);
  if (coldNs.length > 0) times.cold = spreadOf(coldNs);
  return {
    name: program.name,
    kind,
    fork: program.fork,
    method: found.method,
    gasUsed: String(found.gasUsed),
    succeeded: found.succeeded,
    digest: found.digest,
    mismatch: found.mismatch,
    times,
    whole,
    libraryAtLeastNs: stoppedNs.ethereumjs ?? null,
    ratios: compared,
    ...judge(kind, compared, stoppedNs.ethereumjs !== undefined),
  };
}

/** The report as text. */
export function renderReport(rows: readonly ReportRow[], parameters: Readonly<Record<string, unknown>>): string {
  const lines = [
    "EVM programs, time of one call",
    `  ${Object.entries(parameters)
      .map(([name, value]) => `${name}=${value}`)
      .join(" ")}`,
    `  ${describeMachine()}`,
    "  clock=cpu: what our thread and what the process of anvil ran; clock=wall: what passed. Idle machines show no difference.",
    "  anvil is revm behind JSON-RPC, and its eth_call always runs with an inspector: slower than bare revm.",
    "  Ratios are anvil's time over ours: above 1, ours is faster; brackets: quartiles over the rounds. Programs marked ^ are",
    "  short: their times are slopes between n and 2n calls inside one message. Cold is the first call in a process that knows",
    "  other code only, a whole call; it is compared with anvil's whole eth_call less an empty request.",
  ];
  for (const [kind, { title, floor, goal }] of Object.entries(KINDS)) {
    const group = rows.filter((row) => row.kind === kind && row.mismatch === null);
    if (group.length === 0) continue;
    lines.push("", `${title} (against anvil: floor ${floor}x, goal ${goal}x; cold ${COLD.floor}x, ${COLD.goal}x)`);
    lines.push(...alignColumns([HEADER, ...group.map(cells)]));
    const summed = hotSummary(group);
    if (summed !== null) lines.push(`  ${summed}`);
  }
  const short = rows.filter(({ whole }) => whole.anvil !== undefined);
  if (short.length > 0) {
    lines.push(
      "",
      "whole calls of short programs: eth_call in a batch on one core less eth_chainId; ours through Engine.call.",
      "anvil's still holds the JSON of the call and a hand-over between threads, ours the rules of a transaction and an overlay",
    );
    lines.push(...alignColumns([WHOLE_HEADER, ...short.map(wholeCells)]));
  }
  for (const { name, mismatch } of rows) if (mismatch !== null) lines.push(`DIFFERS ${name}: ${mismatch}`);
  const below = rows.filter(({ belowFloor }) => belowFloor.length > 0).length;
  const differing = rows.filter(({ mismatch }) => mismatch !== null).length;
  lines.push("", `${rows.length} programs, ${differing} differ, ${below} below a floor`);
  return lines.join("\n");
}

const HEADER = [
  "program",
  "gas",
  "anvil",
  "ethereumjs",
  "interpreter",
  "cold",
  "hot",
  "anvil/hot",
  "",
  "anvil/int",
  "anvil/cold",
  "js/hot",
  "",
];
const WHOLE_HEADER = ["program", "anvil", "interpreter", "hot", "anvil/hot", ""];

/** The middle and the least of a kind's ratios; null where ours is not measured. */
function hotSummary(rows: readonly ReportRow[]): string | null {
  const measured = rows.flatMap(({ name, ratios }) =>
    ratios.hot === null ? [] : [{ name, ratio: ratios.hot.median }],
  );
  const least = [...measured].sort((x, y) => x.ratio - y.ratio)[0];
  if (least === undefined) return null;
  const logarithms = measured.map(({ ratio }) => Math.log(ratio));
  const mean = Math.exp(logarithms.reduce((sum, value) => sum + value, 0) / measured.length);
  return `anvil/hot: geometric mean ${ratioText(mean)}, least ${ratioText(least.ratio)} in ${least.name}`;
}

function cells(row: ReportRow): string[] {
  const { times, ratios } = row;
  const marks: string[] = [];
  if (row.belowFloor.length > 0) marks.push(`BELOW FLOOR: ${row.belowFloor.join(", ")}`);
  if (row.belowGoal.length > 0) marks.push(`below goal: ${row.belowGoal.join(", ")}`);
  if (!row.succeeded) marks.push("(the call fails, on all alike)");
  return [
    `${row.name}${row.method === "n and 2n calls" ? "^" : ""}`,
    row.gasUsed,
    timeText(times.anvil),
    row.libraryAtLeastNs === null ? timeText(times.ethereumjs) : `>${durationText(row.libraryAtLeastNs)}`,
    timeText(times.interpreter),
    timeText(times.cold),
    timeText(times.hot),
    ...ratioTexts(ratios.hot),
    ratioText(ratios.interpreter?.median),
    ratioText(ratios.cold),
    `${row.libraryAtLeastNs !== null && ratios.library !== null ? ">" : ""}${ratioText(ratios.library)}`,
    marks.join("; "),
  ];
}

function wholeCells({ name, whole, ratios }: ReportRow): string[] {
  return [
    name,
    timeText(whole.anvil),
    timeText(whole.interpreter),
    timeText(whole.hot),
    ...ratioTexts(ratios.wholeHot),
  ];
}

function judge(
  kind: Kind,
  ratios: ReportRow["ratios"],
  isLibraryStopped: boolean,
): Pick<ReportRow, "belowFloor" | "belowGoal"> {
  const { floor, goal, comparesWithLibrary } = KINDS[kind];
  const checks: readonly (readonly [string, number | null | undefined, number, number])[] = [
    ["hot", ratios.hot?.median, floor, goal],
    ["cold", ratios.cold, COLD.floor, COLD.goal],
    // A lower bound below the floor shows nothing; only where ours is measured.
    [
      "ethereumjs",
      comparesWithLibrary && !isLibraryStopped && ratios.hot !== null ? ratios.library : null,
      LIBRARY.floor,
      LIBRARY.goal,
    ],
  ];
  const known = checks.filter(([, value]) => value !== null && value !== undefined);
  return {
    belowFloor: known.filter(([, value, least]) => value! < least).map(([name]) => name),
    belowGoal: known.filter(([, value, least, aim]) => value! >= least && value! < aim).map(([name]) => name),
  };
}

function spreads(samplesNs: Partial<Record<TimedName, number[]>>): Partial<Record<TimedName, Spread>> {
  const entries = Object.entries(samplesNs).map(([name, samples]) => [name, spreadOf(samples)] as const);
  return Object.fromEntries(entries);
}

function ratio(samplesNs: Partial<Record<TimedName, number[]>>, name: ContenderName): Ratio | null {
  const [theirs, ours] = [samplesNs.anvil, samplesNs[name]];
  return theirs === undefined || ours === undefined ? null : ratioOf(theirs, ours);
}

function coldRatio(
  { method }: Measurement,
  times: Partial<Record<TimedName, Spread>>,
  whole: Partial<Record<TimedName, Spread>>,
  coldNs: readonly number[],
): number | null {
  const anvil = method === "n and 2n calls" ? whole.anvil : times.anvil;
  return anvil === undefined || coldNs.length === 0 ? null : anvil.medianNs / spreadOf(coldNs).medianNs;
}

/** Against the hot engine; null when there is none. */
function libraryRatio(times: Partial<Record<TimedName, Spread>>, stoppedNs: number | undefined): number | null {
  const libraryNs = stoppedNs ?? times.ethereumjs?.medianNs;
  return libraryNs === undefined || times.hot === undefined ? null : libraryNs / times.hot.medianNs;
}

function timeText(spread: Spread | undefined): string {
  return spread === undefined ? "-" : durationText(spread.medianNs);
}

function durationText(ns: number): string {
  if (ns < 1e3) return `${ns.toFixed(0)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(3)} us`;
  if (ns < 1e9) return `${(ns / 1e6).toPrecision(3)} ms`;
  return `${(ns / 1e9).toPrecision(3)} s`;
}

function ratioTexts(found: Ratio | null): [string, string] {
  if (found === null) return ["-", ""];
  return [ratioText(found.median), `[${ratioText(found.lowerQuartile)} ${ratioText(found.upperQuartile)}]`];
}

function ratioText(value: number | null | undefined): string {
  if (value === null || value === undefined) return "-";
  return value >= 100 ? value.toFixed(0) : value.toPrecision(value >= 10 ? 3 : 2);
}
