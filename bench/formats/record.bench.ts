// What a mini-block costs where it is sealed and where it is followed: encode, hash and sign; decode, hash, recover the signer and
// decode the content. For frames of 0 to 1000 transfers, against the same formats over @noble/hashes and @noble/curves.

import { blake3 as nobleBlake3 } from "@noble/hashes/blake3.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { assert } from "#base/assert.ts";
import { bytesEqual, utf8 } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { encodeTransaction, signTransaction } from "#chain/transaction.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import { addressFromPrivateKey } from "#crypto/secp256k1.ts";
import { createNobleSecp256k1 } from "#crypto/secp256k1-noble.ts";
import { sha256 } from "#crypto/sha256.ts";
import { ByteWriter } from "#formats/codec.ts";
import { decodeMiniBlock, encodeMiniBlockSections, type MiniBlock } from "#formats/wire/mini-block.ts";
import {
  type ChainRecord,
  decodeRecord,
  PROTOCOL_VERSION,
  type RecordHeader,
  RecordType,
  signRecord,
  verifyRecordSignature,
} from "#formats/wire/record.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const seed = 20_261_122;
const IDENTITY = { chainId: 31337n, genesisHash: new Uint8Array(32).fill(1) };
const KEY = new Uint8Array(32).fill(7);
const SEQUENCER = addressFromPrivateKey(KEY);
const DOMAIN = utf8("megaeth/record");
const noble = createNobleSecp256k1();
const random = new SeededRandom(seed);

/** A transfer's raw bytes; signed once, its nonce and payee vary. */
function transfers(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, nonce) => {
    const fee = 2_000_000n;
    const transaction = signTransaction(
      {
        ...{ type: 2, chainId: 31337n, nonce: BigInt(nonce), gasPrice: fee, maxFeePerGas: fee },
        ...{ maxPriorityFeePerGas: 1_000n, gasLimit: 21_000n, to: random.bytes(20), value: 10n ** 15n },
        ...{ data: new Uint8Array(0), accessList: [], authorizationList: [] },
        ...{ maxFeePerBlobGas: 0n, blobVersionedHashes: [] },
      },
      KEY,
    );
    return encodeTransaction(transaction);
  });
}

/** Each transfer changes its sender's and its payee's account, all of them known keys. */
function miniBlockOf(count: number): MiniBlock {
  const accounts = Array.from({ length: 2 * count }, (_, index) => {
    return { index: index * 3, account: { nonce: BigInt(index), balance: 10n ** 22n, codeHash: KECCAK_EMPTY } };
  });
  return {
    number: 12_345,
    header: {
      ...{ blockNumber: 123, blockTimestamp: 1_800_000_000, index: 4, timestampUs: 1_800_000_000_000_000 },
      ...{ gasUsed: 21_000 * count, transactionCount: count, firstTransactionIndex: 0, firstLogIndex: 0 },
      ...{ cumulativeGasBefore: 0, baseFee: 1_000_000n },
    },
    transactions: transfers(count),
    receipts: Array.from({ length: count }, (_, i) => {
      return { type: 2, status: 1, cumulativeGasUsed: 21_000 * (i + 1), gasUsed: 21_000, logs: [] } as const;
    }),
    diff: { firstNewIndex: 1_000_000, newKeys: [], accounts, slots: [], codes: [] },
    senders: Array.from({ length: count }, () => random.bytes(20)),
  };
}

function headerOf(number: number): RecordHeader {
  return { type: "mini", term: 0, sequence: number + 100, number, parentHash: new Uint8Array(32).fill(9) };
}

function nobleHash(header: RecordHeader, sections: readonly Uint8Array[]): Uint8Array {
  const preamble = new ByteWriter(192)
    .sized(DOMAIN)
    .u16(PROTOCOL_VERSION)
    .u8(RecordType[header.type])
    .u64(IDENTITY.chainId)
    .raw(IDENTITY.genesisHash)
    .u32(header.term)
    .u64(header.sequence)
    .u64(header.number)
    .raw(header.parentHash)
    .u8(sections.length);
  const hasher = nobleBlake3.create().update(preamble.toBytes());
  for (const section of sections) hasher.update(nobleBlake3(section));
  return hasher.digest();
}

function nobleRecord(header: RecordHeader, sections: readonly Uint8Array[]): Uint8Array {
  const signature = new Uint8Array(65);
  signature[64] = noble.sign(nobleHash(header, sections), KEY, signature.subarray(0, 64));
  const writer = new ByteWriter(1024)
    .u8(PROTOCOL_VERSION)
    .u8(RecordType[header.type])
    .u16(sections.length)
    .u32(header.term)
    .u64(header.sequence)
    .u64(header.number)
    .raw(header.parentHash)
    .raw(signature);
  for (const section of sections) writer.u32(section.length);
  for (const section of sections) writer.raw(section);
  return writer.toBytes();
}

function nobleVerifies(record: ChainRecord): boolean {
  const hash = nobleHash(record.header, record.sections);
  const publicKey = new Uint8Array(65);
  const parity = record.signature[64] === 1 ? 1 : 0;
  if (!noble.recover(hash, record.signature.subarray(0, 64), parity, publicKey)) return false;
  return bytesEqual(keccak_256(publicKey.subarray(1)).subarray(12), SEQUENCER);
}

function summary(mini: MiniBlock): string {
  const { number, header, transactions, diff } = mini;
  return `${number} ${header.gasUsed} ${transactions.length} ${diff.accounts.length}`;
}

for (const count of [0, 1, 100, 1000]) {
  const mini = miniBlockOf(count);
  const frameCount = smokeOr(Math.ceil(2_000 / (count + 20)), 1);
  const header = headerOf(mini.number);
  const encoded = signRecord(IDENTITY, header, encodeMiniBlockSections(mini), KEY).bytes;
  const parameters = { seed, transfers: count, frameSizeBytes: encoded.length };
  const repeat = (frame: () => string) => () => {
    let last = "";
    for (let i = 0; i < frameCount; i++) last = frame();
    return last;
  };
  const digest = (bytes: Uint8Array) => toBareHex(sha256(bytes));
  await runInterleaved({
    name: `seal a frame of ${count} transfers: encode, hash, sign`,
    rounds: smokeOr(9, 1),
    operationCount: frameCount,
    parameters,
    contenders: {
      megaeth: repeat(() => digest(signRecord(IDENTITY, header, encodeMiniBlockSections(mini), KEY).bytes)),
      noble: repeat(() => digest(nobleRecord(header, encodeMiniBlockSections(mini)))),
    },
  });
  const verified = (verify: (record: ChainRecord) => boolean) => {
    return repeat(() => {
      const record = decodeRecord(encoded, IDENTITY);
      assert(verify(record), "a frame signed by the sequencer");
      return digest(utf8(summary(decodeMiniBlock(record))));
    });
  };
  await runInterleaved({
    name: `follow a frame of ${count} transfers: decode, hash, recover the signer`,
    rounds: smokeOr(9, 1),
    operationCount: frameCount,
    parameters,
    contenders: {
      megaeth: verified((record) => verifyRecordSignature(record, SEQUENCER)),
      noble: verified(nobleVerifies),
    },
  });
}
