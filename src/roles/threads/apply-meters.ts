// The apply thread's metrics. `transactions_executed_total` is not among them: nothing is executed here.

import type { RecordTypeName } from "#formats/wire/record.ts";
import { attachMetrics } from "#observability/metrics.ts";
import type { RefusalReason } from "#replica/follower.ts";
import type { StateTable } from "#state/table.ts";
import type { ThreadStart } from "./thread-protocol.ts";

/** What the apply thread reports. */
export type ApplyMeters = {
  /** Brings the gauges up to date; cheap. */
  update(): void;
  applied(type: RecordTypeName): void;
  refused(reason: RefusalReason): void;
};

/** Opens the thread's block of the metrics region. */
export function openApplyMeters(start: ThreadStart, table: StateTable): ApplyMeters {
  const metrics = attachMetrics(start.setup.regions.metrics, start.metricsIndex);
  const miniBlocks = metrics.counter("mini_blocks_total");
  const blocks = metrics.counter("blocks_total");
  const records = metrics.gauge("state_records");
  metrics.gauge("state_records_capacity").set(table.recordCapacity);
  return {
    update: () => records.set(table.keyCount),
    applied(type) {
      if (type === "mini") miniBlocks.add(1);
      else if (type === "seal") blocks.add(1);
    },
    refused: (reason) => metrics.counter("frames_refused_total", { reason }).add(1),
  };
}
