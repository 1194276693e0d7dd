// The report on hostile code: nanoseconds per gas by case and tier, then the worst of each, memory and side effects.

import { describeMachine } from "../harness.ts";
import { alignColumns } from "./columns.ts";
import type { HostileLine } from "./hostile-tier.ts";

/** A case on anvil; the digest is null where anvil refuses to say what the call did. */
export type AnvilFigure = {
  readonly name: string;
  readonly ns: number;
  readonly gasUsed: string;
  readonly digest: string | null;
};

/** All cases on one engine. */
export type EngineFigures = {
  readonly engine: string;
  readonly lines: readonly HostileLine[];
  /** Cases in which the process ended. */
  readonly died: readonly string[];
};

/** An honest program this many times slower than its median was disturbed. */
const DISTURBED = 2;
const WORST_COUNT = 4;

/** The report as text. */
export function renderHostileReport(
  anvil: readonly AnvilFigure[],
  engines: readonly EngineFigures[],
  parameters: Readonly<Record<string, string | number>>,
): string {
  const described = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  const header = ["case", "gas used", "anvil", ...engines.flatMap(({ engine }) => [engine, "later", "peak MiB"]), ""];
  const table = anvil.map((figure) => [
    figure.name,
    figure.gasUsed,
    perGasText(figure.ns, figure.gasUsed),
    ...engines.flatMap((engine) => engineCells(engine, figure)),
    notes(engines, figure).join("; "),
  ]);
  return [
    "hostile code, nanoseconds per gas: the first call, compilation included, and a later one",
    `  ${described.join(" ")}`,
    `  ${describeMachine()}`,
    ...alignColumns([header, ...table]),
    "",
    ...[worstOfAnvil(anvil), ...engines.flatMap((engine) => summary(engine, anvil))],
  ].join("\n");
}

function engineCells({ lines, died }: EngineFigures, { name }: AnvilFigure): string[] {
  const line = lines.find((candidate) => candidate.name === name);
  if (line === undefined) return [died.includes(name) ? "DIED" : "-", "", ""];
  const { firstNs, laterNs, gasUsed, peakBytes } = line;
  return [perGasText(firstNs, gasUsed), perGasText(laterNs, gasUsed), String(Math.round(peakBytes / 2 ** 20))];
}

function notes(engines: readonly EngineFigures[], { name, digest }: AnvilFigure): string[] {
  return engines.flatMap(({ engine, lines }) => {
    const line = lines.find((candidate) => candidate.name === name);
    if (line === undefined || digest === null || line.digest === digest) return [];
    return [`${engine} DIFFERS: gas ${line.gasUsed}, ${line.halt ?? "success"}`];
  });
}

function worstOfAnvil(anvil: readonly AnvilFigure[]): string {
  const sorted = [...anvil].sort((a, b) => perGas(b.ns, b.gasUsed) - perGas(a.ns, a.gasUsed));
  const named = sorted.slice(0, WORST_COUNT).map(({ name, ns, gasUsed }) => `${perGasText(ns, gasUsed)} ${name}`);
  return `anvil: worst calls: ${named.join(", ")}`;
}

function summary({ engine, lines, died }: EngineFigures, anvil: readonly AnvilFigure[]): string[] {
  const worst = (key: "firstNs" | "laterNs") => {
    const sorted = [...lines].sort((a, b) => perGas(b[key], b.gasUsed) - perGas(a[key], a.gasUsed));
    return sorted
      .slice(0, WORST_COUNT)
      .map((line) => `${perGasText(line[key], line.gasUsed)} ${line.name}`)
      .join(", ");
  };
  const differing = lines.filter(({ name, digest }) => {
    return anvil.some((figure) => figure.name === name && figure.digest !== null && figure.digest !== digest);
  });
  const times = lines.map(({ honestNs }) => honestNs).sort((a, b) => a - b);
  const usual = times[times.length >> 1] ?? 0;
  const disturbed = lines.filter(({ honestNs }) => honestNs > DISTURBED * usual);
  const answers = new Set(lines.map(({ honestDigest }) => honestDigest));
  const peak = Math.max(0, ...lines.map(({ peakBytes }) => peakBytes));
  const left = [lines[0]?.residentBytes ?? 0, lines.at(-1)?.residentBytes ?? 0].map((bytes) =>
    Math.round(bytes / 2 ** 20),
  );
  return [
    `${engine}: worst first calls: ${worst("firstNs")}`,
    `  worst later calls: ${worst("laterNs")}`,
    `  memory: ${Math.round(peak / 2 ** 20)} MiB at most; ${left[0]} MiB after the first case, ${left[1]} MiB after the last`,
    `  the honest program beside it: ${answers.size === 1 ? "always the same answer" : "ANSWERS DIFFER"}, ` +
      `${disturbed.length} times of ${lines.length} more than ${DISTURBED} times its usual time` +
      `${
        disturbed.length > 0
          ? ` (${disturbed
              .map(({ name }) => name)
              .slice(0, 5)
              .join(", ")})`
          : ""
      }`,
    `  ${died.length} processes died${died.length > 0 ? ` (${died.join(", ")})` : ""}, ${differing.length} answers differ from anvil's`,
  ];
}

function perGas(ns: number, gasUsed: string): number {
  return gasUsed === "0" ? 0 : ns / Number(gasUsed);
}

function perGasText(ns: number, gasUsed: string): string {
  return gasUsed === "0" ? "-" : perGas(ns, gasUsed).toFixed(2);
}
