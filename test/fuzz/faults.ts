// Engines that are wrong on purpose: the reference engine with one rule changed. The suite shows with them that a run finds
// a fault of each kind, and how small the shrinker makes the world that shows it.

import type { Engine } from "#evm/engine.ts";
import type { Host } from "#evm/host.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { type EngineFactory, type FuzzEngine, fuzzEngine, fuzzEngineOf } from "./engines.ts";
import { type Watcher, watched } from "./instrument.ts";

const EXP = 0x0a;
const SAR = 0x1d;
const MULMOD = 0x09;
const KECCAK256 = 0x20;
const CHARGED = "fault";

/** A wrong engine and what is wrong with it. */
export type Fault = { readonly name: string; readonly factory: EngineFactory };

/** One fault of each kind. */
export const FAULTS: readonly Fault[] = [
  { name: "MULMOD costs one gas more", factory: wrongOpcode({ before: chargeOneMore(MULMOD) }) },
  { name: "EXP costs one gas more", factory: wrongOpcode({ before: chargeOneMore(EXP) }) },
  { name: "SAR of a negative number is off by one", factory: wrongOpcode({ after: wrongSar }) },
  { name: "TSTORE outlives a revert", factory: onHost(keepTransient) },
  { name: "a slot that was written twice keeps the first value", factory: onHost(keepFirstWrite) },
  { name: "LOG data loses its last byte", factory: cutLogs },
  { name: "a created account starts at nonce 0", factory: onHost(forgetFirstNonce) },
];

/** Faults that take the process along. */
export const DEADLY_FAULTS: readonly Fault[] = [
  {
    name: "the process dies at KECCAK256",
    factory: wrongOpcode({ before: (opcode) => opcode === KECCAK256 && die() }),
  },
  { name: "KECCAK256 never ends", factory: wrongOpcode({ before: (opcode) => opcode === KECCAK256 && hang() }) },
];

/** An engine by its name, or by the name of its fault. */
export function namedEngine(name: string): FuzzEngine {
  const fault = [...FAULTS, ...DEADLY_FAULTS].find((known) => known.name === name);
  return fault === undefined ? fuzzEngine(name) : fuzzEngineOf(name, fault.factory);
}

function die(): void {
  process.kill(process.pid, "SIGKILL");
}

function hang(): void {
  for (;;);
}

function chargeOneMore(opcode: number): NonNullable<Watcher["before"]> {
  return (executed, state) => {
    if (executed === opcode) state.interpreter.useGas(1n, CHARGED);
  };
}

function wrongSar(executed: number, state: Parameters<NonNullable<Watcher["after"]>>[1]): void {
  if (executed !== SAR) return;
  const value = state.stack.pop();
  state.stack.push(value >> 255n === 1n && value !== (1n << 256n) - 1n ? value + 1n : value);
}

function wrongOpcode(watcher: Watcher): EngineFactory {
  return async (spec) => {
    const engine = await createReferenceEngine(spec);
    return {
      ...engine,
      applyTransaction: (...args) => watched(watcher, () => engine.applyTransaction(...args)),
      call: (...args) => watched(watcher, () => engine.call(...args)),
    };
  };
}

/** The reference engine over a host that misbehaves. @param wrong changes methods of the stand-in for one transaction */
function onHost(wrong: (standIn: Host, host: Host) => void): EngineFactory {
  return async (spec) => {
    const engine = await createReferenceEngine(spec);
    const spoil = (host: Host): Host => {
      const standIn = forwardTo(host);
      wrong(standIn, host);
      return standIn;
    };
    const spoiled: Engine = {
      ...engine,
      applyTransaction: (tx, sender, env, host) => engine.applyTransaction(tx, sender, env, spoil(host)),
      call: (message, env, host) => engine.call(message, env, spoil(host)),
    };
    return spoiled;
  };
}

function forwardTo(host: Host): Host {
  return new Proxy({} as Host, {
    get: (overrides, name) => {
      const own = Reflect.get(overrides, name);
      if (own !== undefined) return own;
      const value = Reflect.get(host, name) as unknown;
      return typeof value === "function" ? value.bind(host) : value;
    },
  });
}

function keepTransient(standIn: Host, host: Host): void {
  const values = new Map<string, readonly [Uint8Array, Uint8Array, Uint8Array]>();
  standIn.setTransient = (address, slot, value) => {
    values.set(address.toHex() + slot.toHex(), [address, slot, value]);
    host.setTransient(address, slot, value);
  };
  standIn.revert = () => {
    host.revert();
    for (const [address, slot, value] of values.values()) host.setTransient(address, slot, value);
  };
}

function keepFirstWrite(standIn: Host, host: Host): void {
  const written = new Set<string>();
  standIn.setSlot = (address, slot, value) => {
    const key = address.toHex() + slot.toHex();
    if (written.has(key)) return;
    written.add(key);
    host.setSlot(address, slot, value);
  };
}

function forgetFirstNonce(standIn: Host, host: Host): void {
  standIn.setAccount = (address, account) => {
    const isNew = host.account(address) === null && account.nonce === 1n;
    host.setAccount(address, isNew ? { ...account, nonce: 0n } : account);
  };
}

async function cutLogs(...[spec]: Parameters<EngineFactory>): Promise<Engine> {
  const engine = await createReferenceEngine(spec);
  return {
    ...engine,
    applyTransaction: async (...args) => {
      const result = await engine.applyTransaction(...args);
      if (result.kind === "rejected") return result;
      const logs = result.outcome.logs.map((log) => ({ ...log, data: log.data.slice(0, -1) }));
      return { kind: "applied", outcome: { ...result.outcome, logs } };
    },
  };
}
