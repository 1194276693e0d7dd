// The state that a fixture runs on: seeded first, then used as a Host by the engine, then enumerated for its root or
// compared with the accounts that the fixture expects. It lies beneath an overlay, as in the node.

import { bytesEqual } from "#base/bytes.ts";
import { fromHex, toBareHex, toHex } from "#base/hex.ts";
import type { Address } from "#chain/primitives.ts";
import { KECCAK_EMPTY, keccak256 } from "#crypto/keccak256.ts";
import type { Host } from "#evm/host.ts";
import { OverlayHost } from "#evm/overlay-host.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import { MemoryHost } from "#test/evm/memory-host.ts";
import type { WorldAccount } from "./trie-root.ts";

/** An account as fixtures write it, before or after. */
export type FixtureAccount = {
  readonly nonce: string;
  readonly balance: string;
  readonly code: string;
  readonly storage: Readonly<Record<string, string>>;
};

/** Accounts by address. */
export type FixtureAccounts = Readonly<Record<string, FixtureAccount>>;

/** One fixture's state. */
export interface World {
  /** What the engine runs on. */
  readonly host: Host;
  /** Every account that exists. */
  accounts(): Iterable<WorldAccount>;
}

/** A world of plain maps beneath an overlay, which takes all writes. */
export function createWorld(pre: FixtureAccounts): World {
  const source = seededHost(pre);
  const host = new OverlayHost(source, (number) => keccak256(new TextEncoder().encode(number.toString())));
  return {
    host,
    accounts: () => {
      const touched = [...host.touchedAccounts()].map(({ address }) => toBareHex(address));
      return accountsOf(host, [...new Set([...source.accounts.keys(), ...touched])]);
    },
  };
}

/** The accounts of a fixture in plain maps. */
export function seededHost(pre: FixtureAccounts): MemoryHost {
  const host = new MemoryHost();
  for (const [address, { nonce, balance, code, storage }] of Object.entries(pre)) {
    const owner = addressFromText(address);
    const bytes = fromHex(code);
    const codeHash = bytes.length === 0 ? KECCAK_EMPTY : host.putCode(bytes);
    host.setAccount(owner, { nonce: BigInt(nonce), balance: BigInt(balance), codeHash });
    for (const [slot, value] of Object.entries(storage)) host.setSlot(owner, wordFromText(slot), wordFromText(value));
  }
  return host;
}

/** Brings an account into being, as a reward of nothing did before EIP-161. */
export function touchAccount(host: Host, address: Address): void {
  if (host.account(address) === null) host.setAccount(address, { nonce: 0n, balance: 0n, codeHash: KECCAK_EMPTY });
}

/** The accounts that exist among these, by bare hex of the address. */
export function* accountsOf(host: Host, keys: readonly string[]): Generator<WorldAccount> {
  for (const key of keys) {
    const address = fromHex(key);
    const account = host.account(address);
    if (account === null) continue;
    const slots = [...host.slotsOf(address)].map((slot) => [slot, host.slot(address, slot)] as const);
    yield { address, account, slots };
  }
}

/** Where a world differs first from the accounts that a fixture expects: all of them, and no others; null: nowhere. */
export function firstDifference(world: Iterable<WorldAccount>, expected: FixtureAccounts): string | null {
  const have = new Map([...world].map((entry) => [toHex(entry.address), entry]));
  for (const [text, account] of Object.entries(expected)) {
    const address = toHex(addressFromText(text));
    const found = have.get(address);
    if (found === undefined) return `account ${address} is absent`;
    const difference = accountDifference(found, account);
    if (difference !== null) return `account ${address}: ${difference}`;
    have.delete(address);
  }
  const [extra] = have.keys();
  return extra === undefined ? null : `account ${extra} exists, expected none`;
}

function accountDifference({ account, slots }: WorldAccount, expected: FixtureAccount): string | null {
  return fieldDifference(account, expected) ?? storageDifference(slots, expected.storage);
}

function fieldDifference(account: AccountState, expected: FixtureAccount): string | null {
  if (account.nonce !== BigInt(expected.nonce)) return `nonce ${account.nonce}, expected ${BigInt(expected.nonce)}`;
  if (account.balance !== BigInt(expected.balance)) {
    return `balance ${account.balance}, expected ${BigInt(expected.balance)}`;
  }
  const codeHash = keccak256(fromHex(expected.code));
  if (bytesEqual(account.codeHash, codeHash)) return null;
  return `code with hash ${toHex(account.codeHash)}, expected ${toHex(codeHash)}`;
}

function storageDifference(slots: WorldAccount["slots"], expected: FixtureAccount["storage"]): string | null {
  const have = new Map([...slots].map(([slot, value]) => [toHex(slot), toHex(value)]));
  const want = new Map(
    Object.entries(expected).map(([slot, value]) => [toHex(wordFromText(slot)), toHex(wordFromText(value))]),
  );
  for (const slot of new Set([...want.keys(), ...have.keys()])) {
    const a = BigInt(have.get(slot) ?? "0x0");
    const b = BigInt(want.get(slot) ?? "0x0");
    if (a !== b) return `slot ${slot} holds 0x${a.toString(16)}, expected 0x${b.toString(16)}`;
  }
  return null;
}

/** 32 bytes from hex of any length. */
export function wordFromText(text: string): Uint8Array {
  return fromHex(text.replace(/^0x/, "").padStart(64, "0"));
}

/** 20 bytes from hex. */
export function addressFromText(text: string): Uint8Array {
  return fromHex(text.replace(/^0x/, "").padStart(40, "0"));
}
