// The reference engine: the shared transaction rules over machines made of @ethereumjs/evm. It is the independent opinion
// that faster engines are compared with. Machines are reused; a call that overlaps another gets a machine of its own.

import type { ChainSpec } from "#chain/chain-spec.ts";
import type { BlockEnvironment, Engine } from "../engine.ts";
import type { Host } from "../host.ts";
import { applyTransaction, executeCall, executeSystemCall, type Stage } from "../transition.ts";
import { ReferenceMachine } from "./machine.ts";

/** Idle machines kept per fork and chain id; how many run at once is the caller's to limit. */
const IDLE_MACHINES_MAX = 4;

/** An engine for a chain; machines are made when a fork is first seen. */
export async function createReferenceEngine(spec: ChainSpec): Promise<Engine> {
  const idle = new Map<string, ReferenceMachine[]>();

  const onMachine = async <T>(env: BlockEnvironment, host: Host, run: (stage: Stage) => Promise<T>): Promise<T> => {
    const kind = `${env.fork} ${env.chainId}`;
    let waiting = idle.get(kind);
    if (waiting === undefined) idle.set(kind, (waiting = []));
    const machine = waiting.pop() ?? (await ReferenceMachine.create(env.fork, env.chainId));
    try {
      return await run({ machine, env, host });
    } finally {
      if (waiting.length < IDLE_MACHINES_MAX) waiting.push(machine);
    }
  };

  return {
    kind: "reference",
    applyTransaction: (tx, sender, env, host) =>
      onMachine(env, host, (stage) => applyTransaction(tx, sender, stage, spec)),
    call: (message, env, host) => onMachine(env, host, (stage) => executeCall(message, stage)),
    systemCall: (to, data, env, host) => onMachine(env, host, (stage) => executeSystemCall(to, data, stage)),
  };
}
