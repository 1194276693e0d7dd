// Layout of the range of the arena memory in which one thread runs the EVM. All offsets are bytes from the range's base or from
// the record's address; addresses are absolute 32-bit addresses of the memory; integers are little-endian; 256-bit words are four
// 64-bit limbs, the least significant first ("word", 32 bytes). An address is a word with 96 zero bits on top.
//
//   context ▸ frames ▸ stacks ▸ scratch ▸ tables of the world ▸ journal ▸ logs ▸ input ▸ code ▸ return data ▸ EVM memories
//
// Everything behind the frames starts where the context says, so that threads may have ranges of different sizes.

/** Bytes of a 256-bit word. */
export const WORD_SIZE_BYTES = 32;

/** Fields of the context record, at the base of the range. */
export const CONTEXT = {
  // Environment of the block and the transaction: words.
  origin: 0,
  gasPrice: 32,
  chainId: 64,
  coinbase: 96,
  timestamp: 128,
  number: 160,
  /** DIFFICULTY or PREVRANDAO. */
  difficulty: 192,
  gasLimit: 224,
  baseFee: 256,
  blobBaseFee: 288,
  /** i32: address and count of the blob hashes, words in EVM byte order turned to limbs. */
  blobHashes: 320,
  blobHashCount: 324,
  /** i32: the frame that runs, and its depth (0 = first). */
  frame: 328,
  depth: 332,
  /** i64: the refund counter; may go below zero inside a transaction. */
  refund: 336,
  /** i32: the return data of the last call of the running frame. */
  returnData: 344,
  returnDataSize: 348,
  /** i32: next free journal entry, next free byte of the logs, count of logs. */
  journalEnd: 352,
  logsEnd: 356,
  logCount: 360,
  /** i32: stamp of the index entries that belong to the running transaction; never 0. */
  generation: 364,
  /** i32: used records of accounts, slots and transient slots. */
  accountCount: 368,
  slotCount: 372,
  /** i32: next free byte of the code region. */
  codeEnd: 384,
  /** i32: number of code entries in use. */
  codeCount: 388,
  /** i64: gas charged by compiled code and by the interpreter, for the counters. */
  gasCompiled: 392,
  gasInterpreted: 400,
  /** i64: the part of `gasInterpreted` in code that is never compiled: creation code, and what the compiler refused. */
  gasUncompilable: 1088,
  /** i64: gas between two polls inside a frame; 0 when nobody wants to be asked. */
  pollInterval: 416,
  /** i32: the first status of EXHAUSTED or FAILED; ends the run whatever its frames answer. */
  failure: 424,
  /** i64: secret of the process, so that nobody can choose keys that collide in the tables. */
  hashSeed: 432,
  /** i32: end of the region of blob hashes. */
  blobHashesCapacityEnd: 440,
  /** i32: the record of the slot, not a transient one, that was used last; 0 for none. */
  lastSlot: 444,
  // Where the regions lie: i32 address and i32 end, set once when the range is laid out.
  stacks: 448,
  stacksEnd: 452,
  accountIndex: 456,
  /** i32: entries of the account index minus one (a power of two minus one). */
  accountIndexMask: 460,
  accounts: 464,
  accountCapacity: 468,
  slotIndex: 472,
  slotIndexMask: 476,
  slots: 480,
  slotCapacity: 484,
  journal: 488,
  journalCapacityEnd: 492,
  logs: 496,
  logsCapacityEnd: 500,
  input: 504,
  inputCapacityEnd: 508,
  codeIndex: 512,
  codeIndexMask: 516,
  code: 520,
  codeCapacityEnd: 524,
  /** Return data has a region of its own: a frame's output is copied here when it returns. */
  returnDataRegion: 528,
  returnDataCapacityEnd: 532,
  memories: 536,
  memoriesEnd: 540,
  /**
   * i32: the exact caches of KECCAK256 over two words and over one: entries of preimage and hash; and how many each has, minus one.
   */
  keccakPairs: 544,
  keccakMask: 548,
  keccakWords: 552,
  /** Four words: the topics of the log that is being written. */
  logTopics: 576,
  /** 320 bytes of scratch, for hashing and for imports. */
  scratch: 704,
  /** i64 each: side exits by `EXIT_REASONS`; compiled code counts them. */
  exits: 1024,
  /** A word that is zero. */
  zero: 1152,
  /** i64: gas that a precompile may use, and what it used. */
  precompileGas: 1184,
} as const;

/** Size of the context record. */
export const CONTEXT_SIZE_BYTES = 2048;

/** Why compiled code hands a frame to the interpreter; the index is the place in `CONTEXT.exits`. */
export const EXIT_REASONS = ["gas", "unvisited", "jump", "stack", "opcode", "size", "forced", "wide"] as const;

/** See {@link EXIT_REASONS}. */
export type ExitReason = (typeof EXIT_REASONS)[number];

/** Fields of a frame record. */
export const FRAME = {
  /** i32: code bytes, size, and a map with one byte per code byte ({@link CODE_MAP_JUMPDEST}). */
  code: 0,
  codeSize: 4,
  codeMap: 8,
  /** i32: the code entry, 0 for creation code. */
  codeEntry: 12,
  /** i32: offset in the code. */
  pc: 16,
  /** i32: address behind the top word; the stack grows upwards from `stack`. */
  stackTop: 20,
  stack: 24,
  /** i32: index in the function table of the compiled function to run next; 0 runs the interpreter at `pc`. */
  entry: 28,
  /** i64 */
  gas: 32,
  /** i64: gas that the frame began with. */
  gasStart: 40,
  /** i32: EVM memory, and its size in bytes (a multiple of 32). */
  memory: 48,
  memorySize: 52,
  /** i32: call data. */
  input: 56,
  inputSize: 60,
  /** i32: what RETURN or REVERT gave. */
  output: 64,
  outputSize: 68,
  /** i32: where the caller wants the output in its memory. */
  returnOffset: 72,
  returnSize: 76,
  /** i32: {@link FRAME_FLAG_STATIC}, {@link FRAME_FLAG_CREATE}. */
  flags: 80,
  /** i32: account record of ADDRESS. */
  account: 84,
  /** i32: `journalEnd`, `logsEnd` and `logCount` when the frame began. */
  journalMark: 88,
  logsMark: 92,
  logCountMark: 96,
  /** i32: kind of the call that made it: its opcode; 0 for the first. */
  kind: 100,
  /** i64: `refund` when the frame began. */
  refundMark: 104,
  /** i64: charging below this asks the poll first; 0 when nobody polls. */
  floor: 112,
  /** i32: compiled code's own: the block to go on at; 0 when a frame begins. */
  block: 120,
  /** Words. */
  address: 128,
  caller: 160,
  value: 192,
} as const;

/** Size of a frame record. */
export const FRAME_SIZE_BYTES = 256;

/** Frame records behind the context: the first one, 1024 above it, and one to prepare a call in that is never made. */
export const FRAME_COUNT = 1026;

/** Writes are forbidden. */
export const FRAME_FLAG_STATIC = 1;
/** Runs creation code: its output becomes the account's code. */
export const FRAME_FLAG_CREATE = 2;

/** Bits of a code map's bytes: a valid jump destination. */
export const CODE_MAP_JUMPDEST = 1;
/** The interpreter has entered a basic block here. */
export const CODE_MAP_VISITED = 2;
/** Jumps that arrive here ask whether the frame shall be handed over to compiled code. */
export const CODE_MAP_ENTER = 4;
/** Compiled code took a number for one below 2^64 here, at the head of a loop, and it was not. */
export const CODE_MAP_WIDE = 8;

/** Zero bytes that follow code in memory, so that operands of PUSH and the implied STOP can be read without a check. */
export const CODE_PADDING_BYTES = 64;

/** Fields of a code entry: what a thread knows of one byte code. */
export const CODE_ENTRY = {
  /** i32 */
  code: 0,
  size: 4,
  map: 8,
  /** i32: index in the function table of the compiled code's first function; 0 for none. */
  entry: 12,
  /** i64: gas that the interpreter has burnt in it. */
  gasInterpreted: 16,
  /** i64: at this much the compile thread is asked; more than can be burnt when it never shall be (again). */
  gasThreshold: 24,
  /** i32: number of the code in the tables of the JavaScript side. */
  id: 40,
  /** i32: address of a table with the compiled block of each byte of the code, 16 bits each; 0 for none. */
  blocks: 80,
  flags: 44,
  /** 32 bytes in natural order. */
  hash: 48,
} as const;

/** Bit of `CODE_ENTRY.flags`: the compiler does not take it. */
export const CODE_FLAG_REFUSED = 1;

/** Size of a code entry. */
export const CODE_ENTRY_SIZE_BYTES = 96;

/** Fields of an account record of the world of one transaction. */
export const ACCOUNT = {
  /** Word. */
  address: 0,
  balance: 32,
  /** i64 */
  nonce: 64,
  /** i32: `ACCOUNT_FLAG_*`. */
  flags: 72,
  /** i32: code entry, once the code was loaded. */
  codeEntry: 76,
  /** 32 bytes in natural order. */
  codeHash: 80,
  /** i32: size of the code that the Host told, before the code itself was asked for; 0 when it was not asked. */
  toldCodeSize: 120,
  /** i32: size of the code in bytes, valid with `codeEntry`. */
  codeSize: 116,
  /** Word: the target of the delegation, valid with {@link ACCOUNT_FLAG_DELEGATED}. */
  delegate: 128,
} as const;

/** Size of an account record. */
export const ACCOUNT_SIZE_BYTES = 160;

/** It exists (in the sense of the state: not necessarily non-empty). */
export const ACCOUNT_FLAG_EXISTS = 1;
/** In the set of warm addresses. */
export const ACCOUNT_FLAG_WARM = 2;
/** Touched in the sense of EIP-161. */
export const ACCOUNT_FLAG_TOUCHED = 4;
/** Created by this transaction. */
export const ACCOUNT_FLAG_CREATED = 8;
/** SELFDESTRUCT ran in it, and it goes at the end of the transaction. */
export const ACCOUNT_FLAG_DESTROYED = 16;
/** Differs from the Host: written back at the end. */
export const ACCOUNT_FLAG_DIRTY = 32;
/** Was read from the Host. */
export const ACCOUNT_FLAG_LOADED = 64;
/** Its code was looked at, and is a delegation designator. */
export const ACCOUNT_FLAG_DELEGATED = 128;
/** Its code was set by this transaction: the code entry has it, the Host does not. */
export const ACCOUNT_FLAG_CODE_NEW = 256;

/** Fields of a slot record, persistent or transient. */
export const SLOT = {
  /** Words. */
  key: 0,
  value: 32,
  /** Value when the transaction began. @see EIP-2200 */
  original: 64,
  /** i32: address of the account record. */
  account: 96,
  /** i32: `SLOT_FLAG_*`. */
  flags: 100,
  /** i32: the youngest journal entry with a value of a slot that is not transient; it may have been undone since. */
  journaledAt: 104,
} as const;

/** Size of a slot record. */
export const SLOT_SIZE_BYTES = 112;

/** In the set of warm slots. */
export const SLOT_FLAG_WARM = 1;
/** Written by this transaction. */
export const SLOT_FLAG_DIRTY = 2;
/** A slot of transient storage. */
export const SLOT_FLAG_TRANSIENT = 4;
/** Read from the Host. */
export const SLOT_FLAG_LOADED = 8;

/** Size of an entry of the account and slot index: i32 generation, i32 address of the record. */
export const INDEX_ENTRY_SIZE_BYTES = 8;

/** Fields of a journal entry: what one write replaced. */
export const JOURNAL = {
  /** i32: `JOURNAL_*`. */
  kind: 0,
  /** i32: the record, or the address of the field that was written. */
  target: 4,
  /** i64 */
  small: 8,
  /** Word. */
  word: 16,
} as const;

/** Bits of the i32 at the target were raised: `small` has them. */
export const JOURNAL_FLAGS = 0;
/** The word at the target was written. */
export const JOURNAL_WORD = 1;
/** The i64 at the target was written. */
export const JOURNAL_SMALL = 2;
/** The code of the account at the target was set: `word` is the hash before. */
export const JOURNAL_CODE = 3;

/** Size of a journal entry. */
export const JOURNAL_SIZE_BYTES = 48;

/** A log: i32 account record's address bytes follow as a word, then topic count, data size, topics as 32 natural bytes, data. */
export const LOG = { address: 0, topicCount: 32, dataSize: 36, topics: 40 } as const;
