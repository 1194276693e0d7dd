// The execute thread's metrics: differences of the producer's and the pool's counters, written a few times a second.

import { attachMetrics } from "#observability/metrics.ts";
import type { TransactionPool } from "#sequencer/pool.ts";
import type { ProducerCounters } from "#sequencer/producer-ports.ts";
import type { StateTable } from "#state/table.ts";
import { following, paced } from "./following-counter.ts";
import type { ThreadStart } from "./thread-protocol.ts";

/** What the execute thread reports. */
export type ExecuteMeters = {
  /** Brings the shared metrics up to date; cheap when called too often. */
  update(): void;
  admitted(): void;
  rejected(code: string): void;
};

/** Opens the thread's block of the metrics region. */
export function openExecuteMeters(
  start: ThreadStart,
  parts: { readonly counters: ProducerCounters; readonly pool: TransactionPool; readonly table: StateTable },
): ExecuteMeters {
  const metrics = attachMetrics(start.setup.regions.metrics, start.metricsIndex);
  const { counters, pool, table } = parts;
  const follow = [
    following(metrics.counter("transactions_executed_total"), () => counters.transactionsExecuted),
    following(metrics.counter("transactions_included_total"), () => counters.transactionsIncluded),
    following(metrics.counter("gas_used_total"), () => counters.gasUsed),
    following(metrics.counter("mini_blocks_total"), () => counters.miniBlocks),
    following(metrics.counter("blocks_total"), () => counters.blocks),
    following(metrics.counter("execution_seconds_total"), () => counters.executionUs / 1e6),
    following(metrics.counter("seal_stall_seconds_total"), () => counters.sealStallUs / 1e6),
    following(metrics.counter("production_waits_total", { reason: "log" }), () => counters.logFull),
    following(metrics.counter("production_waits_total", { reason: "state" }), () => counters.stateFull),
    following(metrics.counter("production_waits_total", { reason: "block gas" }), () => counters.blockGasFull),
    following(metrics.counter("production_waits_total", { reason: "checkpoint" }), () => counters.checkpointWaits),
    following(metrics.counter("transactions_too_large_total"), () => counters.recordTooLarge),
    following(metrics.counter("txpool_replaced_total"), () => pool.dropCounts.replaced),
    following(metrics.counter("txpool_evicted_total", { reason: "full" }), () => pool.dropCounts.evicted),
    following(metrics.counter("txpool_evicted_total", { reason: "expired" }), () => pool.dropCounts.expired),
    following(metrics.counter("txpool_evicted_total", { reason: "invalid" }), () => pool.dropCounts.rejected),
  ];
  const pending = metrics.gauge("txpool_pending");
  const poolBytes = metrics.gauge("txpool_bytes");
  const records = metrics.gauge("state_records");
  const codeBytes = metrics.gauge("code_bytes");
  const admitted = metrics.counter("txpool_admitted_total");
  metrics.gauge("state_records_capacity").set(table.recordCapacity);
  const gauges = [
    () => pending.set(pool.size),
    () => poolBytes.set(pool.sizeBytes),
    () => records.set(table.keyCount),
    () => codeBytes.set(table.plan.codeSizeBytes - table.freeCodeBytes),
  ];
  return {
    update: paced([...follow, ...gauges]),
    admitted: () => admitted.add(1),
    rejected: (code) => metrics.counter("txpool_rejects_total", { code }).add(1),
  };
}
