// The two prices that headers carry forward, on the official blockchain tests and on the examples of the EIPs.

import { describe, expect, test } from "bun:test";
import { blobBaseFee, fakeExponential, nextBaseFee, nextExcessBlobGas } from "#chain/base-fee.ts";
import { decodeBlock } from "#chain/block.ts";
import { developmentGenesis, parseGenesis } from "#chain/genesis.ts";
import { vectorsFolder } from "#test/vectors.ts";
import { vectorChains } from "./blockchain-vectors.ts";

const folder = vectorsFolder("blockchain-tests");

describe.skipIf(folder === null)("official blockchain tests", () => {
  test("base fee and excess blob gas of every valid block follow from its parent", async () => {
    let [feeCount, blobCount, excessCount] = [0, 0, 0];
    for await (const { name, spec, genesis, blocks } of vectorChains(folder as string)) {
      let parent = decodeBlock(genesis).header;
      for (const { bytes, exception } of blocks) {
        if (exception !== null) continue;
        const { header } = decodeBlock(bytes);
        if (header.baseFeePerGas !== undefined && header.baseFeePerGas !== parent.baseFeePerGas) feeCount++;
        if (header.baseFeePerGas !== undefined) expect(nextBaseFee(spec, parent), name).toBe(header.baseFeePerGas);
        if (header.excessBlobGas !== undefined) {
          expect(nextExcessBlobGas(spec, parent, header.timestamp), name).toBe(header.excessBlobGas);
          blobCount++;
          if (header.excessBlobGas > 0n) excessCount++;
        }
        parent = header;
      }
    }
    expect([feeCount > 0, blobCount > 0, excessCount > 0]).toEqual([true, true, true]);
  }, 60_000);
});

describe("base fee", () => {
  const ethereum = parseGenesis({ config: { chainId: 1 }, alloc: {} }).spec;
  const parent = (gasUsed: bigint, baseFeePerGas: bigint) => ({ gasLimit: 20_000_000n, gasUsed, baseFeePerGas });

  test("the cases of EIP-1559", () => {
    expect(nextBaseFee(ethereum, { gasLimit: 1n, gasUsed: 0n })).toBe(1_000_000_000n);
    expect(nextBaseFee(ethereum, parent(10_000_000n, 10n ** 9n))).toBe(1_000_000_000n);
    expect(nextBaseFee(ethereum, parent(9_000_000n, 10n ** 9n))).toBe(987_500_000n);
    expect(nextBaseFee(ethereum, parent(11_000_000n, 10n ** 9n))).toBe(1_012_500_000n);
    expect(nextBaseFee(ethereum, parent(20_000_000n, 1n))).toBe(2n);
    expect(nextBaseFee(ethereum, parent(0n, 7n))).toBe(7n);
    expect(nextBaseFee(ethereum, parent(0n, 0n))).toBe(0n);
  });

  test("a constant stays", () => {
    const { spec } = developmentGenesis({ chainId: 1n, timestamp: 0n });
    expect(nextBaseFee(spec, parent(20_000_000n, 1_000_000n))).toBe(1_000_000n);
  });
});

describe("blob base fee", () => {
  test("the cases of EIP-4844", () => {
    expect([
      fakeExponential(1n, 0n, 1n),
      fakeExponential(38493n, 0n, 1000n),
      fakeExponential(1n, 2n, 1n),
      fakeExponential(1n, 4n, 2n),
      fakeExponential(1n, 3n, 1n),
      fakeExponential(10n, 8n, 2n),
      fakeExponential(2n, 5n, 2n),
    ]).toEqual([1n, 38493n, 6n, 6n, 16n, 542n, 23n]);
    const { spec } = developmentGenesis({ chainId: 1n, timestamp: 0n, hardfork: "cancun" });
    expect([0n, 2_314_057n, 2_314_058n, 10n * 1024n * 1024n].map((excess) => blobBaseFee(spec, excess, 0))).toEqual([
      1n,
      1n,
      2n,
      23n,
    ]);
  });

  test("before Cancun there is none, and asking is a bug", () => {
    const { spec } = developmentGenesis({ chainId: 1n, timestamp: 0n, hardfork: "shanghai" });
    expect(() => blobBaseFee(spec, 0n, 0)).toThrow("before Cancun");
  });
});
