// The engine's metrics name what the engine counts.

import { expect, test } from "bun:test";
import { EngineCounters } from "#evm/runtime/counters.ts";
import { EXIT_REASONS } from "#formats/memory/evm-arena.ts";
import { METRIC_TABLE } from "#observability/metric-table.ts";

test("every reason that the engine counts has a series, and no other", () => {
  expect(METRIC_TABLE.engine_exits_total.labels.reason as readonly string[]).toEqual(EXIT_REASONS);
  const { fallbacks } = new EngineCounters();
  expect([...METRIC_TABLE.engine_fallbacks_total.labels.reason] as string[]).toEqual(Object.keys(fallbacks));
});
