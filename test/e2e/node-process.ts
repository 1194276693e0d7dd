// A running ./megaeth: started in an empty environment on any free port, asked through its URLs, stopped, killed, started
// again on the same data directory. What it printed is shown when a test fails, and nothing outlives the test run.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { HttpRpc, SocketRpc } from "./json-rpc.ts";
import { endWithTestRun, nodeBinary, scratchFolder } from "./node-binary.ts";

/** How a node is started. */
export type NodeOptions = {
  /** Flags as on the command line; `--port 0`, `--datadir` and a small `--state-memory` are added. */
  readonly flags?: readonly string[];
  /** Follows this node: starts a replica. */
  readonly upstream?: NodeProcess | string;
  /** Environment variables; none unless told. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The port; any free one unless told. */
  readonly port?: number;
  /** A data directory that is there already. */
  readonly dataDirectory?: string;
  /** False returns once it listens; otherwise `/readyz` must agree. */
  readonly isReadyAwaited?: boolean;
};

/** How a process ended. */
export type Exit = { readonly code: number | null; readonly signal: string | null };

const START_TIMEOUT_MS = 30_000;
const OUTPUT_CHARS_MAX = 200_000;
const SHOWN_CHARS_MAX = 6_000;

const shown = new Set<NodeProcess>();
let nodeCount = 0;

/** What every node that is not disposed of printed last, for a failure's text. */
export function describeNodes(): string {
  return [...shown].map((node) => node.describe()).join("\n");
}

/** One node. */
export class NodeProcess {
  readonly name: string;
  readonly dataDirectory: string;
  readonly #options: NodeOptions;
  #child: ChildProcess | null = null;
  #exit: Promise<Exit> = Promise.resolve({ code: null, signal: null });
  #output = "";
  #port = 0;

  private constructor(options: NodeOptions) {
    nodeCount++;
    this.name = `${options.upstream === undefined ? "sequencer" : "replica"}-${nodeCount}`;
    this.#options = options;
    this.#port = options.port ?? 0;
    this.dataDirectory = options.dataDirectory ?? join(scratchFolder(), this.name);
    shown.add(this);
  }

  /** Starts a node. @throws {Error} with its output when it does not come up */
  static async start(options: NodeOptions = {}): Promise<NodeProcess> {
    const node = new NodeProcess(options);
    try {
      await node.restart();
    } catch (error) {
      node.signal("SIGKILL");
      throw error;
    }
    return node;
  }

  /** Starts the stopped node again, on the same data directory and port. @param flags beside those of the first start */
  async restart(flags: readonly string[] = []): Promise<void> {
    const { environment = {}, isReadyAwaited = true } = this.#options;
    mkdirSync(scratchFolder(), { recursive: true });
    const child = spawn(nodeBinary(), [...this.#flags(), ...flags], {
      cwd: scratchFolder(),
      env: { ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    endWithTestRun(child);
    let started = "";
    const { promise, resolve } = Promise.withResolvers<Exit>();
    this.#exit = promise;
    child.on("error", (error) => this.#record(`${error}\n`));
    child.on("close", (code, signal) => {
      this.#record(`[${this.name} ended: ${code ?? signal}]\n`);
      resolve({ code, signal });
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        started += started.length < OUTPUT_CHARS_MAX ? chunk.toString() : "";
        this.#record(chunk.toString());
      });
    }
    await this.until("listening", async () => {
      const port = /^Listening on \S+:(\d+)$/m.exec(started)?.[1];
      if (port !== undefined) this.#port = Number(port);
      return port !== undefined;
    });
    if (isReadyAwaited) await this.until("ready", async () => (await fetch(`${this.httpUrl}/readyz`)).ok);
  }

  /** The port in use. */
  get port(): number {
    return this.#port;
  }

  /** The process id. */
  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  /** Base URL of HTTP. */
  get httpUrl(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** URL of JSON-RPC over WebSocket. */
  get wsUrl(): string {
    return `ws://127.0.0.1:${this.#port}/ws`;
  }

  /** URL that followers are given. */
  get feedUrl(): string {
    return `ws://127.0.0.1:${this.#port}/feed`;
  }

  /** JSON-RPC over HTTP. */
  get rpc(): HttpRpc {
    return new HttpRpc(this.httpUrl);
  }

  /** JSON-RPC over a new WebSocket. */
  socket(): Promise<SocketRpc> {
    return SocketRpc.connect(this.wsUrl);
  }

  /** Everything that the node has printed, over all its starts. */
  get output(): string {
    return this.#output;
  }

  /** Resolves when the process has ended. */
  get exit(): Promise<Exit> {
    return this.#exit;
  }

  /** One value of /metrics, by its name without the prefix. @throws {Error} when the series does not exist */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const text = await (await fetch(`${this.httpUrl}/metrics`)).text();
    for (const line of text.split("\n")) {
      const match = /^megaeth_(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (match?.[1] !== name) continue;
      const given = match[2] ?? "";
      if (Object.entries(labels).every(([label, value]) => given.includes(`${label}="${value}"`))) {
        return Number(match[3]);
      }
    }
    throw new Error(`${this.name} has no metric ${name} ${JSON.stringify(labels)}`);
  }

  /** Sends a signal. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends the node in order and waits. @returns the exit code */
  async stop(): Promise<number | null> {
    this.signal("SIGTERM");
    return (await this.#exit).code;
  }

  /** Ends the node without warning (kill -9) and waits. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#exit;
  }

  /** Ends the node whatever its state and takes it off the list of those shown on failure. */
  async dispose(): Promise<void> {
    shown.delete(this);
    await this.kill();
  }

  /** Waits until `probe` resolves to true; a probe that throws counts as false. @throws {Error} when the node ends or time is up */
  async until(what: string, probe: () => Promise<boolean>, timeoutMs = START_TIMEOUT_MS): Promise<void> {
    let ended: Exit | null = null;
    void this.#exit.then((exit) => {
      ended = exit;
    });
    await waitUntil(`${this.name} to be ${what}`, timeoutMs, async () => {
      if (ended !== null) throw new NodeEndedError(`${this.name} ended before it was ${what}`, this.#tail());
      return probe();
    });
  }

  /** The last of the output, for a failure's text. */
  describe(): string {
    return `--- ${this.name} (${this.dataDirectory}, port ${this.#port})\n${this.#tail()}`;
  }

  #tail(): string {
    return this.#output.slice(-SHOWN_CHARS_MAX);
  }

  #record(text: string): void {
    this.#output = (this.#output + text).slice(-OUTPUT_CHARS_MAX);
  }

  #flags(): string[] {
    const { flags = [], upstream } = this.#options;
    const own: string[] = ["--port", String(this.#port), "--datadir", this.dataDirectory];
    if (!flags.includes("--state-memory")) own.push("--state-memory", "128MiB");
    if (upstream !== undefined) {
      own.push("--role", "replica", "--upstream", typeof upstream === "string" ? upstream : upstream.feedUrl);
    }
    return [...own, ...flags];
  }
}

/** A node ended when it should have come up; its output is in the message. */
export class NodeEndedError extends Error {
  override readonly name = "NodeEndedError";

  constructor(what: string, output: string) {
    super(`${what}; it printed:\n${output}`);
  }
}

/** Waits until `probe` resolves to true; an exception counts as false. @throws {Error} with the last exception when time is up */
export async function waitUntil(what: string, timeoutMs: number, probe: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs;
  let last: unknown;
  while (Date.now() < deadlineMs) {
    try {
      if (await probe()) return;
    } catch (error) {
      if (error instanceof NodeEndedError) throw error;
      last = error;
    }
    await Bun.sleep(15);
  }
  throw new Error(`waited ${timeoutMs} ms for ${what}${last === undefined ? "" : `: ${last}`}`);
}

/** Ends the nodes, those that never came up included. */
export async function disposeAll(...nodes: readonly (NodeProcess | undefined)[]): Promise<void> {
  await Promise.all(nodes.map((node) => node?.dispose()));
}
