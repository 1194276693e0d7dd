// The state that a fixture runs on: seeded first, then used as a Host by the engine, then enumerated for its root.

import { fromHex } from "#base/hex.ts";
import type { Address } from "#chain/primitives.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import type { Host } from "#evm/host.ts";
import { MemoryHost } from "#test/evm/memory-host.ts";
import { type WorldAccount, worldRoot } from "./trie-root.ts";

/** What a fixture says about an account. */
export type SeedAccount = {
  readonly nonce: bigint;
  readonly balance: bigint;
  readonly code: Uint8Array;
  readonly storage: readonly (readonly [slot: Uint8Array, value: Uint8Array])[];
};

/** One fixture's state. */
export interface World {
  readonly host: Host;
  /** Adds an account before `begin`. */
  seed(address: Address, account: SeedAccount): void;
  /** Ends the seeding. */
  begin(): void;
  /** Brings an account into being, as a reward of nothing did before EIP-161. */
  touch(address: Address): void;
  /** The state root of everything. */
  root(): Uint8Array;
}

/** A world in plain maps. */
export function createMemoryWorld(): World {
  const host = new MemoryHost();
  return {
    host,
    seed: (address, account) => seedHost(host, address, account),
    begin: () => {},
    touch: (address) => {
      if (host.account(address) === null) host.setAccount(address, { nonce: 0n, balance: 0n, codeHash: KECCAK_EMPTY });
    },
    root: () => worldRoot(accountsOf(host)),
  };
}

function seedHost(host: MemoryHost, address: Address, { nonce, balance, code, storage }: SeedAccount): void {
  const codeHash = code.length === 0 ? KECCAK_EMPTY : host.putCode(code);
  host.setAccount(address, { nonce, balance, codeHash });
  for (const [slot, value] of storage) host.setSlot(address, slot, value);
}

function* accountsOf(host: MemoryHost): Generator<WorldAccount> {
  for (const [key, account] of host.accounts) {
    const slots = [...(host.storage.get(key) ?? [])].map(([slot, value]) => [fromHex(slot), value] as const);
    yield { address: fromHex(key), account, slots };
  }
}
