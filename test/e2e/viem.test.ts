// The node as viem sees it: a token deployed and used, its errors decoded, transactions of every type, subscriptions.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import {
  type Abi,
  type BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createTestClient,
  createWalletClient,
  defineChain,
  type Hex,
  http,
  NonceTooLowError,
  parseEther,
  parseEventLogs,
  webSocket,
} from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { contracts } from "./contracts.ts";
import { disposeAll, NodeProcess } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";

const MNEMONIC = "test test test test test test test test test test test junk";
const alice = mnemonicToAccount(MNEMONIC, { addressIndex: 0 });
const bob = mnemonicToAccount(MNEMONIC, { addressIndex: 1 });
const carol = mnemonicToAccount(MNEMONIC, { addressIndex: 2 });

let node: NodeProcess;

function clients() {
  const chain = defineChain({
    id: 31_337,
    name: "development",
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [node.httpUrl], webSocket: [node.wsUrl] } },
  });
  const transport = http(node.httpUrl, { batch: true });
  const reader = createPublicClient({ chain, transport, pollingInterval: 20 });
  const writer = createWalletClient({ chain, transport, account: alice });
  return { chain, reader, writer };
}

async function deploy(name: "Token" | "Delegate" | "Ledger", args: readonly unknown[] = []) {
  const { reader, writer } = clients();
  const { abi, bytecode } = contracts()[name];
  const hash = await writer.deployContract({ abi, bytecode, args: args as unknown[] });
  const receipt = await reader.waitForTransactionReceipt({ hash });
  expect(receipt.status).toBe("success");
  return { abi: abi as Abi, address: receipt.contractAddress as Hex };
}

describe("viem", () => {
  beforeAll(async () => {
    node = await NodeProcess.start();
  }, 60_000);
  afterAll(() => disposeAll(node));

  nodeTest("reads the chain", async () => {
    const { reader } = clients();
    expect(await reader.getChainId()).toBe(31_337);
    expect(await reader.getBalance({ address: carol.address })).toBe(parseEther("10000"));
    const genesis = await reader.getBlock({ blockNumber: 0n });
    expect(genesis.gasLimit).toBe(10_000_000_000n);
    expect(genesis.baseFeePerGas).toBe(1_000_000n);
    expect(await reader.getGasPrice()).toBeGreaterThanOrEqual(1_000_000n);
    const { maxFeePerGas } = await reader.estimateFeesPerGas();
    expect(maxFeePerGas).toBeGreaterThanOrEqual(1_000_000n);
  });

  nodeTest("deploys a token, moves it, reads it back and finds its logs", async () => {
    const { reader, writer } = clients();
    const { abi, address } = await deploy("Token", [1_000n]);
    const hash = await writer.writeContract({ abi, address, functionName: "transfer", args: [bob.address, 10n] });
    const receipt = await reader.waitForTransactionReceipt({ hash });
    expect(receipt.status).toBe("success");
    expect(receipt.effectiveGasPrice).toBeGreaterThanOrEqual(1_000_000n);
    const [event] = parseEventLogs({ abi, logs: receipt.logs, eventName: "Transfer" });
    expect(event as unknown).toMatchObject({ args: { from: alice.address, to: bob.address, value: 10n } });
    const balance = (holder: Hex) => reader.readContract({ abi, address, functionName: "balanceOf", args: [holder] });
    expect(await balance(bob.address)).toBe(10n);
    expect(await balance(alice.address)).toBe(990n);
    await reader.waitForTransactionReceipt({ hash, confirmations: 2, timeout: 20_000 });
    const logs = await reader.getContractEvents({ abi, address, eventName: "Transfer", fromBlock: 0n });
    expect(logs.map(({ transactionHash }) => transactionHash)).toContain(hash);
    expect(logs.length).toBe(2);
  });

  nodeTest("decodes why a call and an estimate revert", async () => {
    const { reader, writer } = clients();
    const { abi, address } = await deploy("Token", [5n]);
    const simulated = reader.simulateContract({
      abi,
      address,
      functionName: "transfer",
      args: [bob.address, 6n],
      account: alice,
    });
    const error = await simulated.then(
      () => null,
      (reason: BaseError) => reason.walk((cause) => cause instanceof ContractFunctionRevertedError),
    );
    expect(error).toBeInstanceOf(ContractFunctionRevertedError);
    expect((error as ContractFunctionRevertedError).data).toMatchObject({
      errorName: "InsufficientBalance",
      args: [alice.address, 5n, 6n],
    });
    const written = writer.writeContract({
      abi,
      address,
      functionName: "transferFrom",
      args: [bob.address, alice.address, 1n],
    });
    await expect(written).rejects.toThrow("allowance too low");
  });

  nodeTest("sends every type of transaction", async () => {
    const { reader, writer } = clients();
    const fields = { to: bob.address, value: 1n } as const;
    const accessList = [{ address: bob.address, storageKeys: [`0x${"01".repeat(32)}` as const] }];
    const sends = [
      ["legacy", await writer.sendTransaction({ ...fields, type: "legacy" })],
      ["eip2930", await writer.sendTransaction({ ...fields, type: "eip2930", accessList })],
      ["eip1559", await writer.sendTransaction({ ...fields, type: "eip1559" })],
    ] as const;
    for (const [type, hash] of sends) {
      const receipt = await reader.waitForTransactionReceipt({ hash });
      expect(receipt).toMatchObject({ type, status: "success", to: bob.address.toLowerCase() as Hex });
      expect(await reader.getTransaction({ hash })).toMatchObject({ type, from: alice.address.toLowerCase() as Hex });
    }
  });

  nodeTest("delegates an account to code (EIP-7702)", async () => {
    const { chain, reader, writer } = clients();
    const { abi, address } = await deploy("Delegate");
    const owner = createWalletClient({ chain, transport: http(node.httpUrl), account: carol });
    const authorization = await owner.signAuthorization({ contractAddress: address });
    const hash = await writer.writeContract({
      abi,
      address: carol.address,
      functionName: "call",
      authorizationList: [authorization],
    });
    const receipt = await reader.waitForTransactionReceipt({ hash });
    expect(receipt).toMatchObject({ type: "eip7702", status: "success" });
    const [event] = parseEventLogs({ abi, logs: receipt.logs });
    expect(event as unknown).toMatchObject({
      eventName: "Called",
      args: { account: carol.address, caller: alice.address, count: 1n },
    });
    expect(await reader.getCode({ address: carol.address })).toBe(`0xef0100${address.slice(2).toLowerCase()}` as Hex);
    const { authorizationList } = await reader.getTransaction({ hash });
    expect(authorizationList?.length).toBe(1);
    const plain = await owner.sendTransaction({ to: bob.address, value: 1n });
    expect((await reader.waitForTransactionReceipt({ hash: plain })).status).toBe("success");
  });

  nodeTest("gets a receipt in one round trip", async () => {
    const { reader, writer } = clients();
    const request = await writer.prepareTransactionRequest({ to: bob.address, value: 3n });
    const serializedTransaction = await writer.signTransaction(request as never);
    const receipt = await writer.sendRawTransactionSync({ serializedTransaction });
    expect(receipt.status).toBe("success");
    expect(await reader.getTransactionReceipt({ hash: receipt.transactionHash })).toMatchObject({ status: "success" });
  });

  nodeTest("recognizes a nonce that is used up, and waits across a gap", async () => {
    const { reader, writer } = clients();
    const nonce = await reader.getTransactionCount({ address: alice.address });
    const fields = { to: bob.address, value: 1n, gas: 21_000n } as const;
    const low = writer.sendTransaction({ ...fields, nonce: 0 });
    const error = await low.then(
      () => null,
      (reason: BaseError) => reason.walk((cause) => cause instanceof NonceTooLowError),
    );
    expect(error).toBeInstanceOf(NonceTooLowError);
    const second = await writer.sendTransaction({ ...fields, nonce: nonce + 1 });
    await Bun.sleep(100);
    expect(await reader.request({ method: "eth_getTransactionReceipt", params: [second] })).toBeNull();
    expect(await reader.getTransactionCount({ address: alice.address, blockTag: "pending" })).toBe(nonce);
    await writer.sendTransaction({ ...fields, nonce });
    expect((await reader.waitForTransactionReceipt({ hash: second })).status).toBe("success");
    expect(await reader.getTransactionCount({ address: alice.address })).toBe(nonce + 2);
  });

  nodeTest("watches blocks and events over WebSocket, and its keep-alive is answered", async () => {
    const { chain, writer } = clients();
    const { abi, address } = await deploy("Token", [1_000n]);
    const transport = webSocket(node.wsUrl, { keepAlive: { interval: 50 }, reconnect: false });
    const watcher = createPublicClient({ chain, transport });
    const heads: bigint[] = [];
    const events: unknown[] = [];
    const errors: Error[] = [];
    const onError = (error: Error) => errors.push(error);
    const unwatchBlocks = watcher.watchBlockNumber({ onBlockNumber: (number) => heads.push(number), onError });
    const unwatchEvents = watcher.watchContractEvent({
      abi,
      address,
      eventName: "Transfer",
      // The token's creation may be in the same EVM block, which is sealed after this begins to listen.
      args: { to: bob.address },
      onLogs: (logs) => events.push(...logs),
      onError,
    });
    await watcher.getChainId();
    await Bun.sleep(200);
    await writer.writeContract({ abi, address, functionName: "transfer", args: [bob.address, 7n] });
    await node.until("sealing blocks", async () => heads.length >= 3 && events.length >= 1);
    expect(heads.map((head) => head - (heads[0] ?? 0n))).toEqual(heads.map((_, index) => BigInt(index)));
    expect(events).toMatchObject([{ eventName: "Transfer", args: { value: 7n } }]);
    expect(errors).toEqual([]);
    unwatchBlocks();
    unwatchEvents();
    const { getSocket } = transport({ chain }).value as unknown as { getSocket(): Promise<WebSocket> };
    (await getSocket()).close();
  });

  nodeTest("signs and sends for unlocked accounts", async () => {
    const { chain, reader } = clients();
    const client = createTestClient({ chain, mode: "anvil", transport: http(node.httpUrl) });
    const accounts = (await client.request({ method: "eth_accounts" } as never)) as Hex[];
    expect(accounts.length).toBe(10);
    expect(accounts[0]).toBe(alice.address.toLowerCase() as Hex);
    const writer = createWalletClient({ chain, transport: http(node.httpUrl), account: accounts[3] as Hex });
    const hashes = await Promise.all([1n, 2n, 3n].map((value) => writer.sendTransaction({ to: bob.address, value })));
    for (const hash of hashes) expect((await reader.waitForTransactionReceipt({ hash })).status).toBe("success");
    expect(await reader.getTransactionCount({ address: accounts[3] as Hex })).toBe(3);
  });
});
