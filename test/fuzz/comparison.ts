// Runs one world on several engines, transaction by transaction, and finds the first thing on which they do not agree:
// status, gas, words of the halt, output, logs, and every account and slot afterwards.

import { bytesEqual } from "#base/bytes.ts";
import { toHex } from "#base/hex.ts";
import type { Log } from "#chain/log.ts";
import type { CallOutcome, TransactionOutcome, TransactionResult } from "#evm/engine.ts";
import type { MemoryHost } from "#test/evm/memory-host.ts";
import type { FuzzEngine } from "./engines.ts";
import { areSameHalt } from "./halts.ts";
import { SENDER_KEY } from "./operands.ts";
import { createWorldHost, environmentOfWorld, messageOfWorld, transactionOf, type World } from "./world.ts";

/** The first thing on which an engine and another, as a rule the first of the list, do not agree. */
export type Difference = {
  readonly engine: string;
  readonly against: string;
  /** Index of the transaction. */
  readonly transaction: number;
  /** What differs, without the values: the shrinker keeps to it. */
  readonly what: string;
  readonly details: string;
};

/** What the first engine made of a transaction; for coverage. */
export type Observer = (result: TransactionResult | CallOutcome) => void;

type Answer = TransactionResult | CallOutcome | { readonly kind: "threw"; readonly message: string };

/**
 * Compares the engines on a world.
 * @param engines the first one is the opinion that the others are held against
 * @returns null when all agree
 */
export async function compareEngines(
  world: World,
  engines: readonly FuzzEngine[],
  observe?: Observer,
): Promise<Difference | null> {
  const codes = new Map();
  const hosts = engines.map(() => createWorldHost(world, codes));
  for (const [index, item] of world.transactions.entries()) {
    const nonce = hosts[0]!.account(SENDER_KEY.address)?.nonce ?? 0n;
    const tx = item.kind === "transaction" ? transactionOf(world, item, nonce) : null;
    const message = item.kind === "call" ? messageOfWorld(item) : null;
    const answers: Answer[] = [];
    for (const [position, engine] of engines.entries()) {
      const host = hosts[position]!;
      const answer = await answerOf(engine, world, host, tx, message);
      answers.push(answer);
      if (position === 0) {
        if (answerKind(answer) !== "threw") observe?.(answer as TransactionResult | CallOutcome);
        continue;
      }
      const found = answersDiffer(answers[0]!, answer) ?? hostsDiffer(hosts[0]!, host);
      const against = found === null ? 1 : 0;
      // Between our own tiers there is no choice of words.
      const [what, details] = found ?? haltsDiffer(answers[1]!, answer) ?? [];
      if (what === undefined || details === undefined) continue;
      return { engine: engine.name, against: engines[against]!.name, transaction: index, what, details };
    }
  }
  return null;
}

async function answerOf(
  engine: FuzzEngine,
  world: World,
  host: MemoryHost,
  tx: ReturnType<typeof transactionOf> | null,
  message: ReturnType<typeof messageOfWorld> | null,
): Promise<Answer> {
  const env = environmentOfWorld(world);
  try {
    const machine = await engine.of(world);
    if (tx !== null) return await machine.applyTransaction(tx, SENDER_KEY.address, env, host);
    return await machine.call(message!, env, host);
  } catch (error) {
    return { kind: "threw", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

type Finding = readonly [what: string, details: string];

function answerKind(answer: Answer): string {
  return "kind" in answer ? answer.kind : answer.reject === null ? "called" : "refused";
}

function answersDiffer(a: Answer, b: Answer): Finding | null {
  const kinds = [answerKind(a), answerKind(b)] as const;
  if (kinds[1] === "threw") return ["throws", (b as { message: string }).message];
  if (kinds[0] !== kinds[1]) return ["kind", `${kinds[0]} ${textOf(a)} / ${kinds[1]} ${textOf(b)}`];
  if ("kind" in a && a.kind === "rejected") {
    return differs("reject", a.reject.message, (b as typeof a).reject.message);
  }
  if ("kind" in a && a.kind === "applied") return outcomesDiffer(a.outcome, (b as typeof a).outcome);
  return callsDiffer(a as CallOutcome, b as CallOutcome);
}

function outcomesDiffer(a: TransactionOutcome, b: TransactionOutcome): Finding | null {
  return (
    differs("status", `${a.status} ${a.halt}`, `${b.status} ${b.halt}`, a.status === b.status) ??
    differs("gas used", `${a.gasUsed} (${a.halt})`, `${b.gasUsed} (${b.halt})`, a.gasUsed === b.gasUsed) ??
    resultsDiffer(a, b) ??
    differs("contract address", hexOrNull(a.contractAddress), hexOrNull(b.contractAddress))
  );
}

function callsDiffer(a: CallOutcome, b: CallOutcome): Finding | null {
  return (
    differs("reject", a.reject?.message ?? "", b.reject?.message ?? "") ??
    differs("gas used", `${a.gasUsed} (${a.halt})`, `${b.gasUsed} (${b.halt})`, a.gasUsed === b.gasUsed) ??
    differs("refund", `${a.gasRefunded}`, `${b.gasRefunded}`) ??
    resultsDiffer(a, b)
  );
}

type Result = Pick<TransactionOutcome, "halt" | "output" | "logs">;

function resultsDiffer(a: Result, b: Result): Finding | null {
  return (
    differs("halt", `${a.halt}`, `${b.halt}`, areSameHalt(a.halt, b.halt)) ??
    differs("output", toHex(a.output), toHex(b.output)) ??
    differs("logs", logsText(a.logs), logsText(b.logs))
  );
}

function differs(what: string, a: string, b: string, isSame = a === b): Finding | null {
  return isSame ? null : [what, `${a} / ${b}`];
}

function logsText(logs: readonly Log[]): string {
  if (logs.length === 0) return "";
  return logs.map(({ address, topics, data }) => [address, ...topics, data].map(toHex).join(" ")).join("; ");
}

function hexOrNull(bytes: Uint8Array | null): string {
  return bytes === null ? "null" : toHex(bytes);
}

function haltsDiffer(a: Answer, b: Answer): Finding | null {
  return differs("words of the halt", haltOf(a), haltOf(b));
}

function haltOf(answer: Answer): string {
  if ("kind" in answer) return answer.kind === "applied" ? `${answer.outcome.halt}` : answer.kind;
  return `${answer.halt}`;
}

function textOf(answer: Answer): string {
  if (!("kind" in answer)) return `${answer.gasUsed} ${answer.halt}`;
  if (answer.kind === "applied") return `${answer.outcome.gasUsed} ${answer.outcome.halt}`;
  return answer.kind === "rejected" ? answer.reject.message : answer.message;
}

function hostsDiffer(a: MemoryHost, b: MemoryHost): Finding | null {
  for (const key of new Set([...a.accounts.keys(), ...b.accounts.keys()])) {
    const mine = a.accounts.get(key);
    const other = b.accounts.get(key);
    if (mine === undefined || other === undefined) {
      return [
        "existence",
        `${key} ${mine === undefined ? "absent" : "there"} / ${other === undefined ? "absent" : "there"}`,
      ];
    }
    const found =
      differs("nonce", `${key} ${mine.nonce}`, `${other.nonce}`, mine.nonce === other.nonce) ??
      differs("balance", `${key} ${mine.balance}`, `${other.balance}`, mine.balance === other.balance) ??
      differs(
        "code",
        `${key} ${codeText(a, mine.codeHash)}`,
        codeText(b, other.codeHash),
        bytesEqual(mine.codeHash, other.codeHash),
      );
    if (found !== null) return found;
  }
  return storagesDiffer(a, b);
}

function storagesDiffer(a: MemoryHost, b: MemoryHost): Finding | null {
  for (const owner of new Set([...a.storage.keys(), ...b.storage.keys()])) {
    const mine = a.storage.get(owner);
    const other = b.storage.get(owner);
    for (const slot of new Set([...(mine?.keys() ?? []), ...(other?.keys() ?? [])])) {
      const values = [hexOrNull(mine?.get(slot) ?? null), hexOrNull(other?.get(slot) ?? null)] as const;
      if (values[0] !== values[1]) return ["storage", `${owner} ${slot}: ${values[0]} / ${values[1]}`];
    }
  }
  return null;
}

function codeText(host: MemoryHost, codeHash: Uint8Array): string {
  const code = host.code(codeHash);
  return code === null ? toHex(codeHash) : toHex(code.subarray(0, 64));
}
