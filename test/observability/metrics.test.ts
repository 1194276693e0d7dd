// Metrics in shared memory: one writer a block, sums and maxima over blocks, Prometheus text, the table's own rules.

import { describe, expect, test } from "bun:test";
import { REJECT_CODES } from "#chain/reject.ts";
import { METRIC_TABLE, type MetricSpec, REJECT_LABELS } from "#observability/metric-table.ts";
import { attachMetrics, createMetricsRegion, readMetric, renderMetrics } from "#observability/metrics.ts";

function lineOf(text: string, series: string): string | undefined {
  return text.split("\n").find((line) => line.startsWith(`${series} `));
}

describe("metrics region", () => {
  test("counters add up over threads", () => {
    const region = createMetricsRegion(3);
    for (let thread = 0; thread < 3; thread++)
      attachMetrics(region, thread)
        .counter("blocks_total")
        .add(thread + 1);
    expect(readMetric(region, "blocks_total")).toBe(6);
  });
  test("gauges take the sum or the maximum, as the table says", () => {
    const region = createMetricsRegion(2);
    [4, 9].forEach((value, thread) => {
      const metrics = attachMetrics(region, thread);
      metrics.gauge("txpool_pending").set(value);
      metrics.gauge("head_block").set(value);
    });
    expect([readMetric(region, "txpool_pending"), readMetric(region, "head_block")]).toEqual([13, 9]);
  });
  test("labels lead to series of their own; an unknown value counts as other", () => {
    const region = createMetricsRegion(1);
    const metrics = attachMetrics(region, 0);
    metrics.counter("txpool_rejects_total", { code: "nonce too low" }).add(2);
    metrics.counter("txpool_rejects_total", { code: "never heard of" }).add(3);
    expect(readMetric(region, "txpool_rejects_total", { code: "nonce too low" })).toBe(2);
    expect(readMetric(region, "txpool_rejects_total", { code: "other" })).toBe(3);
    expect(() => metrics.counter("rpc_requests_total", { transport: "pigeon" as "http" })).toThrow("no series");
  });
  test("a histogram is cumulative and ends in +Inf, sum and count", () => {
    const region = createMetricsRegion(2);
    for (const [thread, value] of [0.001, 0.3, 100].entries()) {
      attachMetrics(region, thread % 2)
        .histogram("checkpoint_duration_seconds")
        .observe(value);
    }
    const text = renderMetrics(region, {});
    const bucket = (bound: string) =>
      lineOf(text, `megaeth_checkpoint_duration_seconds_bucket{le="${bound}"}`)?.split(" ")[1];
    expect([bucket("0.01"), bucket("0.25"), bucket("0.5"), bucket("60"), bucket("+Inf")]).toEqual([
      "1",
      "1",
      "2",
      "2",
      "3",
    ]);
    expect(lineOf(text, "megaeth_checkpoint_duration_seconds_sum")).toEndWith(" 100.301");
    expect(lineOf(text, "megaeth_checkpoint_duration_seconds_count")).toEndWith(" 3");
    expect(readMetric(region, "checkpoint_duration_seconds")).toBe(3);
  });
  test("another thread writes into the same region", async () => {
    const region = createMetricsRegion(2);
    const address = new URL("./metrics-writer.fixture.ts", import.meta.url).href;
    const worker = new Worker(address);
    const done = new Promise((settle) => worker.addEventListener("message", settle));
    worker.postMessage(region);
    await done;
    worker.terminate();
    expect(readMetric(region, "transactions_executed_total")).toBe(7);
  });
  test("a region of another layout and a block that is not there are refused", () => {
    expect(() => attachMetrics(new SharedArrayBuffer(4_096), 0)).toThrow("another layout");
    const region = createMetricsRegion(1);
    for (const index of [1, -1, 0.5]) expect(() => attachMetrics(region, index)).toThrow("thread index");
    expect(() => createMetricsRegion(0)).toThrow("0 threads");
  });
});

describe("Prometheus text", () => {
  const text = renderMetrics(createMetricsRegion(1), { version: '1"2\\3\n', role: "replica" });
  test("every line is a comment or a sample", () => {
    for (const line of text.trimEnd().split("\n")) {
      expect(line).toMatch(/^(# (HELP|TYPE) megaeth_\w+ .+|megaeth_\w+(\{(\w+="([^"\\\n]|\\.)*",?)+\})? -?[\d.e+-]+)$/);
    }
  });
  test("no series is written twice", () => {
    const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(new Set(series.map((line) => line.slice(0, line.lastIndexOf(" ")))).size).toBe(series.length);
  });
  test("build information is escaped", () => {
    expect(text).toContain('megaeth_build_info{version="1\\"2\\\\3\\n",role="replica"} 1');
  });
  test("transactions_executed_total is written while it is 0", () => {
    expect(lineOf(text, "megaeth_transactions_executed_total")).toBe("megaeth_transactions_executed_total 0");
  });
});

describe("table", () => {
  const rows = Object.entries(METRIC_TABLE) as [string, MetricSpec][];
  test("names carry their unit and kind", () => {
    for (const [name, spec] of rows) {
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
      expect([name, name.endsWith("_total")]).toEqual([name, spec.kind === "counter"]);
      if (spec.kind === "histogram") expect(name).toEndWith("_seconds");
    }
  });
  test("help is a sentence and bounds ascend", () => {
    for (const [name, spec] of rows) {
      expect([name, /^[A-Z0-9].*\.$/.test(spec.help)]).toEqual([name, true]);
      if (spec.kind === "histogram") expect([...spec.bounds].sort((a, b) => a - b)).toEqual([...spec.bounds]);
    }
  });
  test("every reject code of the chain is counted under its own words", () => {
    expect(REJECT_LABELS.slice(0, REJECT_CODES.length)).toEqual([...REJECT_CODES]);
  });
});
