// The text of --help and of --dry-run and the README's table of flags, all from the option table.

import type { OptionSources } from "./command-line.ts";
import { formatOptionValue, type OptionKind } from "./option-kinds.ts";
import {
  environmentTwin,
  isComputedDefault,
  OPTION_GROUPS,
  OPTION_ROWS,
  type OptionSpec,
  type Options,
} from "./options.ts";

const PLACEHOLDERS: Readonly<Record<OptionKind, string>> = {
  text: "TEXT",
  path: "PATH",
  url: "URL",
  integer: "NUMBER",
  quantity: "NUMBER",
  ether: "ETHER",
  size: "SIZE",
  duration: "TIME",
  boolean: "",
  enum: "WORD",
  port: "PORT",
  address: "ADDRESS",
  origins: "ORIGINS",
};

const USAGE = `usage: megaeth [options]              start a node; without options, a funded development chain
       megaeth health [--host] [--port]   ask a running node's /livez; exit code 0 or 1
       megaeth completions bash|zsh|fish  print a completion script`;

const FOOTER = `Every option has an environment twin: --chain-id is MEGAETH_CHAIN_ID. Flags win over the environment,
the environment over --config FILE (a JSON object by flag name), and that over the default.
Times: 10ms, 5s, 2m, 1h. Sizes: 15MB (10^6), 64MiB (2^20). Exit codes: 0 ended as asked, 1 failed while running, 2 wrong usage.`;

/** The text of `megaeth --help`. */
export function helpText(): string {
  const lines = [USAGE];
  const width = Math.max(...OPTION_ROWS.map((row) => flagText(row).length));
  for (const group of OPTION_GROUPS) {
    lines.push("", `${group}:`);
    for (const row of OPTION_ROWS) {
      if (row.group !== group) continue;
      const remarks = [wordsText(row), defaultText(row)].filter((remark) => remark !== "");
      const suffix = remarks.length === 0 ? "" : ` [${remarks.join("; ")}]`;
      lines.push(`  ${flagText(row).padEnd(width)}  ${row.help}${suffix}`);
    }
  }
  return `${lines.join("\n")}\n\n${FOOTER}\n`;
}

/** The README's table of flags in Markdown. */
export function optionTableMarkdown(): string {
  const lines: string[] = [];
  for (const group of OPTION_GROUPS) {
    lines.push(`**${group}**`, "", "| flag | environment | default | what |", "|---|---|---|---|");
    for (const row of OPTION_ROWS) {
      if (row.group !== group) continue;
      const twin = environmentTwin(row);
      const flag = flagText(row).trim().replaceAll("|", "\\|");
      const fallback = defaultText(row).replace("default ", "").replaceAll("<", "&lt;");
      const words = wordsText(row);
      const help = words === "" ? row.help : `${row.help} (${words})`;
      lines.push(`| \`${flag}\` | ${twin === null ? "" : `\`${twin}\``} | ${fallback} | ${help} |`);
    }
    lines.push("");
  }
  return lines.join("\n").trimEnd();
}

/** The options in force with the source of each, for `--dry-run`. */
export function effectiveOptionsText(options: Options, sources: OptionSources): string {
  const width = Math.max(...OPTION_ROWS.map((row) => row.flag.length));
  const lines = ["options in force:"];
  for (const row of OPTION_ROWS) {
    if (row.flagOnly === true) continue;
    const value = row.name === "mnemonic" ? mnemonicText(options) : formatOptionValue(row.kind, options[row.name]);
    lines.push(`  ${row.flag.padEnd(width)}  ${value}  (${sources[row.name]})`);
  }
  return `${lines.join("\n")}\n`;
}

function mnemonicText(options: Options): string {
  const row = OPTION_ROWS.find((candidate) => candidate.name === "mnemonic");
  return options.mnemonic === row?.default ? options.mnemonic : "(given, not shown)";
}

function flagText(row: OptionSpec): string {
  const placeholder = row.placeholder ?? PLACEHOLDERS[row.kind];
  const letter = row.letter === undefined ? "    " : `-${row.letter}, `;
  return `${letter}--${row.flag}${placeholder === "" ? "" : ` ${placeholder}`}`;
}

function wordsText(row: OptionSpec): string {
  return row.values === undefined ? "" : row.values.join(", ");
}

function defaultText(row: OptionSpec): string {
  if (row.default === null || row.default === false) return "";
  const text = isComputedDefault(row.default) ? row.default.text : formatOptionValue(row.kind, row.default);
  return `default ${text}`;
}
