// The engine inside a node: its own one unless told otherwise, hot code compiled under load, the same results whatever runs, long calls
// handed over while they run, and a restart that knows what was compiled.

import { afterAll, describe, expect } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeFunctionData, type Hex } from "viem";
import { contracts } from "./contracts.ts";
import { disposeAll, NodeProcess } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";
import { playScenario } from "./scenario.ts";
import { developmentWallets, type ReceiptJson, type Wallet } from "./wallet.ts";

const SINK: Hex = "0x00000000000000000000000000000000000000b4";
const TRANSFER_COUNT = 60;

const nodes: NodeProcess[] = [];
afterAll(() => disposeAll(...nodes));

async function start(...flags: string[]): Promise<NodeProcess> {
  const node = await NodeProcess.start({ flags });
  nodes.push(node);
  return node;
}

/** What a receipt says about execution. */
function effectOf({ status, gasUsed, contractAddress, logs }: ReceiptJson) {
  return {
    status,
    gasUsed,
    contractAddress,
    logs: logs.map(({ address, topics, data }) => ({ address, topics, data })),
  };
}

/** Creates a token and moves it about. @returns its address and the receipts */
async function transferTokens(node: NodeProcess, wallet: Wallet): Promise<{ token: Hex; receipts: ReceiptJson[] }> {
  const { Token } = contracts();
  const creation = wallet.signCreation(Token, [1_000_000n]);
  const receipts = [await node.rpc.call<ReceiptJson>("eth_sendRawTransactionSync", creation.raw)];
  for (let i = 0; i < TRANSFER_COUNT; i++) {
    const signed = wallet.signCall(creation.address, Token.abi, "transfer", [SINK, BigInt(i)]);
    receipts.push(await node.rpc.call<ReceiptJson>("eth_sendRawTransactionSync", signed.raw));
  }
  return { token: creation.address, receipts };
}

const freshWallet = () => developmentWallets()[7] as Wallet;

const compiledGas = (node: NodeProcess) => node.metric("engine_gas_total", { tier: "compiled" });

describe("the engine of a node", () => {
  nodeTest(
    "hot code is compiled under load, and every engine and mode has the same results",
    async () => {
      const [usual, forced, interpreted, reference] = await Promise.all([
        start(),
        start("--jit", "force"),
        start("--jit", "off"),
        start("--engine", "reference"),
      ]);
      const effects: unknown[] = [];
      for (const node of [usual, forced, interpreted, reference]) {
        const { receipts } = await playScenario(node);
        const transfers = await transferTokens(node, freshWallet());
        effects.push([...receipts, ...transfers.receipts].map(effectOf));
      }
      for (const effect of effects.slice(1)) expect(effect).toEqual(effects[0]);

      await usual.until(
        "compiling",
        async () => (await usual.metric("compile_jobs_total", { result: "compiled" })) > 0,
      );
      for (const node of [usual, forced, interpreted]) {
        expect(await node.metric("engine_used_total", { kind: "wasm" })).toBeGreaterThan(TRANSFER_COUNT);
        expect(await node.metric("engine_used_total", { kind: "reference" })).toBe(0);
      }
      expect(await reference.metric("engine_used_total", { kind: "reference" })).toBeGreaterThan(TRANSFER_COUNT);
      expect(await reference.metric("engine_used_total", { kind: "wasm" })).toBe(0);
      expect(await compiledGas(forced)).toBeGreaterThan(
        await forced.metric("engine_gas_total", { tier: "interpreted" }),
      );
      expect(await compiledGas(interpreted)).toBe(0);
      expect(await interpreted.metric("compile_jobs_total", { result: "compiled" })).toBe(0);
      await disposeAll(forced, interpreted, reference);
    },
    120_000,
  );

  nodeTest(
    "a call that runs for long is handed over while it runs",
    async () => {
      const flags = ["--call-timeout", "60s", "--call-gas-limit", "20000000000"];
      const [node, plain] = await Promise.all([start(...flags), start(...flags, "--jit", "off")]);
      const outputs: Hex[] = [];
      for (const { rpc } of [node, plain]) {
        const creation = freshWallet().signCreation(contracts().Ledger);
        await rpc.call("eth_sendRawTransactionSync", creation.raw);
        const data = encodeFunctionData({ abi: contracts().Ledger.abi, functionName: "slowSum", args: [450_000n] });
        outputs.push(await rpc.call<Hex>("eth_call", { to: creation.address, data }, "latest"));
      }
      expect(outputs.map(BigInt)).toEqual([50_000_000n, 50_000_000n]);
      await node.until("handing over", async () => (await node.metric("engine_handovers_total")) > 0, 5_000);
      expect(await compiledGas(node)).toBeGreaterThan(0);
      await disposeAll(node, plain);
    },
    120_000,
  );

  nodeTest(
    "a restart takes compiled code from disk, and none that is damaged",
    async () => {
      const node = await start();
      const { token } = await transferTokens(node, freshWallet());
      const folder = join(node.dataDirectory, "compiled");
      const files = () => readdirSync(folder).filter((name) => name.endsWith(".code"));
      await node.until("keeping compiled code", async () => files().length > 0);
      const kept = files().length;
      expect(await node.stop()).toBe(0);

      await node.restart();
      await node.until("warm", async () => (await node.metric("compile_jobs_total", { result: "loaded" })) >= kept);
      const data = encodeFunctionData({ abi: contracts().Token.abi, functionName: "balanceOf", args: [SINK] });
      const moved = BigInt((TRANSFER_COUNT * (TRANSFER_COUNT - 1)) / 2);
      expect(BigInt(await node.rpc.call<Hex>("eth_call", { to: token, data }, "latest"))).toBe(moved);
      expect(await node.stop()).toBe(0);

      for (const name of files()) {
        const bytes = readFileSync(join(folder, name));
        bytes[bytes.length >> 1]! ^= 0x40;
        writeFileSync(join(folder, name), bytes);
      }
      await node.restart(["--jit-threshold", "1000000"]);
      await node.until("done with what is damaged", async () => files().length === 0);
      expect(await node.metric("compile_jobs_total", { result: "loaded" })).toBe(0);
      expect(BigInt(await node.rpc.call<Hex>("eth_call", { to: token, data }, "latest"))).toBe(moved);
    },
    120_000,
  );
});
