// The `config` member of a genesis file: geth's fork schedule plus our own `config.megaeth`, into a ChainSpec and back into
// canonical JSON. Members that only other clients know are kept as they are.

import { type Hex, toHex, toQuantity } from "#base/hex.ts";
import {
  type BaseFeeRule,
  type BlobParameters,
  type ChainSpec,
  createChainSpec,
  ETHEREUM_BASE_FEE,
  type ForkActivation,
  OSAKA_TRANSACTION_GAS_CAP,
} from "./chain-spec.ts";
import {
  GenesisError,
  isPresent,
  type JsonObject,
  quantityToJson,
  readBoolean,
  readCount,
  readFixedBytes,
  readObject,
  readQuantity,
  refuseUnknownKeys,
} from "./genesis-json.ts";
import { HARDFORKS, type Hardfork, isAtLeast } from "./hardforks.ts";
import { ADDRESS_SIZE_BYTES, UINT64_MAX } from "./primitives.ts";

/** A parsed `config`: the rules, and the canonical JSON that gives them again. */
export type ParsedConfig = { readonly spec: ChainSpec; readonly json: JsonObject };

/** Base fee of development chains unless the genesis says otherwise, in wei. */
export const DEVELOPMENT_BASE_FEE = 1_000_000n;

const FORK_KEYS: readonly { readonly key: string; readonly fork: Hardfork }[] = [
  { key: "homesteadBlock", fork: "homestead" },
  { key: "eip150Block", fork: "tangerineWhistle" },
  { key: "eip158Block", fork: "spuriousDragon" },
  { key: "byzantiumBlock", fork: "byzantium" },
  { key: "constantinopleBlock", fork: "constantinople" },
  { key: "petersburgBlock", fork: "petersburg" },
  { key: "istanbulBlock", fork: "istanbul" },
  { key: "muirGlacierBlock", fork: "muirGlacier" },
  { key: "berlinBlock", fork: "berlin" },
  { key: "londonBlock", fork: "london" },
  { key: "arrowGlacierBlock", fork: "arrowGlacier" },
  { key: "grayGlacierBlock", fork: "grayGlacier" },
  { key: "mergeNetsplitBlock", fork: "paris" },
  { key: "shanghaiTime", fork: "shanghai" },
  { key: "cancunTime", fork: "cancun" },
  { key: "pragueTime", fork: "prague" },
  { key: "osakaTime", fork: "osaka" },
];
/** Forks that a chain may leave out: difficulty bombs, and what other members can say. */
const OPTIONAL_FORKS: readonly Hardfork[] = ["petersburg", "muirGlacier", "arrowGlacier", "grayGlacier", "paris"];
const BLOB_FORK_KEYS = ["cancun", "prague", "osaka", "bpo1", "bpo2", "bpo3", "bpo4", "bpo5"] as const;
const UNSUPPORTED_KEYS = ["amsterdamTime", "verkleTime", "ubtTime"];
const MEGAETH_KEYS = ["baseFee", "development", "sequencer", "stateRootDelay", "transactionGasCap"];
const STATE_ROOT_DELAY_MAX = 64;
/** Blob parameters of the forks that set them. @see EIP-4844, EIP-7691 */
const BLOB_DEFAULTS: Readonly<Record<string, Omit<BlobParameters, "from">>> = {
  cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3_338_477n },
  prague: { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n },
  osaka: { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n },
};

/**
 * Reads `config`. With a `megaeth` member the chain is one of ours, and without any fork member then starts at the newest
 * fork; without it the chain is Ethereum's, and a fork that is not listed never begins, as in geth.
 * @param blockGasLimit gas limit of the genesis block
 * @throws {GenesisError} naming the member
 */
export function parseChainConfig(value: unknown, blockGasLimit: bigint): ParsedConfig {
  const config = withDefaultForks(readObject(value, "config"));
  for (const key of UNSUPPORTED_KEYS) {
    if (isPresent(config[key])) throw new GenesisError(`config.${key}`, "this fork is not supported");
  }
  const chainId = readQuantity(config.chainId, "config.chainId", UINT64_MAX);
  const schedule = readSchedule(config);
  const blobSchedule = readBlobSchedule(config);
  const megaeth = readMegaethOptions(config.megaeth);
  const spec = createChainSpec({
    kind: isPresent(config.megaeth) ? "megaeth-ts" : "ethereum",
    chainId,
    schedule,
    commitment: "mpt",
    blockGasLimit,
    blobSchedule,
    ...megaeth,
  });
  return { spec, json: configToJson(config, spec) };
}

/** The fork members of a chain that has all forks up to `newest` from its first block on. */
export function forksFromGenesis(newest: Hardfork): JsonObject {
  const members: Record<string, number> = {};
  for (const { key, fork } of FORK_KEYS) {
    if (fork !== "paris" && isAtLeast(newest, fork)) members[key] = 0;
  }
  if (isAtLeast(newest, "spuriousDragon")) members.eip155Block = 0;
  if (isAtLeast(newest, "paris")) members.terminalTotalDifficulty = 0;
  return members;
}

function withDefaultForks(config: JsonObject): JsonObject {
  if (!isPresent(config.megaeth)) return config;
  const saysForks = FORK_KEYS.some(({ key }) => isPresent(config[key])) || isPresent(config.terminalTotalDifficulty);
  return saysForks ? config : { ...config, ...forksFromGenesis(HARDFORKS[HARDFORKS.length - 1] as Hardfork) };
}

function readSchedule(config: JsonObject): readonly ForkActivation[] {
  const schedule: ForkActivation[] = [];
  let skipped: string | null = null;
  for (const { key, fork } of FORK_KEYS) {
    const from = readActivation(config, key, fork, schedule);
    if (from === null) {
      if (!OPTIONAL_FORKS.includes(fork)) skipped ??= key;
      continue;
    }
    const path = `config.${key}`;
    if (skipped !== null) throw new GenesisError(path, `${fork} begins, but ${skipped} is missing`);
    const by = key.endsWith("Time") ? "timestamp" : "number";
    const before = schedule[schedule.length - 1];
    if (before !== undefined && before.by === by && before.from > from) {
      throw new GenesisError(path, `${fork} begins at ${from}, before ${before.fork} at ${before.from}`);
    }
    schedule.push({ fork, by, from });
  }
  const eip155 = config.eip155Block;
  if (isPresent(eip155) && readQuantity(eip155, "config.eip155Block") !== optionalQuantity(config, "eip158Block")) {
    throw new GenesisError("config.eip155Block", "must be equal to eip158Block");
  }
  return schedule;
}

/** Where a fork begins; null: never. */
function readActivation(
  config: JsonObject,
  key: string,
  fork: Hardfork,
  earlier: readonly ForkActivation[],
): bigint | null {
  const said = optionalQuantity(config, key);
  if (said !== null) return said;
  // geth: a chain without petersburgBlock has Petersburg together with Constantinople.
  if (fork === "petersburg") return optionalQuantity(config, "constantinopleBlock");
  if (fork !== "paris" || !isPresent(config.terminalTotalDifficulty)) return null;
  // A difficulty of zero is passed at once; another one by a block that only the chain knows.
  const total = readTotalDifficulty(config.terminalTotalDifficulty);
  return total === 0n ? (earlier.find((entry) => entry.fork === "london")?.from ?? null) : null;
}

function optionalQuantity(config: JsonObject, key: string): bigint | null {
  return isPresent(config[key]) ? readQuantity(config[key], `config.${key}`, UINT64_MAX) : null;
}

/** Mainnet's is above 2^53 and written as a number: its shortest decimal form gives the digits that were meant. */
function readTotalDifficulty(value: unknown): bigint {
  const meant = typeof value === "number" && value > Number.MAX_SAFE_INTEGER ? shortestDecimal(value) : value;
  return readQuantity(meant, "config.terminalTotalDifficulty");
}

function shortestDecimal(value: number): string {
  const [digits = "", exponent = "0"] = value.toExponential().split("e");
  const [whole = "", fraction = ""] = digits.split(".");
  return whole + fraction.padEnd(Number(exponent), "0");
}

function readBlobSchedule(config: JsonObject): readonly BlobParameters[] {
  const given = isPresent(config.blobSchedule) ? readObject(config.blobSchedule, "config.blobSchedule") : {};
  const schedule: BlobParameters[] = [];
  for (const name of BLOB_FORK_KEYS) {
    const from = optionalQuantity(config, `${name}Time`);
    if (from === null) continue;
    const before = schedule[schedule.length - 1];
    if (before === undefined ? name !== "cancun" : before.from > from) {
      throw new GenesisError(`config.${name}Time`, "blob schedule forks must begin in order, Cancun first");
    }
    const parameters = isPresent(given[name])
      ? readBlobParameters(given[name], `config.blobSchedule.${name}`)
      : BLOB_DEFAULTS[name];
    if (parameters === undefined)
      throw new GenesisError(`config.blobSchedule.${name}`, `missing, but ${name}Time is set`);
    schedule.push({ from, ...parameters });
  }
  return schedule;
}

function readBlobParameters(value: unknown, path: string): Omit<BlobParameters, "from"> {
  const entry = readObject(value, path);
  const target = readCount(entry.target, `${path}.target`, 0xffff);
  const max = readCount(entry.max, `${path}.max`, 0xffff);
  const baseFeeUpdateFraction = readQuantity(entry.baseFeeUpdateFraction, `${path}.baseFeeUpdateFraction`, UINT64_MAX);
  if (baseFeeUpdateFraction === 0n) throw new GenesisError(`${path}.baseFeeUpdateFraction`, "must not be 0");
  if (target > max) throw new GenesisError(`${path}.target`, `${target} is above max ${max}`);
  return { target, max, baseFeeUpdateFraction };
}

type MegaethOptions = Pick<ChainSpec, "baseFee" | "development" | "sequencer" | "stateRootDelay" | "transactionGasCap">;

function readMegaethOptions(value: unknown): MegaethOptions {
  if (!isPresent(value)) {
    return {
      baseFee: ETHEREUM_BASE_FEE,
      development: false,
      sequencer: null,
      stateRootDelay: 0,
      transactionGasCap: OSAKA_TRANSACTION_GAS_CAP,
    };
  }
  const path = "config.megaeth";
  const options = readObject(value, path);
  refuseUnknownKeys(options, path, MEGAETH_KEYS);
  const development = isPresent(options.development) && readBoolean(options.development, `${path}.development`);
  const { sequencer, stateRootDelay, transactionGasCap } = options;
  const defaultCap = development ? null : OSAKA_TRANSACTION_GAS_CAP;
  return {
    baseFee: readBaseFee(options.baseFee, `${path}.baseFee`, development),
    development,
    sequencer: isPresent(sequencer) ? readFixedBytes(sequencer, `${path}.sequencer`, ADDRESS_SIZE_BYTES) : null,
    stateRootDelay: isPresent(stateRootDelay)
      ? readCount(stateRootDelay, `${path}.stateRootDelay`, STATE_ROOT_DELAY_MAX)
      : 1,
    // null is a value of its own here: no cap.
    transactionGasCap:
      transactionGasCap === undefined
        ? defaultCap
        : transactionGasCap === null
          ? null
          : readQuantity(transactionGasCap, `${path}.transactionGasCap`, UINT64_MAX),
  };
}

/** A quantity is a constant fee; an object names its kind. */
function readBaseFee(value: unknown, path: string, development: boolean): BaseFeeRule {
  if (!isPresent(value)) return development ? { kind: "constant", value: DEVELOPMENT_BASE_FEE } : ETHEREUM_BASE_FEE;
  if (typeof value !== "object") return { kind: "constant", value: readQuantity(value, path) };
  const rule = readObject(value, path);
  if (rule.kind === "constant") {
    refuseUnknownKeys(rule, path, ["kind", "value"]);
    return { kind: "constant", value: readQuantity(rule.value, `${path}.value`) };
  }
  if (rule.kind !== "eip1559") throw new GenesisError(`${path}.kind`, 'expected "constant" or "eip1559"');
  refuseUnknownKeys(rule, path, ["denominator", "elasticity", "initial", "kind"]);
  return {
    kind: "eip1559",
    elasticity: readPositive(rule.elasticity ?? 2, `${path}.elasticity`),
    denominator: readPositive(rule.denominator ?? 8, `${path}.denominator`),
    initial: readQuantity(rule.initial ?? 1_000_000_000, `${path}.initial`),
  };
}

function readPositive(value: unknown, path: string): bigint {
  const quantity = readQuantity(value, path, UINT64_MAX);
  if (quantity === 0n) throw new GenesisError(path, "must not be 0");
  return quantity;
}

/** Normalised members replace what was read; everything else stays. */
function configToJson(config: JsonObject, spec: ChainSpec): JsonObject {
  const json: Record<string, unknown> = { ...config, chainId: quantityToJson(spec.chainId) };
  const quantityKeys = [
    ...FORK_KEYS.map(({ key }) => key),
    "eip155Block",
    ...BLOB_FORK_KEYS.map((name) => `${name}Time`),
  ];
  for (const key of quantityKeys) {
    const quantity = optionalQuantity(config, key);
    json[key] = quantity === null ? undefined : quantityToJson(quantity);
  }
  const total = config.terminalTotalDifficulty;
  json.terminalTotalDifficulty = isPresent(total) ? quantityToJson(readTotalDifficulty(total)) : undefined;
  if (isPresent(config.blobSchedule)) json.blobSchedule = blobScheduleToJson(readObject(config.blobSchedule, ""));
  json.megaeth = spec.kind === "megaeth-ts" ? megaethToJson(spec) : undefined;
  return json;
}

function blobScheduleToJson(given: JsonObject): JsonObject {
  const json: Record<string, unknown> = { ...given };
  for (const name of BLOB_FORK_KEYS) {
    if (!isPresent(given[name])) continue;
    const { target, max, baseFeeUpdateFraction } = readBlobParameters(given[name], `config.blobSchedule.${name}`);
    json[name] = { target, max, baseFeeUpdateFraction: quantityToJson(baseFeeUpdateFraction) };
  }
  return json;
}

function megaethToJson(spec: ChainSpec): JsonObject {
  return {
    baseFee: baseFeeToJson(spec.baseFee),
    development: spec.development,
    sequencer: spec.sequencer === null ? undefined : toHex(spec.sequencer),
    stateRootDelay: spec.stateRootDelay,
    transactionGasCap: spec.transactionGasCap === null ? null : toQuantity(spec.transactionGasCap),
  };
}

function baseFeeToJson(rule: BaseFeeRule): Readonly<Record<string, Hex | string>> {
  if (rule.kind === "constant") return { kind: rule.kind, value: toQuantity(rule.value) };
  const { kind, elasticity, denominator, initial } = rule;
  return {
    kind,
    elasticity: toQuantity(elasticity),
    denominator: toQuantity(denominator),
    initial: toQuantity(initial),
  };
}
