// The README's tour does what it says: the fenced blocks between `<!-- tour:begin -->` and `<!-- tour:end -->` run as they
// stand there, one after another, against a fresh node. They name port 8545; when that is taken on this machine, the
// port of the node takes its place in the text, and nothing else is changed.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { foundryBinary, nodeBinary, PROJECT_ROOT, scratchFolder } from "./node-binary.ts";
import { disposeAll, NodeProcess } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";

type Block = { readonly language: string; readonly code: string };

const DEFAULT_PORT = 8_545;
const BEGIN = "<!-- tour:begin -->";
const END = "<!-- tour:end -->";

let node: NodeProcess | undefined;

/** The fenced blocks of the tour. */
function tourBlocks(): Block[] {
  const readme = readFileSync(join(PROJECT_ROOT, "README.md"), "utf8");
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`README.md has no tour between ${BEGIN} and ${END}`);
  const tour = readme.slice(begin, end);
  return [...tour.matchAll(/^```(\w+)\n((?:.*\n)*?)^```$/gm)].map(([, language = "", code = ""]) => ({
    language,
    code,
  }));
}

function isDefaultPortFree(): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port: DEFAULT_PORT, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}

async function runBlock({ language, code }: Block, folder: string): Promise<void> {
  const isShell = language === "sh" || language === "bash";
  // Beside node_modules/, so that the block's imports are found as they are for a reader of the README.
  const script = join(folder, `block.${isShell ? "sh" : "ts"}`);
  writeFileSync(script, code);
  const words = isShell ? ["bash", "-euo", "pipefail", script] : [process.execPath, script];
  const path = [dirname(foundryBinary("cast")), dirname(nodeBinary()), dirname(process.execPath), process.env.PATH];
  const run = Bun.spawn(words, {
    cwd: folder,
    env: { PATH: path.join(":"), HOME: scratchFolder() },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, error, status] = await Promise.all([
    new Response(run.stdout).text(),
    new Response(run.stderr).text(),
    run.exited,
  ]);
  if (status !== 0)
    throw new Error(`a block of the tour ended with ${status}:\n${code}\n--- it printed:\n${out}${error}`);
}

describe("the README's tour", () => {
  const folder = join(PROJECT_ROOT, ".build", `tour-${process.pid}`);
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await disposeAll(node);
  });

  test("has blocks for the shell and for TypeScript", () => {
    const languages = tourBlocks().map(({ language }) => language);
    expect(languages.some((language) => language === "sh" || language === "bash")).toBe(true);
    expect(languages.some((language) => ["ts", "js", "typescript", "javascript"].includes(language))).toBe(true);
  });

  nodeTest("runs", async () => {
    mkdirSync(folder, { recursive: true });
    const isVerbatim = isDefaultPortFree();
    node = await NodeProcess.start(isVerbatim ? { port: DEFAULT_PORT } : {});
    for (const block of tourBlocks()) {
      const code = isVerbatim ? block.code : block.code.replaceAll(/\b8545\b/g, String(node.port));
      await runBlock({ ...block, code }, folder);
    }
    expect(Number(await node.rpc.call("eth_blockNumber"))).toBeGreaterThanOrEqual(0);
    expect(await node.metric("transactions_included_total")).toBeGreaterThanOrEqual(1);
  });
});
