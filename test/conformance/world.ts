// The state that a fixture runs on: seeded first, then used as a Host by the engine, then enumerated for its root.
// `createOverlayWorld` is what the node runs on; `createMemoryWorld` tells a fault of the engine from one of the overlay.

import { fromHex, toBareHex } from "#base/hex.ts";
import type { Address } from "#chain/primitives.ts";
import { KECCAK_EMPTY, keccak256 } from "#crypto/keccak256.ts";
import type { Host } from "#evm/host.ts";
import { OverlayHost } from "#evm/overlay-host.ts";
import { MemoryHost } from "#test/evm/memory-host.ts";
import { type WorldAccount, worldRoot } from "./trie-root.ts";

/** One fixture's state. */
export interface World {
  /** Where the pre-state goes. */
  readonly source: Host;
  /** What the engine runs on. */
  readonly host: Host;
  /** The state root of everything. */
  root(): Uint8Array;
}

/** A world in plain maps. */
export function createMemoryWorld(): World {
  const host = new MemoryHost();
  return {
    source: host,
    host,
    root: () => worldRoot(accountsOf(host, [...host.accounts.keys()])),
  };
}

/** A world of plain maps beneath an overlay, which takes all writes. */
export function createOverlayWorld(): World {
  const source = new MemoryHost();
  const host = new OverlayHost(source, (number) => keccak256(new TextEncoder().encode(number.toString())));
  return {
    source,
    host,
    root: () => {
      const touched = [...host.touchedAccounts()].map(({ address }) => toBareHex(address));
      return worldRoot(accountsOf(host, [...new Set([...source.accounts.keys(), ...touched])]));
    },
  };
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
