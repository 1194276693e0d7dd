// The node as Foundry's cast sees it: deploy, send, call, receipt, block, logs, chain id; words on failure.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { Hex } from "viem";
import { contracts } from "./contracts.ts";
import { foundryBinary, scratchFolder } from "./node-binary.ts";
import { disposeAll, NodeProcess } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";
import { developmentWallets } from "./wallet.ts";

const CAST = foundryBinary("cast");
const [alice, bob] = developmentWallets(2).map(({ address, privateKey }) => ({ address, privateKey }));

let node: NodeProcess;

async function cast(...words: readonly string[]): Promise<string> {
  const run = Bun.spawn([CAST, ...words], {
    env: { ETH_RPC_URL: node.httpUrl, HOME: scratchFolder() },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, error, code] = await Promise.all([
    new Response(run.stdout).text(),
    new Response(run.stderr).text(),
    run.exited,
  ]);
  if (code !== 0) throw new Error(`cast ${words[0]}: ${error}`);
  return out.trim();
}

function send(...words: readonly string[]): Promise<Record<"status" | "contractAddress" | "transactionHash", Hex>> {
  return cast("send", "--json", "--private-key", alice?.privateKey ?? "", ...words).then(JSON.parse);
}

describe("cast", () => {
  if (!existsSync(CAST)) {
    test.skip(`skipped: ${CAST} is not installed for this platform`, () => {});
    return;
  }
  let token: Hex;
  beforeAll(async () => {
    node = await NodeProcess.start();
  }, 60_000);
  afterAll(() => disposeAll(node));

  nodeTest("asks for chain id, client, balance, gas price and blocks", async () => {
    expect(await cast("chain-id")).toBe("31337");
    expect(await cast("client")).toStartWith("megaeth/");
    expect(await cast("balance", bob?.address ?? "")).toBe("10000000000000000000000");
    expect(Number(await cast("gas-price"))).toBeGreaterThanOrEqual(1_000_000);
    expect(await cast("block", "0", "-f", "gasLimit")).toBe("10000000000");
    expect(JSON.parse(await cast("block", "latest", "--json")).baseFeePerGas).toBe("0xf4240");
  });

  nodeTest("deploys a token and moves it", async () => {
    const { bytecode } = contracts().Token;
    const supply = `${"0".repeat(60)}03e8`;
    const created = await send("--create", `${bytecode}${supply}`);
    expect(created.status).toBe("0x1");
    token = created.contractAddress;
    const moved = await send(token, "transfer(address,uint256)", bob?.address ?? "", "77");
    expect(moved.status).toBe("0x1");
    expect(await cast("call", token, "balanceOf(address)(uint256)", bob?.address ?? "")).toBe("77");
    const receipt = JSON.parse(await cast("receipt", moved.transactionHash, "--json"));
    expect(receipt.logs.length).toBe(1);
    expect(JSON.parse(await cast("tx", moved.transactionHash, "--json")).from).toBe(alice?.address);
    // "pending" shows the mini-blocks of the open EVM block too.
    const words = ["--from-block", "0", "--to-block", "pending", "--address", token];
    const logs = JSON.parse(await cast("logs", "--json", ...words, "Transfer(address,address,uint256)"));
    expect(logs.length).toBe(2);
    expect(await cast("nonce", alice?.address ?? "")).toBe("2");
    expect((await cast("code", token)).length).toBeGreaterThan(500);
    expect(Number(await cast("storage", token, "0"))).toBe(1_000);
  });

  nodeTest("sends value and estimates", async () => {
    const to = "0x00000000000000000000000000000000000000c1";
    await send(to, "--value", "1ether");
    expect(await cast("balance", to, "--ether")).toMatch(/^1\.0*$/);
    expect(await cast("estimate", to, "--value", "1", "--from", alice?.address ?? "")).toBe("21000");
    const unlocked = await cast("send", "--json", "--unlocked", "--from", bob?.address ?? "", to, "--value", "5");
    expect(JSON.parse(unlocked).status).toBe("0x1");
  });

  nodeTest("tells a revert's reason and a nonce too low", async () => {
    const words = [token, "transferFrom(address,address,uint256)", bob?.address ?? "", alice?.address ?? "", "1"];
    await expect(cast("call", ...words)).rejects.toThrow("allowance too low");
    const used = send("0x00000000000000000000000000000000000000c1", "--value", "1", "--nonce", "0");
    await expect(used).rejects.toThrow("nonce too low");
  });
});
