// Whether a diff fits a state: the structural promises of ARCHITECTURE.md rule 5, checked before anything is written, so that
// a refused diff leaves no trace. A diff from a peer is signed, but a wrong one must still stop the replica cleanly.

import { isZeroBytes } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { FLAG_ACCOUNT, FLAG_SLOT } from "#formats/memory/state-record.ts";
import type { NewKey, StateDiff } from "#formats/wire/diff.ts";
import { CodeStore } from "./code-store.ts";

/** What the check needs to know of the state. */
export type DiffBase = {
  readonly keyCount: number;
  readonly freeRecordCount: number;
  readonly freeCodeBytes: number;
  readonly freeCodeCount: number;
  /** Known keys that one diff may change. */
  readonly changeCountMax: number;
  /** Flag bits of the record of a known key. */
  flags(index: number): number;
  hasCode(codeHash: Hash32): boolean;
  accountIndex(address: Address): number;
  slotIndexOf(ownerIndex: number, slot: Hash32): number;
};

/** The first problem of the diff, in words; null when it fits. */
export function checkDiff(diff: StateDiff, base: DiffBase): string | null {
  if (diff.firstNewIndex !== base.keyCount) return `first new index ${diff.firstNewIndex}, but ${base.keyCount} keys`;
  if (diff.newKeys.length > base.freeRecordCount)
    return `${diff.newKeys.length} new keys, ${base.freeRecordCount} fit (--state-memory)`;
  return checkNewKeys(diff, base) ?? checkUpdates(diff, base) ?? checkCodes(diff, base);
}

function checkNewKeys(diff: StateDiff, base: DiffBase): string | null {
  const seen = new Set<string>();
  for (let i = 0; i < diff.newKeys.length; i++) {
    const key = diff.newKeys[i]!;
    const index = diff.firstNewIndex + i;
    if (key.kind === "slot" && kindOf(key.ownerIndex, diff, base, index) !== FLAG_ACCOUNT) {
      return `new slot ${index} belongs to no account`;
    }
    if (isKnown(key, diff, base)) return `new key ${index} has an index already`;
    const name = key.kind === "account" ? toBareHex(key.address) : `${key.ownerIndex}/${toBareHex(key.slot)}`;
    if (seen.has(name)) return `new key ${index} is given twice`;
    seen.add(name);
  }
  return null;
}

function isKnown(key: NewKey, diff: StateDiff, base: DiffBase): boolean {
  if (key.kind === "account") return base.accountIndex(key.address) >= 0;
  return key.ownerIndex < diff.firstNewIndex && base.slotIndexOf(key.ownerIndex, key.slot) >= 0;
}

/** Flag of an index as the diff would leave it: a known record's, or that of a new key before `end`; 0 when unassigned. */
function kindOf(index: number, diff: StateDiff, base: DiffBase, end: number): number {
  if (index < base.keyCount) return base.flags(index) & (FLAG_ACCOUNT | FLAG_SLOT);
  if (index >= end) return 0;
  return diff.newKeys[index - diff.firstNewIndex]!.kind === "account" ? FLAG_ACCOUNT : FLAG_SLOT;
}

function checkUpdates(diff: StateDiff, base: DiffBase): string | null {
  const end = diff.firstNewIndex + diff.newKeys.length;
  let newCount = 0;
  let previous = -1;
  for (const { index, account } of diff.accounts) {
    if (index <= previous) return "account updates do not ascend";
    if (kindOf(index, diff, base, end) !== FLAG_ACCOUNT) return `key ${index} is no account`;
    if (index >= diff.firstNewIndex && account === null) return `new account ${index} does not exist`;
    if (index >= diff.firstNewIndex) newCount++;
    previous = index;
  }
  previous = -1;
  for (const { index, value } of diff.slots) {
    if (index <= previous) return "slot updates do not ascend";
    if (kindOf(index, diff, base, end) !== FLAG_SLOT) return `key ${index} is no slot`;
    if (index >= diff.firstNewIndex && isZeroBytes(value)) return `new slot ${index} is zero`;
    if (index >= diff.firstNewIndex) newCount++;
    previous = index;
  }
  if (newCount !== diff.newKeys.length) return "a new key has no value";
  const changed = diff.accounts.length + diff.slots.length - newCount;
  if (changed <= base.changeCountMax) return null;
  return `${changed} changed keys, at most ${base.changeCountMax} (--state-memory)`;
}

function checkCodes(diff: StateDiff, base: DiffBase): string | null {
  const added = new Set<string>();
  let sizeBytes = 0;
  for (const code of diff.codes) {
    const codeHash = keccak256(code);
    const name = toBareHex(codeHash);
    if (added.has(name) || base.hasCode(codeHash)) return `code ${name} is known already`;
    added.add(name);
    sizeBytes += CodeStore.storedSizeBytes(code.length);
  }
  if (diff.codes.length > base.freeCodeCount)
    return `${diff.codes.length} codes, ${base.freeCodeCount} fit (--state-memory)`;
  if (sizeBytes > base.freeCodeBytes) return `${sizeBytes} bytes of code, ${base.freeCodeBytes} fit (--state-memory)`;
  for (const { index, account } of diff.accounts) {
    if (account === null || base.hasCode(account.codeHash)) continue;
    if (!added.has(toBareHex(account.codeHash))) return `account ${index} has unknown code`;
  }
  return null;
}
