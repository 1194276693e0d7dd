// EIP-7702: authorizations turn into delegation designators (0xef0100 ‖ address) in the code of their authorities.

import { must } from "#base/assert.ts";
import { bytesEqual, concatBytes, EMPTY_BYTES, isZeroBytes } from "#base/bytes.ts";
import { type Address, UINT64_MAX } from "#chain/primitives.ts";
import { type Authorization, recoverAuthority } from "#chain/transaction.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import type { Host } from "./host.ts";

/** What comes back for an authority that existed already: 25,000 charged less 12,500 real cost. */
const EXISTING_ACCOUNT_REFUND = 12_500n;

const DESIGNATOR_PREFIX = Uint8Array.of(0xef, 0x01, 0x00);
const DESIGNATOR_SIZE = 23;

/** What the authorizations of a transaction did. */
export type AuthorizationEffect = {
  /** Goes into the refund counter, and stays there when the execution fails. */
  readonly refund: bigint;
  /** Authorities whose signatures were valid: warm from now on, applied or not. */
  readonly authorities: readonly Address[];
};

/** The byte code of an account; empty when it has none or does not exist. */
export function codeOfAccount(host: Host, account: AccountState | null): Uint8Array {
  if (account === null || bytesEqual(account.codeHash, KECCAK_EMPTY)) return EMPTY_BYTES;
  return must(host.code(account.codeHash), "the code of an account is missing from the state");
}

/** The account that an account's code delegates to, or null. Code of any other size is not read, only asked for its size. */
export function delegateOf(host: Host, account: AccountState | null): Address | null {
  if (account === null || bytesEqual(account.codeHash, KECCAK_EMPTY)) return null;
  if (host.codeSize(account.codeHash) !== DESIGNATOR_SIZE) return null;
  return delegationTarget(codeOfAccount(host, account));
}

/** The address that a delegation designator points to; null for any other code. */
export function delegationTarget(code: Uint8Array): Address | null {
  if (code.length !== DESIGNATOR_SIZE) return null;
  if (code[0] !== 0xef || code[1] !== 0x01 || code[2] !== 0x00) return null;
  return code.subarray(DESIGNATOR_PREFIX.length);
}

/**
 * Applies the authorizations of a set-code transaction in order; an invalid one is skipped.
 * Runs after the sender's nonce went up, outside the frame that can revert.
 */
export function applyAuthorizations(
  authorizations: readonly Authorization[],
  chainId: bigint,
  host: Host,
): AuthorizationEffect {
  let refund = 0n;
  const authorities: Address[] = [];
  for (const authorization of authorizations) {
    if (authorization.chainId !== 0n && authorization.chainId !== chainId) continue;
    if (authorization.nonce >= UINT64_MAX) continue;
    const authority = recoverAuthority(authorization);
    if (authority === null) continue;
    authorities.push(authority);
    const account = host.account(authority);
    const code = codeOfAccount(host, account);
    if (code.length > 0 && delegationTarget(code) === null) continue;
    if ((account?.nonce ?? 0n) !== authorization.nonce) continue;
    if (account !== null) refund += EXISTING_ACCOUNT_REFUND;
    const codeHash = isZeroBytes(authorization.address)
      ? KECCAK_EMPTY
      : host.putCode(concatBytes(DESIGNATOR_PREFIX, authorization.address));
    host.setAccount(authority, { nonce: authorization.nonce + 1n, balance: account?.balance ?? 0n, codeHash });
  }
  return { refund, authorities };
}
