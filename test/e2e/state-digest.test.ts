// The same state to the byte: accounts, slots, code, the order of key indices and the tombstones of what was deleted. Every
// node writes checkpoints of its own state in one canonical form, so the files of one version must be equal, on the sequencer,
// on two replicas in a chain, and on one that began from a snapshot in mid-stream.

import { afterAll, describe, expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Hex } from "viem";
import { disposeAll, NodeProcess, waitUntil } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";
import { playScenario } from "./scenario.ts";
import { developmentWallets, type Wallet } from "./wallet.ts";

const SINK: Hex = "0x00000000000000000000000000000000000000b8";
/** Checkpoints as often as can be, and newcomers are given one rather than the records. */
const FLAGS = ["--checkpoint-interval", "10", "--bootstrap-distance", "20"];

const nodes: NodeProcess[] = [];

async function start(options: Parameters<typeof NodeProcess.start>[0]): Promise<NodeProcess> {
  const node = await NodeProcess.start(options);
  nodes.push(node);
  return node;
}

/** Checkpoint files by the state version in their names. */
function checkpointsOf(node: NodeProcess): Map<number, string> {
  const folder = join(node.dataDirectory, "checkpoints");
  const files = readdirSync(folder).filter((file) => file.endsWith(".ckpt"));
  return new Map(files.map((file) => [Number(/\d+/.exec(file)?.[0]), join(folder, file)]));
}

/** Waits until all nodes have a checkpoint of one version from `from` on. @returns the files' contents */
async function commonCheckpoints(from: number): Promise<Buffer[]> {
  let contents: Buffer[] = [];
  await waitUntil(`a common checkpoint from version ${from} on`, 40_000, async () => {
    const all = nodes.map(checkpointsOf);
    const version = [...(all[0]?.keys() ?? [])].find(
      (known) => known >= from && all.every((files) => files.has(known)),
    );
    if (version === undefined) return false;
    contents = all.map((files) => readFileSync(files.get(version) ?? ""));
    return true;
  });
  return contents;
}

describe("checkpoints of one version", () => {
  afterAll(() => disposeAll(...nodes));

  nodeTest(
    "are equal to the byte on every node",
    async () => {
      const sequencer = await start({ flags: [...FLAGS, "--block-time", "300ms"] });
      const child = await start({ upstream: sequencer, flags: FLAGS });
      await start({ upstream: child, flags: FLAGS });
      await playScenario(sequencer);
      const played = await sequencer.metric("head_mini_block");
      const [first, ...others] = await commonCheckpoints(played + 1);
      expect(others.length).toBe(2);
      for (const other of others) expect(other.equals(first as Buffer)).toBe(true);

      const late = await start({ upstream: child, flags: FLAGS });
      await late.until("counting its snapshot", async () => (await late.metric("snapshots_loaded_total")) === 1);
      const wallet = developmentWallets()[7] as Wallet;
      for (let i = 0; i < 20; i++) {
        await late.rpc.call("eth_sendRawTransactionSync", wallet.sign({ to: SINK, value: 1n }).raw);
      }
      const [again, ...followers] = await commonCheckpoints((await sequencer.metric("head_mini_block")) + 1);
      expect(followers.length).toBe(3);
      for (const follower of followers) expect(follower.equals(again as Buffer)).toBe(true);
      expect((again as Buffer).length).toBeGreaterThan((first as Buffer).length);
    },
    120_000,
  );
});
