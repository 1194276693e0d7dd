// Headers, bodies, receipts and their roots, on real blocks: the execution-apis chain, Ethereum mainnet, and the RLP of the
// official blockchain tests.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bigintToBytes } from "#base/bytes.ts";
import { fromHex, toHex } from "#base/hex.ts";
import { blobBaseFee, nextBaseFee, nextExcessBlobGas } from "#chain/base-fee.ts";
import { type Block, decodeBlock, decodeBlocks, encodeBlock } from "#chain/block.ts";
import { parseGenesis } from "#chain/genesis.ts";
import { isAtLeast } from "#chain/hardforks.ts";
import { type BlockHeader, decodeHeader, encodeHeader, headerHash } from "#chain/header.ts";
import { orderedTrieRoot } from "#chain/ordered-trie.ts";
import { blockNumber } from "#chain/primitives.ts";
import { decodeReceipt, encodeReceipt, receiptBloom } from "#chain/receipt.ts";
import { RlpError } from "#chain/rlp.ts";
import { encodeTransaction, recoverSender, type Transaction, transactionHash } from "#chain/transaction.ts";
import { encodeWithdrawal, type Withdrawal } from "#chain/withdrawal.ts";
import { vectorsFolder } from "#test/vectors.ts";
import { vectorFiles } from "./vectors.ts";

const compat = vectorsFolder("rpc-compat");
const mainnet = vectorsFolder("mainnet-blocks");
const blockchain = vectorsFolder("blockchain-tests");

describe.skipIf(compat === null)("the execution-apis chain", () => {
  test("54 blocks decode, link, encode to the same bytes, and carry the roots of their bodies", async () => {
    const bytes = await readFile("chain.rlp");
    const blocks = [...decodeBlocks(bytes)];
    expect(blocks.length).toBe(54);
    expect(Buffer.concat(blocks.map(encodeBlock)).equals(bytes)).toBe(true);
    blocks.forEach((block, i) => {
      expect(block.header.number).toBe(blockNumber(i + 1));
      if (i > 0) expect(toHex(block.header.parentHash)).toBe(toHex(headerHash(blocks[i - 1]!.header)));
      checkRoots(block);
    });
  });

  test("base fee, excess blob gas and hardfork of every block follow from its parent and the genesis", async () => {
    const { spec } = parseGenesis(await Bun.file(join(compat as string, "genesis.json")).json());
    const blocks = [...decodeBlocks(await readFile("chain.rlp"))];
    let blobBlockCount = 0;
    for (let i = 1; i < blocks.length; i++) {
      const [parent, { header }] = [blocks[i - 1]!.header, blocks[i]!];
      const fork = spec.hardforkAt(header.number, header.timestamp);
      expect(header.baseFeePerGas !== undefined).toBe(isAtLeast(fork, "london"));
      expect(header.difficulty === 0n).toBe(isAtLeast(fork, "paris"));
      expect(header.withdrawalsRoot !== undefined).toBe(isAtLeast(fork, "shanghai"));
      expect(header.excessBlobGas !== undefined).toBe(isAtLeast(fork, "cancun"));
      expect(header.requestsHash !== undefined).toBe(isAtLeast(fork, "prague"));
      if (header.baseFeePerGas !== undefined) expect(nextBaseFee(spec, parent)).toBe(header.baseFeePerGas);
      if (header.excessBlobGas === undefined) continue;
      expect(nextExcessBlobGas(spec, parent, header.timestamp)).toBe(header.excessBlobGas);
      expect(blobBaseFee(spec, header.excessBlobGas, header.timestamp)).toBeGreaterThan(0n);
      blobBlockCount++;
    }
    expect(blobBlockCount).toBeGreaterThan(0);
    expect(spec.hardforkAt(0, 0)).toBe("homestead");
    expect(spec.hardforkAt(54, 540)).toBe("osaka");
  });

  test("raw receipts decode, encode again, and give the receipts root", async () => {
    const blocks = new Map(
      [...decodeBlocks(await readFile("chain.rlp"))].map((block) => [Number(block.header.number), block]),
    );
    let count = 0;
    for (const { request, result } of transcripts("debug_getRawReceipts")) {
      const block = blocks.get(Number(request.params[0]));
      if (block === undefined || !Array.isArray(result)) continue;
      const encoded = result.map((text: string) => fromHex(text));
      expect(toHex(orderedTrieRoot(encoded))).toBe(toHex(block.header.receiptsRoot));
      let gasBefore = 0;
      for (const bytes of encoded) {
        const receipt = decodeReceipt(bytes, gasBefore);
        expect(toHex(encodeReceipt(receipt))).toBe(toHex(bytes));
        gasBefore = receipt.cumulativeGasUsed;
      }
      expect(BigInt(gasBefore)).toBe(block.header.gasUsed);
      count += encoded.length;
    }
    expect(count).toBeGreaterThan(0);
  });

  test("receipts built from their JSON give the receipts root and the header's bloom", async () => {
    const blocks = new Map(
      [...decodeBlocks(await readFile("chain.rlp"))].map((block) => [toHex(headerHash(block.header)), block]),
    );
    let count = 0;
    for (const { result } of transcripts("eth_getBlockReceipts")) {
      const receipts = (Array.isArray(result) ? result : []) as readonly JsonReceipt[];
      const block = blocks.get(receipts[0]?.blockHash as never);
      if (block === undefined) continue;
      const built = receipts.map(receiptOf);
      expect(toHex(orderedTrieRoot(built.map(encodeReceipt)))).toBe(toHex(block.header.receiptsRoot));
      expect(toHex(receiptBloom(built.flatMap((receipt) => receipt.logs)))).toBe(toHex(block.header.logsBloom));
      count += built.length;
    }
    expect(count).toBeGreaterThan(0);
  });
});

describe.skipIf(mainnet === null)("Ethereum mainnet", () => {
  test("header hash, transactions root, withdrawals root, hashes and senders of real blocks", async () => {
    let [blockCount, senderCount] = [0, 0];
    for (const number of readdirSync(mainnet as string)) {
      const json = (await Bun.file(join(mainnet as string, number, "block.json")).json()) as JsonBlock;
      const header = headerOf(json);
      expect(toHex(headerHash(header)), number).toBe(json.hash as never);
      expect(toHex(encodeHeader(decodeHeader(encodeHeader(header))))).toBe(toHex(encodeHeader(header)));
      const transactions = json.transactions.map(transactionOf);
      const withdrawals = json.withdrawals?.map(withdrawalOf);
      checkRoots({ header, transactions, ommers: [], ...(withdrawals === undefined ? {} : { withdrawals }) }, number);
      // Recovery is slow beside decoding: a few of each block are enough.
      transactions.forEach((transaction, i) => {
        expect(toHex(transactionHash(encodeTransaction(transaction)))).toBe(json.transactions[i]!.hash as never);
        if (i % 100 !== 0) return;
        expect(toHex(recoverSender(transaction) as Uint8Array)).toBe(json.transactions[i]!.from as never);
        senderCount++;
      });
      blockCount++;
    }
    expect([blockCount > 0, senderCount > 0]).toEqual([true, true]);
  }, 60_000);
});

describe.skipIf(blockchain === null)("official blockchain tests", () => {
  test("RLP of blocks: decoded, hashed, encoded again; the header fields as listed", async () => {
    let count = 0;
    for await (const { file, json } of vectorFiles<Record<string, BlockchainTest>>(blockchain as string)) {
      for (const { blocks } of Object.values(json)) {
        for (const { rlp, blockHeader, expectException } of blocks ?? []) {
          if (expectException !== undefined || blockHeader === undefined) continue;
          const bytes = fromHex(rlp);
          const block = decodeBlock(bytes);
          expect(toHex(headerHash(block.header)), file).toBe(blockHeader.hash as never);
          expect(toHex(encodeBlock(block)) === toHex(bytes), file).toBe(true);
          expect(block.header.gasUsed).toBe(BigInt(blockHeader.gasUsed as string));
          checkRoots(block, file);
          count++;
        }
      }
    }
    expect(count).toBeGreaterThan(0);
  }, 120_000);
});

test("a header that leaves out an earlier optional field is a bug, a damaged one an RlpError", () => {
  const header = headerOf({ ...EMPTY_JSON_HEADER, baseFeePerGas: undefined, blobGasUsed: "0x0" } as never);
  expect(() => encodeHeader(header)).toThrow("needs all optional fields before it");
  const good = encodeHeader(headerOf(EMPTY_JSON_HEADER as never));
  expect(() => decodeHeader(good.subarray(0, good.length - 1))).toThrow(RlpError);
});

test("a receipt whose bloom does not belong to its logs is refused", () => {
  const bytes = encodeReceipt({ type: 2, status: 1, cumulativeGasUsed: 21_000, gasUsed: 21_000, logs: [] });
  const bloomAt = bytes.length - 2;
  bytes[bloomAt] = 1;
  expect(() => decodeReceipt(bytes, 0)).toThrow("bloom");
});

function checkRoots(block: Block, what = String(block.header.number)): void {
  const { header, transactions, withdrawals } = block;
  expect(toHex(orderedTrieRoot(transactions.map(encodeTransaction))), what).toBe(toHex(header.transactionsRoot));
  if (withdrawals === undefined) return;
  expect(toHex(orderedTrieRoot(withdrawals.map(encodeWithdrawal))), what).toBe(
    toHex(header.withdrawalsRoot as Uint8Array),
  );
}

async function readFile(name: string): Promise<Uint8Array> {
  return new Uint8Array(await Bun.file(join(compat as string, name)).arrayBuffer());
}

type Transcript = { readonly request: { readonly params: readonly unknown[] }; readonly result: unknown };

function* transcripts(method: string): Generator<Transcript> {
  const folder = join(compat as string, method);
  if (!existsSync(folder)) return;
  for (const file of readdirSync(folder)) {
    const lines = readFileSync(join(folder, file), "utf8").split("\n");
    const request = lines.find((line) => line.startsWith(">> "));
    const response = lines.find((line) => line.startsWith("<< "));
    if (request === undefined || response === undefined) continue;
    yield { request: JSON.parse(request.slice(3)), result: JSON.parse(response.slice(3)).result };
  }
}

type JsonFields = Readonly<Record<string, string | undefined>>;
type JsonReceipt = {
  readonly blockHash: string;
  readonly type: string;
  readonly status?: string;
  readonly root?: string;
  readonly gasUsed: string;
  readonly cumulativeGasUsed: string;
  readonly logs: readonly { readonly address: string; readonly topics: readonly string[]; readonly data: string }[];
};
type JsonTransaction = JsonFields & {
  readonly accessList?: readonly { readonly address: string; readonly storageKeys: readonly string[] }[];
  readonly blobVersionedHashes?: readonly string[];
  readonly authorizationList?: readonly JsonFields[];
};
type JsonBlock = JsonFields & {
  readonly transactions: readonly JsonTransaction[];
  readonly withdrawals?: readonly JsonFields[];
};
type BlockchainTest = {
  readonly blocks?: readonly {
    readonly rlp: string;
    readonly blockHeader?: JsonFields;
    readonly expectException?: string;
  }[];
};

const bytesAt = (json: JsonFields, key: string) => fromHex(json[key] as string);
const integerAt = (json: JsonFields, key: string) => BigInt(json[key] ?? 0);
const wordAt = (json: JsonFields, key: string) => bigintToBytes(integerAt(json, key), 32);

function receiptOf(json: JsonReceipt) {
  return {
    type: Number(json.type) as 0 | 1 | 2 | 3 | 4,
    status: Number(json.status ?? 1) as 0 | 1,
    gasUsed: Number(json.gasUsed),
    cumulativeGasUsed: Number(json.cumulativeGasUsed),
    logs: json.logs.map((log) => ({
      address: fromHex(log.address),
      topics: log.topics.map(fromHex),
      data: fromHex(log.data),
    })),
    ...(json.root === undefined ? {} : { stateRoot: fromHex(json.root) }),
  };
}

const EMPTY_JSON_HEADER: JsonFields = {
  ...Object.fromEntries(
    ["parentHash", "sha3Uncles", "stateRoot", "transactionsRoot", "receiptsRoot", "mixHash"].map((key) => [
      key,
      `0x${"00".repeat(32)}`,
    ]),
  ),
  miner: `0x${"00".repeat(20)}`,
  logsBloom: `0x${"00".repeat(256)}`,
  extraData: "0x",
  nonce: "0x0000000000000000",
  number: "0x1",
};

function headerOf(json: JsonFields): BlockHeader {
  return {
    parentHash: bytesAt(json, "parentHash"),
    ommersHash: bytesAt(json, "sha3Uncles"),
    beneficiary: bytesAt(json, "miner"),
    stateRoot: bytesAt(json, "stateRoot"),
    transactionsRoot: bytesAt(json, "transactionsRoot"),
    receiptsRoot: bytesAt(json, "receiptsRoot"),
    logsBloom: bytesAt(json, "logsBloom"),
    difficulty: integerAt(json, "difficulty"),
    number: blockNumber(Number(json.number)),
    gasLimit: integerAt(json, "gasLimit"),
    gasUsed: integerAt(json, "gasUsed"),
    timestamp: integerAt(json, "timestamp"),
    extraData: bytesAt(json, "extraData"),
    mixHash: bytesAt(json, "mixHash"),
    nonce: bytesAt(json, "nonce"),
    ...(json.baseFeePerGas === undefined ? {} : { baseFeePerGas: integerAt(json, "baseFeePerGas") }),
    ...(json.withdrawalsRoot === undefined ? {} : { withdrawalsRoot: bytesAt(json, "withdrawalsRoot") }),
    ...(json.blobGasUsed === undefined ? {} : { blobGasUsed: integerAt(json, "blobGasUsed") }),
    ...(json.excessBlobGas === undefined ? {} : { excessBlobGas: integerAt(json, "excessBlobGas") }),
    ...(json.parentBeaconBlockRoot === undefined
      ? {}
      : { parentBeaconBlockRoot: bytesAt(json, "parentBeaconBlockRoot") }),
    ...(json.requestsHash === undefined ? {} : { requestsHash: bytesAt(json, "requestsHash") }),
  };
}

function transactionOf(json: JsonTransaction): Transaction {
  const type = Number(json.type) as 0 | 1 | 2 | 3 | 4;
  const v = integerAt(json, "v");
  const gasPrice = integerAt(json, type < 2 ? "gasPrice" : "maxFeePerGas");
  const parity = type === 0 ? (v < 35n ? v - 27n : (v - 35n) & 1n) : v;
  return {
    type,
    chainId: type !== 0 ? integerAt(json, "chainId") : v < 35n ? null : (v - 35n) / 2n,
    nonce: integerAt(json, "nonce"),
    gasPrice,
    maxFeePerGas: gasPrice,
    maxPriorityFeePerGas: type < 2 ? gasPrice : integerAt(json, "maxPriorityFeePerGas"),
    gasLimit: integerAt(json, "gas"),
    to: json.to === null || json.to === undefined ? null : fromHex(json.to),
    value: integerAt(json, "value"),
    data: bytesAt(json, "input"),
    accessList: (json.accessList ?? []).map(({ address, storageKeys }) => ({
      address: fromHex(address),
      storageKeys: storageKeys.map(fromHex),
    })),
    authorizationList: (json.authorizationList ?? []).map((entry) => ({
      chainId: integerAt(entry, "chainId"),
      address: bytesAt(entry, "address"),
      nonce: integerAt(entry, "nonce"),
      yParity: Number(entry.yParity),
      r: wordAt(entry, "r"),
      s: wordAt(entry, "s"),
    })),
    maxFeePerBlobGas: integerAt(json, "maxFeePerBlobGas"),
    blobVersionedHashes: (json.blobVersionedHashes ?? []).map(fromHex),
    yParity: parity === 1n ? 1 : 0,
    r: wordAt(json, "r"),
    s: wordAt(json, "s"),
  };
}

function withdrawalOf(json: JsonFields): Withdrawal {
  return {
    index: integerAt(json, "index"),
    validatorIndex: integerAt(json, "validatorIndex"),
    address: bytesAt(json, "address"),
    amountGwei: integerAt(json, "amount"),
  };
}
