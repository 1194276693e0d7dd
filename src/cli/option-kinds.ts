// How the text of an option becomes a value: one parser per kind of option.
// Flags, environment twins and the configuration file all pass through here, so all three accept the same words.

import { tryFromHex } from "#base/hex.ts";

/** What a kind of option is stored as once parsed. */
export type OptionKindValues = {
  /** Any text that is not empty. */
  text: string;
  /** A path in the file system, kept as given. */
  path: string;
  /** An `http:`, `https:`, `ws:` or `wss:` address. */
  url: string;
  /** A whole number that fits in 53 bits. */
  integer: number;
  /** A whole number of any size: wei, gas. */
  quantity: bigint;
  /** An amount of ether, stored in wei. */
  ether: bigint;
  /** A number of bytes. */
  size: number;
  /** A time, stored in milliseconds. */
  duration: number;
  /** Yes or no. */
  boolean: boolean;
  /** One word of a closed list. */
  enum: string;
  /** A TCP port; 0 lets the system pick one. */
  port: number;
  /** A 20-byte address. */
  address: Uint8Array;
  /** Web origins; `["*"]` is any and `[]` is none. */
  origins: readonly string[];
};

/** The name of a kind of option. */
export type OptionKind = keyof OptionKindValues;

/** What a parser may be told beside the text. Numbers are in the unit in which the value is stored. */
export type OptionLimits = {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly values?: readonly string[];
  /** The unit of a duration written without one. */
  readonly bareUnit?: "ms" | "s";
};

/** A parsed value, or what was expected instead, in words that follow "expected". */
export type ParsedValue<T> = { readonly value: T } | { readonly expected: string };

type Parser<T> = (text: string, limits: OptionLimits) => ParsedValue<T>;

const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const TRUE_WORDS: ReadonlySet<string> = new Set(["true", "1", "yes", "on"]);
const FALSE_WORDS: ReadonlySet<string> = new Set(["false", "0", "no", "off"]);
const WEI_DIGITS = 18;

const PARSERS: { readonly [Kind in OptionKind]: Parser<OptionKindValues[Kind]> } = {
  text: parseText,
  path: parseText,
  url: parseUrl,
  integer: (text, limits) => parseInteger(text, limits, "a whole number"),
  quantity: parseQuantity,
  ether: parseEther,
  size: parseSize,
  duration: parseDuration,
  boolean: parseBoolean,
  enum: parseEnum,
  port: (text) => parseInteger(text, { minimum: 0, maximum: 65_535 }, "a port number"),
  address: parseAddress,
  origins: parseOrigins,
};

/**
 * Parses the text of an option.
 * @param kind which parser to use
 * @param text the text as typed; blanks around it do not count
 * @param limits the closed list or the range of the option
 * @returns the value in its stored unit, or a phrase that says what was expected
 */
export function parseOptionText<Kind extends OptionKind>(
  kind: Kind,
  text: string,
  limits: OptionLimits = {},
): ParsedValue<OptionKindValues[Kind]> {
  return PARSERS[kind](text.trim(), limits);
}

/** A value as text that `parseOptionText` reads back to the same value. */
export function formatOptionValue(kind: OptionKind, value: unknown): string {
  if (value === null || value === undefined) return "(not set)";
  if (kind === "duration") return formatDurationMs(value as number);
  if (kind === "size") return formatSizeBytes(value as number);
  if (kind === "ether") return formatEther(value as bigint);
  if (kind === "address") return `0x${Buffer.from(value as Uint8Array).toString("hex")}`;
  if (kind === "origins") return (value as readonly string[]).join(",") || "none";
  return String(value);
}

/** A size in the unit that keeps it whole with the fewest digits: `15MB`, `256MiB`, `1000`. */
export function formatSizeBytes(sizeBytes: number): string {
  let best = { count: sizeBytes, unit: "" };
  for (const unit of ["GiB", "MiB", "KiB", "GB", "MB", "KB"]) {
    const count = sizeBytes / (SIZE_UNITS[unit.toLowerCase()] ?? 1);
    if (count >= 1 && Number.isInteger(count) && count < best.count) best = { count, unit };
  }
  return `${best.count}${best.unit}`;
}

/** A time in the largest unit that keeps it whole: `10ms`, `5s`, `3h`. */
export function formatDurationMs(durationMs: number): string {
  if (durationMs === 0) return "0ms";
  for (const unit of ["h", "m", "s"]) {
    const scale = DURATION_UNITS_MS[unit] ?? 1;
    if (durationMs % scale === 0) return `${durationMs / scale}${unit}`;
  }
  return `${durationMs}ms`;
}

/** Wei as a decimal number of ether without trailing zeroes. */
export function formatEther(wei: bigint): string {
  const digits = wei.toString().padStart(WEI_DIGITS + 1, "0");
  const fraction = digits.slice(-WEI_DIGITS).replace(/0+$/, "");
  return digits.slice(0, -WEI_DIGITS) + (fraction === "" ? "" : `.${fraction}`);
}

function parseText(text: string): ParsedValue<string> {
  return text === "" ? { expected: "a text that is not empty" } : { value: text };
}

function parseUrl(text: string): ParsedValue<string> {
  const expected = "an address such as ws://127.0.0.1:8545/feed";
  if (!URL.canParse(text)) return { expected };
  const protocol = new URL(text).protocol;
  return ["ws:", "wss:", "http:", "https:"].includes(protocol) ? { value: text } : { expected };
}

function parseInteger(text: string, limits: OptionLimits, noun: string): ParsedValue<number> {
  const expected = noun + rangeText(limits, String);
  if (!/^\d[\d_]*$/.test(text)) return { expected };
  const value = Number(text.replaceAll("_", ""));
  return Number.isSafeInteger(value) && isWithin(value, limits) ? { value } : { expected };
}

function parseQuantity(text: string, limits: OptionLimits): ParsedValue<bigint> {
  const expected = `a whole number${rangeText(limits, String)}`;
  const power = /^(\d+)e(\d{1,2})$/i.exec(text);
  let value: bigint;
  if (power !== null) value = BigInt(power[1] ?? "0") * 10n ** BigInt(power[2] ?? "0");
  else if (/^(0x[0-9a-f]+|\d[\d_]*)$/i.test(text)) value = BigInt(text.replaceAll("_", ""));
  else return { expected };
  const tooSmall = limits.minimum !== undefined && value < BigInt(limits.minimum);
  const tooLarge = limits.maximum !== undefined && value > BigInt(limits.maximum);
  return tooSmall || tooLarge ? { expected } : { value };
}

function parseEther(text: string): ParsedValue<bigint> {
  const match = /^(\d[\d_]*)(?:\.(\d{1,18}))?$/.exec(text);
  if (match === null) return { expected: "an amount of ether with at most 18 decimals" };
  const whole = BigInt((match[1] ?? "0").replaceAll("_", ""));
  return { value: whole * 10n ** BigInt(WEI_DIGITS) + BigInt((match[2] ?? "").padEnd(WEI_DIGITS, "0")) };
}

function parseSize(text: string, limits: OptionLimits): ParsedValue<number> {
  const expected = `a size such as 64MB or 2GiB${rangeText(limits, formatSizeBytes)}`;
  const value = parseScaled(text, SIZE_UNITS, "");
  return value !== null && Number.isSafeInteger(value) && isWithin(value, limits) ? { value } : { expected };
}

function parseDuration(text: string, limits: OptionLimits): ParsedValue<number> {
  const expected = `a time such as 10ms, 5s or 2m${rangeText(limits, formatDurationMs)}`;
  const value = parseScaled(text, DURATION_UNITS_MS, limits.bareUnit ?? "ms");
  return value !== null && Number.isSafeInteger(value) && isWithin(value, limits) ? { value } : { expected };
}

function parseScaled(text: string, units: Readonly<Record<string, number>>, bareUnit: string): number | null {
  const match = /^(\d[\d_]*(?:\.\d+)?)\s*([a-z]*)$/i.exec(text);
  if (match === null) return null;
  const scale = units[(match[2] || bareUnit).toLowerCase()];
  if (scale === undefined) return null;
  return Number((match[1] ?? "").replaceAll("_", "")) * scale;
}

function parseBoolean(text: string): ParsedValue<boolean> {
  const word = text.toLowerCase();
  if (TRUE_WORDS.has(word)) return { value: true };
  return FALSE_WORDS.has(word) ? { value: false } : { expected: "true or false" };
}

function parseEnum(text: string, limits: OptionLimits): ParsedValue<string> {
  const values = limits.values ?? [];
  const match = values.find((value) => value.toLowerCase() === text.toLowerCase());
  return match === undefined ? { expected: `one of ${values.join(", ")}` } : { value: match };
}

function parseAddress(text: string): ParsedValue<Uint8Array> {
  const bytes = /^0x[0-9a-f]{40}$/i.test(text) ? tryFromHex(text) : null;
  return bytes === null ? { expected: "a 20-byte address in hex, 0x first" } : { value: bytes };
}

function parseOrigins(text: string): ParsedValue<readonly string[]> {
  if (text === "*") return { value: ["*"] };
  if (text === "" || text.toLowerCase() === "none") return { value: [] };
  const origins = text.split(",").map((origin) => origin.trim());
  const valid = origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin);
  return valid
    ? { value: origins }
    : { expected: "*, none, or origins such as https://app.example with commas between" };
}

function isWithin(value: number, limits: OptionLimits): boolean {
  return value >= (limits.minimum ?? Number.NEGATIVE_INFINITY) && value <= (limits.maximum ?? Number.POSITIVE_INFINITY);
}

function rangeText(limits: OptionLimits, format: (value: number) => string): string {
  const { minimum, maximum } = limits;
  if (minimum !== undefined && maximum !== undefined) return ` from ${format(minimum)} to ${format(maximum)}`;
  if (minimum !== undefined) return ` of at least ${format(minimum)}`;
  return maximum === undefined ? "" : ` of at most ${format(maximum)}`;
}
