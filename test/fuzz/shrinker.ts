// Makes a world on which engines differ as small as it can while they still differ in the same way: drops transactions,
// accounts, slots and stretches of programs, then makes what is left simpler.

import type { Difference } from "./comparison.ts";
import { operandOf } from "./operands.ts";
import type { Item, Program } from "./program.ts";
import type { World, WorldAccount, WorldTransaction } from "./world.ts";

/** Tries that one shrink may take: each runs the world on all engines. */
const TRIES_MAX = 6000;

const SIMPLE_OPERANDS = [0, 1, 2, 32].map(operandOf);
const STOP = 0x00;

/** Whether a world still shows the difference; answers it, or null. */
export type Check = (world: World) => Promise<Difference | null>;

/** The smallest world found, and the difference on it. */
export type Shrunk = { readonly world: World; readonly difference: Difference; readonly tries: number };

/**
 * Shrinks a world.
 * @param difference what `check` answers for `world`; the kind of difference and the engine stay the same
 */
export async function shrinkWorld(world: World, difference: Difference, check: Check): Promise<Shrunk> {
  const shrinking = new Shrinking(world, difference, check);
  for (;;) {
    const size = worldWeight(shrinking.world);
    await shrinking.round();
    if (worldWeight(shrinking.world) >= size || shrinking.tries >= TRIES_MAX) break;
  }
  return { world: shrinking.world, difference: shrinking.difference, tries: shrinking.tries };
}

/** How much there is of a world: what the shrinker lowers. */
function worldWeight(world: World): number {
  let weight = world.accounts.length * 4 + world.transactions.length * 8;
  for (const account of world.accounts) weight += programWeight(account.code) + 2 * account.storage.length;
  for (const item of world.transactions) {
    weight += programWeight(item.input) + item.accessList.length + item.authorizations.length + item.blobHashCount;
    weight += item.type + (item.value === 0n ? 0 : 1) + item.gasLimit.toString().length;
  }
  return weight;
}

function programWeight(program: Program): number {
  let weight = 0;
  for (const item of program) {
    if (typeof item === "number") weight += 2;
    else if (item instanceof Uint8Array) weight += 2 + item.length / 64;
    else if (item.kind === "code") weight += 2 + programWeight(item.items);
    else weight += item.kind === "bytes" ? item.bytes.length : 2;
  }
  return weight;
}

class Shrinking {
  world: World;
  difference: Difference;
  tries = 0;
  readonly #check: Check;

  constructor(world: World, difference: Difference, check: Check) {
    this.world = world;
    this.difference = difference;
    this.#check = check;
  }

  /** Takes the candidate when it still shows the difference. */
  async attempt(candidate: World): Promise<boolean> {
    if (this.tries >= TRIES_MAX) return false;
    this.tries++;
    const found = await this.#check(candidate);
    if (found === null || found.engine !== this.difference.engine || found.what !== this.difference.what) return false;
    this.world = candidate;
    this.difference = found;
    return true;
  }

  async round(): Promise<void> {
    await this.#cut(
      (world) => world.transactions,
      (world, transactions) => ({ ...world, transactions }),
    );
    await this.#cut(
      (world) => world.accounts,
      (world, accounts) => ({ ...world, accounts }),
    );
    for (let i = 0; i < this.world.accounts.length; i++) await this.#shrinkAccount(i);
    for (let i = 0; i < this.world.transactions.length; i++) await this.#shrinkTransaction(i);
  }

  /** Removes stretches of a list, long ones first. */
  async #cut<T>(
    read: (world: World) => readonly T[],
    write: (world: World, list: readonly T[]) => World,
  ): Promise<void> {
    for (let size = read(this.world).length; size >= 1; size >>= 1) {
      for (let at = 0; at < read(this.world).length; ) {
        const list = read(this.world);
        const isTaken = await this.attempt(write(this.world, [...list.slice(0, at), ...list.slice(at + size)]));
        if (!isTaken) at += size;
      }
    }
  }

  async #shrinkAccount(index: number): Promise<void> {
    const read = (world: World) => world.accounts[index]!;
    const write = (world: World, changes: Partial<WorldAccount>) => ({
      ...world,
      accounts: world.accounts.map((account, i) => (i === index ? { ...account, ...changes } : account)),
    });
    await this.#cut(
      (world) => read(world).storage,
      (world, storage) => write(world, { storage }),
    );
    await this.#shrinkProgram(
      (world) => read(world).code,
      (world, code) => write(world, { code }),
    );
    if (read(this.world).nonce > 1n) await this.attempt(write(this.world, { nonce: 1n }));
    if (read(this.world).balance !== 0n) await this.attempt(write(this.world, { balance: 0n }));
  }

  async #shrinkTransaction(index: number): Promise<void> {
    const read = (world: World) => world.transactions[index]!;
    const write = (world: World, changes: Partial<WorldTransaction>) => ({
      ...world,
      transactions: world.transactions.map((item, i) => (i === index ? { ...item, ...changes } : item)),
    });
    await this.#cut(
      (world) => read(world).accessList,
      (world, accessList) => write(world, { accessList }),
    );
    await this.#cut(
      (world) => read(world).authorizations,
      (world, authorizations) => write(world, { authorizations }),
    );
    const { type, value, kind } = read(this.world);
    if (type !== 0) {
      await this.attempt(write(this.world, { type: 0, accessList: [], authorizations: [], blobHashCount: 0 }));
    }
    if (kind === "call") await this.attempt(write(this.world, { kind: "transaction" }));
    if (value !== 0n) await this.attempt(write(this.world, { value: 0n }));
    await this.#shrinkProgram(
      (world) => read(world).input,
      (world, input) => write(world, { input }),
    );
    for (const gasLimit of [100_000n, 1_000_000n]) {
      if (read(this.world).gasLimit !== gasLimit && read(this.world).gasLimit % 100_000n !== 0n) {
        await this.attempt(write(this.world, { gasLimit }));
      }
    }
  }

  async #shrinkProgram(
    read: (world: World) => Program,
    write: (world: World, program: Program) => World,
  ): Promise<void> {
    await this.#cut<Item>(read, write);
    for (let i = 0; i < read(this.world).length; i++) {
      const item = read(this.world)[i]!;
      const replace = (world: World, by: Item) => write(world, read(world).with(i, by) as Program);
      if (typeof item === "number") {
        // An instruction that matters only for its place.
        if (item !== STOP) await this.attempt(replace(this.world, STOP));
        continue;
      }
      if (item instanceof Uint8Array) {
        for (const simple of SIMPLE_OPERANDS) {
          if (programWeight([item]) <= programWeight([simple])) break;
          if (await this.attempt(replace(this.world, simple))) break;
        }
        continue;
      }
      if (item.kind === "code") {
        const nested = (world: World) => read(world)[i] as typeof item;
        await this.#shrinkProgram(
          (world) => nested(world).items,
          (world, items) => replace(world, { ...nested(world), items }),
        );
      } else if (item.kind === "bytes") await this.#shrinkBytes(item.bytes, (world, by) => replace(world, by));
    }
  }

  async #shrinkBytes(bytes: Uint8Array, replace: (world: World, by: Item) => World): Promise<void> {
    let kept = bytes;
    for (let size = kept.length; size >= 1; size >>= 1) {
      while (kept.length > 0) {
        const shorter = kept.slice(0, Math.max(kept.length - size, 0));
        if (!(await this.attempt(replace(this.world, { kind: "bytes", bytes: shorter })))) break;
        kept = shorter;
      }
    }
  }
}
