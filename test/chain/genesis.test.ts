// Genesis files: a real one down to its block hash, the development chain, geth's defaults, our options, and every error.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { createMPT } from "@ethereumjs/mpt";
import { RLP } from "@ethereumjs/rlp";
import { mnemonicToAccount } from "viem/accounts";
import { bigintToMinimalBytes, compareBytes, trimLeadingZeroes } from "#base/bytes.ts";
import { fromHex, toBareHex, toHex } from "#base/hex.ts";
import { decodeBlocks } from "#chain/block.ts";
import { DEVELOPMENT_MNEMONIC, deriveDevelopmentAccounts } from "#chain/development-accounts.ts";
import {
  developmentGenesis,
  type Genesis,
  type GenesisAccount,
  genesisHeader,
  parseGenesis,
  parseGenesisDocument,
} from "#chain/genesis.ts";
import { GenesisError } from "#chain/genesis-json.ts";
import { headerHash } from "#chain/header.ts";
import { CREATE2_DEPLOYER_ADDRESS, DEVELOPMENT_PREDEPLOYS } from "#chain/predeploys.ts";
import { KECCAK_EMPTY, keccak256 } from "#crypto/keccak256.ts";
import { vectorsFolder } from "#test/vectors.ts";

const compat = vectorsFolder("rpc-compat");
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe.skipIf(compat === null)("the execution-apis genesis", () => {
  const load = async () => parseGenesis(await Bun.file(join(compat as string, "genesis.json")).json());

  test("gives the hash that the first block names as its parent", async () => {
    const genesis = await load();
    const chain = new Uint8Array(await Bun.file(join(compat as string, "chain.rlp")).arrayBuffer());
    const first = decodeBlocks(chain).next().value;
    const header = genesisHeader(genesis, await stateRootOf(genesis.alloc));
    expect(toHex(headerHash(header))).toBe(toHex(first?.header.parentHash as Uint8Array));
  });

  test("has geth's kind, schedule and blob limits", async () => {
    const { spec } = await load();
    expect([spec.kind, spec.chainId, spec.stateRootDelay]).toEqual(["ethereum", 3503995874084926n, 0]);
    expect([0, 3, 6, 27, 33, 35, 36].map((n) => spec.hardforkAt(n, 0))).toEqual([
      "homestead",
      "tangerineWhistle",
      "spuriousDragon",
      "london",
      "grayGlacier",
      "grayGlacier",
      "paris",
    ]);
    expect([389, 390, 420, 450, 480n, 10n ** 9n].map((time) => spec.hardforkAt(40, time))).toEqual([
      "paris",
      "shanghai",
      "cancun",
      "prague",
      "osaka",
      "osaka",
    ]);
    expect(spec.blobSchedule.map((entry) => [entry.from, entry.target, entry.max])).toEqual([
      [420n, 3, 6],
      [450n, 6, 9],
      [480n, 6, 9],
      [510n, 10, 15],
      [540n, 14, 21],
    ]);
  });

  test("its document gives the same genesis and document", async () => expectReproducible(await load()));

  test("the system contracts there are the ones of development chains", async () => {
    const { alloc } = await load();
    let count = 0;
    for (const { address, code } of DEVELOPMENT_PREDEPLOYS) {
      const account = alloc.find((entry) => compareBytes(entry.address, address) === 0);
      if (account === undefined) continue;
      expect(toHex(code)).toBe(toHex(account.code));
      count++;
    }
    expect(count).toBe(2);
  });
});

describe("a development chain", () => {
  const genesis = developmentGenesis({ chainId: 31337n, timestamp: 1_700_000_000n });

  test("funds the ten accounts that tools expect", () => {
    for (let i = 0; i < 10; i++) {
      const { address } = mnemonicToAccount(DEVELOPMENT_MNEMONIC, { addressIndex: i });
      expect(accountAt(genesis, fromHex(address))?.balance).toBe(10_000n * 10n ** 18n);
    }
    const [first] = deriveDevelopmentAccounts(DEVELOPMENT_MNEMONIC, 1);
    expect(toHex(first?.privateKey as Uint8Array)).toBe(
      "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    );
  });

  test("has the deterministic deployer with its well-known code", () => {
    const code = accountAt(genesis, CREATE2_DEPLOYER_ADDRESS)?.code as Uint8Array;
    expect(code.length).toBe(69);
    expect(toHex(keccak256(code))).toBe("0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989");
  });

  test("has the rules of our own chains", () => {
    const { spec } = genesis;
    expect([spec.kind, spec.chainId, spec.development, spec.stateRootDelay]).toEqual(["megaeth-ts", 31337n, true, 1]);
    expect([spec.transactionGasCap, spec.blockGasLimit]).toEqual([null, 10n ** 10n]);
    expect(spec.baseFee).toEqual({ kind: "constant", value: 1_000_000n });
    expect(spec.hardforkAt(0, genesis.timestamp)).toBe("osaka");
    const header = genesisHeader(genesis, new Uint8Array(32));
    expect([header.baseFeePerGas, header.gasLimit, header.blobGasUsed]).toEqual([1_000_000n, 10n ** 10n, 0n]);
    expect(header.requestsHash?.length).toBe(32);
  });

  test("its document gives the same genesis and document", () => expectReproducible(genesis));

  test("takes options", () => {
    const sequencer = new Uint8Array(20).fill(9);
    const account = { address: new Uint8Array(20).fill(1), balance: 5n };
    const other = developmentGenesis({
      chainId: 1n,
      timestamp: 0n,
      hardfork: "shanghai",
      baseFee: 7n,
      blockGasLimit: 30_000_000n,
      accounts: [account, { address: CREATE2_DEPLOYER_ADDRESS, balance: 3n }],
      sequencer,
    });
    expect(other.spec.hardforkAt(0, 0)).toBe("shanghai");
    expect(other.spec.sequencer).toEqual(sequencer);
    expect(other.alloc.map((entry) => [entry.balance, entry.code.length])).toEqual([
      [5n, 0],
      [3n, 69],
    ]);
    expect(genesisHeader(other, new Uint8Array(32))).not.toHaveProperty("blobGasUsed");
    expectReproducible(other);
  });
});

describe("geth's format", () => {
  test("different ways of writing one genesis give one document", () => {
    const slot = "00".repeat(31);
    const a = parseGenesis({
      config: {
        chainId: 5,
        homesteadBlock: 0,
        eip150Block: "0x0",
        eip155Block: 0,
        eip158Block: 0,
        zzz: { b: 1, a: null },
      },
      alloc: {
        [`0x${"BB".repeat(20)}`]: { balance: "10", storage: { "0x1": "0x2", [`0x${slot}03`]: "0x00", "2": "05" } },
        ["aa".repeat(20)]: { balance: "0xA", code: "", nonce: "0x0" },
      },
      gasLimit: "5000",
      timestamp: null,
    });
    const b = parseGenesis({
      timestamp: "0x0",
      gasLimit: 5000,
      alloc: {
        [`0x${"aa".repeat(20)}`]: { balance: 10 },
        ["bb".repeat(20)]: { balance: "0x0a", storage: { [`0x${slot}02`]: `0x${slot}05`, [`0x${slot}01`]: "2" } },
      },
      config: {
        eip158Block: "0",
        zzz: { a: null, b: 1 },
        eip155Block: 0,
        eip150Block: 0,
        homesteadBlock: 0,
        chainId: "0x5",
      },
    });
    expect(text(a.document)).toBe(text(b.document));
    expect(a.alloc.map((account) => account.storage.length)).toEqual([0, 2]);
    expect(text(a.document)).toContain('"zzz":{"a":null,"b":1}');
    expectReproducible(a);
  });

  test("absent members take geth's defaults", () => {
    const genesis = parseGenesis({ config: { chainId: 1, ethash: {} }, alloc: {} });
    expect([genesis.gasLimit, genesis.difficulty, genesis.baseFeePerGas]).toEqual([4_712_388n, 131_072n, null]);
    const spec = genesis.spec;
    expect([spec.hardforkAt(10 ** 9, 10 ** 10), spec.transactionGasCap]).toEqual(["frontier", 16_777_216n]);
  });

  test("mainnet's total difficulty survives although it is no exact JSON number", () => {
    const config = { ...londonConfig(0), terminalTotalDifficulty: JSON.parse("58750000000000000000000") };
    const { document, spec } = parseGenesis({ config, alloc: {} });
    expect(text(document)).toContain(`"terminalTotalDifficulty":"0x${58750000000000000000000n.toString(16)}"`);
    expect(spec.hardforkAt(5, 5)).toBe("london");
  });

  test("Petersburg comes with Constantinople, Paris with a total difficulty of zero, time forks only after London", () => {
    const { petersburgBlock: _, ...config } = londonConfig(10);
    const { spec } = parseGenesis({ config: { ...config, terminalTotalDifficulty: 0, shanghaiTime: 0 }, alloc: {} });
    expect([9, 10].map((number) => spec.hardforkAt(number, 5))).toEqual(["petersburg", "shanghai"]);
  });
});

describe("config.megaeth", () => {
  const parse = (megaeth: unknown, more: object = {}) =>
    parseGenesis({ config: { chainId: 9, megaeth, ...more }, alloc: {} });

  test("defaults: newest fork, EIP-1559, gas cap on, delay 1", () => {
    const { spec, document } = parse({});
    expect([spec.kind, spec.development, spec.stateRootDelay, spec.transactionGasCap, spec.sequencer]).toEqual([
      "megaeth-ts",
      false,
      1,
      16_777_216n,
      null,
    ]);
    expect(spec.baseFee).toEqual({ kind: "eip1559", elasticity: 2n, denominator: 8n, initial: 10n ** 9n });
    expect(spec.hardforkAt(0, 0)).toBe("osaka");
    expectReproducible(parseGenesisDocument(document));
  });

  test("every option is read and written back", () => {
    const options = {
      sequencer: `0x${"12".repeat(20)}`,
      development: true,
      stateRootDelay: 3,
      baseFee: { kind: "eip1559", elasticity: 10, denominator: 50, initial: "7" },
      transactionGasCap: 5_000_000,
    };
    const genesis = parse(options, { homesteadBlock: 0 });
    expect(genesis.spec).toMatchObject({
      sequencer: new Uint8Array(20).fill(0x12),
      development: true,
      stateRootDelay: 3,
      baseFee: { kind: "eip1559", elasticity: 10n, denominator: 50n, initial: 7n },
      transactionGasCap: 5_000_000n,
    });
    expect(genesis.spec.hardforkAt(0, 0)).toBe("homestead");
    expectReproducible(genesis);
    expect(parse({ baseFee: "0x10", transactionGasCap: null }).spec.baseFee).toEqual({ kind: "constant", value: 16n });
  });
});

describe("errors name the place", () => {
  const config = { chainId: 1 };
  const address = `0x${"11".repeat(20)}`;
  const cases: readonly (readonly [string, unknown, string])[] = [
    ["no object", [], "genesis: file: expected an object, got []"],
    ["no config", { alloc: {} }, "genesis: config: expected an object, got nothing"],
    ["no chain id", { config: {} }, "genesis: config.chainId: expected a non-negative integer"],
    ["a chain id beyond 2^53 as a number", { config: { chainId: 2 ** 60 } }, "genesis: config.chainId"],
    ["a negative fork", { config: { ...config, homesteadBlock: -1 } }, "genesis: config.homesteadBlock"],
    [
      "a skipped fork",
      { config: { ...config, londonBlock: 1 } },
      "genesis: config.londonBlock: london begins, but homesteadBlock",
    ],
    [
      "forks out of order",
      { config: { ...config, homesteadBlock: 5, eip150Block: 4 } },
      "genesis: config.eip150Block: tangerineWhistle begins at 4, before homestead at 5",
    ],
    [
      "EIP-155 apart from EIP-158",
      { config: { ...config, homesteadBlock: 0, eip150Block: 0, eip155Block: 1, eip158Block: 2 } },
      "genesis: config.eip155Block",
    ],
    [
      "an unknown fork",
      { config: { ...config, amsterdamTime: 0 } },
      "genesis: config.amsterdamTime: this fork is not supported",
    ],
    [
      "an unknown option",
      { config: { ...config, megaeth: { sequenser: "0x" } } },
      "genesis: config.megaeth.sequenser: unknown",
    ],
    [
      "a short sequencer",
      { config: { ...config, megaeth: { sequencer: "0x12" } } },
      "config.megaeth.sequencer: expected 20",
    ],
    ["a wrong fee rule", { config: { ...config, megaeth: { baseFee: { kind: "x" } } } }, "config.megaeth.baseFee.kind"],
    [
      "a zero denominator",
      { config: { ...config, megaeth: { baseFee: { kind: "eip1559", denominator: 0 } } } },
      "must not be 0",
    ],
    [
      "a long delay",
      { config: { ...config, megaeth: { stateRootDelay: 65 } } },
      "config.megaeth.stateRootDelay: 65 is above",
    ],
    ["development as text", { config: { ...config, megaeth: { development: "yes" } } }, "expected true or false"],
    [
      "a missing blob schedule entry",
      { config: { ...cancunConfig(), bpo1Time: 9 } },
      "config.blobSchedule.bpo1: missing",
    ],
    [
      "blob limits upside down",
      { config: { ...cancunConfig(), blobSchedule: { cancun: { target: 2, max: 1, baseFeeUpdateFraction: 1 } } } },
      "config.blobSchedule.cancun.target",
    ],
    ["a genesis block that is not 0", { config, number: "0x1", alloc: {} }, "genesis: number"],
    ["a short mix hash", { config, mixHash: "0x00" }, "genesis: mixHash: expected 32 bytes, got 1"],
    ["an address of 19 bytes", { config, alloc: { "11": { balance: 1 } } }, "genesis: alloc.11: expected 20 bytes"],
    ["no balance", { config, alloc: { [address]: {} } }, `genesis: alloc.${address}.balance`],
    [
      "a balance above 2^256",
      { config, alloc: { [address]: { balance: `0x1${"0".repeat(64)}` } } },
      "is above the largest",
    ],
    [
      "an account twice",
      { config, alloc: { [address]: { balance: 1 }, [address.slice(2)]: { balance: 1 } } },
      "listed twice",
    ],
    [
      "a slot twice",
      { config, alloc: { [address]: { balance: 1, storage: { "0x1": "1", "0x01": "2" } } } },
      "listed twice",
    ],
    [
      "code that is no hex",
      { config, alloc: { [address]: { balance: 1, code: "0xzz" } } },
      `alloc.${address}.code: expected hex`,
    ],
    [
      "a storage word of 33 bytes",
      { config, alloc: { [address]: { balance: 1, storage: { "1": "11".repeat(33) } } } },
      "at most 32 bytes",
    ],
  ];
  for (const [what, json, message] of cases) {
    test(what, () => {
      expect(() => parseGenesis(json)).toThrow(GenesisError);
      expect(() => parseGenesis(json)).toThrow(message);
    });
  }

  test("a document that is no JSON", () => {
    expect(() => parseGenesisDocument(new Uint8Array([123, 255]))).toThrow(GenesisError);
  });
});

function expectReproducible(genesis: Genesis): void {
  const again = parseGenesisDocument(genesis.document);
  expect(text(again.document)).toBe(text(genesis.document));
  const { hardforkAt: _a, ...spec } = genesis.spec;
  const { hardforkAt: _b, ...specAgain } = again.spec;
  expect({ ...again, spec: specAgain }).toEqual({ ...genesis, spec } as never);
}

function accountAt(genesis: Genesis, address: Uint8Array): GenesisAccount | undefined {
  return genesis.alloc.find((account) => toBareHex(account.address) === toBareHex(address));
}

function londonConfig(from: number): Record<string, number> {
  const early = { chainId: 1, homesteadBlock: 0, eip150Block: 0, eip155Block: 0, eip158Block: 0, byzantiumBlock: 0 };
  return {
    ...early,
    constantinopleBlock: 0,
    petersburgBlock: 0,
    istanbulBlock: from,
    berlinBlock: from,
    londonBlock: from,
  };
}

function cancunConfig(): Record<string, number> {
  return { ...londonConfig(0), terminalTotalDifficulty: 0, shanghaiTime: 0, cancunTime: 0 };
}

async function stateRootOf(alloc: readonly GenesisAccount[]): Promise<Uint8Array> {
  const accounts = await createMPT();
  for (const { address, balance, nonce, code, storage } of alloc) {
    const slots = await createMPT();
    for (const { slot, value } of storage) await slots.put(keccak256(slot), RLP.encode(trimLeadingZeroes(value)));
    const codeHash = code.length === 0 ? KECCAK_EMPTY : keccak256(code);
    const fields = [bigintToMinimalBytes(nonce), bigintToMinimalBytes(balance), slots.root(), codeHash];
    await accounts.put(keccak256(address), RLP.encode(fields));
  }
  return accounts.root();
}
