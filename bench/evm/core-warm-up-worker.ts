// Warms up the core module of a fork that another thread made, as the compile thread of a node does: the module's optimized code is the
// other thread's as well, the JavaScript around it is not.

import type { Hardfork } from "#chain/hardforks.ts";
import { CoreWarmUp } from "#evm/core-warm-up.ts";
import { adoptCoreModule } from "#evm/runtime/core-module.ts";
import { createRange } from "#evm/runtime/range.ts";
import { benchSpec } from "./contenders.ts";

declare const self: Worker;

const RANGE_SIZE_BYTES = 64 << 20;

/** What the worker is sent; it answers with nothing when it is done. */
export type CoreToWarmUp = { readonly fork: Hardfork; readonly module: WebAssembly.Module };

self.onmessage = async ({ data: { fork, module } }: MessageEvent<CoreToWarmUp>) => {
  adoptCoreModule(fork, module);
  const warmUp = await CoreWarmUp.create(benchSpec(fork), fork, createRange(RANGE_SIZE_BYTES));
  while (!warmUp.isDone) await warmUp.step();
  self.postMessage(null);
};
