// The rival: Foundry's anvil from npm, a native program, started in a given mode on any free port.

import { type ChildProcess, spawn } from "node:child_process";
import { foundryBinary } from "#test/e2e/node-binary.ts";

/** Flags of every mode: as much room as our node has, and nothing that only costs. */
const COMMON_FLAGS = [
  ...["--port", "0", "--accounts", "20", "--gas-limit", "10000000000", "--base-fee", "1000000"],
  ...["--no-request-size-limit", "--prune-history", "--order", "fifo"],
];

/** The ways in which anvil makes blocks, of which the best is compared with. */
export const ANVIL_MODES: Readonly<Record<string, readonly string[]>> = {
  "a block per transaction": [],
  "a block per second": ["--block-time", "1"],
  "a block per second and per transaction": ["--block-time", "1", "--mixed-mining"],
  "ten blocks per second": ["--block-time", "0.1"],
};

/** A running anvil. */
export class AnvilProcess {
  readonly flags: readonly string[];
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number, flags: readonly string[]) {
    this.#child = child;
    this.port = port;
    this.flags = flags;
  }

  /** Starts it. @throws {Error} with its output when it ends instead */
  static start(modeFlags: readonly string[]): Promise<AnvilProcess> {
    const flags = [...COMMON_FLAGS, ...modeFlags];
    const child = spawn(foundryBinary("anvil"), flags, { stdio: ["ignore", "pipe", "pipe"] });
    process.on("exit", () => child.kill("SIGKILL"));
    const { promise, resolve, reject } = Promise.withResolvers<AnvilProcess>();
    let output = "";
    const read = (chunk: Buffer) => {
      if (output.length > 100_000) return;
      output += chunk.toString();
      const port = /^Listening on \S+:(\d+)/m.exec(output)?.[1];
      if (port !== undefined) resolve(new AnvilProcess(child, Number(port), flags));
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.on("error", reject);
    child.on("close", () => reject(new Error(`anvil ${flags.join(" ")} ended:\n${output}`)));
    return promise;
  }

  /** Base URL of HTTP. */
  get httpUrl(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** URL of WebSocket. */
  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Ends it. */
  stop(): void {
    this.#child.kill("SIGKILL");
  }
}
