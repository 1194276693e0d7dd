// The node as ethers sees it: a token deployed and used, errors classified, events by filter and by WebSocket.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import {
  Contract,
  ContractFactory,
  HDNodeWallet,
  isError,
  JsonRpcProvider,
  NonceManager,
  WebSocketProvider,
  ZeroAddress,
} from "ethers";
import type { Abi } from "viem";
import { contracts } from "./contracts.ts";
import { disposeAll, NodeProcess } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";

const MNEMONIC = "test test test test test test test test test test test junk";

let node: NodeProcess;
let provider: JsonRpcProvider;
let signer: HDNodeWallet;
const bob = HDNodeWallet.fromPhrase(MNEMONIC, undefined, "m/44'/60'/0'/0/1").address;

async function deployToken(supply: bigint): Promise<Contract> {
  const { abi, bytecode } = contracts().Token;
  const factory = new ContractFactory(toInterface(abi), bytecode, signer);
  const contract = await factory.deploy(supply);
  await contract.waitForDeployment();
  return contract as Contract;
}

function toInterface(abi: Abi) {
  return JSON.parse(JSON.stringify(abi));
}

describe("ethers", () => {
  beforeAll(async () => {
    node = await NodeProcess.start();
    provider = new JsonRpcProvider(node.httpUrl, undefined, { cacheTimeout: -1 });
    provider.pollingInterval = 50;
    signer = HDNodeWallet.fromPhrase(MNEMONIC, undefined, "m/44'/60'/0'/0/0").connect(provider);
  }, 60_000);
  afterAll(async () => {
    provider?.destroy();
    await disposeAll(node);
  });

  nodeTest("finds the network and the fees", async () => {
    expect((await provider.getNetwork()).chainId).toBe(31_337n);
    const { gasPrice, maxFeePerGas } = await provider.getFeeData();
    expect(gasPrice).toBeGreaterThanOrEqual(1_000_000n);
    expect(maxFeePerGas).toBeGreaterThanOrEqual(1_000_000n);
    expect(await provider.getBalance(bob)).toBe(10_000n * 10n ** 18n);
  });

  nodeTest("deploys a token, moves it and finds its events", async () => {
    const token = await deployToken(1_000n);
    const sent = await token.getFunction("transfer").send(bob, 25n);
    const receipt = await sent.wait(1);
    expect(receipt?.status).toBe(1);
    expect(await token.getFunction("balanceOf")(bob)).toBe(25n);
    // From a number on, "pending" shows the mini-blocks of the open EVM block too, "latest" the sealed blocks.
    const events = await token.queryFilter("Transfer", 0, "pending");
    expect(events.length).toBe(2);
    await node.until("sealing", async () => (await token.queryFilter("Transfer", 0, "latest")).length === 2);
    expect(receipt?.logs[0]?.address).toBe(await token.getAddress());
    const block = await provider.getBlock(receipt?.blockNumber ?? -1, true);
    expect(block?.prefetchedTransactions.map(({ hash }) => hash)).toContain(sent.hash);
  });

  nodeTest("tells a custom error and a reason", async () => {
    const token = await deployToken(3n);
    const tooMuch = await token
      .getFunction("transfer")
      .staticCall(bob, 4n)
      .catch((error) => error);
    expect(isError(tooMuch, "CALL_EXCEPTION")).toBe(true);
    expect(tooMuch.revert).toMatchObject({ name: "InsufficientBalance" });
    expect([...tooMuch.revert.args]).toEqual([signer.address, 3n, 4n]);
    const reason = await token
      .getFunction("transferFrom")
      .estimateGas(bob, signer.address, 1n)
      .catch((error) => error);
    expect(isError(reason, "CALL_EXCEPTION")).toBe(true);
    expect(reason.reason).toBe("allowance too low");
  });

  nodeTest("waits for a reverted transaction and says so", async () => {
    const token = await deployToken(3n);
    const sent = await token.getFunction("transfer").send(bob, 4n, { gasLimit: 100_000n });
    const error = await sent.wait(1).catch((reason: unknown) => reason);
    expect(isError(error, "CALL_EXCEPTION") && error.receipt?.status).toBe(0);
  });

  nodeTest("classifies a used nonce and missing funds", async () => {
    const used = await signer
      .sendTransaction({ to: bob, value: 1n, nonce: 0, gasLimit: 21_000n })
      .catch((error) => error);
    expect(isError(used, "NONCE_EXPIRED")).toBe(true);
    const broke = HDNodeWallet.createRandom().connect(provider);
    const poor = await broke.sendTransaction({ to: bob, value: 1n, gasLimit: 21_000n }).catch((error) => error);
    expect(isError(poor, "INSUFFICIENT_FUNDS")).toBe(true);
  });

  nodeTest("sends many at once with counted nonces", async () => {
    const managed = new NonceManager(signer);
    const before = await provider.getBalance("0x00000000000000000000000000000000000000e7");
    const sent = await Promise.all(
      Array.from({ length: 40 }, () => {
        return managed.sendTransaction({
          to: "0x00000000000000000000000000000000000000e7",
          value: 1n,
          gasLimit: 21_000n,
        });
      }),
    );
    const receipts = await Promise.all(sent.map((transaction) => transaction.wait(1)));
    expect(receipts.every((receipt) => receipt?.status === 1)).toBe(true);
    expect((await provider.getBalance("0x00000000000000000000000000000000000000e7")) - before).toBe(40n);
  });

  nodeTest("hears blocks and events over WebSocket", async () => {
    const token = await deployToken(1_000n);
    const sockets = new WebSocketProvider(node.wsUrl);
    const live = new Contract(await token.getAddress(), toInterface(contracts().Token.abi), sockets);
    const values: bigint[] = [];
    const blocks: number[] = [];
    await live.on("Transfer", (from: string, _to: string, value: bigint) => {
      // The token's creation may be in the same EVM block, which is sealed after this begins to listen.
      if (from !== ZeroAddress) values.push(value);
    });
    await sockets.on("block", (number: number) => blocks.push(number));
    for (const value of [1n, 2n, 3n]) await (await token.getFunction("transfer").send(bob, value)).wait(1);
    await node.until("sealing", async () => values.length >= 3 && blocks.length >= 2);
    expect(values).toEqual([1n, 2n, 3n]);
    await sockets.destroy();
  });
});
