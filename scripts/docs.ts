// Writes the generated parts of README.md: the table of flags from the option table, the table of metrics from the metric table.
// usage: bun scripts/docs.ts      A test fails when README.md and the tables have drifted apart.

import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { optionTableMarkdown } from "#cli/help.ts";
import { METRIC_TABLE, type MetricSpec } from "#observability/metric-table.ts";

/** What stands between `<!-- name -->` and `<!-- /name -->`. */
const SECTIONS: Readonly<Record<string, () => string>> = {
  flags: optionTableMarkdown,
  metrics: metricTableMarkdown,
};

/**
 * The text with every generated part renewed.
 * @throws {Error} when a part has no markers
 */
export function renewGeneratedParts(text: string): string {
  let renewed = text;
  for (const [name, render] of Object.entries(SECTIONS)) {
    const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const start = renewed.indexOf(open);
    const end = renewed.indexOf(close);
    if (start < 0 || end < start) throw new Error(`no ${open} ... ${close} in the text`);
    renewed = `${renewed.slice(0, start + open.length)}\n${render()}\n${renewed.slice(end)}`;
  }
  return renewed;
}

function metricTableMarkdown(): string {
  const lines = ["| metric | kind | labels | what |", "|---|---|---|---|"];
  for (const [name, spec] of Object.entries(METRIC_TABLE) as [string, MetricSpec][]) {
    const labels = Object.keys(spec.labels).join(", ");
    lines.push(`| \`megaeth_${name}\` | ${spec.kind} | ${labels} | ${spec.help} |`);
  }
  return lines.join("\n");
}

if (import.meta.main) {
  const path = resolve(import.meta.dir, "../README.md");
  const text = readFileSync(path, "utf8");
  const renewed = renewGeneratedParts(text);
  if (renewed !== text) writeFileSync(path, renewed);
  console.log(renewed === text ? "README.md is up to date" : "README.md renewed");
}
