// The core module that the main thread made, which every thread that runs byte code takes.

import { adoptCoreModule } from "#evm/runtime/core-module.ts";
import type { ThreadStart } from "./thread-protocol.ts";

/** Takes it, when there is one. */
export function adoptCore({ core }: ThreadStart): void {
  if (core !== null) adoptCoreModule(core.fork, core.module);
}
