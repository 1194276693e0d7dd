// A look into the reference engine while it runs: which opcodes are executed, how frames end, and, for the test that faults
// are found, a way to make one opcode wrong. It hooks the library's class once; engines that nobody watches are as before.

import { EVM } from "@ethereumjs/evm";

/** An entry of the library's opcode table, as far as it is used here. */
type OpcodeEntry = {
  readonly opcodeInfo: { readonly code: number; readonly feeBigInt: bigint; readonly dynamicGas: boolean };
  readonly opHandler: (state: RunState, common: unknown) => unknown;
};

/** What a wrapped opcode sees of a running frame. */
export type RunState = {
  readonly stack: { readonly length: number; push(value: bigint): void; pop(): bigint };
  readonly interpreter: { useGas(amount: bigint, context?: string): void };
};

/** Told what the library does. */
export type Watcher = {
  /** Before an opcode's effect, when its gas is paid. */
  readonly before?: (opcode: number, state: RunState) => void;
  /** After an opcode's effect. Asynchronous opcodes are still at work. */
  readonly after?: (opcode: number, state: RunState) => void;
  /** A frame ended. @param error the library's words, or null */
  readonly ended?: (error: string | null) => void;
};

type Inside = {
  _opcodeMap: OpcodeEntry[];
  runInterpreter(message: object, options?: object): Promise<{ exceptionError?: { error: string } }>;
};

let current: Watcher | null = null;
const watchers = new WeakMap<object, Watcher>();
let isHooked = false;

/**
 * Runs `work`; library instances that run code for the first time within it belong to `watcher` from then on.
 * Runs do not overlap.
 */
export async function watched<T>(watcher: Watcher, work: () => Promise<T>): Promise<T> {
  hookOnce();
  const before = current;
  current = watcher;
  try {
    return await work();
  } finally {
    current = before;
  }
}

function hookOnce(): void {
  if (isHooked) return;
  isHooked = true;
  const prototype = EVM.prototype as unknown as Inside;
  const run = prototype.runInterpreter;
  const seen = new WeakSet<object>();
  prototype.runInterpreter = async function (this: Inside, message, options) {
    if (!seen.has(this)) {
      seen.add(this);
      if (current !== null) {
        watchers.set(this, current);
        wrapOpcodes(this, current);
      }
    }
    const result = await run.call(this, message, options);
    watchers.get(this)?.ended?.(result.exceptionError?.error ?? null);
    return result;
  };
}

function wrapOpcodes(library: Inside, { before, after }: Watcher): void {
  library._opcodeMap = library._opcodeMap.map((entry) => {
    const run = entry.opHandler;
    const opcode = entry.opcodeInfo.code;
    const opHandler = (state: RunState, common: unknown) => {
      before?.(opcode, state);
      const done = run(state, common);
      after?.(opcode, state);
      return done;
    };
    return { ...entry, opHandler };
  });
}
