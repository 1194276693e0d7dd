// The compiled program by itself: from any folder, in an empty environment, with nothing beside it. Exit codes, refusals,
// signals, health, and a chain that is the same after every kind of stop and start.

import { afterEach, describe, expect } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Hex } from "viem";
import { endWithTestRun, nodeBinary, scratchFolder } from "./node-binary.ts";
import { disposeAll, NodeProcess } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";
import { playScenario } from "./scenario.ts";
import { developmentWallets, type ReceiptJson, type Wallet } from "./wallet.ts";

const SINK: Hex = "0x00000000000000000000000000000000000000b5";

let started: NodeProcess[] = [];

async function start(...options: Parameters<typeof NodeProcess.start>): Promise<NodeProcess> {
  const node = await NodeProcess.start(...options);
  started.push(node);
  return node;
}

function run(words: readonly string[], environment: Record<string, string> = {}) {
  const folder = join(scratchFolder(), "elsewhere");
  mkdirSync(folder, { recursive: true });
  const { status, stdout, stderr } = spawnSync(nodeBinary(), words, {
    cwd: folder,
    env: environment,
    encoding: "utf8",
    timeout: 20_000,
  });
  return { status, stdout, stderr };
}

/** Everything that a chain has said so far, mini-block by mini-block and block by block. */
async function history(node: NodeProcess, blockCount: number): Promise<unknown[]> {
  const numbers = Array.from({ length: blockCount + 1 }, (_, number) => [`0x${number.toString(16)}`, true]);
  const blocks = await node.rpc.many<Record<string, Hex>>("eth_getBlockByNumber", numbers);
  const receipts = await node.rpc.many(
    "eth_getBlockReceipts",
    numbers.map(([number]) => [number]),
  );
  const last = blocks.at(-1);
  const miniBlockCount = Number(last?.miniBlockOffset ?? 0) + Number(last?.miniBlockCount ?? 0);
  const miniBlocks: unknown[] = [];
  while (miniBlocks.length < miniBlockCount) {
    const count = Math.min(200, miniBlockCount - miniBlocks.length);
    miniBlocks.push(
      ...(await node.rpc.call<unknown[]>(
        "mega_getMiniBlocks",
        `0x${miniBlocks.length.toString(16)}`,
        `0x${count.toString(16)}`,
      )),
    );
  }
  return [blocks, receipts, miniBlocks];
}

async function balanceOf(node: NodeProcess, address: Hex): Promise<bigint> {
  return BigInt(await node.rpc.call<Hex>("eth_getBalance", address, "latest"));
}

describe("the program", () => {
  afterEach(async () => {
    await disposeAll(...started);
    started = [];
  });

  nodeTest("help and version: exit code 0, on standard output", async () => {
    const help = run(["--help"]);
    expect([help.status, help.stderr]).toEqual([0, ""]);
    for (const flag of ["--role", "--port", "--datadir", "--upstream", "--genesis", "--fsync"]) {
      expect(help.stdout).toContain(flag);
    }
    const version = run(["--version"]);
    expect([version.status, version.stderr]).toEqual([0, ""]);
    expect(version.stdout).toMatch(/^megaeth \d+\.\d+\.\d+ \([0-9a-z-]+\)\n$/);
  });

  nodeTest("usage errors: exit code 2, one line that names the option", async () => {
    const cases: [string[], string][] = [
      [["--no-such-flag"], "--no-such-flag"],
      [["--port", "70000"], "--port"],
      [["--mini-block-interval", "0"], "--mini-block-interval"],
      [["--role", "king"], "--role"],
      [["--genesis", "g.json", "--chain-id", "5"], "--chain-id"],
      [["--role", "replica"], "--upstream"],
      [["--config", "absent.json"], "absent.json"],
      [["surplus"], "surplus"],
    ];
    for (const [words, named] of cases) {
      const { status, stderr } = run(words);
      expect([words, status]).toEqual([words, 2]);
      expect(stderr).toContain(named);
      expect(stderr.trim().split("\n").length).toBe(1);
    }
  });

  nodeTest("roles that are not built yet say so: exit code 2", async () => {
    for (const role of ["full", "prover", "da"]) {
      const { status, stderr } = run(["--role", role]);
      expect(status).toBe(2);
      expect(stderr).toContain("not built yet");
    }
  });

  nodeTest("--dry-run prints the options in force and the memory plan", async () => {
    const { status, stdout } = run(["--dry-run", "--datadir", "d", "--state-memory", "64MiB"], { MEGAETH_PORT: "0" });
    expect(status).toBe(0);
    expect(stdout).toContain("state-memory");
    expect(stdout).toContain("64MiB");
  });

  nodeTest("starts with nothing but a home folder, finds its defaults there, and health asks it", async () => {
    const home = join(scratchFolder(), "home");
    mkdirSync(home, { recursive: true });
    const node = await start({ environment: { HOME: home }, flags: ["--state-memory", "64MiB"] });
    expect(node.port).toBeGreaterThan(0);
    expect(node.output).toContain("Development accounts, 10000 ETH each at genesis");
    expect(node.output).toContain("these keys are public");
    expect(run(["health", "--port", String(node.port)]).status).toBe(0);
    for (const path of ["livez", "readyz"]) expect((await fetch(`${node.httpUrl}/${path}`)).status).toBe(200);
    const metrics = await (await fetch(`${node.httpUrl}/metrics`)).text();
    expect(metrics).toContain("# TYPE megaeth_head_mini_block gauge");
    expect(await node.stop()).toBe(0);
    const health = run(["health", "--port", String(node.port)]);
    expect(health.status).toBe(1);
    expect(health.stderr).toStartWith("megaeth: ");
  });

  nodeTest("a port in use: exit code 1 and one line", async () => {
    const node = await start();
    const second = run(["--port", String(node.port), "--ephemeral", "--state-memory", "64MiB"]);
    expect(second.status).toBe(1);
    expect(second.stderr).toContain(String(node.port));
  });

  nodeTest("environment and configuration file reach the node", async () => {
    const file = join(scratchFolder(), "config.json");
    writeFileSync(file, JSON.stringify({ "chain-id": 777, accounts: 2 }));
    const node = await start({ flags: ["--config", file], environment: { MEGAETH_BALANCE: "5" } });
    expect(await node.rpc.call<Hex>("eth_chainId")).toBe("0x309");
    expect(await node.rpc.call<Hex[]>("eth_accounts")).toHaveLength(2);
    const [first] = await node.rpc.call<Hex[]>("eth_accounts");
    expect(await balanceOf(node, first as Hex)).toBe(5n * 10n ** 18n);
  });

  nodeTest("--ephemeral leaves nothing behind", async () => {
    const temporary = join(scratchFolder(), "temporary");
    mkdirSync(temporary, { recursive: true });
    const words = ["--ephemeral", "--port", "0", "--state-memory", "64MiB"];
    const child = spawn(nodeBinary(), words, { env: { TMPDIR: temporary }, stdio: ["ignore", "pipe", "ignore"] });
    endWithTestRun(child);
    const exited = new Promise<number | null>((resolve) => child.on("close", resolve));
    for await (const chunk of child.stdout) if (String(chunk).includes("Listening on")) break;
    // Native add-ons are unpacked here too, once for all processes.
    const chains = () => readdirSync(temporary).filter((name) => name.startsWith("megaeth-"));
    const running = chains();
    child.kill("SIGTERM");
    expect(await exited).toBe(0);
    expect(running.length).toBe(1);
    expect(chains()).toEqual([]);
  });
});

describe("the data directory", () => {
  afterEach(async () => {
    await disposeAll(...started);
    started = [];
  });

  nodeTest("is refused to a second process, to another chain and to another role", async () => {
    const node = await start();
    const words = ["--port", "0", "--state-memory", "64MiB", "--datadir", node.dataDirectory];
    const second = run(words);
    expect(second.status).toBe(1);
    expect(second.stderr).toContain("in use by");
    expect(await node.rpc.call<Hex>("eth_chainId")).toBe("0x7a69");
    expect(await node.stop()).toBe(0);
    const otherChain = run([...words, "--chain-id", "5"]);
    expect([otherChain.status, otherChain.stderr.includes("holds chain 31337")]).toEqual([1, true]);
    const otherRole = run([...words, "--role", "replica", "--upstream", "ws://127.0.0.1:9/feed"]);
    expect([otherRole.status, otherRole.stderr.includes("role")]).toEqual([1, true]);
  });

  nodeTest("keeps key files from other users", async () => {
    const node = await start();
    const files = readdirSync(node.dataDirectory, { recursive: true, encoding: "utf8" });
    const keys = files.filter((file) => file.includes("key"));
    expect(keys.length).toBeGreaterThanOrEqual(1);
    for (const file of keys) {
      const { mode } = statSync(join(node.dataDirectory, file));
      expect(mode & 0o077).toBe(0);
    }
  });

  nodeTest(
    "keeps the chain over stops and starts: the same blocks, receipts and mini-blocks, and it grows on",
    async () => {
      const node = await start({ flags: ["--checkpoint-interval", "100", "--block-time", "400ms"] });
      const scenario = await playScenario(node);
      const before = await history(node, scenario.sealedBlock);
      for (const how of ["stop", "kill", "stop"] as const) {
        if (how === "stop") expect(await node.stop()).toBe(0);
        else await node.kill();
        await node.restart();
        expect(await history(node, scenario.sealedBlock)).toEqual(before);
        for (const [address, balance] of Object.entries(scenario.balances)) {
          expect(await balanceOf(node, address as Hex)).toBe(balance);
        }
        const head = BigInt(await node.rpc.call<Hex>("eth_blockNumber"));
        await node.until("sealing on", async () => BigInt(await node.rpc.call<Hex>("eth_blockNumber")) > head);
      }
      const head = Number(await node.rpc.call<Hex>("eth_blockNumber"));
      const blocks = await node.rpc.many<Record<string, Hex>>(
        "eth_getBlockByNumber",
        Array.from({ length: head + 1 }, (_, number) => [`0x${number.toString(16)}`, false]),
      );
      blocks.forEach((block, number) => {
        if (number > 0) expect(block.parentHash).toBe(blocks[number - 1]?.hash as Hex);
      });
    },
    90_000,
  );

  nodeTest("a restart inside an EVM block resumes it: one block holds what came before and after", async () => {
    const node = await start({ flags: ["--block-time", "20s"] });
    const wallet = developmentWallets()[0] as Wallet;
    const send = () =>
      node.rpc.call<ReceiptJson>("eth_sendRawTransactionSync", wallet.sign({ to: SINK, value: 1n }).raw);
    const receipts = [await send(), await send()];
    expect(await node.stop()).toBe(0);
    await node.restart();
    receipts.push(await send());
    await node.kill();
    await node.restart();
    receipts.push(await send());
    expect(new Set(receipts.map(({ blockNumber }) => blockNumber)).size).toBe(1);
    expect(receipts.map(({ transactionIndex }) => transactionIndex)).toEqual(["0x0", "0x1", "0x2", "0x3"]);
    expect(receipts.map(({ cumulativeGasUsed }) => Number(cumulativeGasUsed))).toEqual([
      21_000, 42_000, 63_000, 84_000,
    ]);
    expect(await balanceOf(node, SINK)).toBe(4n);
  });
});

describe("signals", () => {
  afterEach(async () => {
    await disposeAll(...started);
    started = [];
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    nodeTest(`the first ${signal} finishes what is under way`, async () => {
      const node = await start();
      const wallet = developmentWallets()[0] as Wallet;
      const sends = Array.from({ length: 50 }, () => wallet.sign({ to: SINK, value: 1n }));
      const answers = sends.map(({ raw }) => {
        return node.rpc.call<ReceiptJson>("eth_sendRawTransactionSync", raw).catch(() => null);
      });
      await answers[10];
      node.signal(signal);
      const receipts = (await Promise.all(answers)).filter((receipt) => receipt !== null);
      expect((await node.exit).code).toBe(0);
      expect(receipts.length).toBeGreaterThanOrEqual(1);
      await node.restart();
      for (const { transactionHash, blockNumber } of receipts) {
        const kept = await node.rpc.call<ReceiptJson>("eth_getTransactionReceipt", transactionHash);
        expect(kept.blockNumber).toBe(blockNumber);
      }
    });
  }

  nodeTest("the second signal ends the process at once", async () => {
    const node = await start();
    const wallet = developmentWallets()[0] as Wallet;
    // A send that waits for its nonce keeps a draining node busy.
    const waiting = node.rpc.call("realtime_sendRawTransaction", wallet.sign({ to: SINK, nonce: 9 }).raw, 60_000);
    waiting.catch(() => {});
    await Bun.sleep(200);
    node.signal("SIGINT");
    await Bun.sleep(20);
    node.signal("SIGINT");
    const { code } = await node.exit;
    expect([0, 1]).toContain(code as number);
    await node.restart();
    expect(await node.rpc.call<Hex>("eth_chainId")).toBe("0x7a69");
  });
});
