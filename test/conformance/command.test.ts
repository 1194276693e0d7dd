// The conformance command from end to end on folders that the test writes: what it prints, and its exit code.

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { toHex } from "#base/hex.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import { ALICE, BOB, MINER } from "#test/evm/fixtures.ts";
import { worldRoot } from "./trie-root.ts";

const root = mkdtempSync(join(tmpdir(), "conformance-"));
setDefaultTimeout(120_000);
afterAll(() => rmSync(root, { recursive: true }));

const FUNDS = 10n ** 18n;
const FEE = 21_000n * 10n;
const NO_LOGS = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347";
const ALICE_TEXT = toHex(ALICE.address);
const BOB_TEXT = toHex(BOB.address);
const MINER_TEXT = toHex(MINER);

/** Alice sends Bob 5 wei at a price of 10; the accounts after it by arithmetic, not by an engine. */
const AFTER = [
  { address: ALICE.address, nonce: 1n, balance: FUNDS - FEE - 5n },
  { address: BOB.address, nonce: 0n, balance: 5n },
  { address: MINER, nonce: 0n, balance: FEE },
];
const ROOT = toHex(
  worldRoot(
    AFTER.map(({ address, ...rest }) => ({ address, account: { ...rest, codeHash: KECCAK_EMPTY }, slots: [] })),
  ),
);

const ENV = {
  currentCoinbase: MINER_TEXT,
  currentDifficulty: "0x1",
  currentGasLimit: "0x1000000",
  currentNumber: "0x1",
  currentTimestamp: "0x1",
};

function accountText(balance: bigint, nonce = 0n): object {
  return { nonce: toText(nonce), balance: toText(balance), code: "0x", storage: {} };
}

function toText(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function transferFixture(post: object, fork = "Berlin"): object {
  return {
    env: ENV,
    pre: { [ALICE_TEXT]: accountText(FUNDS) },
    transaction: {
      data: ["0x"],
      gasLimit: ["0x5208"],
      value: ["0x5"],
      gasPrice: "0xa",
      nonce: "0x0",
      to: BOB_TEXT,
      secretKey: toHex(ALICE.privateKey),
    },
    post: { [fork]: [{ hash: ROOT, logs: NO_LOGS, indexes: { data: 0, gas: 0, value: 0 }, ...post }] },
  };
}

/** Writes a folder of JSON files; a text is written as it is. */
function folderOf(name: string, files: Readonly<Record<string, object | string>>): string {
  for (const [file, content] of Object.entries(files)) {
    const path = join(root, name, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  }
  return join(root, name);
}

type Ended = { readonly code: number; readonly lines: readonly string[]; readonly stderr: string };

function conformance(...args: string[]): Ended {
  const command = join(import.meta.dir, "command.ts");
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, command, ...args]);
  return { code: exitCode, lines: stdout.toString().trimEnd().split("\n"), stderr: stderr.toString() };
}

describe("state", () => {
  test("a case that passes ends with exit code 0", () => {
    const folder = folderOf("passing", { "a/transfer.json": { transfer: transferFixture({}) } });
    const { code, lines } = conformance("state", folder, "--mode", "reference");
    expect(lines).toEqual(["1 passed, 0 failed, 0 skipped"]);
    expect(code).toBe(0);
  });

  test("an altered hash fails with file, test, fork and the first difference, in the same order by any number of jobs", () => {
    const state = Object.fromEntries(AFTER.map(({ address, balance, nonce }) => [toHex(address), { balance, nonce }]));
    const accounts = Object.entries(state).map(([text, { balance, nonce }]) => [text, accountText(balance, nonce)]);
    const wrong = { ...Object.fromEntries(accounts), [BOB_TEXT]: accountText(6n) };
    const hash = ROOT.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
    const folder = folderOf("failing", {
      "a.json": { transfer: transferFixture({}), altered: transferFixture({ hash }) },
      "b.json": { told: transferFixture({ hash, state: wrong }) },
      "c.json": { loud: transferFixture({ logs: ROOT }), refused: transferFixture({ expectException: "any" }) },
      "d.json": "{ no json",
    });
    const { code, lines } = conformance("state", folder, "--jobs", "3");
    const ending = `root ${ROOT}, expected ${hash} (gas used 21000, halt null)`;
    expect(lines.slice(0, 4)).toEqual([
      `FAIL a.json :: altered d0 g0 v0 :: Berlin :: ${ending}`,
      `FAIL b.json :: told d0 g0 v0 :: Berlin :: account ${BOB_TEXT}: balance 5, expected 6; ${ending}`,
      `FAIL c.json :: loud d0 g0 v0 :: Berlin :: logs hash ${NO_LOGS}, expected ${ROOT}`,
      "FAIL c.json :: refused d0 g0 v0 :: Berlin :: applied, expected any",
    ]);
    expect(lines[4]).toStartWith("FAIL d.json :: (file) :: not read: SyntaxError");
    expect(lines.slice(5)).toEqual(["1 passed, 5 failed, 0 skipped"]);
    expect(code).toBe(1);
    expect(conformance("state", folder, "--jobs", "1").lines).toEqual([...lines]);
  });

  test("what the node does not know is skipped with its reason", () => {
    const folder = folderOf("skipping", { "a.json": { later: transferFixture({}, "Later"), other: { request: [] } } });
    const { code, lines } = conformance("state", folder);
    expect(lines).toEqual([
      "SKIP 1: the node does not know the fork Later; for instance a.json :: later d0 g0 v0",
      "SKIP 1: a fixture of another kind, with request; for instance a.json :: other",
      "0 passed, 0 failed, 2 skipped",
    ]);
    expect(code).toBe(0);
  });

  test("--only and --sample take a part", () => {
    const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`case-${i}`, transferFixture({})]));
    const folder = folderOf("parts", { "a.json": many, "b.json": many, "c.json": many });
    expect(conformance("state", folder, "--only", "case-3").lines).toEqual(["3 passed, 0 failed, 0 skipped"]);
    expect(conformance("state", folder, "--only", "b.json").lines).toEqual(["9 passed, 0 failed, 0 skipped"]);
    expect(conformance("state", folder, "--sample", "6", "--seed", "7").lines).toEqual([
      "a sample of 6 cases, seed 7",
      "6 passed, 0 failed, 0 skipped",
    ]);
  });
});

test("vm: gas left, output and storage are compared, and a fixture without gas must halt", () => {
  // storage[0] = 3, then 32 bytes of zero as output: 3 + 3 + 20000 + 3 + 3 + 3 (memory)
  const address = "0x00000000000000000000000000000000000000aa";
  const code = "0x600360005560206000f3";
  const account = { nonce: "0x0", balance: "0x9", code, storage: {} };
  const fixture = {
    env: ENV,
    exec: {
      address,
      caller: ALICE_TEXT,
      code,
      data: "0x",
      gas: "0x186a0",
      gasPrice: "0x1",
      origin: ALICE_TEXT,
      value: "0x7",
    },
    pre: { [address]: account },
    gas: toText(100_000n - 20_015n),
    out: `0x${"00".repeat(32)}`,
    logs: NO_LOGS,
    post: { [address]: { ...account, storage: { "0x00": "0x03" } } },
  };
  const { gas: _gas, out: _out, logs: _logs, post: _post, ...halting } = fixture;
  const folder = folderOf("vm", {
    "a.json": { exact: fixture, costly: { ...fixture, gas: toText(100_000n - 20_014n) } },
    "b.json": { other: { ...fixture, post: { [address]: account } }, halting },
  });
  const { code: exitCode, lines } = conformance("vm", folder);
  expect(lines).toEqual([
    "FAIL a.json :: costly :: frontier :: gas left 79985, expected 79986",
    `FAIL b.json :: other :: frontier :: account ${address}: slot 0x${"00".repeat(32)} holds 0x3, expected 0x0`,
    "FAIL b.json :: halting :: frontier :: no halt, expected one",
    "1 passed, 3 failed, 0 skipped",
  ]);
  expect(exitCode).toBe(1);
});

test("precompiles: output and gas are exact", () => {
  const vector = { Name: "copy", Input: "0102", Expected: "0102", Gas: 18 };
  const folder = folderOf("precompiles", {
    "identity.json": [vector, { ...vector, Name: "dear", Gas: 19 }, { ...vector, Name: "cheap", Gas: 17 }],
    "fail-identity.json": [{ Name: "copies", Input: "01", ExpectedError: "never" }],
    "unheard.json": [vector],
  });
  const { code, lines } = conformance("precompiles", folder);
  expect(lines).toEqual([
    "FAIL fail-identity.json :: copies :: osaka :: succeeded with 01, expected: never",
    "FAIL identity.json :: dear :: osaka :: 18 gas suffice, expected to need 19",
    "FAIL identity.json :: cheap :: osaka :: 17 gas do not suffice",
    "SKIP 1: no precompile is named unheard; for instance unheard.json :: copy",
    "1 passed, 3 failed, 1 skipped",
  ]);
  expect(code).toBe(1);
});

test("mainnet: a block that differs from its header fails", () => {
  const block = {
    number: "0x1",
    timestamp: "0x1",
    miner: MINER_TEXT,
    gasLimit: "0x1388",
    gasUsed: "0x0",
    mixHash: `0x${"00".repeat(32)}`,
    difficulty: "0x1",
    logsBloom: `0x${"00".repeat(256)}`,
    transactions: [],
  };
  const folder = folderOf("mainnet", {
    "1/block.json": block,
    "1/pre_state.json": {},
    "2/block.json": { ...block, number: "0x2", gasUsed: "0x1" },
    "2/pre_state.json": {},
  });
  expect(conformance("mainnet", folder).lines).toEqual([
    "FAIL 2/block.json :: block 2 :: frontier :: gas used 0x0, expected 0x1",
    "1 passed, 1 failed, 0 skipped",
  ]);
});

test("wrong usage ends with exit code 2 and says what is wrong", () => {
  const folder = folderOf("usage", { "a.json": { transfer: transferFixture({}) } });
  const empty = folderOf("empty", { "a.txt": "" });
  const wrong: readonly (readonly [args: string[], message: string])[] = [
    [[], "a suite and a folder are needed"],
    [["state"], "a suite and a folder are needed"],
    [["states", folder], "unknown suite: states"],
    [["state", folder, "more"], "unexpected: more"],
    [["state", join(folder, "absent")], "no such folder"],
    [["state", empty], "no files of this suite"],
    [["state", folder, "--mode", "fast"], "unknown mode: fast"],
    [["state", folder, "--jobs", "0"], "--jobs takes a whole number from 1"],
    [["state", folder, "--sample", "few"], "--sample takes a whole number from 1"],
    [["state", folder, "--what"], "Unknown option '--what'"],
  ];
  for (const [args, message] of wrong) {
    const { code, stderr } = conformance(...args);
    expect(stderr).toContain(message);
    expect(stderr).toContain("usage: bun run conformance");
    expect(`${args.join(" ")}: ${code}`).toBe(`${args.join(" ")}: 2`);
  }
  expect(conformance("state", folder, "--only", "absent").code).toBe(2);
});
