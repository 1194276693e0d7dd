// Layout of the live state in shared memory: every fixed record the state threads read and the execute thread writes.
// All offsets are 32-bit words; bytes inside a multi-word key or value keep their natural (big-endian number) order.
//
//   record, 24 words:  seqlock | flags | version lo,hi | undo link lo,hi | ── account: address 5 | code id | nonce lo,hi
//                                                                       |             balance 8 | first slot | spare
//                                                                       └── slot: owner | next slot | key 8 | value 8
//   undo entry, 20 words:  stamp lo,hi | record index | flags | version lo,hi | undo link lo,hi | payload 11 | spare
//   index entry, 2 words:  tag | key index + 1          code entry, 12 words:  hash 8 | offset | size | spare 2
//   mark, 8 words:  version lo,hi | first undo position lo,hi | key count | code count | code words | spare

import { blake3 } from "#crypto/blake3.ts";

/** Size of one record, words; 96 bytes. */
export const RECORD_WORDS = 24;
/** Odd while the writer is inside the record. */
export const RECORD_SEQLOCK = 0;
/** Kind and presence, see `FLAG_*`; 0 = never assigned. */
export const RECORD_FLAGS = 1;
/** State version that last wrote the record, two words. */
export const RECORD_VERSION = 2;
/** Undo position of the image before that write, two words; 0 = none, the record was created by it. */
export const RECORD_UNDO = 4;

/** 20 bytes of address. */
export const ACCOUNT_ADDRESS = 6;
/** Number of the account's code in the code table; 0 = no code. First word of the account's undo payload. */
export const ACCOUNT_CODE_ID = 11;
/** Nonce, two words, low first. */
export const ACCOUNT_NONCE = 12;
/** Balance in wei, 32 bytes big-endian. */
export const ACCOUNT_BALANCE = 14;
/** Key index + 1 of the account's youngest slot; 0 = none. Not versioned: the list only grows. */
export const ACCOUNT_FIRST_SLOT = 22;

/** Key index of the account that owns the slot. */
export const SLOT_OWNER = 6;
/** Key index + 1 of the next older slot of the same account; 0 = end. */
export const SLOT_NEXT = 7;
/** 32 bytes of slot key. */
export const SLOT_KEY = 8;
/** 32 bytes of value; all zero = absent. */
export const SLOT_VALUE = 16;

/** Flag bits of a record: an account. */
export const FLAG_ACCOUNT = 1;
/** Flag bits of a record: a storage slot. */
export const FLAG_SLOT = 2;
/** Flag bit of an account record: the account exists. */
export const FLAG_PRESENT = 4;

/** Size of one undo entry, words; 80 bytes. */
export const UNDO_WORDS = 20;
/** The entry's own position, two words; another value means that the ring has passed. */
export const UNDO_STAMP = 0;
/** Key index of the record whose image this is. */
export const UNDO_RECORD = 2;
/** Flags of the image. */
export const UNDO_FLAGS = 3;
/** Version of the image, two words. */
export const UNDO_VERSION = 4;
/** Undo link of the image, two words. */
export const UNDO_LINK = 6;
/** First payload word: account words 11 to 21 or slot words 16 to 23 of the record. */
export const UNDO_PAYLOAD = 8;
/** Payload size of an account image: code id, nonce, balance. */
export const ACCOUNT_PAYLOAD_WORDS = 11;
/** Payload size of a slot image: the value. */
export const SLOT_PAYLOAD_WORDS = 8;

/** Size of one index entry, words. */
export const INDEX_WORDS = 2;
/** Second hash of the key, to skip most foreign entries without a look at the record. */
export const INDEX_TAG = 0;
/** Key index + 1; 0 = empty. */
export const INDEX_KEY = 1;

/** Size of one code table entry, words. */
export const CODE_WORDS = 12;
/** keccak256 of the code. */
export const CODE_HASH = 0;
/** First word of the code in the region of code bytes. */
export const CODE_OFFSET = 8;
/** Size of the code in bytes. */
export const CODE_SIZE = 9;

/** Size of one version mark, words. */
export const MARK_WORDS = 8;
/** The state version, two words; another value means that the ring has passed. */
export const MARK_VERSION = 0;
/** First undo position this version wrote (or would have), two words. */
export const MARK_UNDO = 2;
/** Keys known after this version. */
export const MARK_KEY_COUNT = 4;
/** Codes known after this version. */
export const MARK_CODE_COUNT = 5;
/** Words used in the region of code bytes after this version. */
export const MARK_CODE_WORDS = 6;

/** Size of the control region, bytes. */
export const CONTROL_SIZE_BYTES = 4096;
/** "MEGS": state regions. */
export const CONTROL_MAGIC_VALUE = 0x5347454d;
/** Control word: magic. */
export const CONTROL_MAGIC = 0;
/** Control word: schema hash of this file. */
export const CONTROL_SCHEMA = 1;
/** Control words: the two seed words of the key hash. */
export const CONTROL_SEED = 2;
/** Control word: roll-back epoch; odd while one runs. On a line that is otherwise never written. */
export const CONTROL_EPOCH = 4;
/** Control word: keys with an index. */
export const CONTROL_KEY_COUNT = 16;
/** Control word: codes in the table. */
export const CONTROL_CODE_COUNT = 17;
/** Control word: words used in the region of code bytes. */
export const CONTROL_CODE_WORDS = 18;
/** Cell (sequence, low, high): the version that readers may see. */
export const CONTROL_PUBLISHED = 32;
/** Cell: the version that was installed last. */
export const CONTROL_NEWEST = 48;
/** Cell: the oldest version whose undo is complete. */
export const CONTROL_OLDEST = 64;
/** Cell: the undo position that was written last. */
export const CONTROL_UNDO_HEAD = 80;
/** Cell: the oldest undo position still in the ring. */
export const CONTROL_UNDO_TAIL = 96;
/** Ring of roll-back targets by epoch: two words each. */
export const CONTROL_ROLLBACKS = 128;
/** Roll-backs that a pinned reader may sleep through. */
export const ROLLBACK_RING_COUNT = 64;

/** One row of the layout: name, first word, words. */
export type LayoutField = readonly [name: string, word: number, words: number];

/** The layouts by structure, for the schema hash and the overlap test; alternatives share a prefix of their name. */
export const STATE_LAYOUTS: Readonly<
  Record<string, { readonly words: number; readonly fields: readonly LayoutField[] }>
> = {
  account: {
    words: RECORD_WORDS,
    fields: [
      ["seqlock", RECORD_SEQLOCK, 1],
      ["flags", RECORD_FLAGS, 1],
      ["version", RECORD_VERSION, 2],
      ["undo", RECORD_UNDO, 2],
      ["address", ACCOUNT_ADDRESS, 5],
      ["codeId", ACCOUNT_CODE_ID, 1],
      ["nonce", ACCOUNT_NONCE, 2],
      ["balance", ACCOUNT_BALANCE, 8],
      ["firstSlot", ACCOUNT_FIRST_SLOT, 1],
    ],
  },
  slot: {
    words: RECORD_WORDS,
    fields: [
      ["seqlock", RECORD_SEQLOCK, 1],
      ["flags", RECORD_FLAGS, 1],
      ["version", RECORD_VERSION, 2],
      ["undo", RECORD_UNDO, 2],
      ["owner", SLOT_OWNER, 1],
      ["next", SLOT_NEXT, 1],
      ["key", SLOT_KEY, 8],
      ["value", SLOT_VALUE, 8],
    ],
  },
  undo: {
    words: UNDO_WORDS,
    fields: [
      ["stamp", UNDO_STAMP, 2],
      ["record", UNDO_RECORD, 1],
      ["flags", UNDO_FLAGS, 1],
      ["version", UNDO_VERSION, 2],
      ["link", UNDO_LINK, 2],
      ["payload", UNDO_PAYLOAD, ACCOUNT_PAYLOAD_WORDS],
    ],
  },
  index: {
    words: INDEX_WORDS,
    fields: [
      ["tag", INDEX_TAG, 1],
      ["key", INDEX_KEY, 1],
    ],
  },
  code: {
    words: CODE_WORDS,
    fields: [
      ["hash", CODE_HASH, 8],
      ["offset", CODE_OFFSET, 1],
      ["size", CODE_SIZE, 1],
    ],
  },
  mark: {
    words: MARK_WORDS,
    fields: [
      ["version", MARK_VERSION, 2],
      ["undo", MARK_UNDO, 2],
      ["keyCount", MARK_KEY_COUNT, 1],
      ["codeCount", MARK_CODE_COUNT, 1],
      ["codeWords", MARK_CODE_WORDS, 1],
    ],
  },
  control: {
    words: CONTROL_SIZE_BYTES / 4,
    fields: [
      ["magic", CONTROL_MAGIC, 1],
      ["schema", CONTROL_SCHEMA, 1],
      ["seed", CONTROL_SEED, 2],
      ["epoch", CONTROL_EPOCH, 1],
      ["keyCount", CONTROL_KEY_COUNT, 1],
      ["codeCount", CONTROL_CODE_COUNT, 1],
      ["codeWords", CONTROL_CODE_WORDS, 1],
      ["published", CONTROL_PUBLISHED, 3],
      ["newest", CONTROL_NEWEST, 3],
      ["oldest", CONTROL_OLDEST, 3],
      ["undoHead", CONTROL_UNDO_HEAD, 3],
      ["undoTail", CONTROL_UNDO_TAIL, 3],
      ["rollbacks", CONTROL_ROLLBACKS, 2 * ROLLBACK_RING_COUNT],
    ],
  },
};

/** First four bytes of the BLAKE3 hash of the layouts, as an unsigned word; a reader compares it when it attaches. */
export const STATE_SCHEMA_HASH: number = hashLayouts();

function hashLayouts(): number {
  const digest = blake3(new TextEncoder().encode(JSON.stringify(STATE_LAYOUTS)));
  return (digest[0]! | (digest[1]! << 8) | (digest[2]! << 16) | (digest[3]! << 24)) >>> 0;
}
