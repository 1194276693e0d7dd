// The chain of a data directory: made once, kept, and compared with what the command line names.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "#base/assert.ts";
import { bytesEqual } from "#base/bytes.ts";
import { toHex } from "#base/hex.ts";
import { deriveDevelopmentAccounts } from "#chain/development-accounts.ts";
import { genesisHeader, genesisIdentity } from "#chain/genesis.ts";
import { GenesisError } from "#chain/genesis-json.ts";
import { headerHash } from "#chain/header.ts";
import {
  GenesisMismatchError,
  GenesisMissingError,
  identifyDocument,
  identifyGenesis,
  loadGenesis,
  makeDevelopmentGenesis,
  storeGenesis,
} from "#roles/chain-identity.ts";
import { GENESIS_FILE, LOG_DIRECTORY } from "#roles/data-layout.ts";
import type { NodeOptions } from "#roles/node-options.ts";
import { genesisChanges } from "#state/commitment.ts";
import { createLibraryTrie } from "#state/library-trie.ts";
import { MptCommitment } from "#state/mpt-commitment.ts";

const MNEMONIC = "test test test test test test test test test test test junk";
const SEQUENCER = new Uint8Array(20).fill(0x5e);
const NOW_SECONDS = 1_700_000_000;
const OPTIONS = {
  genesisFile: null,
  chainId: 31_337n,
  gasLimit: 10_000_000_000n,
  baseFeeWei: 1_000_000n,
  hardfork: "osaka",
  mnemonic: MNEMONIC,
  accountCount: 3,
  accountBalanceWei: 10n ** 22n,
} as NodeOptions;

const root = mkdtempSync(join(tmpdir(), "megaeth-identity-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folderCount = 0;

function newFolder(): string {
  const folder = join(root, String(folderCount++));
  mkdirSync(folder);
  return folder;
}

function developmentGenesis(changes: Partial<NodeOptions> = {}) {
  return makeDevelopmentGenesis({ ...OPTIONS, ...changes }, SEQUENCER, NOW_SECONDS);
}

describe("a development chain", () => {
  test("is what the options say", () => {
    const { spec, alloc } = developmentGenesis();
    expect([spec.chainId, spec.development, spec.blockGasLimit]).toEqual([31_337n, true, 10_000_000_000n]);
    expect(spec.sequencer).toEqual(SEQUENCER);
    for (const { address } of deriveDevelopmentAccounts(MNEMONIC, 3)) {
      const account = alloc.find((entry) => toHex(entry.address) === toHex(address));
      expect(account?.balance).toBe(10n ** 22n);
    }
  });

  test("root, block hash and identity agree with an independent trie", async () => {
    const genesis = developmentGenesis();
    const identified = await identifyGenesis(genesis);
    const commitment = new MptCommitment(createLibraryTrie);
    await commitment.update(genesisChanges(genesis.alloc));
    expect(toHex(identified.stateRoot)).toBe(toHex(await commitment.root()));
    expect(identified.blockHash).toEqual(headerHash(genesisHeader(genesis, identified.stateRoot)));
    const genesisHash = genesisIdentity(genesis, identified.blockHash);
    expect(identified.identity).toEqual({ chainId: 31_337n, genesisHash });
  });

  test("another sequencer, fee or time makes another chain", async () => {
    const { identity } = await identifyGenesis(developmentGenesis());
    const others = [
      developmentGenesis({ baseFeeWei: 7n }),
      developmentGenesis({ accountCount: 4 }),
      makeDevelopmentGenesis(OPTIONS, SEQUENCER, NOW_SECONDS + 1),
      makeDevelopmentGenesis(OPTIONS, new Uint8Array(20).fill(1), NOW_SECONDS),
    ];
    for (const other of others)
      expect((await identifyGenesis(other)).identity.genesisHash).not.toEqual(identity.genesisHash);
  });
});

describe("the genesis of a data directory", () => {
  test("is none in a new one, and comes back as it was stored", async () => {
    const folder = newFolder();
    expect(await loadGenesis(folder, OPTIONS)).toBeNull();
    const genesis = developmentGenesis();
    storeGenesis(folder, genesis);
    expect(readdirSync(folder)).toEqual([GENESIS_FILE]);
    expect(bytesEqual(readFileSync(join(folder, GENESIS_FILE)), genesis.document)).toBe(true);
    const loaded = await loadGenesis(folder, { ...OPTIONS, chainId: 5n }); // what is stored decides
    const { identity } = await identifyGenesis(genesis);
    expect(loaded).toMatchObject({ identity });
    expect(await identifyDocument(genesis.document)).toMatchObject({ identity });
    storeGenesis(folder, genesis);
    expect(await loadGenesis(folder, OPTIONS)).toMatchObject({ identity });
  });

  test("that is gone while the log is there is not made anew", async () => {
    const folder = newFolder();
    mkdirSync(join(folder, LOG_DIRECTORY));
    await expect(loadGenesis(folder, OPTIONS)).rejects.toThrow(GenesisMissingError);
  });

  test("a named file is taken in a new folder and must be the same in an old one", async () => {
    const folder = newFolder();
    const file = join(root, "named.json");
    const genesis = developmentGenesis();
    writeFileSync(file, genesis.document);
    const options = { ...OPTIONS, genesisFile: file };
    const { identity } = await identifyGenesis(genesis);
    const taken = must(await loadGenesis(folder, options), "a genesis");
    expect(taken.identity).toEqual(identity);
    storeGenesis(folder, taken.genesis);
    expect(await loadGenesis(folder, options)).toMatchObject({ identity });
    writeFileSync(file, developmentGenesis({ baseFeeWei: 5n }).document);
    await expect(loadGenesis(folder, options)).rejects.toThrow(GenesisMismatchError);
  });

  test("a file that is no genesis is refused", async () => {
    const file = join(root, "broken.json");
    const options = { ...OPTIONS, genesisFile: file };
    await expect(loadGenesis(newFolder(), options)).rejects.toThrow("ENOENT");
    writeFileSync(file, `{"config": {"chainId": 1}, "alloc": {"0x12": {}}}`);
    await expect(loadGenesis(newFolder(), options)).rejects.toThrow(GenesisError);
  });
});
