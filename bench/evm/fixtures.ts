// Programs from fixture files in the state-test format: `pre`, `env`, `transaction`, perhaps `post`. A transaction whose
// data, gas and value are lists stands for all their combinations, or for those that `post` names; a list of transactions
// stands for each of them.

import { readFileSync } from "node:fs";
import { basename, relative } from "node:path";
import { must } from "#base/assert.ts";
import { fromHex } from "#base/hex.ts";
import { HARDFORKS, type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import { addressFromPrivateKey } from "#crypto/secp256k1.ts";
import type { GenesisState } from "#state/table.ts";
import { listVectorFiles, VECTOR_FORKS } from "#test/vectors.ts";
import { kindOfName } from "./kinds.ts";
import { type Program, sortAlloc } from "./program.ts";

type Hex = string;
type Transaction = {
  readonly sender?: Hex;
  readonly secretKey?: Hex;
  readonly to?: Hex;
  readonly data: Hex | readonly Hex[];
  readonly value?: Hex | readonly Hex[];
};
type Indexes = { readonly data: number; readonly value: number };
type Fixture = {
  readonly _info?: { readonly labels?: Readonly<Record<string, string>> };
  readonly env: Readonly<Record<string, Hex>>;
  readonly pre: Readonly<Record<Hex, { balance: Hex; nonce: Hex; code: Hex; storage: Record<Hex, Hex> }>>;
  readonly transaction: Transaction | readonly Transaction[];
  readonly post?: Readonly<Record<string, readonly { readonly indexes: Indexes }[]>>;
};

/** The rules that fixtures run under unless they ask for newer ones. */
const OLDEST_FORK: Hardfork = "cancun";

/** The programs of all fixtures in a folder and the folders in it. */
export function fixturePrograms(folder: string): Program[] {
  return listVectorFiles(folder, ".json").flatMap((path) => {
    const fixtures = JSON.parse(readFileSync(path, "utf8")) as Record<string, Fixture>;
    const file = relative(folder, path).replace(/\.json$/, "");
    return Object.entries(fixtures).flatMap(([title, fixture]) => {
      if (fixture.pre === undefined || fixture.transaction === undefined) return [];
      // The keys of most files repeat the file's name.
      const isOnly = Object.keys(fixtures).length === 1 || title === basename(file);
      return programsOf(isOnly ? file : `${file}/${title}`, fixture);
    });
  });
}

function programsOf(name: string, fixture: Fixture): Program[] {
  const all: readonly Transaction[] = Array.isArray(fixture.transaction) ? fixture.transaction : [fixture.transaction];
  const transactions = all.filter(({ to }) => to !== undefined && to.length > 2);
  if (transactions.length < all.length) console.error(`${name}: creations are left out`);
  const variants = transactions.flatMap((transaction) => {
    return combinationsOf(transaction, fixture).map((indexes) => ({ transaction, indexes }));
  });
  const alloc = allocOf(fixture);
  return variants.map(({ transaction, indexes }, at) => {
    const label = fixture._info?.labels?.[indexes.data] ?? String(at);
    return {
      name: variants.length === 1 ? name : `${name}/${label}`,
      kind: kindOfName(name),
      fork: forkOf(fixture),
      block: {
        number: BigInt(fixture.env.currentNumber ?? 1),
        timestamp: BigInt(fixture.env.currentTimestamp ?? 1),
        coinbase: fromHex(fixture.env.currentCoinbase ?? "00".repeat(20)),
        prevRandao: word(fixture.env.currentRandom ?? "0x0"),
      },
      alloc,
      message: {
        from: senderOf(transaction),
        to: fromHex(must(transaction.to, name)),
        value: BigInt(listOf(transaction.value ?? "0x0")[indexes.value] ?? 0),
        data: fromHex(listOf(transaction.data)[indexes.data] ?? ""),
      },
    };
  });
}

function senderOf({ sender, secretKey }: Transaction): Uint8Array {
  return sender === undefined ? addressFromPrivateKey(fromHex(must(secretKey, "a sender"))) : fromHex(sender);
}

function combinationsOf(transaction: Transaction, { post }: Fixture): Indexes[] {
  const named = Object.values(post ?? {}).flatMap((entries) => entries.map(({ indexes }) => indexes));
  const all =
    named.length > 0
      ? named
      : listOf(transaction.data).flatMap((_, data) => {
          return listOf(transaction.value ?? "0x0").map((__, value) => ({ data, value }));
        });
  return [...new Map(all.map(({ data, value }) => [`${data} ${value}`, { data, value }])).values()];
}

/** The newest of the forks that the fixture states results for, if that is newer than the oldest we run. */
function forkOf({ post }: Fixture): Hardfork {
  const named = Object.keys(post ?? {}).map((name) => VECTOR_FORKS[name]);
  const newest = HARDFORKS.findLast((fork) => named.includes(fork)) ?? OLDEST_FORK;
  return isAtLeast(newest, OLDEST_FORK) ? newest : OLDEST_FORK;
}

function allocOf({ pre }: Fixture): GenesisState[] {
  return sortAlloc(
    Object.entries(pre).map(([address, { balance, nonce, code, storage }]) => ({
      address: fromHex(address),
      balance: BigInt(balance),
      nonce: BigInt(nonce),
      code: fromHex(code),
      storage: Object.entries(storage).map(([slot, value]) => ({ slot: word(slot), value: word(value) })),
    })),
  );
}

function listOf(value: Hex | readonly Hex[]): readonly Hex[] {
  return typeof value === "string" ? [value] : value;
}

function word(text: Hex): Uint8Array {
  return fromHex(text.replace(/^0x/, "").padStart(64, "0"));
}
