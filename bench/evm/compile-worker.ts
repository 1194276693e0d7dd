// The compile thread of a node, without the node: what the engine's bench has beside the engine under measurement.

import { CodeCompiler } from "#evm/compiler/code-compiler.ts";
import type { CompileAnswer } from "#evm/compiler/compile-link.ts";
import type { CompileJob } from "#evm/compiler/compile-service.ts";
import { ModuleWarmer } from "#evm/compiler/module-warmer.ts";
import { createRange, RANGE_SIZE_BYTES_MIN } from "#evm/runtime/range.ts";
import { EvmThread } from "#evm/runtime/thread.ts";

declare const self: Worker;

self.onmessage = ({ data: port }: MessageEvent<MessagePort>) => {
  const answer = (message: CompileAnswer) => port.postMessage(message);
  const compiler = new CodeCompiler<null>({
    queueLengthMax: 256,
    store: null,
    warmer: new ModuleWarmer(new EvmThread(createRange(RANGE_SIZE_BYTES_MIN))),
    publish: (result) => answer({ kind: "result", result }),
    drop: ({ job: { fork, codeHash } }) => answer({ kind: "dropped", fork, codeHash }),
    onFailure: (_, error) => {
      throw error;
    },
  });
  port.onmessage = ({ data: job }: MessageEvent<CompileJob>) => {
    compiler.offer({ job, source: null });
    while (compiler.step());
  };
};
