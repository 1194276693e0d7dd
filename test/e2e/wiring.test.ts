// The threads of the program together: one endless call keeps nobody waiting, and a stop while the disk is full ends at once
// and says what was left out.

import { afterAll, describe, expect } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Hex } from "viem";
import { scratchFolder } from "./node-binary.ts";
import { disposeAll, NodeProcess } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";

/** JUMPDEST, jump back to it. */
const ENDLESS = "0x5b5f56";

describe("read workers", () => {
  let node: NodeProcess;
  afterAll(() => disposeAll(node));

  nodeTest("answer while a call runs that never ends", async () => {
    node = await NodeProcess.start({
      flags: ["--read-workers", "2", "--call-timeout", "3s", "--call-gas-limit", "1000000000000"],
    });
    let isOver = false;
    const endless = node.rpc.error("eth_call", { data: ENDLESS }, "latest").finally(() => {
      isOver = true;
    });
    const [account] = await node.rpc.call<Hex[]>("eth_accounts");
    for (let i = 0; i < 20; i++) await node.rpc.call<Hex>("eth_getBalance", account, "latest");
    expect(isOver).toBe(false);
    expect(await endless).toMatchObject({ code: -32000, message: "execution aborted (timeout = 3s)" });
  });
});

describe("a full disk", () => {
  const folder = join(scratchFolder(), "small-disk");
  let node: NodeProcess | undefined;
  let isMounted = false;
  afterAll(async () => {
    await disposeAll(node);
    if (isMounted) spawnSync("umount", ["-l", folder]);
  });

  nodeTest("does not hold up the stop", async () => {
    mkdirSync(folder, { recursive: true });
    isMounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=600k", "tmpfs", folder]).status === 0;
    if (!isMounted) {
      console.warn("skipped: a file system of limited size cannot be mounted here");
      return;
    }
    node = await NodeProcess.start({ dataDirectory: join(folder, "node"), flags: ["--block-time", "200ms"] });
    const { rpc } = node;
    const [from] = await rpc.call<Hex[]>("eth_accounts");
    const data = `0x${"ab".repeat(50_000)}`;
    await node.until("out of space", async () => {
      await rpc.call("eth_sendTransaction", { from, to: from, data, gas: "0x400000" }).catch(() => {});
      return (await fetch(`${node?.httpUrl}/readyz`)).status === 503;
    });
    expect(await node.stop()).toBe(1);
    expect(node.output).toContain("the disk is full: the node stops without its last records");
  });
});
