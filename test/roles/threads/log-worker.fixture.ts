// A log thread in a worker of its own, for tests of the threads that wait for it.

import { runLogThread } from "#roles/threads/log-thread.ts";
import type { FromThread, ThreadStart } from "#roles/threads/thread-protocol.ts";

declare const self: Worker;

self.onmessage = (event: MessageEvent<ThreadStart>) => {
  const post = (message: FromThread) => self.postMessage(message);
  void runLogThread(event.data, { post, onMessage: () => {} });
};
