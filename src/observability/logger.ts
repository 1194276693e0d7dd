// Structured log lines, one event each, as text for people or JSON for machines. Events stand in event-table.ts.
// A burst of one event is cut to a few lines a second, and the next line says how many were left out.
// Fields whose name speaks of a secret are never written, and addresses lose their user and password.

import { toHex } from "#base/hex.ts";
import { EVENT_TABLE, LOG_LEVELS, type LogEvent, type LogLevel } from "./event-table.ts";

/** What a field may hold; byte strings are written as hex, errors as their message and code. */
export type LogValue = string | number | bigint | boolean | null | undefined | Uint8Array | Error | readonly string[];

/** The fields of one line. */
export type LogFields = Readonly<Record<string, LogValue>>;

/** Writes events that reach its level. */
export type Logger = {
  /** Writes one event. */
  log(event: LogEvent, fields?: LogFields): void;
  /** A logger that adds the same fields to every line. */
  with(fields: LogFields): Logger;
};

/** How a logger writes. */
export type LoggerSettings = {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** Takes one line with its line end. */
  readonly write: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
};

const BURST_LINES_MAX = 20;
const BURST_WINDOW_MS = 1_000;
const SECRET_NAME = /private|secret|mnemonic|password|passphrase|seed|signingkey/i;
const FIELD_LENGTH_MAX = 2_000;

type Burst = { windowStartMs: number; lineCount: number; leftOutCount: number };

/** Makes a logger; `with` loggers share its burst limits. */
export function createLogger(settings: LoggerSettings): Logger {
  return new LineLogger(settings, new Map(), {});
}

class LineLogger implements Logger {
  readonly #settings: LoggerSettings;
  readonly #bursts: Map<LogEvent, Burst>;
  readonly #fields: LogFields;

  constructor(settings: LoggerSettings, bursts: Map<LogEvent, Burst>, fields: LogFields) {
    this.#settings = settings;
    this.#bursts = bursts;
    this.#fields = fields;
  }

  with(fields: LogFields): Logger {
    return new LineLogger(this.#settings, this.#bursts, { ...this.#fields, ...fields });
  }

  log(event: LogEvent, fields: LogFields = {}): void {
    const { level } = EVENT_TABLE[event];
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(this.#settings.level)) return;
    const timeMs = (this.#settings.now ?? Date.now)();
    const leftOutCount = this.#enter(event, timeMs);
    if (leftOutCount === null) return;
    const all: Record<string, LogValue> = { ...this.#fields, ...fields };
    if (leftOutCount > 0) all.leftOut = leftOutCount;
    const time = new Date(timeMs).toISOString();
    const line = this.#settings.format === "json" ? jsonLine(time, event, all) : textLine(time, event, all);
    this.#settings.write(line);
  }

  /** Returns how many lines of this event were left out before this one, or null when this one is left out too. */
  #enter(event: LogEvent, timeMs: number): number | null {
    const burst = this.#bursts.get(event);
    if (burst === undefined || timeMs - burst.windowStartMs >= BURST_WINDOW_MS || timeMs < burst.windowStartMs) {
      this.#bursts.set(event, { windowStartMs: timeMs, lineCount: 1, leftOutCount: 0 });
      return burst?.leftOutCount ?? 0;
    }
    if (burst.lineCount < BURST_LINES_MAX) {
      burst.lineCount++;
      return 0;
    }
    burst.leftOutCount++;
    return null;
  }
}

/** A logger that writes nothing. */
export const SILENT_LOGGER: Logger = createLogger({ level: "silent", format: "json", write: () => undefined });

function jsonLine(time: string, event: LogEvent, fields: Readonly<Record<string, LogValue>>): string {
  const { level, text } = EVENT_TABLE[event];
  const line: Record<string, unknown> = { time, level, event, text };
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    line[name in line ? `${name}_` : name] = typeof value === "number" ? value : plainValue(name, value);
  }
  return `${JSON.stringify(line)}\n`;
}

function textLine(time: string, event: LogEvent, fields: Readonly<Record<string, LogValue>>): string {
  const { level, text } = EVENT_TABLE[event];
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const plain = String(plainValue(name, value));
    pairs.push(`${name}=${/^[\w.:/@+-]+$/.test(plain) ? plain : JSON.stringify(plain)}`);
  }
  return `${[time, level.toUpperCase().padEnd(5), text, ...pairs].join(" ")}\n`;
}

function plainValue(name: string, value: LogValue): string | boolean | number | null {
  if (SECRET_NAME.test(name)) return "(not shown)";
  if (value === null || typeof value === "boolean" || typeof value === "number") return value;
  if (value instanceof Uint8Array) return toHex(value);
  if (value instanceof Error) {
    const { code } = value as { code?: unknown };
    return cut(`${value.message}${code === undefined ? "" : ` (${String(code)})`}`);
  }
  return cut(typeof value === "object" ? value.join(", ") : String(value));
}

function cut(text: string): string {
  const open = text.replace(/\b([a-z]+:\/\/)[^/\s@]*@/gi, "$1");
  return open.length > FIELD_LENGTH_MAX ? `${open.slice(0, FIELD_LENGTH_MAX)}...` : open;
}
