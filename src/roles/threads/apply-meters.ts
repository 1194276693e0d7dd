// The apply thread's metrics. `transactions_executed_total` is not among them: nothing is executed here.

import type { RecordTypeName } from "#formats/wire/record.ts";
import { attachMetrics } from "#observability/metrics.ts";
import type { RefusalReason } from "#replica/follower.ts";
import type { StateTable } from "#state/table.ts";
import type { ChainHead } from "#storage/chain-head.ts";
import type { ThreadStart } from "./thread-protocol.ts";

/** What the apply thread reports. */
export type ApplyMeters = {
  /** Brings the gauges up to date; cheap. */
  update(): void;
  /** A record took the head from `before` to `after`. */
  applied(type: RecordTypeName, before: ChainHead, after: ChainHead): void;
  refused(reason: RefusalReason): void;
};

/** Opens the thread's block of the metrics region. */
export function openApplyMeters(start: ThreadStart, table: StateTable): ApplyMeters {
  const metrics = attachMetrics(start.setup.regions.metrics, start.metricsIndex);
  const miniBlocks = metrics.counter("mini_blocks_total");
  const blocks = metrics.counter("blocks_total");
  const included = metrics.counter("transactions_included_total");
  const gasUsed = metrics.counter("gas_used_total");
  const records = metrics.gauge("state_records");
  const codeBytes = metrics.gauge("code_bytes");
  metrics.gauge("state_records_capacity").set(table.recordCapacity);
  return {
    update() {
      records.set(table.keyCount);
      codeBytes.set(table.plan.codeSizeBytes - table.freeCodeBytes);
    },
    applied(type, before, after) {
      if (type === "seal") blocks.add(1);
      if (type !== "mini") return;
      miniBlocks.add(1);
      included.add(after.transactionTotal - before.transactionTotal);
      gasUsed.add((after.open?.gasUsed ?? 0) - (before.open?.gasUsed ?? 0));
    },
    refused: (reason) => metrics.counter("frames_refused_total", { reason }).add(1),
  };
}
