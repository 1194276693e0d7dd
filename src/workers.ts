// The entry of every worker thread and the table of thread kinds: what each one runs, and which shared memory it may write.
// Every region has exactly one writer kind; everybody may read.

import { placePrecompileKernels } from "#crypto/precompile-memory.ts";
import { placeKernels } from "#crypto/thread-kernels.ts";
import { type ArenaRangeName, arenaRange } from "#roles/threads/arena-plan.ts";
import type { FromThread, ThreadKind, ThreadPort, ThreadStart, ToThread } from "#roles/threads/thread-protocol.ts";

declare const self: Worker;

/** What a thread kind does and what it writes. */
type ThreadRow = {
  /** Its code is loaded by the threads of this kind alone: that is a third of the time to start. */
  readonly load: () => Promise<(start: ThreadStart, port: ThreadPort) => Promise<void>>;
  /** Regions of the node that this kind alone writes. */
  readonly writes: readonly string[];
};

const THREADS: { readonly [Kind in ThreadKind]: ThreadRow } = {
  verify: {
    load: async () => (await import("#roles/threads/verify-thread.ts")).runVerifyThread,
    writes: ["verified rings"],
  },
  execute: {
    load: async () => (await import("#roles/threads/execute-thread.ts")).runExecuteThread,
    writes: ["state", "records ring", "replies ring"],
  },
  apply: {
    load: async () => (await import("#roles/threads/apply-thread.ts")).runApplyThread,
    writes: ["state", "records ring"],
  },
  log: {
    load: async () => (await import("#roles/threads/log-thread.ts")).runLogThread,
    writes: ["published version", "published ring", "log files"],
  },
  commit: {
    load: async () => (await import("#roles/threads/commit-thread.ts")).runCommitThread,
    writes: ["checkpoint files", "index files"],
  },
  compile: {
    load: async () => (await import("#roles/threads/compile-thread.ts")).runCompileThread,
    writes: ["compiled code files"],
  },
  read: { load: async () => (await import("#roles/threads/read-thread.ts")).runReadThread, writes: ["requests rings"] },
};

self.onmessage = (event: MessageEvent<ThreadStart>) => {
  const start = event.data;
  placeThread(start);
  let handler: (message: ToThread) => void = () => {};
  const early: ToThread[] = [];
  let isHandled = false;
  self.onmessage = ({ data }: MessageEvent<ToThread>) => {
    if (isHandled) handler(data);
    else early.push(data);
  };
  const port: ThreadPort = {
    post: (message: FromThread) => self.postMessage(message),
    onMessage: (next) => {
      handler = next;
      isHandled = true;
      for (const message of early.splice(0)) next(message);
    },
  };
  void THREADS[start.kind]
    .load()
    .then((run) => run(start, port))
    .catch((error: unknown) => port.post({ type: "failed", message: String(error) }));
};

// Gives the thread's kernels their ranges of the arena.
function placeThread(start: ThreadStart): void {
  const memory = start.setup.regions.arena;
  const range = (name: ArenaRangeName) => ({ memory, ...arenaRange(start.metricsIndex, name) });
  placeKernels({
    ranges: { keccak: range("keccak"), secp256k1: range("secp256k1") },
    modules: start.kernels,
  });
  placePrecompileKernels(range("precompiles"));
}
