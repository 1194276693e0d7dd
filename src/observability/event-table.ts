// The one table of log events: name, level, the sentence that a person reads. Fields are added by the caller.
// An event that happens per transaction or per mini-block does not belong here: that is a metric.

/** How important an event is, from least to most; "silent" is only a threshold. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** A level, or the threshold "silent" that no event reaches. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Every event that the program logs. */
export const EVENT_TABLE = {
  node_starting: { level: "info", text: "starting" },
  node_started: { level: "info", text: "ready" },
  node_draining: { level: "info", text: "stopping: finishing what is under way" },
  node_stopped: { level: "info", text: "stopped" },
  node_failed: { level: "error", text: "cannot go on" },
  crypto_self_test: { level: "info", text: "cryptography checked" },
  crypto_portable: { level: "warn", text: "native cryptography is not in use; signatures are many times slower" },
  thread_started: { level: "debug", text: "thread started" },
  thread_failed: { level: "error", text: "a thread failed" },
  compile_failed: { level: "error", text: "a byte code could not be compiled; it stays interpreted" },

  log_tail_cut: { level: "warn", text: "the log ended in the middle of a record; the torn tail was cut" },
  log_damaged: { level: "error", text: "the log is damaged before its end" },
  log_replayed: { level: "info", text: "log replayed" },
  term_opened: { level: "warn", text: "a new term was opened after an unclean stop" },
  disk_full: { level: "error", text: "the disk is full: nothing new is accepted, reads go on" },
  disk_recovered: { level: "info", text: "the disk has room again" },
  checkpoint_written: { level: "info", text: "checkpoint written" },
  checkpoint_refused: { level: "warn", text: "a checkpoint does not check out; an older one is used" },

  root_mismatch: { level: "error", text: "the state root computed here differs from the signed one" },

  method_failed: { level: "error", text: "a method failed in an unexpected way" },

  feed_connected: { level: "info", text: "following upstream" },
  feed_disconnected: { level: "warn", text: "the link to upstream was lost" },
  feed_refused: { level: "error", text: "upstream sent what cannot be applied" },
  trust_on_first_use: { level: "warn", text: "trusting the sequencer that upstream named, as it is on this machine" },
  snapshot_loading: { level: "info", text: "too far behind: loading a snapshot" },
  snapshot_loaded: { level: "info", text: "snapshot loaded and checked" },
  rolled_back: { level: "warn", text: "rolled back to the last durable mini-block" },
} as const satisfies Readonly<Record<string, { readonly level: Exclude<LogLevel, "silent">; readonly text: string }>>;

/** The name of an event. */
export type LogEvent = keyof typeof EVENT_TABLE;
