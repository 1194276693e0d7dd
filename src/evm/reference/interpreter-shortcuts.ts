// Two shortcuts for the interpreter of @ethereumjs/evm, which awaits a promise at every opcode and looks for jump
// destinations anew in every frame: opcodes of fixed gas that need no state run in a row without awaiting, and the
// destinations of a code are kept. What an opcode does, and what it costs, stays the library's own.
//
// Measured on Bun 1.4.5 (bench/evm/reference.bench.ts): an ERC-20 transfer went from 246 to 157 us, 4,060 to 6,350 per second.

/** What the shortcuts touch of the library's opcode table. */
export type OpcodeEntry = {
  opcodeInfo: { code: number; feeBigInt: bigint; isAsync: boolean; dynamicGas: boolean; isInvalid: boolean };
  opHandler: (state: never, common: never) => unknown;
  gasHandler: unknown;
};

/** What the shortcuts touch of the library's interpreter. */
export type InterpreterInside = {
  common: unknown;
  _runState: { programCounter: number; opCode: number; code: Uint8Array; shouldDoJumpAnalysis: boolean };
  _evm: { _opcodeMap: OpcodeEntry[]; pauseIfDue?: () => Promise<void> | null };
  runStep(entry?: OpcodeEntry): Promise<void> | undefined;
  useGas(amount: bigint, context?: unknown): void;
  _getValidJumpDestinations(code: Uint8Array): unknown;
};

const JUMP = 0x56;
const JUMPI = 0x57;

/** Opcodes that one batch may run: a bound so that a loop of cheap opcodes still gives way to other promises. */
const BATCH_MAX = 4096;

/** Codes shorter than this are analysed faster than they are looked up. */
const KEPT_CODE_SIZE_MIN = 64;

const shortened = new WeakSet<object>();

/** Installs both shortcuts on the class of an interpreter, once. */
export function shortenInterpreter(interpreter: object): void {
  const prototype = Object.getPrototypeOf(interpreter) as InterpreterInside;
  if (shortened.has(prototype)) return;
  shortened.add(prototype);
  batchSteps(prototype);
  keepJumpDestinations(prototype);
}

function batchSteps(prototype: InterpreterInside): void {
  const step = prototype.runStep;
  const runBatch = function (this: InterpreterInside, first?: OpcodeEntry): Promise<void> | undefined {
    const state = this._runState;
    const opcodes = this._evm._opcodeMap;
    const { code } = state;
    let entry = first ?? opcodes[state.opCode]!;
    for (let count = 0; ; count++) {
      const { opcodeInfo } = entry;
      if (opcodeInfo.dynamicGas || opcodeInfo.isAsync || opcodeInfo.isInvalid) {
        return count === 0 ? step.call(this, entry) : undefined;
      }
      state.opCode = opcodeInfo.code;
      this.useGas(opcodeInfo.feeBigInt, opcodeInfo);
      state.programCounter++;
      entry.opHandler(state as never, this.common as never);
      if (state.programCounter >= code.length || count === BATCH_MAX) return undefined;
      const opcode = code[state.programCounter]!;
      // The loop around this function analyses the code when it meets the first jump.
      if ((opcode === JUMP || opcode === JUMPI) && state.shouldDoJumpAnalysis) return undefined;
      entry = opcodes[opcode]!;
    }
  };
  prototype.runStep = function (this: InterpreterInside, first?: OpcodeEntry): Promise<void> | undefined {
    const pause = this._evm.pauseIfDue?.() ?? null;
    return pause === null ? runBatch.call(this, first) : pause.then(() => runBatch.call(this, first));
  };
}

function keepJumpDestinations(prototype: InterpreterInside): void {
  const analyse = prototype._getValidJumpDestinations;
  // The analysis names entries of the opcode table, so it belongs to one table; both keys are held weakly.
  const byTable = new WeakMap<object, WeakMap<Uint8Array, unknown>>();
  prototype._getValidJumpDestinations = function (this: InterpreterInside, code: Uint8Array): unknown {
    if (code.length < KEPT_CODE_SIZE_MIN) return analyse.call(this, code);
    const table = this._evm._opcodeMap;
    let known = byTable.get(table);
    if (known === undefined) byTable.set(table, (known = new WeakMap()));
    let destinations = known.get(code);
    if (destinations === undefined) known.set(code, (destinations = analyse.call(this, code)));
    return destinations;
  };
}
