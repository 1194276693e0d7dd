// Counters, gauges and histograms in one shared memory region, written by every thread and read for /metrics.
//
//   region:  [ header 128 bytes: magic, layout hash, thread count ][ block of thread 0 ][ block of thread 1 ] ...
//   block:   one Float64 per series; a histogram series has one per bound, one for +Inf, then sum
//
// Each slot has one writer, so a plain store is enough: no atomics on the hot path. Readers add the blocks up (gauges: sum or
// maximum, as the table says) and may see a value a moment old. Blocks start on 128 bytes so that threads share no cache line.

import { assert, must } from "#base/assert.ts";
import { type LabelsOf, METRIC_TABLE, type MetricName, type MetricNameOf, type MetricSpec } from "./metric-table.ts";

const HEADER_SIZE_BYTES = 128;
const BLOCK_ALIGNMENT_BYTES = 128;
const MAGIC = 0x4d45_5452;
const THREAD_COUNT_MAX = 1_024;
const PREFIX = "megaeth_";

/** Adds to one counter series. */
export type Counter = { add(amount: number): void };

/** Sets one gauge series as seen by this thread. */
export type Gauge = { set(value: number): void; add(amount: number): void };

/** Records observations of one histogram series. */
export type Histogram = { observe(value: number): void };

/** A thread's way to write metrics. Ask for a handle once and keep it: the look-up is slow, the handle is not. */
export type Metrics = {
  counter<Name extends MetricNameOf<"counter">>(name: Name, ...labels: LabelArguments<Name>): Counter;
  gauge<Name extends MetricNameOf<"gauge">>(name: Name, ...labels: LabelArguments<Name>): Gauge;
  histogram<Name extends MetricNameOf<"histogram">>(name: Name, ...labels: LabelArguments<Name>): Histogram;
};

/** The labels argument: absent for a metric without labels. */
export type LabelArguments<Name extends MetricName> = keyof LabelsOf<Name> extends never ? [] : [LabelsOf<Name>];

/** Facts about the process that /metrics repeats as labels of `megaeth_build_info`. */
export type BuildInfo = Readonly<Record<string, string>>;

type Series = { readonly labels: Readonly<Record<string, string>>; readonly slotIndex: number };
type Layout = {
  readonly series: ReadonlyMap<MetricName, readonly Series[]>;
  readonly slotCount: number;
  readonly hash: number;
};

const LAYOUT: Layout = layOut();
const BLOCK_SIZE_BYTES = Math.ceil((LAYOUT.slotCount * 8) / BLOCK_ALIGNMENT_BYTES) * BLOCK_ALIGNMENT_BYTES;
const BLOCK_SLOTS = BLOCK_SIZE_BYTES / 8;

/**
 * Makes the shared region that all threads of a process write their metrics to.
 * @param threadCount how many threads may attach, at least 1
 */
export function createMetricsRegion(threadCount: number): SharedArrayBuffer {
  const valid = Number.isInteger(threadCount) && threadCount >= 1 && threadCount <= THREAD_COUNT_MAX;
  assert(valid, `metrics region for ${threadCount} threads`);
  const region = new SharedArrayBuffer(HEADER_SIZE_BYTES + threadCount * BLOCK_SIZE_BYTES);
  const header = new Uint32Array(region, 0, 3);
  header[0] = MAGIC;
  header[1] = LAYOUT.hash;
  header[2] = threadCount;
  return region;
}

/**
 * Opens the block of one thread for writing.
 * @param threadIndex 0 to threadCount - 1; two threads must never share one
 * @throws {AssertionError} when the region was laid out by another table or has no such block
 */
export function attachMetrics(region: SharedArrayBuffer, threadIndex: number): Metrics {
  const threadCount = checkRegion(region);
  assert(Number.isInteger(threadIndex) && threadIndex >= 0 && threadIndex < threadCount, `thread index ${threadIndex}`);
  const slots = new Float64Array(region, HEADER_SIZE_BYTES + threadIndex * BLOCK_SIZE_BYTES, LAYOUT.slotCount);
  return {
    counter: (name, ...labels) => new SlotCounter(slots, findSlot(name, labels[0])),
    gauge: (name, ...labels) => new SlotGauge(slots, findSlot(name, labels[0])),
    histogram: (name, ...labels) => {
      return new SlotHistogram(slots, findSlot(name, labels[0]), METRIC_TABLE[name].bounds);
    },
  };
}

/** Metrics that go nowhere visible: for tools and tests that need to pass some. */
export function detachedMetrics(): Metrics {
  return attachMetrics(createMetricsRegion(1), 0);
}

/**
 * The value of one series over all threads: a counter's total, a gauge's sum or maximum, a histogram's count.
 * @param labels every label of the metric
 */
export function readMetric<Name extends MetricName>(
  region: SharedArrayBuffer,
  name: Name,
  ...labels: LabelArguments<Name>
): number {
  checkRegion(region);
  const spec: MetricSpec = METRIC_TABLE[name];
  const slotIndex = findSlot(name, labels[0]);
  if (spec.kind !== "histogram") return readSlot(region, slotIndex, acrossOf(spec));
  let count = 0;
  for (let i = 0; i <= spec.bounds.length; i++) count += readSlot(region, slotIndex + i, "sum");
  return count;
}

/**
 * The whole region as Prometheus text (version 0.0.4).
 * @param info labels of `megaeth_build_info`: version, commit, role
 */
export function renderMetrics(region: SharedArrayBuffer, info: BuildInfo): string {
  checkRegion(region);
  const lines: string[] = [];
  for (const [name, series] of LAYOUT.series) {
    const spec: MetricSpec = METRIC_TABLE[name];
    lines.push(`# HELP ${PREFIX}${name} ${spec.help}`, `# TYPE ${PREFIX}${name} ${spec.kind}`);
    for (const one of series) {
      if (spec.kind === "histogram") renderHistogram(lines, region, name, spec.bounds, one);
      else lines.push(`${PREFIX}${name}${labelText(one.labels)} ${readSlot(region, one.slotIndex, acrossOf(spec))}`);
    }
  }
  lines.push(
    `# HELP ${PREFIX}build_info Constant 1; its labels say what is running.`,
    `# TYPE ${PREFIX}build_info gauge`,
  );
  lines.push(`${PREFIX}build_info${labelText(info)} 1`);
  return `${lines.join("\n")}\n`;
}

class SlotCounter implements Counter {
  readonly #slots: Float64Array;
  readonly #slotIndex: number;

  constructor(slots: Float64Array, slotIndex: number) {
    this.#slots = slots;
    this.#slotIndex = slotIndex;
  }

  add(amount: number): void {
    this.#slots[this.#slotIndex]! += amount;
  }
}

class SlotGauge extends SlotCounter implements Gauge {
  readonly #slots: Float64Array;
  readonly #slotIndex: number;

  constructor(slots: Float64Array, slotIndex: number) {
    super(slots, slotIndex);
    this.#slots = slots;
    this.#slotIndex = slotIndex;
  }

  set(value: number): void {
    this.#slots[this.#slotIndex] = value;
  }
}

class SlotHistogram implements Histogram {
  readonly #slots: Float64Array;
  readonly #slotIndex: number;
  readonly #bounds: readonly number[];

  constructor(slots: Float64Array, slotIndex: number, bounds: readonly number[]) {
    this.#slots = slots;
    this.#slotIndex = slotIndex;
    this.#bounds = bounds;
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.#slots[this.#slotIndex + bucket]! += 1;
    this.#slots[this.#slotIndex + bounds.length + 1]! += value;
  }
}

function renderHistogram(
  lines: string[],
  region: SharedArrayBuffer,
  name: string,
  bounds: readonly number[],
  series: Series,
): void {
  let count = 0;
  for (let i = 0; i <= bounds.length; i++) {
    count += readSlot(region, series.slotIndex + i, "sum");
    const bound = i < bounds.length ? String(bounds[i]) : "+Inf";
    lines.push(`${PREFIX}${name}_bucket${labelText({ ...series.labels, le: bound })} ${count}`);
  }
  const sum = readSlot(region, series.slotIndex + bounds.length + 1, "sum");
  lines.push(`${PREFIX}${name}_sum${labelText(series.labels)} ${sum}`);
  lines.push(`${PREFIX}${name}_count${labelText(series.labels)} ${count}`);
}

function readSlot(region: SharedArrayBuffer, slotIndex: number, across: "sum" | "max"): number {
  const threadCount = checkRegion(region);
  const slots = new Float64Array(region, HEADER_SIZE_BYTES);
  let value = slots[slotIndex] ?? 0;
  for (let thread = 1; thread < threadCount; thread++) {
    const next = slots[thread * BLOCK_SLOTS + slotIndex] ?? 0;
    value = across === "sum" ? value + next : Math.max(value, next);
  }
  return value;
}

function acrossOf(spec: MetricSpec): "sum" | "max" {
  return spec.kind === "gauge" ? spec.across : "sum";
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function findSlot(name: MetricName, labels: object | undefined): number {
  const wanted = (labels ?? {}) as Readonly<Record<string, string>>;
  const spec: MetricSpec = METRIC_TABLE[name];
  const known: Record<string, string> = {};
  for (const [label, values] of Object.entries(spec.labels)) {
    const value = wanted[label] ?? "";
    known[label] = values.includes(value) ? value : "other";
  }
  const series = must(LAYOUT.series.get(name), `metric ${name}`).find((candidate) => {
    return Object.entries(candidate.labels).every(([label, value]) => known[label] === value);
  });
  return must(series, `metric ${name} has no series ${JSON.stringify(wanted)}`).slotIndex;
}

function checkRegion(region: SharedArrayBuffer): number {
  const header = new Uint32Array(region, 0, 3);
  assert(header[0] === MAGIC && header[1] === LAYOUT.hash, "metrics region of another layout");
  return header[2] ?? 0;
}

function layOut(): Layout {
  const series = new Map<MetricName, Series[]>();
  let slotCount = 0;
  for (const [name, spec] of Object.entries(METRIC_TABLE) as [MetricName, MetricSpec][]) {
    const slotsPerSeries = spec.kind === "histogram" ? spec.bounds.length + 2 : 1;
    const list: Series[] = [];
    for (const labels of labelCombinations(Object.entries(spec.labels))) {
      list.push({ labels, slotIndex: slotCount });
      slotCount += slotsPerSeries;
    }
    series.set(name, list);
  }
  return { series, slotCount, hash: hashText(JSON.stringify(METRIC_TABLE)) };
}

function labelCombinations(labels: readonly [string, readonly string[]][]): Record<string, string>[] {
  let combinations: Record<string, string>[] = [{}];
  for (const [label, values] of labels) {
    combinations = combinations.flatMap((partial) => values.map((value) => ({ ...partial, [label]: value })));
  }
  return combinations;
}

function hashText(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return hash >>> 0;
}
