// The rival: anvil, a native program around revm, asked over HTTP. What a call costs is told from what HTTP costs in three ways:
// one request minus one that does nothing (long programs); messages of n and of 2n calls inside the machine (short ones);
// batches of k and of 2k eth_call, minus the same of eth_chainId (a whole call, as anvil answers it).

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import { must } from "#base/assert.ts";
import { fromHex, toHex } from "#base/hex.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import type { GenesisState } from "#state/table.ts";
import { foundryBinary } from "#test/e2e/node-binary.ts";
import type { Answer } from "./answer.ts";
import { CLOCK } from "./clock.ts";
import { GAS_LIMIT, type Program, type ProgramBlock, type ProgramMessage } from "./program.ts";

type SimulatedCall = {
  readonly status: string;
  readonly gasUsed: string;
  readonly returnData: string;
  readonly error?: { readonly data?: string };
  readonly logs: readonly { readonly address: string; readonly topics: readonly string[]; readonly data: string }[];
};
type Response = { readonly result?: unknown; readonly error?: { readonly message: string; readonly data?: string } };

const START_LIMIT_MS = 20_000;
const COMMON_FLAGS = [
  ...["--gas-limit", String(GAS_LIMIT), "--chain-id", "1", "--base-fee", "0", "--accounts", "1"],
  ...["--no-request-size-limit", "--silent"],
];

/** A running anvil that holds one program's state. */
export class AnvilCalls {
  readonly flags: readonly string[];
  readonly #child: ChildProcess;
  readonly #url: string;
  #snapshot: unknown;
  #nextId = 1;

  private constructor(child: ChildProcess, url: string, flags: readonly string[]) {
    this.#child = child;
    this.#url = url;
    this.flags = flags;
  }

  /** Starts one under the rules of a fork. @throws {Error} when it does not answer in time */
  static async start(fork: Hardfork): Promise<AnvilCalls> {
    const port = await freePort();
    const flags = ["--hardfork", fork, ...COMMON_FLAGS];
    const child = spawn(foundryBinary("anvil"), ["--port", String(port), ...flags], { stdio: "ignore" });
    process.on("exit", () => child.kill("SIGKILL"));
    const anvil = new AnvilCalls(child, `http://127.0.0.1:${port}`, flags);
    const giveUpMs = Date.now() + START_LIMIT_MS;
    for (;;) {
      try {
        await anvil.request("eth_chainId");
        anvil.#snapshot = await anvil.request("evm_snapshot");
        return anvil;
      } catch (error) {
        if (Date.now() > giveUpMs) throw new Error("anvil does not answer", { cause: error });
        await Bun.sleep(20);
      }
    }
  }

  /** Ends it. */
  stop(): void {
    this.#child.kill("SIGKILL");
  }

  /** Forgets the state before and takes this one. */
  async load(alloc: readonly GenesisState[]): Promise<void> {
    await this.request("evm_revert", this.#snapshot);
    this.#snapshot = await this.request("evm_snapshot");
    for (const { address, balance, nonce, code, storage } of alloc) {
      const at = toHex(address);
      if (code.length > 0) await this.request("anvil_setCode", at, toHex(code));
      await this.request("anvil_setBalance", at, quantity(balance));
      await this.request("anvil_setNonce", at, quantity(nonce));
      for (const { slot, value } of storage) await this.request("anvil_setStorageAt", at, toHex(slot), toHex(value));
    }
  }

  /** Makes the call once, without its writes, and answers all that it did. */
  async answer(program: Program, message: ProgramMessage): Promise<Answer> {
    const calls = [callParameters(message)];
    const blockStateCalls = [{ blockOverrides: blockOverrides(program.block), calls }];
    const blocks = (await this.request("eth_simulateV1", { blockStateCalls, validation: false }, "latest")) as {
      readonly calls: readonly SimulatedCall[];
    }[];
    const call = must(blocks[0]?.calls[0], "the simulated call");
    return {
      succeeded: call.status === "0x1",
      gasUsed: BigInt(call.gasUsed),
      output: fromHex(call.returnData === "0x" ? (call.error?.data ?? "0x") : call.returnData),
      logs: call.logs.map(({ address, topics, data }) => {
        return { address: fromHex(address), topics: topics.map(fromHex), data: fromHex(data) };
      }),
    };
  }

  /** Nanoseconds of a request for one call, HTTP and all. */
  timeCallNs(program: Program, message: ProgramMessage): Promise<number> {
    return this.#timeNs(JSON.stringify(this.#callRequest(program, message)));
  }

  /** Nanoseconds of a request that does nothing. */
  timeNothingNs(): Promise<number> {
    return this.#timeNs(JSON.stringify(this.#frame("eth_chainId", [])));
  }

  /** Nanoseconds that each further call of a batch takes: half the difference between twice as many and as many. */
  async timeInBatchNs(program: Program, message: ProgramMessage, count: number): Promise<number> {
    const one = this.#callRequest(program, message);
    return this.#slopeNs(one, count);
  }

  /** The same of a request that does nothing. */
  timeNothingInBatchNs(count: number): Promise<number> {
    return this.#slopeNs(this.#frame("eth_chainId", []), count);
  }

  /**
   * Keeps anvil on one core, since it answers a batch on all of them at once, or lets it go.
   * @returns false where the system has no means to do so
   */
  pin(isPinned: boolean): boolean {
    const last = availableParallelism() - 1;
    const cores = isPinned ? String(last) : `0-${last}`;
    return spawnSync("taskset", ["-a", "-p", "-c", cores, String(this.#child.pid)]).status === 0;
  }

  /** One JSON-RPC request. @throws {Error} with anvil's words when it answers an error */
  async request(method: string, ...params: readonly unknown[]): Promise<unknown> {
    const text = await this.#post(JSON.stringify(this.#frame(method, params)));
    const { result, error } = JSON.parse(text) as Response;
    if (error !== undefined) throw new Error(`anvil answers ${method} with ${error.message} ${error.data ?? ""}`);
    return result;
  }

  async #slopeNs(one: object, count: number): Promise<number> {
    const [few, many] = [count, 2 * count].map((length) => JSON.stringify(new Array(length).fill(one)));
    const fewNs = await this.#timeNs(must(few, "a batch"));
    return ((await this.#timeNs(must(many, "a batch"))) - fewNs) / count;
  }

  async #timeNs(body: string): Promise<number> {
    const pid = must(this.#child.pid, "anvil runs");
    const startedNs = CLOCK.processNs(pid);
    await this.#post(body);
    return CLOCK.processNs(pid) - startedNs;
  }

  async #post(body: string): Promise<string> {
    const headers = { "content-type": "application/json" };
    const response = await fetch(this.#url, { method: "POST", headers, body, keepalive: true });
    return await response.text();
  }

  #callRequest(program: Program, message: ProgramMessage): object {
    return this.#frame("eth_call", [callParameters(message), "latest", {}, blockOverrides(program.block)]);
  }

  #frame(method: string, params: readonly unknown[]): object {
    return { jsonrpc: "2.0", id: this.#nextId++, method, params };
  }
}

function callParameters({ from, to, value, data, gas = GAS_LIMIT - 1n }: ProgramMessage): object {
  return { from: toHex(from), to: toHex(to), value: quantity(value), data: toHex(data), gas: quantity(gas) };
}

function blockOverrides({ number, timestamp, coinbase, prevRandao }: ProgramBlock): object {
  return {
    number: quantity(number),
    time: quantity(timestamp),
    coinbase: toHex(coinbase),
    random: toHex(prevRandao),
    gasLimit: quantity(GAS_LIMIT),
  };
}

function quantity(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
