// Plain look-ups in the versioned state: balance, code, storage, nonce.

import { EMPTY_BYTES } from "#base/bytes.ts";
import { type Hex, toHex, toQuantity } from "#base/hex.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { type BlockReference, LATEST } from "../block-reference.ts";
import type { ReadContext } from "../context.ts";
import { withStateAt } from "../state-access.ts";

/** eth_getBalance, in wei. */
export function getBalance(context: ReadContext, address: Address, block = LATEST): Promise<Hex> {
  return withStateAt(context, block, ({ source }) => toQuantity(source.account(address)?.balance ?? 0n));
}

/** eth_getCode; `0x` for an account without code. */
export function getCode(context: ReadContext, address: Address, block = LATEST): Promise<Hex> {
  return withStateAt(context, block, ({ source }) => {
    const account = source.account(address);
    return toHex((account === null ? null : source.code(account.codeHash)) ?? EMPTY_BYTES);
  });
}

/** eth_getStorageAt: the 32-byte value, zero when absent. */
export function getStorageAt(context: ReadContext, address: Address, slot: Hash32, block = LATEST): Promise<Hex> {
  return withStateAt(context, block, ({ source }) => toHex(source.slot(address, slot)));
}

/** eth_getTransactionCount; `pending` counts what waits in the pool. */
export async function getTransactionCount(
  context: ReadContext,
  address: Address,
  block: BlockReference = LATEST,
): Promise<Hex> {
  if (block.kind === "tag" && block.tag === "pending") return toQuantity(await context.ports.pendingNonce(address));
  return withStateAt(context, block, ({ source }) => toQuantity(source.account(address)?.nonce ?? 0n));
}
