// Reading the command line: every option by flag, environment and file; precedence; every refusal with its words.

import { describe, expect, test } from "bun:test";
import { type CommandLineSurroundings, readCommandLine, UsageError } from "#cli/command-line.ts";
import { formatOptionValue } from "#cli/option-kinds.ts";
import { environmentTwin, isComputedDefault, OPTION_ROWS, type OptionName, type Options } from "#cli/options.ts";

type Files = Readonly<Record<string, string>>;
type Environment = Readonly<Record<string, string>>;

function surroundings(environment: Environment = {}, files: Files = {}): CommandLineSurroundings {
  return {
    environment: { HOME: "/home", ...environment },
    memoryBytes: 16 * 2 ** 30,
    coreCount: 8,
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw new Error("ENOENT");
      return text;
    },
  };
}

function start(argv: readonly string[], environment: Environment = {}, files: Files = {}): Options {
  const command = readCommandLine(argv, surroundings(environment, files));
  if (command.kind !== "start") throw new Error(`read as ${command.kind}`);
  return command.options;
}

function refusal(argv: readonly string[], environment: Environment = {}, files: Files = {}): string {
  try {
    readCommandLine(argv, surroundings(environment, files));
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error(`accepted: ${argv.join(" ")}`);
}

const ADDRESS = `0x${"ab".repeat(20)}`;

/** A text other than the default for every option that is a setting, with the value it must become. */
const SAMPLES: Readonly<Partial<Record<OptionName, readonly [string, unknown]>>> = {
  role: ["replica", "replica"],
  host: ["0.0.0.0", "0.0.0.0"],
  port: ["0", 0],
  dataDirectory: ["/data/x", "/data/x"],
  ephemeral: ["true", true],
  chainId: ["4_326", 4326n],
  genesisFile: ["genesis.json", "genesis.json"],
  hardfork: ["Prague", "prague"],
  gasLimit: ["2e9", 2_000_000_000n],
  baseFeeWei: ["0x10", 16n],
  accountCount: ["3", 3],
  accountBalanceWei: ["1.5", 1_500_000_000_000_000_000n],
  mnemonic: [`${"abandon ".repeat(11)}about`, `${"abandon ".repeat(11)}about`],
  miniBlockIntervalMs: ["1ms", 1],
  blockTimeMs: ["2s", 2_000],
  sequencerKeyFile: ["key", "key"],
  coinbase: [ADDRESS, new Uint8Array(20).fill(0xab)],
  allowUnprotected: ["yes", true],
  engine: ["reference", "reference"],
  jitMode: ["force", "force"],
  jitThreshold: ["8", 8],
  jitCacheBytes: ["4MiB", 2 ** 22],
  jitCodeBytesMax: ["24KiB", 24_576],
  jitQueueLimit: ["16", 16],
  verifyWorkerCount: ["5", 5],
  poolAccountLimit: ["7", 7],
  poolLimit: ["8", 8],
  poolLifetimeMs: ["60", 60_000],
  upstreamUrl: ["ws://127.0.0.1:1/feed", "ws://127.0.0.1:1/feed"],
  sequencerAddress: [ADDRESS, new Uint8Array(20).fill(0xab)],
  staleAfterMs: ["1m", 60_000],
  feedChildCount: ["2", 2],
  bootstrapDistance: ["500", 500],
  stateMemoryBytes: ["1GiB", 2 ** 30],
  stateWindowBlocks: ["9", 9],
  fsyncMode: ["interval", "interval"],
  fsyncIntervalMs: ["20", 20],
  checkpointIntervalMiniBlocks: ["1000", 1_000],
  segmentSizeBytes: ["1MB", 1_000_000],
  corsOrigins: ["https://a.example,http://b.example:81", ["https://a.example", "http://b.example:81"]],
  syncSendTimeoutMs: ["1s", 1_000],
  bodyBytesMax: ["2MB", 2_000_000],
  batchItemsMax: ["3", 3],
  responseBytesMax: ["4KiB", 4_096],
  connectionCountMax: ["4", 4],
  subscriptionCountMax: ["5", 5],
  websocketBacklogBytes: ["1MiB", 2 ** 20],
  callGasLimit: ["50000000", 50_000_000n],
  callTimeoutMs: ["100ms", 100],
  logsLimit: ["10", 10],
  readWorkerCount: ["6", 6],
  logLevel: ["debug", "debug"],
  logFormat: ["json", "json"],
};

/** What has to stand beside an option so that it makes sense. */
function company(name: OptionName): string[] {
  const row = OPTION_ROWS.find((candidate) => candidate.name === name);
  if (name === "fsyncIntervalMs") return ["--fsync", "interval"];
  if (name === "role") return ["--upstream", "ws://127.0.0.1:1/feed"];
  if (name === "upstreamUrl") return ["--role", "replica"];
  return row?.roles?.includes("sequencer") === false
    ? ["--role", "replica", "--upstream", "ws://127.0.0.1:1/feed"]
    : [];
}

const FILES: Files = { "genesis.json": '{"config":{"chainId":77}}' };

describe("every option", () => {
  for (const row of OPTION_ROWS) {
    if (row.flagOnly === true || row.name === "configFile") continue;
    const [text, value] = SAMPLES[row.name] ?? ["", undefined];
    const twin = environmentTwin(row) ?? "";
    test(`--${row.flag}`, () => {
      expect(text).not.toBe("");
      const given = row.kind === "boolean" ? [`--${row.flag}`] : [`--${row.flag}`, text];
      expect(start([...company(row.name), ...given], {}, FILES)[row.name]).toEqual(value as never);
      expect(start([...company(row.name), `--${row.flag}=${text}`], {}, FILES)[row.name]).toEqual(value as never);
      expect(start(company(row.name), { [twin]: text }, FILES)[row.name]).toEqual(value as never);
      const files = { ...FILES, "c.json": JSON.stringify({ [row.flag]: text }) };
      expect(start([...company(row.name), "--config", "c.json"], {}, files)[row.name]).toEqual(value as never);
    });
    test(`--${row.flag} survives being printed and cloned`, () => {
      if (isComputedDefault(row.default) || row.default === null) return expect(row.default).not.toBe(undefined);
      const printed = formatOptionValue(row.kind, row.default);
      const again = start(row.name === "role" ? [] : company(row.name), { [twin]: printed }, FILES);
      expect(again[row.name]).toEqual(row.default as never);
      return expect(structuredClone(again)).toEqual(again);
    });
  }
});

describe("precedence", () => {
  const files = { "c.json": '{"port": 3, "chain-id": 30, "accounts": 33}' };
  test("flag over environment over file over default", () => {
    const environment = { MEGAETH_CONFIG: "c.json", MEGAETH_PORT: "2", MEGAETH_CHAIN_ID: "20" };
    const options = start(["--port", "1"], environment, files);
    expect([options.port, options.chainId, options.accountCount, options.blockTimeMs]).toEqual([1, 20n, 33, 1_000]);
  });
  test("sources are told", () => {
    const command = readCommandLine(
      ["--config", "c.json", "--port", "1"],
      surroundings({ MEGAETH_HOST: "::1" }, files),
    );
    if (command.kind !== "start") throw new Error(command.kind);
    const { port, host, accountCount, logLevel } = command.sources;
    expect([port, host, accountCount, logLevel]).toEqual(["flag", "environment", "config", "default"]);
  });
  test("an empty environment variable counts as absent", () => {
    expect(start([], { MEGAETH_PORT: "" }).port).toBe(8545);
  });
});

describe("computed defaults", () => {
  test("memory, workers and folder", () => {
    const options = start([]);
    expect(options.stateMemoryBytes).toBe(4 * 2 ** 30);
    expect(options.readWorkerCount).toBe(2);
    expect(options.dataDirectory).toBe("/home/.local/share/megaeth/31337");
  });
  test("the data home follows XDG", () => {
    expect(start(["--chain-id", "5"], { XDG_DATA_HOME: "/d/" }).dataDirectory).toBe("/d/megaeth/5");
    expect(start([], { XDG_DATA_HOME: "relative" }).dataDirectory).toBe("/home/.local/share/megaeth/31337");
  });
  test("a replica has a folder of its own", () => {
    const argv = ["--role", "replica", "--upstream", "ws://localhost:1/feed"];
    expect(start(argv).dataDirectory).toEndWith("/megaeth/31337-replica");
  });
  test("the genesis file gives the chain id", () => {
    const options = start(["--genesis", "genesis.json"], {}, FILES);
    expect(options.chainId).toBe(77n);
    expect(options.dataDirectory).toEndWith("/megaeth/77");
  });
});

describe("commands", () => {
  const kind = (...argv: string[]) => readCommandLine(argv, surroundings()).kind;
  test("words and flags", () => {
    expect(kind("--help")).toBe("help");
    expect(kind("-h")).toBe("help");
    expect(kind("help")).toBe("help");
    expect(kind("-V")).toBe("version");
    expect(kind("version")).toBe("version");
    expect(kind("completions", "zsh")).toBe("completions");
    expect(kind("--no-ephemeral")).toBe("start");
  });
  test("health takes host and port", () => {
    const command = readCommandLine(["health", "--port", "99"], surroundings());
    expect(command.kind === "health" && command.options.port).toBe(99);
  });
});

const REFUSED: readonly (readonly [readonly string[], string, Files?])[] = [
  [["--prot", "1"], "unknown option --prot (did you mean --port?): see megaeth --help"],
  [["--zzzzzz"], "unknown option --zzzzzz: see megaeth --help"],
  [["-x"], "unknown option -x: see megaeth --help"],
  [["--no-port"], "unknown option --no-port: see megaeth --help"],
  [["--port"], "--port needs a value"],
  [["--port", "1", "--port", "2"], "--port is given twice"],
  [["--no-ephemeral=true"], "--no-ephemeral takes no value"],
  [["start"], 'unexpected argument "start": see megaeth --help'],
  [["health", "now"], 'unexpected argument "now": see megaeth --help'],
  [["completions", "tcsh"], 'completions "tcsh": expected one of bash, zsh, fish'],
  [["--port", "65536"], '--port "65536": expected a port number from 0 to 65535'],
  [["--port", "-1"], '--port "-1": expected a port number from 0 to 65535'],
  [["--role", "miner"], '--role "miner": expected one of sequencer, replica, full, prover, da'],
  [["--chain-id", "0"], `--chain-id "0": expected a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`],
  [["--mini-block-interval", "0"], '--mini-block-interval "0": expected a time such as 10ms, 5s or 2m from 1ms to 1s'],
  [
    ["--mini-block-interval", "0.5"],
    '--mini-block-interval "0.5": expected a time such as 10ms, 5s or 2m from 1ms to 1s',
  ],
  [["--block-time", "5 parsecs"], '--block-time "5 parsecs": expected a time such as 10ms, 5s or 2m from 10ms to 1m'],
  [["--sync-send-timeout", "61s"], '--sync-send-timeout "61s": expected a time such as 10ms, 5s or 2m from 1ms to 1m'],
  [["--max-body-size", "1"], '--max-body-size "1": expected a size such as 64MB or 2GiB from 1KiB to 1GB'],
  [["--ephemeral=maybe"], '--ephemeral "maybe": expected true or false'],
  [["--coinbase", "0x12"], '--coinbase "0x12": expected a 20-byte address in hex, 0x first'],
  [["--balance", "-1"], '--balance "-1": expected an amount of ether with at most 18 decimals'],
  [
    ["--cors", "example.com"],
    '--cors "example.com": expected *, none, or origins such as https://app.example with commas between',
  ],
  [
    ["--role", "replica", "--upstream", "tcp://x"],
    '--upstream "tcp://x": expected an address such as ws://127.0.0.1:8545/feed',
  ],
  [["--host", ""], '--host "": expected a text that is not empty'],
  [["--role", "replica"], "--role replica needs --upstream ws://HOST:PORT/feed"],
  [["--upstream", "ws://localhost:1/feed"], "--upstream is of no use to role sequencer: expected role replica"],
  [
    ["--role", "replica", "--upstream", "ws://10.0.0.1/feed"],
    '--upstream "ws://10.0.0.1/feed": expected --sequencer ADDRESS or --genesis FILE beside it, to know whose signatures to trust',
  ],
  [["--genesis", "none.json"], '--genesis "none.json": expected a file that can be read (ENOENT)'],
  [
    ["--genesis", "bad.json"],
    '--genesis bad.json: config.chainId "undefined": expected a whole number',
    { "bad.json": "{}" },
  ],
  [
    ["--genesis", "genesis.json", "--accounts", "1"],
    "--accounts cannot be given with --genesis: the genesis file decides it",
    FILES,
  ],
  [
    ["--ephemeral", "--datadir", "/x"],
    "--datadir cannot be given with --ephemeral: an ephemeral chain has no lasting folder",
  ],
  [["--fsync-interval", "5"], "--fsync-interval needs --fsync interval"],
  [
    ["--mini-block-interval", "50", "--block-time", "20"],
    '--mini-block-interval "50ms": expected at most --block-time (20ms)',
  ],
  [["--mnemonic", "a b c"], "--mnemonic: expected 12, 15, 18, 21 or 24 words, not 3"],
  [["--config", "c.json"], '--config "c.json": expected JSON', { "c.json": "{" }],
  [["--config", "c.json"], "--config c.json: expected a JSON object of options by flag name", { "c.json": "[]" }],
  [["--config", "c.json"], 'c.json: unknown option "prot" (did you mean "port"?)', { "c.json": '{"prot":1}' }],
  [["--config", "c.json"], 'c.json: unknown option "help"', { "c.json": '{"help":true}' }],
  [
    ["--config", "c.json"],
    '"port" in c.json "-1": expected a port number from 0 to 65535',
    { "c.json": '{"port":-1}' },
  ],
  [["--config", "c.json"], '"port" in c.json: expected a text, a number, true or false', { "c.json": '{"port":{}}' }],
];

describe("refusals", () => {
  for (const [argv, message, files] of REFUSED) {
    test(argv.join(" "), () => expect(refusal(argv, {}, files)).toStartWith(message));
  }
  test("a wrong environment variable is named", () => {
    expect(refusal([], { MEGAETH_PORT: "x" })).toBe('MEGAETH_PORT "x": expected a port number from 0 to 65535');
  });
  test("a shared environment may hold options of other roles", () => {
    expect(start([], { MEGAETH_UPSTREAM: "ws://localhost:1/feed" }).role).toBe("sequencer");
  });
});
