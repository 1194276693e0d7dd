// What differs between forks, as data: prices, limits and switches that the generators of interpreter, runtime and compiler
// read. One object per fork; nothing outside this folder compares fork names for the sake of a price.
// @see the EIPs named at each field

import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";

/** Prices in gas; everything that forks changed or that more than one place needs. */
export type GasSchedule = {
  /** Of SLOAD before EIP-2929; the price of a warm one after it. */
  readonly sload: number;
  /** Of BALANCE, EXTCODESIZE, EXTCODECOPY, EXTCODEHASH and of a call's target; after EIP-2929 the price of a warm account. */
  readonly balance: number;
  readonly extCodeSize: number;
  readonly extCodeCopy: number;
  readonly extCodeHash: number;
  readonly call: number;
  /** 0 before EIP-2929. */
  readonly coldSload: number;
  readonly coldAccount: number;
  /** Of SELFDESTRUCT, without what a new or cold beneficiary adds. @see EIP-150 */
  readonly selfDestruct: number;
  /** For each byte of the exponent. @see EIP-160 */
  readonly expByte: number;
  readonly exp: number;
  readonly callValue: number;
  readonly callStipend: number;
  readonly newAccount: number;
  readonly create: number;
  /** For each word of init code. @see EIP-3860 */
  readonly initCodeWord: number;
  /** For each byte of deployed code. */
  readonly codeDeposit: number;
  readonly keccakWord: number;
  readonly copyWord: number;
  readonly logTopic: number;
  readonly logByte: number;
  readonly memoryWord: number;
  /** The square term of memory is words² / this. */
  readonly memoryQuadDivisor: number;
  /** The refund of a storage slot that becomes zero. @see EIP-3529 */
  readonly sstoreClearRefund: number;
  /** Of a slot that becomes other than zero. */
  readonly sstoreSet: number;
  /** Of a slot that changes otherwise; cold access is not in it. */
  readonly sstoreReset: number;
  readonly selfDestructRefund: number;
};

/** Rules of one fork. */
export type Rules = {
  readonly fork: Hardfork;
  readonly gas: GasSchedule;
  /** Warm and cold accounts and slots. @see EIP-2929 */
  readonly hasAccessLists: boolean;
  /** How SSTORE is priced: by current value alone, net (EIP-1283), net with a sentry (EIP-2200), and with access lists. */
  readonly sstore: "legacy" | "eip1283" | "eip2200" | "eip2929";
  /** SSTORE fails with this much gas or less; 0 for no such rule. @see EIP-2200 */
  readonly sstoreSentry: number;
  /** A caller keeps a 64th of its gas, and asking for more than there is is no failure. @see EIP-150 */
  readonly keepsSixtyFourth: boolean;
  /** Empty accounts do not exist: touching removes, and only value makes a call pay for a new account. @see EIP-161 */
  readonly removesEmptyAccounts: boolean;
  /** Most bytes of deployed code; 0 for no limit. @see EIP-170 */
  readonly codeSizeMax: number;
  /** Most bytes of creation code; 0 for no limit. @see EIP-3860 */
  readonly initCodeSizeMax: number;
  /** Nonce of a new contract: 1 from Spurious Dragon on. @see EIP-161 */
  readonly contractNonce: number;
  /** A creation that cannot pay for its code fails; in Frontier it leaves an empty contract. @see EIP-2 */
  readonly failsWithoutDeposit: boolean;
  /** New code must not begin with 0xef. @see EIP-3541 */
  readonly refusesEfCode: boolean;
  /** SELFDESTRUCT removes only what the same transaction created. @see EIP-6780 */
  readonly destroysOnlyCreated: boolean;
  /** Delegation designators are followed. @see EIP-7702 */
  readonly hasDelegation: boolean;
  /** DIFFICULTY answers the beacon's randomness. @see EIP-4399 */
  readonly hasRandomness: boolean;
};

/** Most frames above the first. */
export const CALL_DEPTH_MAX = 1024;

/** Most words on a stack. */
export const STACK_WORD_COUNT_MAX = 1024;

const rulesByFork = new Map<Hardfork, Rules>();

/** The rules of a fork; the same object each time. */
export function rulesOf(fork: Hardfork): Rules {
  let rules = rulesByFork.get(fork);
  if (rules === undefined) rulesByFork.set(fork, (rules = makeRules(fork)));
  return rules;
}

function makeRules(fork: Hardfork): Rules {
  const since = (than: Hardfork) => isAtLeast(fork, than);
  return {
    fork,
    gas: makeSchedule(fork),
    hasAccessLists: since("berlin"),
    sstore: sstoreKind(fork),
    sstoreSentry: since("istanbul") ? 2300 : 0,
    keepsSixtyFourth: since("tangerineWhistle"),
    removesEmptyAccounts: since("spuriousDragon"),
    codeSizeMax: since("spuriousDragon") ? 24_576 : 0,
    initCodeSizeMax: since("shanghai") ? 49_152 : 0,
    contractNonce: since("spuriousDragon") ? 1 : 0,
    failsWithoutDeposit: since("homestead"),
    refusesEfCode: since("london"),
    destroysOnlyCreated: since("cancun"),
    hasDelegation: since("prague"),
    hasRandomness: since("paris"),
  };
}

function sstoreKind(fork: Hardfork): Rules["sstore"] {
  if (isAtLeast(fork, "berlin")) return "eip2929";
  if (isAtLeast(fork, "istanbul")) return "eip2200";
  return fork === "constantinople" ? "eip1283" : "legacy";
}

function makeSchedule(fork: Hardfork): GasSchedule {
  const since = (than: Hardfork) => isAtLeast(fork, than);
  const berlin = since("berlin");
  const istanbul = since("istanbul");
  const tangerine = since("tangerineWhistle");
  const pick = (values: { frontier: number; tangerine: number; istanbul?: number; berlin: number }) => {
    if (berlin) return values.berlin;
    if (istanbul && values.istanbul !== undefined) return values.istanbul;
    return tangerine ? values.tangerine : values.frontier;
  };
  return {
    sload: pick({ frontier: 50, tangerine: 200, istanbul: 800, berlin: 100 }),
    balance: pick({ frontier: 20, tangerine: 400, istanbul: 700, berlin: 100 }),
    extCodeSize: pick({ frontier: 20, tangerine: 700, berlin: 100 }),
    extCodeCopy: pick({ frontier: 20, tangerine: 700, berlin: 100 }),
    extCodeHash: pick({ frontier: 400, tangerine: 400, istanbul: 700, berlin: 100 }),
    call: pick({ frontier: 40, tangerine: 700, berlin: 100 }),
    coldSload: berlin ? 2100 : 0,
    coldAccount: berlin ? 2600 : 0,
    selfDestruct: tangerine ? 5000 : 0,
    expByte: since("spuriousDragon") ? 50 : 10,
    exp: 10,
    callValue: 9000,
    callStipend: 2300,
    newAccount: 25_000,
    create: 32_000,
    initCodeWord: since("shanghai") ? 2 : 0,
    codeDeposit: 200,
    keccakWord: 6,
    copyWord: 3,
    logTopic: 375,
    logByte: 8,
    memoryWord: 3,
    memoryQuadDivisor: 512,
    sstoreClearRefund: since("london") ? 4800 : 15_000,
    sstoreSet: 20_000,
    sstoreReset: berlin ? 2900 : 5000,
    selfDestructRefund: since("london") ? 0 : 24_000,
  };
}
