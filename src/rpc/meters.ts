// The RPC's metric handles, asked for once: the table in observability names the series, this file names the moments.

import type { Metrics } from "#observability/metrics.ts";

/** How a request came in. */
export type Transport = "http" | "websocket";

/** The limits that are counted when they refuse something. */
export type CountedLimit =
  | "body"
  | "batch"
  | "response"
  | "connections"
  | "subscriptions"
  | "gas"
  | "time"
  | "memory"
  | "logs"
  | "queue";

/** The subscription kinds that are counted. */
export type CountedSubscription = "newHeads" | "logs" | "miniBlocks" | "stateChanges";

/** What the RPC reports about itself. */
export type RpcMeters = {
  /** One call was answered; each element of a batch by itself. */
  answered(transport: Transport, seconds: number, failed: boolean): void;
  limited(limit: CountedLimit): void;
  connections(change: 1 | -1): void;
  subscriptions(kind: CountedSubscription, change: 1 | -1): void;
  slowClosed(): void;
  undoRestarted(): void;
};

/** Handles into the metrics of the calling thread. */
export function createRpcMeters(metrics: Metrics): RpcMeters {
  const byTransport = (transport: Transport) => ({
    requests: metrics.counter("rpc_requests_total", { transport }),
    errors: metrics.counter("rpc_errors_total", { transport }),
    duration: metrics.histogram("rpc_request_duration_seconds", { transport }),
  });
  const transports = { http: byTransport("http"), websocket: byTransport("websocket") };
  const connections = metrics.gauge("ws_connections");
  const slowClosed = metrics.counter("ws_slow_closed_total");
  const undoRestarts = metrics.counter("undo_restarts_total");
  return {
    answered(transport, seconds, failed) {
      transports[transport].requests.add(1);
      transports[transport].duration.observe(seconds);
      if (failed) transports[transport].errors.add(1);
    },
    limited: (limit) => metrics.counter("rpc_limited_total", { limit }).add(1),
    connections: (change) => connections.add(change),
    subscriptions: (kind, change) => metrics.gauge("ws_subscriptions", { kind }).add(change),
    slowClosed: () => slowClosed.add(1),
    undoRestarted: () => undoRestarts.add(1),
  };
}
