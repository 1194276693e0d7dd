// Rules of the engine, each with a way to get it wrong: what `scripts/mutate.ts` tries, one at a time. The text to find stands
// exactly once in its file, so that a mutation that no longer fits the source is noticed instead of changing nothing.

/** One changed rule. */
export type Mutation = {
  /** What is wrong with the changed engine. */
  readonly what: string;
  /** Path below the project's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
};

const RULES = "src/evm/gas/rules.ts";
const STORAGE = "src/evm/runtime/storage.ts";
const CALLS = "src/evm/runtime/calls.ts";
const CREATIONS = "src/evm/runtime/creations.ts";
const ACCOUNTS = "src/evm/runtime/accounts.ts";
const MEMORY = "src/evm/runtime/evm-memory.ts";
const REGIONS = "src/evm/compiler/region-emitter.ts";
const WORDS = "src/evm/words/functions.ts";

/** All of them: constants, caps, order, signs. */
export const MUTATIONS: readonly Mutation[] = [
  gas("a cold account costs less", "coldAccount: berlin ? 2600 : 0", "coldAccount: berlin ? 2500 : 0"),
  gas("a cold slot costs less", "coldSload: berlin ? 2100 : 0", "coldSload: berlin ? 2000 : 0"),
  gas("a new slot costs less", "sstoreSet: 20_000", "sstoreSet: 19_900"),
  gas("a changed slot costs as before Berlin", "sstoreReset: berlin ? 2900 : 5000", "sstoreReset: 5000"),
  gas("the sentry of SSTORE is one lower", "? 2300 : 0,\n    keepsSixtyFourth", "? 2299 : 0,\n    keepsSixtyFourth"),
  gas(
    "a cleared slot gives back as before London",
    'since("london") ? 4800 : 15_000',
    'since("london") ? 15_000 : 15_000',
  ),
  gas("EXP costs its new price one fork late", 'expByte: since("spuriousDragon")', 'expByte: since("byzantium")'),
  gas("the stipend is one higher", "callStipend: 2300", "callStipend: 2301"),
  gas("a new account costs less", "newAccount: 25_000", "newAccount: 24_000"),
  gas(
    "a word of creation code costs one",
    'initCodeWord: since("shanghai") ? 2 : 0',
    'initCodeWord: since("shanghai") ? 1 : 0',
  ),
  gas("a byte of deployed code costs one more", "codeDeposit: 200", "codeDeposit: 201"),
  gas("hashing costs less by the word", "keccakWord: 6", "keccakWord: 5"),
  gas("copying costs less by the word", "copyWord: 3", "copyWord: 2"),
  gas("a byte of log data costs less", "logByte: 8", "logByte: 7"),
  gas("memory grows dearer a little later", "memoryQuadDivisor: 512", "memoryQuadDivisor: 520"),
  gas("code may be one byte longer", "? 24_576 : 0", "? 24_577 : 0"),
  gas("creation code may be one byte shorter", "? 49_152 : 0", "? 49_151 : 0"),
  gas(
    "code that begins with 0xef is refused one fork early",
    'refusesEfCode: since("london")',
    'refusesEfCode: since("berlin")',
  ),
  gas(
    "SELFDESTRUCT keeps old contracts one fork late",
    'destroysOnlyCreated: since("cancun")',
    'destroysOnlyCreated: since("prague")',
  ),
  gas("a call may go one frame less deep", "CALL_DEPTH_MAX = 1024", "CALL_DEPTH_MAX = 1023"),
  gas("a stack holds one word less", "STACK_WORD_COUNT_MAX = 1024", "STACK_WORD_COUNT_MAX = 1023"),
  {
    what: "the sentry lets its own amount pass",
    file: STORAGE,
    find: "i64.leS(gas, sstoreSentry)",
    replace: "i64.ltS(gas, sstoreSentry)",
  },
  { what: "a slot set back gives back too much", file: STORAGE, find: "sstoreReset - noop)", replace: "sstoreReset)" },
  {
    what: "a transient write outlives a revert",
    file: STORAGE,
    find: '    core.call(code, "keepWord", i32.add(slot, SLOT.value));\n    storeLimbs(code, slot, SLOT.value, wordParam(code, 6));',
    replace: "    storeLimbs(code, slot, SLOT.value, wordParam(code, 6));",
  },
  {
    what: "a static frame may write slots",
    file: STORAGE,
    find: "  const value = wordParam(code, 6);\n  returnIfStatic(code, frame);",
    replace: "  const value = wordParam(code, 6);",
  },
  { what: "a call keeps a 32nd", file: CALLS, find: "i64.shrU(gas, 6)", replace: "i64.shrU(gas, 5)" },
  {
    what: "DELEGATECALL is called by the contract itself",
    file: CALLS,
    find: "i32.select(i32.eq(opcode, DELEGATECALL), FRAME.caller, FRAME.address)",
    replace: "FRAME.address",
  },
  {
    what: "a call from a static frame is not static",
    file: CALLS,
    find: "i32.or(flags, i32.select(i32.eq(opcode, STATICCALL), FRAME_FLAG_STATIC, 0))",
    replace: "i32.select(i32.eq(opcode, STATICCALL), FRAME_FLAG_STATIC, 0)",
  },
  {
    what: "CREATE2 does not pay for its hash",
    file: CREATIONS,
    find: "i32.add(rules.gas.initCodeWord, i32.mul(isSalted, rules.gas.keccakWord))",
    replace: "i32.add(rules.gas.initCodeWord, i32.mul(isSalted, 0))",
  },
  {
    what: "a creation gets all gas",
    file: CREATIONS,
    find: "rules.keepsSixtyFourth ? i64.sub(gas, i64.shrU(gas, 6)) : gas",
    replace: "gas",
  },
  {
    what: "an address with a nonce can be taken",
    file: CREATIONS,
    find: "code.if(i64.ne(i64.load(account, ACCOUNT.nonce), 0), () => code.return(1));",
    replace: "",
  },
  {
    what: "a failed creation leaves the return data of before",
    file: CREATIONS,
    find: "  core.setField(code, CONTEXT.returnDataSize, 0);\n  const creator",
    replace: "  const creator",
  },
  {
    what: "one block hash more is known",
    file: ACCOUNTS,
    find: "BLOCK_HASH_COUNT = 256",
    replace: "BLOCK_HASH_COUNT = 257",
  },
  {
    what: "the hash of an empty account is that of no code",
    file: ACCOUNTS,
    find: '    code.if(core.call32(code, "isEmpty", account), () => code.return(gas, 0n, 0n, 0n, 0n));\n',
    replace: "",
  },
  {
    what: "MCOPY pays for the nearer end",
    file: MEMORY,
    find: "i64.gtU(destination, source), destination",
    replace: "i64.ltU(destination, source), destination",
  },
  {
    what: "RETURNDATACOPY may go one byte beyond",
    file: MEMORY,
    find: "code.if(i64.gtU(end, i64.extend(core.field(CONTEXT.returnDataSize))), () => {",
    replace: "code.if(i64.gtU(end, i64.add(i64.extend(core.field(CONTEXT.returnDataSize)), 1)), () => {",
  },
  {
    what: "SELFDESTRUCT pays for a warm beneficiary's cold access",
    file: "src/evm/runtime/self-destruct.ts",
    find: "code.if(i64.ne(cold, 0), () => charge",
    replace: "code.if(i64.geS(cold, 0), () => charge",
  },
  {
    what: "SMOD takes the sign of the divisor",
    file: WORDS,
    find: "emitSigned(code, a!, b!, a![3],",
    replace: "emitSigned(code, a!, b!, b![3],",
  },
  { what: "SDIV takes the sign of the dividend", file: WORDS, find: "i64.xor(a![3], b![3])", replace: "a![3]" },
  { what: "SIGNEXTEND stops one byte early", file: WORDS, find: "i64.geU(number, 31)", replace: "i64.geU(number, 30)" },
  {
    what: "SAR fills with zeroes",
    file: WORDS,
    find: '"signed right" ? code.i64(i64.shrS(value[3], 63))',
    replace: '"signed right" ? code.i64(i64.shrU(value[3], 63))',
  },
  { what: "BYTE knows one byte less", file: WORDS, find: "i64.geU(position, 32)", replace: "i64.geU(position, 31)" },
  {
    what: "what one way to a place knows of the stack holds for all ways",
    file: REGIONS,
    find: "known === undefined ? [...knowledge] : joinKnowledge(known, knowledge)",
    replace: "known ?? [...knowledge]",
  },
  {
    what: "what is known before a loop holds within it",
    file: REGIONS,
    find: "if (slot < knowledge.length) knowledge[slot] = UNKNOWN_SLOT;",
    replace: "if (slot < 0) knowledge[slot] = UNKNOWN_SLOT;",
  },
  {
    what: "the rest of two constants is their quotient",
    file: "src/evm/words/arithmetic.ts",
    find: "return constantWord(x % y);",
    replace: "return constantWord(x / y);",
  },
];

function gas(what: string, find: string, replace: string): Mutation {
  return { what, file: RULES, find, replace };
}
