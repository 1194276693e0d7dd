// A thread that adds to a counter of the metrics region it is sent and then says so.

import { attachMetrics } from "#observability/metrics.ts";

self.addEventListener("message", (event: MessageEvent<SharedArrayBuffer>) => {
  attachMetrics(event.data, 1).counter("transactions_executed_total").add(7);
  postMessage("done");
});
