// Completion scripts for bash, zsh and fish, written from the option table.

import { OPTION_ROWS, type OptionSpec } from "./options.ts";

const COMMANDS = ["health", "completions", "help", "version"];

/**
 * A completion script.
 * @param shell one of bash, zsh, fish
 */
export function completionScript(shell: string): string {
  if (shell === "zsh") return zshScript();
  return shell === "fish" ? fishScript() : bashScript();
}

function bashScript(): string {
  const cases = OPTION_ROWS.map((row) => `    --${row.flag}) ${bashCase(row)} ;;`).filter(
    (line) => !line.includes(") :"),
  );
  const flags = OPTION_ROWS.map((row) => `--${row.flag}`).join(" ");
  return `_megaeth() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  case $previous in
    completions) COMPREPLY=($(compgen -W "bash zsh fish" -- "$current")); return ;;
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "${flags} ${COMMANDS.join(" ")}" -- "$current"))
}
complete -F _megaeth megaeth ./megaeth
`;
}

function bashCase(row: OptionSpec): string {
  if (row.values !== undefined) return `COMPREPLY=($(compgen -W "${row.values.join(" ")}" -- "$current")); return`;
  if (row.kind === "path") return 'COMPREPLY=($(compgen -f -- "$current")); return';
  return row.kind === "boolean" ? ":" : "return";
}

function zshScript(): string {
  const specs = OPTION_ROWS.map((row) => {
    const help = row.help.replace(/[[\]:']/g, " ");
    if (row.kind === "boolean") return `'--${row.flag}[${help}]'`;
    if (row.values !== undefined) return `'--${row.flag}[${help}]:value:(${row.values.join(" ")})'`;
    return `'--${row.flag}[${help}]:value:${row.kind === "path" ? "_files" : ""}'`;
  });
  const commands = `'1:command:(${COMMANDS.join(" ")})'`;
  return `#compdef megaeth\n_arguments \\\n  ${[...specs, commands].join(" \\\n  ")}\n`;
}

function fishScript(): string {
  const lines = [`complete -c megaeth -f -n __fish_use_subcommand -a "${COMMANDS.join(" ")}"`];
  for (const row of OPTION_ROWS) {
    const help = row.help.replaceAll("'", "\\'");
    const value = row.kind === "boolean" ? "" : row.kind === "path" ? " -r -F" : " -x";
    const words = row.values === undefined ? "" : ` -a "${row.values.join(" ")}"`;
    const letter = row.letter === undefined ? "" : ` -s ${row.letter}`;
    lines.push(`complete -c megaeth -l ${row.flag}${letter}${value}${words} -d '${help}'`);
  }
  return `${lines.join("\n")}\n`;
}
