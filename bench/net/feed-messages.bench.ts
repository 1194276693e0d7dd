// What the feed's transport costs per record: a run of records packed and unpacked as one message, with LZ4 and without, and one
// message per record as a child at the head gets it. The digest is over the records that come out.
//   bun bench/net/feed-messages.bench.ts [--smoke]

import { assert } from "#base/assert.ts";
import { SeededRandom } from "#base/random.ts";
import { Blake3Hasher } from "#crypto/blake3.ts";
import { decodeFeedMessage, encodeRecordsMessage, type FeedCodec, unpackRecords } from "#formats/wire/feed.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const SEED = 20_261_121;
const RECORD_SIZE_BYTES = 2_000;
const recordCount = smokeOr(4_000, 64);
const records = makeRecords(new SeededRandom(SEED));

/** Half noise (signatures, hashes), half structure that repeats, as records are. */
function makeRecords(random: SeededRandom): Uint8Array[] {
  const common = random.bytes(RECORD_SIZE_BYTES / 2);
  return Array.from({ length: recordCount }, () => {
    const record = new Uint8Array(RECORD_SIZE_BYTES);
    record.set(random.bytes(RECORD_SIZE_BYTES / 2));
    record.set(common, RECORD_SIZE_BYTES / 2);
    return record;
  });
}

function transport(codec: FeedCodec, perMessage: number): { digest: string; sizeBytes: number } {
  const hasher = new Blake3Hasher();
  let sizeBytes = 0;
  for (let first = 0; first < records.length; first += perMessage) {
    const bytes = encodeRecordsMessage(first, records.slice(first, first + perMessage), codec);
    sizeBytes += bytes.length;
    const message = decodeFeedMessage(bytes);
    assert(message.type === "records", "a records message comes back as one");
    for (const record of unpackRecords(message)) hasher.update(record);
  }
  return { digest: hasher.digest().toHex(), sizeBytes };
}

const RUN_LENGTH = 128;
await runInterleaved({
  name: "feed messages, per record",
  rounds: smokeOr(9, 1),
  operationCount: recordCount,
  parameters: {
    seed: SEED,
    records: recordCount,
    recordSizeBytes: RECORD_SIZE_BYTES,
    lz4SizeBytes: transport("lz4", RUN_LENGTH).sizeBytes,
    plainSizeBytes: transport("none", RUN_LENGTH).sizeBytes,
  },
  contenders: {
    "128 records, LZ4": () => transport("lz4", RUN_LENGTH).digest,
    "128 records, plain": () => transport("none", RUN_LENGTH).digest,
    "one record, LZ4": () => transport("lz4", 1).digest,
    "one record, plain": () => transport("none", 1).digest,
  },
});
