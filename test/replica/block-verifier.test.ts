// Sealed blocks against the mini-blocks before them: blocks of a real producer pass, and no header or body that was changed does.

import { beforeAll, describe, expect, test } from "bun:test";
import { fromHex } from "#base/hex.ts";
import { type BlockHeader, decodeHeader } from "#chain/header.ts";
import { contractAddress } from "#chain/transaction.ts";
import { decodeMiniBlock, type MiniBlock } from "#formats/wire/mini-block.ts";
import { decodeSeal } from "#formats/wire/payloads.ts";
import { BlockVerifier } from "#replica/block-verifier.ts";
import { ACCOUNTS, ProducerFixture, STORE_AND_LOG_INIT } from "../sequencer/producer-fixture.ts";

type Block = { readonly header: BlockHeader; readonly miniBlocks: readonly MiniBlock[] };

let blocks: readonly Block[];
/** The block with several mini-blocks and logs. */
let full: Block;

function blocksOf(fixture: ProducerFixture): Block[] {
  const found: Block[] = [];
  let miniBlocks: MiniBlock[] = [];
  for (const record of fixture.decodedRecords()) {
    if (record.header.type === "mini") miniBlocks.push(decodeMiniBlock(record));
    if (record.header.type !== "seal") continue;
    found.push({ header: decodeHeader(decodeSeal(record).headerRlp), miniBlocks });
    miniBlocks = [];
  }
  return found;
}

function verify(header: BlockHeader, miniBlocks: readonly MiniBlock[]): string | null {
  const verifier = new BlockVerifier();
  verifier.open(header.number);
  for (const mini of miniBlocks) verifier.add(mini);
  return verifier.check(header);
}

beforeAll(async () => {
  const fixture = await ProducerFixture.create();
  await fixture.settle();
  fixture.send(0, { to: null, data: STORE_AND_LOG_INIT, gasLimit: 500_000n });
  await fixture.runFor(1_000_000);
  const contract = contractAddress((ACCOUNTS[0] as { address: Uint8Array }).address, 0n);
  for (let i = 1; i <= 3; i++) {
    const data = fromHex(`0x${i.toString(16).padStart(64, "0")}${"07".padStart(64, "0")}`);
    expect(fixture.send(i % 2, { to: contract, data })).toBeNull();
    expect(fixture.send(2)).toBeNull();
    await fixture.settle();
  }
  await fixture.runFor(2_100_000);
  blocks = blocksOf(fixture);
  full = blocks.find(({ miniBlocks }) => miniBlocks.length > 2) as Block;
});

describe("block verifier", () => {
  test("confirms the blocks of a producer, one after the other", () => {
    expect(blocks.length).toBeGreaterThan(2);
    expect(full.miniBlocks.some(({ receipts }) => receipts.some(({ logs }) => logs.length > 0))).toBe(true);
    const verifier = new BlockVerifier();
    for (const { header, miniBlocks } of blocks) {
      verifier.open(header.number);
      for (const mini of miniBlocks) verifier.add(mini);
      expect(verifier.check(header)).toBeNull();
    }
  });

  test("an open block that is begun again is forgotten", () => {
    const verifier = new BlockVerifier();
    for (let i = 0; i < 2; i++) {
      verifier.open(full.header.number);
      for (const mini of full.miniBlocks) verifier.add(mini);
    }
    expect(verifier.check(full.header)).toBeNull();
  });

  test("names the field of the header that differs", () => {
    for (const name of ["transactionsRoot", "receiptsRoot", "logsBloom"] as const) {
      const changed = full.header[name].slice();
      changed[0] = (changed[0] ?? 0) ^ 1;
      expect(verify({ ...full.header, [name]: changed }, full.miniBlocks)).toContain(name);
    }
  });

  test("refuses a body with another order, a missing, a doubled or a changed part", () => {
    const { header, miniBlocks } = full;
    expect(verify(header, miniBlocks.toReversed())).toContain("transactionsRoot");
    expect(verify(header, miniBlocks.slice(1))).toContain("transactionsRoot");
    expect(verify(header, [...miniBlocks, ...miniBlocks.slice(-1)])).toContain("transactionsRoot");
    const [first, ...rest] = miniBlocks as [MiniBlock, ...MiniBlock[]];
    const transactions = first.transactions.map((raw) => Uint8Array.from([...raw.slice(0, -1), 0]));
    expect(verify(header, [{ ...first, transactions }, ...rest])).toContain("transactionsRoot");
    const receipts = first.receipts.map((receipt) => ({ ...receipt, status: 0 as const }));
    expect(verify(header, [{ ...first, receipts }, ...rest])).toContain("receiptsRoot");
    const withoutLogs = miniBlocks.map((mini) => {
      return { ...mini, receipts: mini.receipts.map((receipt) => ({ ...receipt, logs: [] })) };
    });
    expect(verify(header, withoutLogs)).toContain("receiptsRoot");
  });

  test("a mini-block or a seal of another block is a bug of the caller", () => {
    const verifier = new BlockVerifier();
    verifier.open(full.header.number + 1);
    expect(() => verifier.add(full.miniBlocks[0] as MiniBlock)).toThrow("another block");
    expect(() => verifier.check(full.header)).toThrow("another block");
  });
});
