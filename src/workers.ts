// The entry of every worker thread and the table of thread kinds: what each one runs, and which shared memory it may write.
// Every region has exactly one writer kind; everybody may read.

import { placeKeccakKernel } from "#crypto/keccak256.ts";
import {
  ARENA_PAGE_SIZE_BYTES,
  type FromThread,
  type ThreadKind,
  type ThreadPort,
  type ThreadStart,
  type ToThread,
} from "#roles/threads/thread-protocol.ts";

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
  read: { load: async () => (await import("#roles/threads/read-thread.ts")).runReadThread, writes: ["requests rings"] },
};

self.onmessage = (event: MessageEvent<ThreadStart>) => {
  const start = event.data;
  const { arena } = start.setup.regions;
  placeKeccakKernel({
    memory: arena,
    base: start.metricsIndex * ARENA_PAGE_SIZE_BYTES,
    sizeBytes: ARENA_PAGE_SIZE_BYTES,
  });
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
