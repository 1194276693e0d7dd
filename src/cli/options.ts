// The one table of options: every flag, its environment twin, its place in the configuration file, its default, its limits,
// its line of help. Parsing, --help, the README's table and shell completions are all read from here.
// Values that consensus depends on live in the chain's genesis; what stands here shapes a development chain or this process only.

import type { OptionKind, OptionKindValues, OptionLimits } from "./option-kinds.ts";

/** What a process of this program may be started as. */
export type Role = "sequencer" | "replica" | "full" | "prover" | "da";

/** Roles that have a name but no program behind it yet; starting one is refused. */
export const UNBUILT_ROLES: ReadonlySet<Role> = new Set<Role>(["full", "prover", "da"]);

/** The machine and the choices that a computed default may look at. */
export type DefaultContext = {
  /** Bytes of main memory. */
  readonly memoryBytes: number;
  readonly coreCount: number;
  /** Where a user's program data goes, without the program's own folder: `$XDG_DATA_HOME` or `~/.local/share`. */
  readonly dataHome: string;
  readonly role: Role;
  readonly chainId: bigint;
};

/** A default that depends on the machine or on other options, with the words that stand for it in help. */
export type ComputedDefault = { readonly text: string; readonly compute: (context: DefaultContext) => unknown };

/** One row of the table. */
export type OptionSpec = OptionLimits & {
  /** The name after `--`; the environment twin is MEGAETH_ and the same in capitals. */
  readonly flag: string;
  /** A one-letter form after a single dash. */
  readonly letter?: string;
  readonly kind: OptionKind;
  readonly group: OptionGroup;
  /** One line, no full stop. */
  readonly help: string;
  /** The word for the value in help; the kind's own word by default. */
  readonly placeholder?: string;
  /** In the stored unit; null when the option may be absent. */
  readonly default: unknown;
  /** Who reads it; everyone when absent. */
  readonly roles?: readonly Role[];
  /** True when a genesis file decides it, so that the two may not be given together. */
  readonly inGenesis?: boolean;
  /** True for options that only a person at a prompt gives: no environment twin, not in the configuration file. */
  readonly flagOnly?: boolean;
};

/** The headings of --help, in order. */
export const OPTION_GROUPS = [
  "Node",
  "Chain",
  "Sequencer",
  "Engine",
  "Transaction pool",
  "Replica and feed",
  "State and storage",
  "RPC",
  "Logging",
  "This program",
] as const;

/** A heading of --help. */
export type OptionGroup = (typeof OPTION_GROUPS)[number];

const SEQUENCER: readonly Role[] = ["sequencer"];
const REPLICA: readonly Role[] = ["replica"];

/** Every option of the program, by the name it has in `Options`. */
export const OPTION_TABLE = {
  role: {
    flag: "role",
    kind: "enum",
    group: "Node",
    values: ["sequencer", "replica", "full", "prover", "da"],
    default: "sequencer",
    help: "What this process does; full, prover and da are not built yet",
  },
  host: {
    flag: "host",
    kind: "text",
    group: "Node",
    placeholder: "ADDRESS",
    default: "127.0.0.1",
    help: "Where HTTP, WebSocket and the feed listen; 0.0.0.0 opens them to the network",
  },
  port: {
    flag: "port",
    kind: "port",
    group: "Node",
    default: 8545,
    help: "The one port of HTTP, WebSocket and the feed; 0 takes any free one and prints it",
  },
  dataDirectory: {
    flag: "datadir",
    kind: "path",
    group: "Node",
    default: computed("<data home>/megaeth/<chain id>", ({ dataHome, chainId, role }) => {
      return `${dataHome}/megaeth/${chainId}${role === "sequencer" ? "" : `-${role}`}`;
    }),
    help: "Where the chain is kept; a replica's default ends in -replica",
  },
  ephemeral: {
    flag: "ephemeral",
    kind: "boolean",
    group: "Node",
    default: false,
    help: "Keep the chain in a temporary folder that goes when the process ends",
  },
  chainId: {
    flag: "chain-id",
    kind: "quantity",
    group: "Chain",
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    inGenesis: true,
    default: 31_337n,
    help: "Chain id of a development chain",
  },
  genesisFile: {
    flag: "genesis",
    kind: "path",
    group: "Chain",
    default: null,
    help: "Genesis file in geth's format; without it a development chain is made",
  },
  hardfork: {
    flag: "hardfork",
    kind: "enum",
    group: "Chain",
    values: ["london", "paris", "shanghai", "cancun", "prague", "osaka"],
    inGenesis: true,
    roles: SEQUENCER,
    default: "osaka",
    help: "Rules of a development chain",
  },
  gasLimit: {
    flag: "gas-limit",
    kind: "quantity",
    group: "Chain",
    minimum: 30_000,
    maximum: Number.MAX_SAFE_INTEGER,
    placeholder: "GAS",
    inGenesis: true,
    roles: SEQUENCER,
    default: 10_000_000_000n,
    help: "Gas limit of an EVM block of a development chain",
  },
  baseFeeWei: {
    flag: "base-fee",
    kind: "quantity",
    group: "Chain",
    placeholder: "WEI",
    maximum: Number.MAX_SAFE_INTEGER,
    inGenesis: true,
    roles: SEQUENCER,
    default: 1_000_000n,
    help: "Constant base fee of a development chain",
  },
  accountCount: {
    flag: "accounts",
    kind: "integer",
    group: "Chain",
    minimum: 0,
    maximum: 1_000,
    inGenesis: true,
    roles: SEQUENCER,
    default: 10,
    help: "How many development accounts are funded and unlocked",
  },
  accountBalanceWei: {
    flag: "balance",
    kind: "ether",
    group: "Chain",
    inGenesis: true,
    roles: SEQUENCER,
    default: 10_000n * 10n ** 18n,
    help: "Balance of each development account, in ether",
  },
  mnemonic: {
    flag: "mnemonic",
    kind: "text",
    group: "Chain",
    placeholder: "WORDS",
    inGenesis: true,
    roles: SEQUENCER,
    default: "test test test test test test test test test test test junk",
    help: "Seed words of the development accounts; the default ones are public",
  },
  miniBlockIntervalMs: {
    flag: "mini-block-interval",
    kind: "duration",
    group: "Sequencer",
    minimum: 1,
    maximum: 1_000,
    roles: SEQUENCER,
    default: 10,
    help: "Time between mini-blocks while there is work",
  },
  blockTimeMs: {
    flag: "block-time",
    kind: "duration",
    group: "Sequencer",
    minimum: 10,
    maximum: 60_000,
    roles: SEQUENCER,
    default: 1_000,
    help: "Time between EVM blocks",
  },
  sequencerKeyFile: {
    flag: "sequencer-key",
    kind: "path",
    group: "Sequencer",
    roles: SEQUENCER,
    default: null,
    help: "File with the key that signs mini-blocks (hex); made in the data directory when absent",
  },
  coinbase: {
    flag: "coinbase",
    kind: "address",
    group: "Sequencer",
    roles: SEQUENCER,
    default: null,
    help: "Beneficiary of tips; the sequencer's own address when absent",
  },
  allowUnprotected: {
    flag: "allow-unprotected",
    kind: "boolean",
    group: "Sequencer",
    default: false,
    help: "Accept legacy transactions that are signed for no chain in particular (before EIP-155)",
  },
  engine: {
    flag: "engine",
    kind: "enum",
    group: "Engine",
    values: ["wasm", "reference"],
    default: "wasm",
    help: "Which EVM executes: the one made here, or the independent one that checks it",
  },
  jitMode: {
    flag: "jit",
    kind: "enum",
    group: "Engine",
    values: ["on", "off", "force"],
    default: "on",
    help: "Compile hot byte code on a thread of its own, none, or all of it before it runs",
  },
  jitThreshold: {
    flag: "jit-threshold",
    kind: "integer",
    group: "Engine",
    placeholder: "GAS",
    minimum: 1,
    maximum: 1_000_000,
    default: 32,
    help: "Gas per byte of code that is interpreted before the code counts as hot",
  },
  jitCacheBytes: {
    flag: "jit-cache-size",
    kind: "size",
    group: "Engine",
    minimum: 2 ** 20,
    maximum: 2 ** 34,
    default: 256 * 2 ** 20,
    help: "Compiled code kept, in memory and on disk alike; in memory the least recently used goes",
  },
  jitCodeBytesMax: {
    flag: "jit-max-code-size",
    kind: "size",
    group: "Engine",
    minimum: 0,
    maximum: 512 * 1024,
    default: 512 * 1024,
    help: "Longest byte code that is compiled",
  },
  jitQueueLimit: {
    flag: "jit-queue",
    kind: "integer",
    group: "Engine",
    minimum: 1,
    maximum: 65_536,
    default: 256,
    help: "Codes that may wait to be compiled; more are interpreted until there is room",
  },
  verifyWorkerCount: {
    flag: "verify-workers",
    kind: "integer",
    group: "Sequencer",
    minimum: 1,
    maximum: 64,
    default: computed("a quarter of the cores", ({ coreCount }) => Math.max(1, Math.floor(coreCount / 4))),
    help: "Threads that check signatures",
  },
  poolAccountLimit: {
    flag: "pool-account-limit",
    kind: "integer",
    group: "Transaction pool",
    minimum: 1,
    maximum: 1_000_000,
    roles: SEQUENCER,
    default: 500,
    help: "Transactions that may wait for one account",
  },
  poolLimit: {
    flag: "pool-limit",
    kind: "integer",
    group: "Transaction pool",
    minimum: 1,
    maximum: 4_000_000,
    roles: SEQUENCER,
    default: 50_000,
    help: "Transactions that may wait in all; the cheapest leaves when it is full",
  },
  poolLifetimeMs: {
    flag: "pool-lifetime",
    kind: "duration",
    group: "Transaction pool",
    bareUnit: "s",
    minimum: 1_000,
    maximum: 7 * 86_400_000,
    roles: SEQUENCER,
    default: 3 * 3_600_000,
    help: "How long a transaction may wait; a bare number is in seconds",
  },
  upstreamUrl: {
    flag: "upstream",
    kind: "url",
    group: "Replica and feed",
    roles: REPLICA,
    default: null,
    help: "Feed that a replica follows: ws://HOST:PORT/feed",
  },
  sequencerAddress: {
    flag: "sequencer",
    kind: "address",
    group: "Replica and feed",
    roles: REPLICA,
    default: null,
    help: "Whose signatures a replica trusts, when the genesis file does not say",
  },
  staleAfterMs: {
    flag: "stale-after",
    kind: "duration",
    group: "Replica and feed",
    minimum: 100,
    maximum: 86_400_000,
    roles: REPLICA,
    default: 5_000,
    help: "Silence of the feed after which /readyz fails",
  },
  feedChildCount: {
    flag: "feed-children",
    kind: "integer",
    group: "Replica and feed",
    minimum: 0,
    maximum: 10_000,
    default: 64,
    help: "Replicas that may follow this process",
  },
  bootstrapDistance: {
    flag: "bootstrap-distance",
    kind: "integer",
    minimum: 1,
    group: "Replica and feed",
    placeholder: "RECORDS",
    default: 200_000,
    help: "A follower further behind than this gets a snapshot first, when there is one",
  },
  stateMemoryBytes: {
    flag: "state-memory",
    kind: "size",
    group: "State and storage",
    minimum: 16 * 2 ** 20,
    default: computed("a quarter of RAM", ({ memoryBytes }) => quarterOfMemory(memoryBytes)),
    help: "Shared memory for accounts and slots, taken at start",
  },
  stateWindowBlocks: {
    flag: "state-window",
    kind: "integer",
    group: "State and storage",
    placeholder: "BLOCKS",
    minimum: 1,
    maximum: 1_000_000,
    default: 256,
    help: "EVM blocks whose state can still be asked",
  },
  fsyncMode: {
    flag: "fsync",
    kind: "enum",
    group: "State and storage",
    values: ["always", "interval"],
    default: "always",
    help: "When the log is forced to disk: before each publication, or at an interval",
  },
  fsyncIntervalMs: {
    flag: "fsync-interval",
    kind: "duration",
    group: "State and storage",
    minimum: 1,
    maximum: 60_000,
    default: 100,
    help: "Time between forced writes with --fsync interval",
  },
  checkpointIntervalMiniBlocks: {
    flag: "checkpoint-interval",
    kind: "integer",
    group: "State and storage",
    placeholder: "MINI-BLOCKS",
    minimum: 10,
    maximum: 10_000_000,
    default: 10_000,
    help: "Mini-blocks between checkpoints; a start replays at most this many",
  },
  segmentSizeBytes: {
    flag: "segment-size",
    kind: "size",
    group: "State and storage",
    minimum: 2 ** 16,
    maximum: 2 ** 31,
    default: 64 * 2 ** 20,
    help: "Size at which the log starts a new file",
  },
  corsOrigins: {
    flag: "cors",
    kind: "origins",
    group: "RPC",
    default: null,
    help: "Web origins that may call: *, none, or a list with commas; absent: * on development chains only",
  },
  syncSendTimeoutMs: {
    flag: "sync-send-timeout",
    kind: "duration",
    group: "RPC",
    minimum: 1,
    maximum: 60_000,
    default: 5_000,
    help: "How long eth_sendRawTransactionSync waits unless the call says",
  },
  bodyBytesMax: {
    flag: "max-body-size",
    kind: "size",
    group: "RPC",
    minimum: 1_024,
    maximum: 1e9,
    default: 15_000_000,
    help: "Largest request, over HTTP and WebSocket alike",
  },
  batchItemsMax: {
    flag: "max-batch",
    kind: "integer",
    group: "RPC",
    minimum: 1,
    maximum: 100_000,
    default: 1_000,
    help: "Calls in one batch",
  },
  responseBytesMax: {
    flag: "max-response-size",
    kind: "size",
    group: "RPC",
    minimum: 1_024,
    maximum: 1e9,
    default: 50_000_000,
    help: "Largest response, a batch's in all",
  },
  connectionCountMax: {
    flag: "max-connections",
    kind: "integer",
    group: "RPC",
    minimum: 1,
    maximum: 1_000_000,
    default: 2_000,
    help: "WebSocket connections at a time",
  },
  subscriptionCountMax: {
    flag: "max-subscriptions",
    kind: "integer",
    group: "RPC",
    minimum: 1,
    maximum: 100_000,
    default: 1_024,
    help: "Subscriptions of one connection",
  },
  websocketBacklogBytes: {
    flag: "max-websocket-backlog",
    kind: "size",
    group: "RPC",
    minimum: 65_536,
    maximum: 1e9,
    default: 16_000_000,
    help: "Unread bytes at which a slow subscriber or feed reader is closed",
  },
  callGasLimit: {
    flag: "call-gas-limit",
    kind: "quantity",
    group: "RPC",
    placeholder: "GAS",
    minimum: 21_000,
    maximum: Number.MAX_SAFE_INTEGER,
    default: 1_000_000_000n,
    help: "Gas of one eth_call or eth_estimateGas",
  },
  callTimeoutMs: {
    flag: "call-timeout",
    kind: "duration",
    group: "RPC",
    minimum: 1,
    maximum: 600_000,
    default: 5_000,
    help: "Time of one eth_call or eth_estimateGas",
  },
  logsLimit: {
    flag: "logs-limit",
    kind: "integer",
    group: "RPC",
    placeholder: "LOGS",
    minimum: 1,
    maximum: 10_000_000,
    default: 20_000,
    help: "Logs in one answer of eth_getLogs",
  },
  readWorkerCount: {
    flag: "read-workers",
    kind: "integer",
    group: "RPC",
    minimum: 1,
    maximum: 64,
    default: computed("a quarter of the cores, 2 or more", ({ coreCount }) => Math.max(2, Math.floor(coreCount / 4))),
    help: "Threads that answer eth_call, estimates and log queries; the first of several runs no code",
  },
  logLevel: {
    flag: "log-level",
    kind: "enum",
    group: "Logging",
    values: ["debug", "info", "warn", "error", "silent"],
    default: "info",
    help: "Least important event that is written",
  },
  logFormat: {
    flag: "log-format",
    kind: "enum",
    group: "Logging",
    values: ["text", "json"],
    default: "text",
    help: "One line of text or one JSON object per event, on standard error",
  },
  configFile: {
    flag: "config",
    kind: "path",
    group: "This program",
    default: null,
    help: "JSON file of options by flag name; flags win over environment, environment over file",
  },
  dryRun: {
    flag: "dry-run",
    kind: "boolean",
    group: "This program",
    flagOnly: true,
    default: false,
    help: "Print the options in force and the memory plan, then end",
  },
  help: {
    flag: "help",
    letter: "h",
    kind: "boolean",
    group: "This program",
    flagOnly: true,
    default: false,
    help: "Print this and end",
  },
  version: {
    flag: "version",
    letter: "V",
    kind: "boolean",
    group: "This program",
    flagOnly: true,
    default: false,
    help: "Print version and commit and end",
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;

/** The name of an option in `Options`. */
export type OptionName = keyof typeof OPTION_TABLE;

type StoredValue<Spec extends OptionSpec> =
  | (Spec extends { readonly values: readonly (infer Word)[] } ? Word : OptionKindValues[Spec["kind"]])
  | (Spec extends { readonly default: null } ? null : never);

/** Every option with its value in force: plain data that may be posted to any thread. Units are in the names. */
export type Options = { readonly [Name in OptionName]: StoredValue<(typeof OPTION_TABLE)[Name]> };

/** The rows of the table in order, with the looser type that parsing, help and completions need. */
export const OPTION_ROWS: readonly (OptionSpec & { readonly name: OptionName })[] = Object.entries(OPTION_TABLE).map(
  ([name, spec]) => ({ ...(spec as OptionSpec), name: name as OptionName }),
);

/** The environment variable that stands for a flag, or null when the option has none. */
export function environmentTwin(spec: OptionSpec): string | null {
  return spec.flagOnly === true ? null : `MEGAETH_${spec.flag.replaceAll("-", "_").toUpperCase()}`;
}

/** Whether a default is computed from the machine rather than written in the table. */
export function isComputedDefault(value: unknown): value is ComputedDefault {
  return typeof value === "object" && value !== null && "compute" in value;
}

function computed(text: string, compute: (context: DefaultContext) => unknown): ComputedDefault {
  return { text, compute };
}

function quarterOfMemory(memoryBytes: number): number {
  const granuleBytes = 2 ** 20;
  return Math.max(16 * granuleBytes, Math.floor(memoryBytes / 4 / granuleBytes) * granuleBytes);
}
