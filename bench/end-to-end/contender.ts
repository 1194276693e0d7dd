// The two programs that are compared: ours as sequencer and replica, where what counts is what the replica has, and anvil.

import type { Hex } from "viem";
import { HttpRpc } from "#test/e2e/json-rpc.ts";
import { NodeProcess } from "#test/e2e/node-process.ts";
import { AnvilProcess } from "./anvil-process.ts";

/** A running program under measurement. */
export type Contender = {
  readonly name: string;
  readonly flags: readonly string[];
  readonly httpUrl: string;
  readonly wsUrl: string;
  /** Where transactions go. */
  readonly rpc: HttpRpc;
  /** Where it is looked at what has been included. */
  readonly reader: HttpRpc;
  /** Transactions included so far, by the program's own count. */
  readonly includedCount: () => Promise<number>;
  readonly stop: () => Promise<void>;
};

const OUR_FLAGS = ["--accounts", "20"];

/** Starts a sequencer and a replica of it. */
export async function startOurs(): Promise<Contender> {
  const sequencer = await NodeProcess.start({ flags: [...OUR_FLAGS, "--log-level", "warn"] });
  const replica = await NodeProcess.start({ upstream: sequencer, flags: ["--log-level", "warn"] });
  return {
    name: "megaeth",
    flags: OUR_FLAGS,
    httpUrl: sequencer.httpUrl,
    wsUrl: sequencer.wsUrl,
    rpc: sequencer.rpc,
    reader: replica.rpc,
    includedCount: () => replica.metric("transactions_included_total"),
    stop: async () => {
      await replica.dispose();
      await sequencer.dispose();
    },
  };
}

/** Starts anvil. */
export async function startAnvil(modeFlags: readonly string[]): Promise<Contender> {
  const anvil = await AnvilProcess.start(modeFlags);
  const rpc = new HttpRpc(anvil.httpUrl);
  return {
    name: "anvil",
    flags: anvil.flags,
    httpUrl: anvil.httpUrl,
    wsUrl: anvil.wsUrl,
    rpc,
    reader: rpc,
    includedCount: () => countInBlocks(rpc),
    stop: async () => anvil.stop(),
  };
}

async function countInBlocks(rpc: HttpRpc): Promise<number> {
  const head = Number(await rpc.call<Hex>("eth_blockNumber"));
  let count = 0;
  for (let from = 0; from <= head; from += 500) {
    const numbers = Array.from({ length: Math.min(500, head + 1 - from) }, (_, i) => [`0x${(from + i).toString(16)}`]);
    const counts = await rpc.many<Hex>("eth_getBlockTransactionCountByNumber", numbers);
    for (const value of counts) count += Number(value);
  }
  return count;
}
