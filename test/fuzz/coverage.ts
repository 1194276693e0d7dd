// What a run of generated worlds made the reference engine do: how often each opcode ran, how frames and transactions ended.

import type { CallOutcome, TransactionResult } from "#evm/engine.ts";
import { opcodeName } from "#evm/opcodes/names.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import type { EngineFactory } from "./engines.ts";
import { type Watcher, watched } from "./instrument.ts";

/** Counters of one run. */
export class Coverage {
  /** Executions by opcode. */
  readonly opcodes: number[] = new Array<number>(256).fill(0);
  /** Frames by how they ended, in the library's words. */
  readonly frames = new Map<string, number>();
  /** Transactions by how they ended, in geth's words, stack heights and names left out. */
  readonly transactions = new Map<string, number>();
  readonly #watcher: Watcher = {
    before: (opcode) => {
      this.opcodes[opcode]!++;
    },
    ended: (error) => count(this.frames, error === null ? "success" : withoutPlace(error)),
  };

  /** Makes reference engines that count. */
  readonly factory: EngineFactory = async (spec) => {
    const engine = await createReferenceEngine(spec);
    return {
      ...engine,
      applyTransaction: (...args) => watched(this.#watcher, () => engine.applyTransaction(...args)),
      call: (...args) => watched(this.#watcher, () => engine.call(...args)),
    };
  };

  /** Takes in what a transaction came to. */
  readonly observe = (result: TransactionResult | CallOutcome): void => {
    if ("kind" in result && result.kind === "rejected") count(this.transactions, "rejected");
    else {
      const halt = "kind" in result ? result.outcome.halt : result.halt;
      count(this.transactions, halt === null ? "success" : halt.replace(/[(:].*/, "").trim());
    }
  };

  /** The share of transactions that succeeded. */
  get successShare(): number {
    let all = 0;
    for (const number of this.transactions.values()) all += number;
    return all === 0 ? 0 : (this.transactions.get("success") ?? 0) / all;
  }

  /** Opcodes that some fork has and that never ran. */
  missingOpcodes(): string[] {
    const missing: string[] = [];
    for (let opcode = 0; opcode < 256; opcode++) {
      const name = opcodeName(opcode);
      // INVALID halts before it has an effect.
      if (name !== null && name !== "INVALID" && this.opcodes[opcode] === 0) missing.push(name);
    }
    return missing;
  }

  /** All counters as lines of text. */
  report(): string {
    const executed = this.opcodes.reduce((sum, number) => sum + number, 0);
    const lines = [`opcodes executed: ${executed}`];
    const named = this.opcodes.map(
      (number, opcode) => [opcodeName(opcode) ?? `0x${opcode.toString(16)}`, number] as const,
    );
    const rows = named.filter(([, number]) => number > 0).map(([name, number]) => `${name} ${number}`);
    for (let i = 0; i < rows.length; i += 8) lines.push(`  ${rows.slice(i, i + 8).join("  ")}`);
    lines.push(`never executed: ${this.missingOpcodes().join(" ") || "none"}`);
    lines.push("frames:", ...sorted(this.frames), "transactions:", ...sorted(this.transactions));
    return lines.join("\n");
  }
}

function count(counters: Map<string, number>, key: string): void {
  counters.set(key, (counters.get(key) ?? 0) + 1);
}

function withoutPlace(error: string): string {
  return error.replace(/ at .*/, "");
}

function sorted(counters: ReadonlyMap<string, number>): string[] {
  return [...counters].sort((a, b) => b[1] - a[1]).map(([key, number]) => `  ${number} ${key}`);
}
