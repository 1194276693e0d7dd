// The official blockchain tests as a sequence of chains: rules from their network name, genesis header, blocks.

import { fromHex } from "#base/hex.ts";
import type { ChainSpec } from "#chain/chain-spec.ts";
import { parseGenesis } from "#chain/genesis.ts";
import { HARDFORKS, type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import { vectorFiles } from "./vectors.ts";

/** A block of a test; `exception` says why it is not valid. */
export type VectorBlock = {
  readonly bytes: Uint8Array;
  readonly hash: string | null;
  readonly exception: string | null;
};

/** One test. */
export type VectorChain = {
  readonly name: string;
  readonly spec: ChainSpec;
  /** RLP of the genesis block. */
  readonly genesis: Uint8Array;
  readonly blocks: readonly VectorBlock[];
};

type Json = {
  readonly network: string;
  readonly genesisRLP: string;
  readonly config?: { readonly blobSchedule?: Readonly<Record<string, object>> };
  readonly blocks: readonly {
    readonly rlp: string;
    readonly blockHeader?: { readonly hash: string };
    readonly expectException?: string;
  }[];
};

const TIME_FORKS = ["shanghai", "cancun", "prague", "osaka", "bpo1", "bpo2", "bpo3", "bpo4", "bpo5"];
const TRANSITION = /^(\w+)To(\w+)AtTime15k$/;

/** All tests below `folder`. */
export async function* vectorChains(folder: string): AsyncGenerator<VectorChain> {
  for await (const { file, json } of vectorFiles<Readonly<Record<string, Json>>>(folder)) {
    for (const [test, vector] of Object.entries(json)) {
      const blocks = vector.blocks.map(({ rlp, blockHeader, expectException }) => ({
        bytes: fromHex(rlp),
        hash: blockHeader?.hash ?? null,
        exception: expectException ?? null,
      }));
      yield { name: `${file} ${test}`, spec: specOf(vector), genesis: fromHex(vector.genesisRLP), blocks };
    }
  }
}

function specOf(vector: Json): ChainSpec {
  const transition = TRANSITION.exec(vector.network);
  const first = (transition?.[1] ?? vector.network).toLowerCase();
  const second = transition?.[2]?.toLowerCase() ?? first;
  const blobSchedule = Object.entries(vector.config?.blobSchedule ?? {}).map(([name, entry]) => [
    name.toLowerCase(),
    entry,
  ]);
  const config: Record<string, unknown> = { chainId: 1, blobSchedule: Object.fromEntries(blobSchedule) };
  const newestByNumber = TIME_FORKS.includes(first) ? "paris" : (first as Hardfork);
  for (const [fork, key] of BLOCK_KEYS) if (isAtLeast(newestByNumber, fork)) config[key] = 0;
  if (newestByNumber === "paris") config.terminalTotalDifficulty = 0;
  for (const name of TIME_FORKS.slice(0, TIME_FORKS.indexOf(first) + 1)) config[`${name}Time`] = 0;
  for (const name of TIME_FORKS.slice(TIME_FORKS.indexOf(first) + 1, TIME_FORKS.indexOf(second) + 1)) {
    config[`${name}Time`] = 15_000;
  }
  return parseGenesis({ config, alloc: {} }).spec;
}

const BLOCK_KEYS: readonly (readonly [Hardfork, string])[] = [
  ...HARDFORKS.slice(HARDFORKS.indexOf("byzantium"), HARDFORKS.indexOf("paris")).map(
    (fork) => [fork, `${fork}Block`] as const,
  ),
  ["homestead", "homesteadBlock"],
  ["tangerineWhistle", "eip150Block"],
  ["spuriousDragon", "eip155Block"],
  ["spuriousDragon", "eip158Block"],
];
