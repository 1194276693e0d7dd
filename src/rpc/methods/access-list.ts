// eth_createAccessList: which accounts and slots a message touches, by running it until naming them changes nothing more. What the
// Host was asked for is what was touched; a list may name an account that the message itself creates.

import { bigintToBytes } from "#base/bytes.ts";
import { toBareHex, toQuantity } from "#base/hex.ts";
import { type Address, type Hash32, ZERO_ADDRESS } from "#chain/primitives.ts";
import type { AccessListEntry } from "#chain/transaction.ts";
import type { BlockEnvironment, CallMessage, CallOutcome } from "#evm/engine.ts";
import { HALT_ABORTED } from "#evm/halt.ts";
import { precompilesAt } from "#evm/precompiles/table.ts";
import { AccessRecorder, type TransactionAccesses } from "#state/access-recorder.ts";
import { type BlockReference, LATEST } from "../block-reference.ts";
import type { AccountOverride } from "../call-overrides.ts";
import type { ReadContext } from "../context.ts";
import { serverError } from "../errors.ts";
import { type MessageRun, prepareRun, timedOut } from "../message-run.ts";
import { type Json, renderAccessList } from "../render.ts";
import { withStateAt } from "../state-access.ts";
import type { TransactionRequest } from "../transaction-request.ts";

/** Runs of the message: naming what was touched changes prices, and prices may change what is touched. */
const RUN_COUNT_MAX = 8;

/**
 * eth_createAccessList: the list, the gas with it, and why the message fails, if it does.
 * @throws {RpcError} -32000 when the message cannot begin, or geth's words when it ran too long
 */
export function createAccessList(
  context: ReadContext,
  request: TransactionRequest,
  block: BlockReference = LATEST,
  stateOverrides?: readonly AccountOverride[],
): Promise<Json> {
  return withStateAt(context, block, async (state) => {
    const { accessList, outcome } = await settle(context, prepareRun(context, state, { request, stateOverrides }));
    const json: Json = { accessList: renderAccessList(accessList), gasUsed: toQuantity(outcome.gasUsed) };
    return outcome.halt === null ? json : { ...json, error: outcome.halt };
  });
}

async function settle(
  context: ReadContext,
  { message, env, openHost }: MessageRun,
): Promise<{ readonly accessList: readonly AccessListEntry[]; readonly outcome: CallOutcome }> {
  const free = warmAnyway(message, env);
  for (let accessList = message.accessList, runCount = 1; ; runCount++) {
    const host = openHost();
    const accesses = new AccessRecorder();
    host.accesses = accesses;
    const outcome = await context.engine.call({ ...message, accessList }, env, host);
    if (outcome.reject !== null) throw serverError(outcome.reject.message);
    if (outcome.halt === HALT_ABORTED) throw timedOut(context);
    const wider = withAccesses(accessList, accesses.take(), free);
    if (sizeOf(wider) === sizeOf(accessList) || runCount === RUN_COUNT_MAX) return { accessList, outcome };
    accessList = wider;
  }
}

/** Accounts that cost a transaction nothing: naming them would. */
function warmAnyway({ from, to }: CallMessage, { beneficiary, fork }: BlockEnvironment): ReadonlySet<string> {
  const precompiles = Array.from(precompilesAt(fork).keys(), (number) => bigintToBytes(BigInt(number), 20));
  return new Set([from, to ?? ZERO_ADDRESS, beneficiary, ...precompiles].map(toBareHex));
}

/** The list with what was touched besides; it only grows, so that its size tells whether it changed. */
function withAccesses(
  accessList: readonly AccessListEntry[],
  { accountsRead, slotsRead, slotsWritten }: TransactionAccesses,
  free: ReadonlySet<string>,
): AccessListEntry[] {
  const entries = new Map<string, { address: Address; keys: Map<string, Hash32> }>();
  const entryOf = (address: Address) => {
    const name = toBareHex(address);
    const known = entries.get(name) ?? { address, keys: new Map() };
    entries.set(name, known);
    return known.keys;
  };
  for (const { address, storageKeys } of accessList) {
    const keys = entryOf(address);
    for (const key of storageKeys) keys.set(toBareHex(key), key);
  }
  for (const { address } of accountsRead) if (!free.has(toBareHex(address))) entryOf(address);
  for (const { address, slot } of [...slotsRead, ...slotsWritten]) entryOf(address).set(toBareHex(slot), slot);
  return Array.from(entries.values(), ({ address, keys }) => ({ address, storageKeys: [...keys.values()] }));
}

function sizeOf(accessList: readonly AccessListEntry[]): number {
  return accessList.reduce((size, { storageKeys }) => size + 1 + storageKeys.length, 0);
}
