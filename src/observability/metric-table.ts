// The one table of metrics: name, kind, labels with their closed lists of values, help. Slots in shared memory, the text of
// /metrics and the handles that threads write through are all laid out from here.
// Names follow Prometheus: base units, `_total` for counters, `_seconds`, `_bytes`; the prefix `megaeth_` is added on output.

/** How the values of the threads become one: added up, or the largest of them. */
export type GaugeAcross = "sum" | "max";

/** The labels of a metric: name to closed list of values. A list that holds "other" takes in every unknown value there. */
export type MetricLabels = Readonly<Record<string, readonly string[]>>;

/** One row of the table. */
export type MetricSpec =
  | { readonly kind: "counter"; readonly labels: MetricLabels; readonly help: string }
  | { readonly kind: "gauge"; readonly labels: MetricLabels; readonly help: string; readonly across: GaugeAcross }
  | {
      readonly kind: "histogram";
      readonly labels: MetricLabels;
      readonly help: string;
      /** Upper bounds in ascending order, the infinite one left out. */
      readonly bounds: readonly number[];
    };

const NO_LABELS = {} as const satisfies MetricLabels;
const TRANSPORTS = ["http", "websocket"] as const;
const LATENCY_BOUNDS_SECONDS = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;
const INTERVAL_BOUNDS_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5] as const;

/** Why a transaction was not taken into the pool: the reject codes of the chain in its own words, then what this node adds. */
export const REJECT_LABELS = [
  "transaction type not supported",
  "oversized data",
  "max initcode size exceeded",
  "transaction gas limit too high",
  "exceeds block gas limit",
  "max fee per gas higher than 2^256-1",
  "max priority fee per gas higher than 2^256-1",
  "max priority fee per gas higher than max fee per gas",
  "gas * gasPrice exceeds 256 bits",
  "value exceeds 256 bits",
  "invalid sender",
  "only replay-protected (EIP-155) transactions allowed over RPC",
  "nonce has max value",
  "intrinsic gas too low",
  "insufficient gas for floor data gas cost",
  "blob transaction missing blob hashes",
  "blob transaction of type create",
  "too many blobs in transaction",
  "blob has invalid hash version",
  "EIP-7702 transaction cannot be used to create contract",
  "set code tx must have at least one authorization tuple",
  "nonce too low",
  "nonce too high",
  "insufficient funds for gas * price + value",
  "max fee per gas less than block base fee",
  "max fee per blob gas less than block blob gas fee",
  "sender not an eoa",
  "gas limit reached",
  "already known",
  "transaction underpriced",
  "transaction gas price below minimum",
  "replacement transaction underpriced",
  "txpool is full",
  "account limit exceeded",
  "malformed",
  "state full",
  "disk full",
  "overloaded",
  "other",
] as const;

/** Every metric of the program, by its name without the prefix. */
export const METRIC_TABLE = {
  mini_blocks_total: counter("Mini-blocks sealed or applied."),
  blocks_total: counter("EVM blocks sealed or applied."),
  head_mini_block: gauge("max", "Number of the newest published mini-block."),
  head_block: gauge("max", "Number of the open EVM block."),
  transactions_executed_total: counter("Transactions run by an engine here; stays 0 on a replica."),
  transactions_included_total: counter("Transactions in published mini-blocks."),
  gas_used_total: counter("Gas used by published transactions."),
  mini_block_interval_seconds: histogram(INTERVAL_BOUNDS_SECONDS, "Time from one mini-block to the next."),
  execution_seconds_total: counter("Time that the executor spent in slices of execution."),
  seal_stall_seconds_total: counter("Time that the executor waited at EVM block boundaries."),
  production_waits_total: counter("Times that production had to wait, or put a transaction off, for want of room.", {
    reason: ["log", "state", "block gas", "checkpoint"],
  }),
  transactions_too_large_total: counter("Transactions dropped because no record can hold what they do."),
  engine_used_total: counter("Transactions and calls by the engine that ran them.", { kind: ["wasm", "reference"] }),
  engine_fallbacks_total: counter(
    "Runs that did not fit into their thread's memory and went to the reference engine.",
    {
      reason: ["exhausted", "oversized"],
    },
  ),
  engine_handovers_total: counter("Frames handed over to compiled code while they ran in the interpreter."),
  engine_gas_total: counter("Gas charged in byte code, by what ran it.", { tier: ["interpreted", "compiled"] }),
  engine_exits_total: counter("Times that compiled code handed over to the interpreter.", {
    reason: ["gas", "unvisited", "jump", "stack", "opcode", "size", "forced", "wide"],
  }),
  compile_jobs_total: counter("Byte codes sent to be compiled, or taken from disk, by what became of them.", {
    result: ["compiled", "refused", "failed", "dropped", "loaded"],
  }),
  compile_queue_length: gauge("max", "Byte codes that wait to be compiled."),
  compile_seconds_total: counter("Time spent compiling."),
  compile_warm_up_seconds_total: counter("Time spent running compiled code until it was optimized."),
  compiled_bytes_total: counter("Bytes of WebAssembly made from byte code, or taken from disk."),
  compiled_code_bytes: gauge("max", "Bytes of WebAssembly that a thread keeps for byte code."),

  txpool_pending: gauge("sum", "Transactions that wait in the pool."),
  txpool_bytes: gauge("sum", "Bytes of the transactions that wait in the pool."),
  txpool_admitted_total: counter("Transactions taken into the pool."),
  txpool_replaced_total: counter("Transactions replaced by one with a higher fee."),
  txpool_evicted_total: counter("Transactions that left the pool unincluded.", {
    reason: ["full", "expired", "invalid"],
  }),
  txpool_rejects_total: counter("Transactions refused, by reason.", { code: REJECT_LABELS }),

  rpc_requests_total: counter("JSON-RPC calls, each element of a batch by itself.", { transport: TRANSPORTS }),
  rpc_errors_total: counter("JSON-RPC calls answered with an error.", { transport: TRANSPORTS }),
  rpc_request_duration_seconds: histogram(LATENCY_BOUNDS_SECONDS, "Time from a JSON-RPC call to its answer.", {
    transport: TRANSPORTS,
  }),
  rpc_limited_total: counter("Requests refused by a limit.", {
    limit: ["body", "batch", "response", "connections", "subscriptions", "gas", "time", "memory", "logs", "queue"],
  }),
  ws_connections: gauge("sum", "Open WebSocket connections of clients."),
  ws_subscriptions: gauge("sum", "Open subscriptions.", { kind: ["newHeads", "logs", "miniBlocks", "stateChanges"] }),
  ws_slow_closed_total: counter("Subscribers closed because they read too slowly."),
  undo_restarts_total: counter("Reads that started again because the undo ring had passed them."),

  feed_children: gauge("sum", "Replicas that follow this process."),
  feed_slow_closed_total: counter("Followers closed because they read too slowly."),
  feed_bytes_total: counter("Bytes sent to followers, after compression."),
  feed_received_bytes_total: counter("Bytes received from upstream, before decompression."),
  feed_reconnects_total: counter("Times the link to upstream was opened again."),
  snapshots_served_total: counter("Snapshots sent to followers."),
  snapshots_loaded_total: counter("Snapshots taken from upstream."),
  replica_lag_mini_blocks: gauge("max", "Mini-blocks that upstream has announced and this replica has not applied."),
  replica_last_message_age_seconds: gauge("max", "Time since upstream was last heard."),
  frames_refused_total: counter("Frames from upstream that were not applied, by reason.", {
    reason: ["malformed", "signature", "order", "content", "equivocation", "transport", "other"],
  }),

  log_bytes_total: counter("Bytes appended to the durable log."),
  log_durable_mini_block: gauge("max", "Newest mini-block known to be on disk."),
  fsync_duration_seconds: histogram(LATENCY_BOUNDS_SECONDS, "Time that forcing the log to disk took."),
  checkpoint_duration_seconds: histogram(
    [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    "Time that writing a checkpoint took.",
  ),
  commit_lag_blocks: gauge("max", "EVM blocks whose state root is still being computed."),
  disk_full: gauge("max", "1 while the disk has no room and nothing new is accepted."),

  state_records: gauge("max", "Records in the state table."),
  state_records_capacity: gauge("max", "Records that the state table can hold."),
  code_bytes: gauge("max", "Bytes of contract code in shared memory."),
  event_loop_lag_seconds: gauge("max", "Largest recent delay of a timer on any thread."),
} as const satisfies Readonly<Record<string, MetricSpec>>;

/** The name of a metric, without the prefix. */
export type MetricName = keyof typeof METRIC_TABLE;

/** The names of metrics of one kind. */
export type MetricNameOf<Kind extends MetricSpec["kind"]> = {
  [Name in MetricName]: (typeof METRIC_TABLE)[Name]["kind"] extends Kind ? Name : never;
}[MetricName];

/** The labels that must be given to reach one series of a metric; a value outside the list counts as "other" where there is one. */
export type LabelsOf<Name extends MetricName> = {
  readonly [Label in keyof (typeof METRIC_TABLE)[Name]["labels"]]: (typeof METRIC_TABLE)[Name]["labels"][Label] extends readonly (infer Value)[]
    ? Value | ("other" extends Value ? string : never)
    : never;
};

type Labelled<L> = { readonly labels: L; readonly help: string };
type CounterRow<L> = Labelled<L> & { readonly kind: "counter" };
type GaugeRow<L> = Labelled<L> & { readonly kind: "gauge"; readonly across: GaugeAcross };
type HistogramRow<L> = Labelled<L> & { readonly kind: "histogram"; readonly bounds: readonly number[] };

function counter(help: string): CounterRow<typeof NO_LABELS>;
function counter<const L extends MetricLabels>(help: string, labels: L): CounterRow<L>;
function counter(help: string, labels: MetricLabels = NO_LABELS): CounterRow<MetricLabels> {
  return { kind: "counter", labels, help };
}

function gauge(across: GaugeAcross, help: string): GaugeRow<typeof NO_LABELS>;
function gauge<const L extends MetricLabels>(across: GaugeAcross, help: string, labels: L): GaugeRow<L>;
function gauge(across: GaugeAcross, help: string, labels: MetricLabels = NO_LABELS): GaugeRow<MetricLabels> {
  return { kind: "gauge", labels, help, across };
}

function histogram(bounds: readonly number[], help: string): HistogramRow<typeof NO_LABELS>;
function histogram<const L extends MetricLabels>(bounds: readonly number[], help: string, labels: L): HistogramRow<L>;
function histogram(
  bounds: readonly number[],
  help: string,
  labels: MetricLabels = NO_LABELS,
): HistogramRow<MetricLabels> {
  return { kind: "histogram", labels, help, bounds };
}
