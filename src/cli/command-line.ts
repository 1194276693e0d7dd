// From argument list, environment and configuration file to one checked `Options` object.
//
//   flags  >  MEGAETH_* environment  >  --config FILE  >  default
//
// Nothing here touches the process: files and machine come in through `CommandLineSurroundings`, so that tests can lie about them.

import { type OptionKindValues, type OptionLimits, parseOptionText } from "./option-kinds.ts";
import {
  type DefaultContext,
  environmentTwin,
  isComputedDefault,
  OPTION_ROWS,
  type OptionName,
  type OptionSpec,
  type Options,
  type Role,
} from "./options.ts";

/** Where the value of an option came from. */
export type OptionSource = "flag" | "environment" | "config" | "default";

/** The source of every option. */
export type OptionSources = Readonly<Record<OptionName, OptionSource>>;

/** What the program was asked to do. */
export type Command =
  | { readonly kind: "start"; readonly options: Options; readonly sources: OptionSources }
  | { readonly kind: "health"; readonly options: Options }
  | { readonly kind: "completions"; readonly shell: string }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

/** What reading a command line needs from outside. */
export type CommandLineSurroundings = {
  /** Environment variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /**
   * Reads a text file.
   * @throws {Error} when it cannot be read
   */
  readonly readFile: (path: string) => string;
  readonly memoryBytes: number;
  readonly coreCount: number;
};

/** The command line, the environment or the configuration file asks for something that cannot be: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "USAGE";
}

type Given = Map<OptionName, { readonly value: unknown; readonly source: OptionSource; readonly label: string }>;
type OptionRow = (typeof OPTION_ROWS)[number];

const ROW_BY_FLAG: ReadonlyMap<string, OptionRow> = new Map(OPTION_ROWS.map((row) => [row.flag, row]));
const ROW_BY_LETTER: ReadonlyMap<string, OptionRow> = new Map(OPTION_ROWS.map((row) => [row.letter ?? "", row]));
const SHELLS = ["bash", "zsh", "fish"];
const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]", "::1"]);

/**
 * Reads a command line.
 * @param argv the words after the program's own name
 * @returns what to do, every option checked
 * @throws {UsageError} naming the option, its value and what was expected
 */
export function readCommandLine(argv: readonly string[], surroundings: CommandLineSurroundings): Command {
  const given: Given = new Map();
  const words = readFlags(argv, given);
  if (given.get("help")?.value === true || words[0] === "help") return { kind: "help" };
  if (given.get("version")?.value === true || words[0] === "version") return { kind: "version" };
  if (words[0] === "completions") return { kind: "completions", shell: completionShell(words) };
  if (words.length > (words[0] === "health" ? 1 : 0)) {
    throw new UsageError(`unexpected argument "${words[words[0] === "health" ? 1 : 0]}": see megaeth --help`);
  }
  readEnvironment(surroundings, given);
  readConfigFile(surroundings, given);
  const { options, sources } = withDefaults(given, surroundings);
  if (words[0] === "health") return { kind: "health", options };
  checkTogether(options, given);
  return { kind: "start", options, sources };
}

function readFlags(argv: readonly string[], given: Given): string[] {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const label = equals < 0 ? word : word.slice(0, equals);
    const { row, negated } = findRow(label);
    if (given.has(row.name)) throw new UsageError(`${label} is given twice`);
    const inline = equals < 0 ? null : word.slice(equals + 1);
    if (row.kind !== "boolean") {
      const text = inline ?? argv[++i];
      if (text === undefined) throw new UsageError(`${label} needs a value`);
      given.set(row.name, { value: parseGiven(row, text, label), source: "flag", label });
    } else if (negated) {
      if (inline !== null) throw new UsageError(`${label} takes no value`);
      given.set(row.name, { value: false, source: "flag", label });
    } else {
      given.set(row.name, { value: parseGiven(row, inline ?? "true", label), source: "flag", label });
    }
  }
  return words;
}

function findRow(label: string): { readonly row: OptionRow; readonly negated: boolean } {
  if (/^-[^-]$/.test(label)) {
    const row = ROW_BY_LETTER.get(label.slice(1));
    if (row !== undefined) return { row, negated: false };
  }
  const name = label.startsWith("--") ? label.slice(2) : "";
  const exact = ROW_BY_FLAG.get(name);
  if (exact !== undefined) return { row: exact, negated: false };
  const positive = name.startsWith("no-") ? ROW_BY_FLAG.get(name.slice(3)) : undefined;
  if (positive?.kind === "boolean") return { row: positive, negated: true };
  const near = nearestFlag(name);
  throw new UsageError(
    `unknown option ${label}${near === null ? "" : ` (did you mean --${near}?)`}: see megaeth --help`,
  );
}

function readEnvironment(surroundings: CommandLineSurroundings, given: Given): void {
  for (const row of OPTION_ROWS) {
    const twin = environmentTwin(row);
    const text = twin === null ? undefined : surroundings.environment[twin];
    if (twin === null || text === undefined || text === "" || given.has(row.name)) continue;
    given.set(row.name, { value: parseGiven(row, text, twin), source: "environment", label: twin });
  }
}

function readConfigFile(surroundings: CommandLineSurroundings, given: Given): void {
  const entry = given.get("configFile");
  if (entry === undefined) return;
  const path = String(entry.value);
  const document = readJson(path, entry.label, surroundings);
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new UsageError(`${entry.label} ${path}: expected a JSON object of options by flag name`);
  }
  for (const [flag, value] of Object.entries(document)) {
    const row = ROW_BY_FLAG.get(flag);
    if (row === undefined || row.flagOnly === true || row.name === "configFile") {
      const near = nearestFlag(flag);
      throw new UsageError(`${path}: unknown option "${flag}"${near === null ? "" : ` (did you mean "${near}"?)`}`);
    }
    if (given.has(row.name)) continue;
    const label = `"${flag}" in ${path}`;
    given.set(row.name, { value: parseGiven(row, configText(value, label), label), source: "config", label });
  }
}

function configText(value: unknown, label: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join(",");
  throw new UsageError(`${label}: expected a text, a number, true or false`);
}

function parseGiven(row: OptionRow, text: string, label: string): unknown {
  const parsed = parseOptionText(row.kind, text, limitsOf(row));
  if ("value" in parsed) return parsed.value;
  throw new UsageError(`${label} "${text}": expected ${parsed.expected}`);
}

function limitsOf(spec: OptionSpec): OptionLimits {
  return spec;
}

function withDefaults(
  given: Given,
  surroundings: CommandLineSurroundings,
): { readonly options: Options; readonly sources: OptionSources } {
  const role = (given.get("role")?.value ?? "sequencer") as Role;
  const context: DefaultContext = {
    memoryBytes: surroundings.memoryBytes,
    coreCount: surroundings.coreCount,
    dataHome: dataHome(surroundings.environment),
    role,
    chainId: effectiveChainId(given, surroundings),
  };
  const values: Record<string, unknown> = {};
  const sources: Record<string, OptionSource> = {};
  for (const row of OPTION_ROWS) {
    const entry = given.get(row.name);
    sources[row.name] = entry?.source ?? "default";
    if (entry !== undefined) values[row.name] = entry.value;
    else if (row.name === "chainId") values[row.name] = context.chainId;
    else values[row.name] = isComputedDefault(row.default) ? row.default.compute(context) : row.default;
  }
  return { options: values as Options, sources: sources as OptionSources };
}

function effectiveChainId(given: Given, surroundings: CommandLineSurroundings): bigint {
  const explicit = given.get("chainId")?.value as bigint | undefined;
  if (explicit !== undefined) return explicit;
  const genesis = given.get("genesisFile");
  if (genesis === undefined) return ROW_BY_FLAG.get("chain-id")?.default as bigint;
  const path = String(genesis.value);
  const document = readJson(path, genesis.label, surroundings) as { config?: { chainId?: unknown } } | null;
  const chainId = document?.config?.chainId;
  const parsed = parseOptionText("quantity", String(chainId), { minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
  if ("value" in parsed) return parsed.value as OptionKindValues["quantity"];
  throw new UsageError(`${genesis.label} ${path}: config.chainId "${chainId}": expected ${parsed.expected}`);
}

function dataHome(environment: CommandLineSurroundings["environment"]): string {
  const explicit = environment.XDG_DATA_HOME;
  if (explicit?.startsWith("/")) return explicit.replace(/\/+$/, "");
  const home = environment.HOME;
  return home?.startsWith("/") ? `${home.replace(/\/+$/, "")}/.local/share` : "/var/lib";
}

function readJson(path: string, label: string, surroundings: CommandLineSurroundings): unknown {
  let text: string;
  try {
    text = surroundings.readFile(path);
  } catch (cause) {
    throw new UsageError(`${label} "${path}": expected a file that can be read (${errorWords(cause)})`, { cause });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new UsageError(`${label} "${path}": expected JSON (${errorWords(cause)})`, { cause });
  }
}

function checkTogether(options: Options, given: Given): void {
  checkRole(options, given);
  if (given.has("genesisFile")) {
    for (const row of OPTION_ROWS) {
      const entry = given.get(row.name);
      if (row.inGenesis !== true || entry?.source !== "flag") continue;
      throw new UsageError(`${entry.label} cannot be given with --genesis: the genesis file decides it`);
    }
  }
  if (options.ephemeral && given.get("dataDirectory")?.source === "flag") {
    throw new UsageError("--datadir cannot be given with --ephemeral: an ephemeral chain has no lasting folder");
  }
  if (options.fsyncMode !== "interval" && given.get("fsyncIntervalMs")?.source === "flag") {
    throw new UsageError("--fsync-interval needs --fsync interval");
  }
  if (options.miniBlockIntervalMs > options.blockTimeMs) {
    throw new UsageError(
      `--mini-block-interval "${options.miniBlockIntervalMs}ms": expected at most --block-time (${options.blockTimeMs}ms)`,
    );
  }
  const wordCount = options.mnemonic.split(/\s+/).length;
  if (![12, 15, 18, 21, 24].includes(wordCount)) {
    throw new UsageError(`--mnemonic: expected 12, 15, 18, 21 or 24 words, not ${wordCount}`);
  }
}

function checkRole(options: Options, given: Given): void {
  for (const row of OPTION_ROWS) {
    const entry = given.get(row.name);
    if (entry?.source !== "flag" || row.roles === undefined || row.roles.includes(options.role)) continue;
    throw new UsageError(
      `${entry.label} is of no use to role ${options.role}: expected role ${row.roles.join(" or ")}`,
    );
  }
  if (options.role !== "replica") return;
  if (options.upstreamUrl === null) throw new UsageError("--role replica needs --upstream ws://HOST:PORT/feed");
  const isLoopback = LOOPBACK_HOSTS.has(new URL(options.upstreamUrl).hostname);
  if (options.sequencerAddress === null && options.genesisFile === null && !isLoopback) {
    throw new UsageError(
      `--upstream "${options.upstreamUrl}": expected --sequencer ADDRESS or --genesis FILE beside it, to know whose signatures to trust`,
    );
  }
}

function completionShell(words: readonly string[]): string {
  const shell = words[1] ?? "";
  if (words.length === 2 && SHELLS.includes(shell)) return shell;
  throw new UsageError(`completions "${words.slice(1).join(" ")}": expected one of ${SHELLS.join(", ")}`);
}

function nearestFlag(name: string): string | null {
  let best: string | null = null;
  let bestDistance = 3;
  for (const row of OPTION_ROWS) {
    const distance = editDistance(name, row.flag, bestDistance);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = row.flag;
    }
  }
  return best;
}

function editDistance(a: string, b: string, atMost: number): number {
  if (Math.abs(a.length - b.length) >= atMost) return atMost;
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substituted, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? atMost;
}

function errorWords(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
