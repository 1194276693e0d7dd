// What it costs to make mini-blocks durable: appends to the log with an fdatasync after each, after every 16th (one group commit),
// and none, against plain writes of the same bytes at the end of one file. The digest is over the bytes read back.
//   bun bench/storage/log-append.bench.ts [--smoke] [DIRECTORY]      default: a folder below the working directory

import {
  appendFileSync,
  closeSync,
  fdatasyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { resolve } from "node:path";
import { SeededRandom } from "#base/random.ts";
import { checksum64 } from "#formats/disk/checksum.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { type LogRecord, SegmentLog } from "#storage/segment-log.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const IDENTITY = { chainId: 31337n, genesisHash: new Uint8Array(32).fill(1) };
const seed = 20_261_121;
const parent = resolve(process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? ".bench");
mkdirSync(parent, { recursive: true });
const root = mkdtempSync(`${parent}/log-append-`);

/** Syncs after every `groupSize` records; null = never. */
type Policy = { readonly groupSize: number | null };

let runCount = 0;

function digestOf(checksums: bigint): string {
  return checksums.toString(16).padStart(16, "0");
}

function mix(running: bigint, bytes: Uint8Array): bigint {
  return BigInt.asUintN(64, running * 31n + checksum64(bytes));
}

function appendToLog(records: readonly LogRecord[], policy: Policy): string {
  const directory = `${root}/log-${runCount++}`;
  const log = SegmentLog.open(new RealDisk(root), directory, { identity: IDENTITY, repair: true });
  const step = policy.groupSize ?? 1;
  for (let at = 0; at < records.length; at += step) {
    log.append(records.slice(at, at + step));
    if (policy.groupSize !== null) log.sync();
  }
  let digest = 0n;
  for (const { bytes } of log.scan(0)) digest = mix(digest, bytes);
  log.close();
  rmSync(directory, { recursive: true });
  return digestOf(digest);
}

function appendToFile(records: readonly LogRecord[], policy: Policy): string {
  const path = `${root}/file-${runCount++}`;
  const descriptor = openSync(path, "a");
  const step = policy.groupSize ?? 1;
  for (let at = 0; at < records.length; at += step) {
    for (const { bytes } of records.slice(at, at + step)) appendFileSync(descriptor, bytes);
    if (policy.groupSize !== null) fdatasyncSync(descriptor);
  }
  closeSync(descriptor);
  const content = readFileSync(path);
  let digest = 0n;
  let offset = 0;
  for (const { bytes } of records) {
    digest = mix(digest, content.subarray(offset, offset + bytes.length));
    offset += bytes.length;
  }
  rmSync(path);
  return digestOf(digest);
}

const GROUP_SIZE = 16;

for (const sizeBytes of [500, 20_000]) {
  const random = new SeededRandom(seed);
  const count = smokeOr(sizeBytes < 1000 ? 2048 : 512, 32);
  const records = Array.from({ length: count }, (_, sequence) => ({ sequence, bytes: random.bytes(sizeBytes) }));
  const policies: readonly [string, Policy][] = [
    ["no sync", { groupSize: null }],
    [`sync every ${GROUP_SIZE}`, { groupSize: GROUP_SIZE }],
    ["sync each", { groupSize: 1 }],
  ];
  for (const [name, policy] of policies) {
    await runInterleaved({
      name: `append mini-blocks of ${sizeBytes} bytes, ${name} (read back included)`,
      rounds: smokeOr(7, 2),
      warmUpRounds: 1,
      operationCount: count,
      parameters: { seed, sizeBytes, count },
      contenders: {
        "segment log": () => appendToLog(records, policy),
        appendFileSync: () => appendToFile(records, policy),
      },
    });
  }
}

rmSync(root, { recursive: true, force: true });
