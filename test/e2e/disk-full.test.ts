// A disk without space, on a file system of a few MiB: sends are refused, reads go on, and when there is space again everything that
// was acknowledged is there and the chain goes on; also over a restart and over a kill in the middle.
// Mounting needs root and a kernel that allows it; otherwise the tests are skipped, and say so.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Hex } from "viem";
import { scratchFolder } from "./node-binary.ts";
import { disposeAll, NodeProcess } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";
import { developmentWallets, type ReceiptJson, type Wallet } from "./wallet.ts";

const SINK: Hex = "0x00000000000000000000000000000000000000b8";
const DISK_SIZE_MIB = 24;
const FREE_SIZE_MIB = 3;
/** Call data of one transaction: about as many bytes in the log. */
const DATA_SIZE_BYTES = 60_000;
/** The line of an unclean start. */
const NEW_TERM = "a new term was opened";
const FLAGS = ["--segment-size", "1MiB", "--checkpoint-interval", "50", "--block-time", "500ms"];

const folder = join(scratchFolder(), "small-disk");
const filler = join(folder, "filler");
const refusal = mountSmallDisk();
const wallets = developmentWallets();
const acknowledged: ReceiptJson[] = [];
let node: NodeProcess;

/** Mounts the small file system. @returns why it cannot be, or null */
function mountSmallDisk(): string | null {
  mkdirSync(folder, { recursive: true });
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_SIZE_MIB}m`, "tmpfs", folder], {
    encoding: "utf8",
  });
  if (mounted.status === 0) return null;
  return mounted.error?.message ?? mounted.stderr.trim();
}

function freeSizeBytes(): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** Takes all space but a little. */
function fillDisk(): void {
  writeFileSync(filler, new Uint8Array(freeSizeBytes() - FREE_SIZE_MIB * 2 ** 20).fill(1));
}

/** A transaction that needs room in the log: data that does not compress. */
function sendLarge(wallet: Wallet): Promise<ReceiptJson> {
  const data = crypto.getRandomValues(new Uint8Array(DATA_SIZE_BYTES));
  const signed = wallet.sign({
    to: SINK,
    value: 1n,
    data: `0x${Buffer.from(data).toString("hex")}`,
    gasLimit: 4_000_000n,
  });
  return node.rpc.call<ReceiptJson>("eth_sendRawTransactionSync", signed.raw, 1_000);
}

/** Sends until the node refuses. @returns the refusal's words */
async function sendUntilRefused(wallet: Wallet): Promise<string> {
  const words: string[] = [];
  for (let i = 0; i < 400; i++) {
    try {
      acknowledged.push(await sendLarge(wallet));
    } catch (error) {
      // The one that met the end of the disk is in the pool or in a mini-block; those after it are refused.
      words.push((error as Error).message);
      if (words.at(-1)?.includes("disk full")) return words.at(-1) as string;
      wallet.nonce = Number(await node.rpc.call<Hex>("eth_getTransactionCount", wallet.address, "pending"));
    }
  }
  throw new Error(`never refused: ${words}`);
}

async function checkAcknowledged(): Promise<void> {
  for (const { transactionHash, blockNumber, transactionIndex } of acknowledged) {
    const kept = await node.rpc.call<ReceiptJson | null>("eth_getTransactionReceipt", transactionHash);
    expect(kept).toMatchObject({ transactionHash, blockNumber, transactionIndex });
  }
}

async function freeDisk(): Promise<void> {
  rmSync(filler);
  await node.until("writing again", async () => (await fetch(`${node.httpUrl}/readyz`)).ok);
}

function wallet(index: number): Wallet {
  return wallets[index] as Wallet;
}

/** Sends an ordinary transaction after whatever became of the ones before. */
async function sendSmall(from: Wallet): Promise<void> {
  from.nonce = Number(await node.rpc.call<Hex>("eth_getTransactionCount", from.address, "pending"));
  const signed = from.sign({ to: SINK, value: 1n });
  acknowledged.push(await node.rpc.call<ReceiptJson>("eth_sendRawTransactionSync", signed.raw, 5_000));
}

if (refusal !== null) console.log(`  disk-full tests skipped: ${refusal}`);

describe.skipIf(refusal !== null)("a full disk", () => {
  beforeAll(async () => {
    node = await NodeProcess.start({ flags: FLAGS, dataDirectory: join(folder, "data") });
    await sendSmall(wallet(0));
    fillDisk();
  }, 60_000);

  afterAll(async () => {
    await disposeAll(node);
    spawnSync("umount", ["-l", folder]);
  });

  nodeTest("refuses sends, says why, and goes on reading", async () => {
    const words = await sendUntilRefused(wallet(0));
    expect(words).toContain("disk full: no transactions are accepted");
    expect(acknowledged.length).toBeGreaterThan(5);
    expect(await node.metric("disk_full")).toBe(1);
    const readyz = await fetch(`${node.httpUrl}/readyz`);
    expect(readyz.status).toBe(503);
    expect(await readyz.json()).toMatchObject({ reason: "disk full" });
    expect((await fetch(`${node.httpUrl}/livez`)).status).toBe(200);
    expect(await node.rpc.call<Hex>("eth_chainId")).toBe("0x7a69");
    const balance = BigInt(await node.rpc.call<Hex>("eth_getBalance", SINK, "latest"));
    expect(balance).toBeGreaterThanOrEqual(BigInt(acknowledged.length));
    await node.rpc.call("eth_call", { to: SINK, data: "0x" }, "latest");
    await checkAcknowledged();
    const other = wallet(1).sign({ to: SINK });
    expect((await node.rpc.error("eth_sendRawTransaction", other.raw)).message).toContain("disk full");
    wallet(1).nonce = 0;
  });

  nodeTest("goes on when there is space again", async () => {
    await freeDisk();
    expect(await node.metric("disk_full")).toBe(0);
    await sendSmall(wallet(0));
    await sendSmall(wallet(1));
    await checkAcknowledged();
  });

  nodeTest("an orderly restart keeps everything", async () => {
    expect(await node.stop()).toBe(0);
    await node.restart();
    expect(node.output).not.toContain(NEW_TERM);
    await checkAcknowledged();
    await sendSmall(wallet(2));
  });

  nodeTest("killed while it is full, it loses nothing that was acknowledged", async () => {
    fillDisk();
    await sendUntilRefused(wallet(3));
    await node.kill();
    rmSync(filler);
    await node.restart();
    expect(node.output).toContain(NEW_TERM);
    await checkAcknowledged();
    await sendSmall(wallet(3));
  });
});
