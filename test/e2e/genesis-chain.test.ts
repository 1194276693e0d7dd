// A chain from a genesis file in geth's format: fee market of EIP-1559, the cap on a transaction's gas, accounts with code,
// and what a transaction must then fulfil.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Hex } from "viem";
import { scratchFolder } from "./node-binary.ts";
import { disposeAll, NodeProcess } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";
import { developmentWallets, type ReceiptJson, Wallet } from "./wallet.ts";

type BlockJson = Readonly<Record<string, Hex>> & { readonly transactions: readonly Hex[] };

const CHAIN_ID = 4_242;
const GWEI = 1_000_000_000n;
const BURN: Hex = "0x00000000000000000000000000000000000000bb";
const wallets = developmentWallets(4, BigInt(CHAIN_ID));
const sequencer = new Wallet(new Uint8Array(32).fill(0x51));

let node: NodeProcess;
const keyFile = join(scratchFolder(), "sequencer.key");
const genesisFile = join(scratchFolder(), "genesis.json");

function wallet(index: number): Wallet {
  return wallets[index] as Wallet;
}

function writeGenesis(): void {
  const ether = `0x${(10n ** 20n).toString(16)}`;
  const alloc = Object.fromEntries(wallets.map(({ address }) => [address.slice(2), { balance: ether }]));
  alloc[wallet(3).address.slice(2)] = { balance: ether, code: "0x00" } as never;
  // Spends all gas: JUMPDEST PUSH0 JUMP.
  alloc[BURN.slice(2)] = { balance: "0x0", code: "0x5b5f56" } as never;
  const genesis = {
    config: { chainId: CHAIN_ID, megaeth: { sequencer: sequencer.address } },
    gasLimit: "0x1c9c380",
    difficulty: "0x0",
    alloc,
  };
  writeFileSync(genesisFile, JSON.stringify(genesis));
  writeFileSync(keyFile, `${sequencer.privateKey}\n`, { mode: 0o600 });
}

describe("a chain from a genesis file", () => {
  beforeAll(async () => {
    writeGenesis();
    node = await NodeProcess.start({
      flags: ["--genesis", genesisFile, "--sequencer-key", keyFile, "--block-time", "300ms"],
    });
  }, 60_000);
  afterAll(() => disposeAll(node));

  nodeTest("has its id, its accounts, its sequencer's signature and no unlocked accounts", async () => {
    expect(await node.rpc.call<Hex>("eth_chainId")).toBe(`0x${CHAIN_ID.toString(16)}`);
    expect(await node.rpc.call<Hex>("eth_getBalance", wallet(0).address, "latest")).toBe(
      `0x${(10n ** 20n).toString(16)}`,
    );
    expect(await node.rpc.call<Hex>("eth_getCode", BURN, "latest")).toBe("0x5b5f56");
    expect(await node.rpc.call<Hex[]>("eth_accounts")).toEqual([]);
    expect(node.output.toLowerCase()).toContain(sequencer.address);
  });

  nodeTest("caps the gas of a transaction, not of a call", async () => {
    const dear = wallet(0).sign({ to: BURN, nonce: 0, gasLimit: 16_777_217n, feeCap: 10n * GWEI });
    const error = await node.rpc.error("eth_sendRawTransaction", dear.raw);
    expect(error).toMatchObject({
      code: -32000,
      message: "transaction gas limit too high (cap: 16777216, tx: 16777217)",
    });
    const called = await node.rpc.error("eth_call", { to: BURN, gas: "0x1312d00" }, "latest");
    expect(called.message).toBe("out of gas");
  });

  nodeTest("refuses a sender with code (EIP-3607)", async () => {
    const error = await node.rpc.error("eth_sendRawTransaction", wallet(3).sign({ to: BURN, feeCap: 10n * GWEI }).raw);
    expect(error.message).toStartWith("sender not an eoa: address ");
  });

  nodeTest("moves the base fee by EIP-1559, burns it and pays the tip to the beneficiary", async () => {
    const { rpc } = node;
    const sends = Array.from({ length: 4 }, () => {
      return wallet(1).sign({ to: BURN, gasLimit: 16_000_000n, feeCap: 20n * GWEI, tip: GWEI });
    });
    const receipts: ReceiptJson[] = [];
    for (const { raw } of sends) receipts.push(await rpc.call<ReceiptJson>("eth_sendRawTransactionSync", raw));
    const last = Number(receipts.at(-1)?.blockNumber);
    await node.until("sealing", async () => Number(await rpc.call<Hex>("eth_blockNumber")) > last);
    let parent = await rpc.call<BlockJson>("eth_getBlockByNumber", "0x0", false);
    let moved = 0;
    for (let number = 1; number <= last + 1; number++) {
      const block = await rpc.call<BlockJson>("eth_getBlockByNumber", `0x${number.toString(16)}`, false);
      const baseFee = BigInt(block.baseFeePerGas as Hex);
      if (number > 1) expect(baseFee).toBe(nextBaseFee(parent));
      if (baseFee > BigInt(parent.baseFeePerGas as Hex)) moved++;
      parent = block;
    }
    expect(moved).toBeGreaterThanOrEqual(1);
    const beneficiary = parent.miner as Hex;
    const tips = receipts.reduce((sum, { gasUsed }) => sum + BigInt(gasUsed) * GWEI, 0n);
    const paid = BigInt(await rpc.call<Hex>("eth_getBalance", beneficiary, "latest"));
    expect(paid).toBe(tips);
    let spent = 0n;
    for (const { gasUsed, effectiveGasPrice } of receipts) spent += BigInt(gasUsed) * BigInt(effectiveGasPrice);
    const left = BigInt(await rpc.call<Hex>("eth_getBalance", wallet(1).address, "latest"));
    expect(left).toBe(10n ** 20n - spent);
  });

  nodeTest("code 5 of a synchronous send: the fee cap is below the base fee for now", async () => {
    const { hash, raw } = wallet(2).sign({ to: BURN, nonce: 0, feeCap: 1_000n });
    const error = await node.rpc.error("eth_sendRawTransactionSync", raw);
    expect(error).toMatchObject({ code: 5, data: hash });
    expect(await node.rpc.call<null>("eth_getTransactionByHash", hash)).toBeNull();
    // Without waiting it may stay until the fee falls.
    expect(await node.rpc.call<Hex>("eth_sendRawTransaction", raw)).toBe(hash);
  });

  nodeTest("refuses to be opened with another genesis", async () => {
    const other = join(scratchFolder(), "other-genesis.json");
    writeFileSync(
      other,
      JSON.stringify({
        config: { chainId: CHAIN_ID, megaeth: { sequencer: sequencer.address } },
        gasLimit: "0x1c9c381",
        difficulty: "0x0",
        alloc: {},
      }),
    );
    expect(await node.stop()).toBe(0);
    const opened = NodeProcess.start({
      flags: ["--genesis", other, "--sequencer-key", keyFile],
      dataDirectory: node.dataDirectory,
    });
    await expect(opened).rejects.toThrow(/ended before it was listening.*genesis/s);
    await node.restart();
    expect(await node.rpc.call<Hex>("eth_chainId")).toBe(`0x${CHAIN_ID.toString(16)}`);
  });
});

/** The base fee after a block. @see EIP-1559 */
function nextBaseFee(parent: BlockJson): bigint {
  const [used, target] = [BigInt(parent.gasUsed as Hex), BigInt(parent.gasLimit as Hex) / 2n];
  const baseFee = BigInt(parent.baseFeePerGas as Hex);
  if (used === target) return baseFee;
  if (used > target) {
    const rise = (baseFee * (used - target)) / target / 8n;
    return baseFee + (rise > 1n ? rise : 1n);
  }
  return baseFee - (baseFee * (target - used)) / target / 8n;
}
