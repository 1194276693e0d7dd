// The life of the process with a made-up role: exit codes, banner, drain on the first signal, end on the second, failures.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bannerText, durabilityText } from "#cli/banner.ts";
import { completionScript } from "#cli/completions.ts";
import { helpText } from "#cli/help.ts";
import { OPTION_ROWS } from "#cli/options.ts";
import { type CommandLineIo, type RunningRole, runCommandLine, type StartRole } from "#cli/run.ts";

const folder = mkdtempSync(join(tmpdir(), "megaeth-run-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Signal = "SIGINT" | "SIGTERM";

class FakeProcess {
  out = "";
  error = "";
  readonly exits: number[] = [];
  readonly #listeners = new Map<Signal, Set<() => void>>();
  readonly io: CommandLineIo = {
    readFile: () => "{}",
    memoryBytes: 2 ** 30,
    coreCount: 2,
    writeOut: (text) => {
      this.out += text;
    },
    writeError: (text) => {
      this.error += text;
    },
    temporaryFolder: folder,
    exit: (code) => this.exits.push(code),
    signals: {
      on: (signal, listener) => this.#listeners.set(signal, (this.#listeners.get(signal) ?? new Set()).add(listener)),
      off: (signal, listener) => this.#listeners.get(signal)?.delete(listener),
    },
  };

  signal(name: Signal): void {
    for (const listener of this.#listeners.get(name) ?? []) listener();
  }

  listenerCount(): number {
    return [...this.#listeners.values()].reduce((count, set) => count + set.size, 0);
  }
}

function fakeRole(changes: Partial<RunningRole> = {}): RunningRole {
  return {
    port: 4321,
    chainId: 31_337n,
    genesisHash: new Uint8Array(32).fill(1),
    sequencerAddress: new Uint8Array(20).fill(2),
    accounts: [{ address: new Uint8Array(20).fill(3), privateKey: new Uint8Array(32).fill(4) }],
    notes: ["replayed: 0 frames"],
    failed: new Promise(() => undefined),
    stop: () => Promise.resolve(),
    ...changes,
  };
}

const noRole: StartRole = () => Promise.reject(new Error("must not start"));

describe("without starting a role", () => {
  const run = async (...argv: string[]) => {
    const fake = new FakeProcess();
    const code = await runCommandLine(argv, {}, fake.io, noRole, (options) => [`plan of ${options.stateMemoryBytes}`]);
    return { code, fake };
  };
  test("help names every flag once and stays within the width of a page", async () => {
    const { code, fake } = await run("--help");
    expect(code).toBe(0);
    for (const row of OPTION_ROWS) expect(fake.out.split(`--${row.flag} `).length).toBeGreaterThan(1);
    expect(helpText()).toBe(fake.out);
  });
  test("version", async () => {
    const { code, fake } = await run("--version");
    expect([code, fake.out]).toEqual([0, "megaeth development (unknown)\n"]);
  });
  test("wrong usage is exit code 2 and names the option", async () => {
    const { code, fake } = await run("--port", "x");
    expect([code, fake.error]).toEqual([2, 'megaeth: --port "x": expected a port number from 0 to 65535\n']);
  });
  for (const role of ["full", "prover", "da"]) {
    test(`role ${role} is not built yet`, async () => {
      const { code, fake } = await run("--role", role);
      expect(code).toBe(2);
      expect(fake.error).toContain("not built yet");
    });
  }
  test("dry run prints options and memory plan", async () => {
    const { code, fake } = await run("--dry-run", "--state-memory", "64MiB");
    expect(code).toBe(0);
    expect(fake.out).toMatch(/state-memory +64MiB {2}\(flag\)/);
    expect(fake.out).toContain(`plan of ${64 * 2 ** 20}`);
  });
  test("dry run does not show seed words that were given", async () => {
    const { fake } = await run("--dry-run", "--mnemonic", `${"abandon ".repeat(11)}about`);
    expect(fake.out).not.toContain("abandon");
  });
  test("completion scripts name every flag", () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      for (const { flag } of OPTION_ROWS)
        expect(completionScript(shell)).toContain(shell === "fish" ? `-l ${flag}` : `--${flag}`);
    }
  });
  test("the bash script parses", () => {
    const checked = Bun.spawnSync(["bash", "-n"], { stdin: new TextEncoder().encode(completionScript("bash")) });
    expect(checked.exitCode).toBe(0);
  });
});

describe("health", () => {
  test("asks /livez", async () => {
    const paths: string[] = [];
    let status = 200;
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => {
        paths.push(new URL(request.url).pathname);
        return new Response("", { status });
      },
    });
    const ask = async () => {
      const fake = new FakeProcess();
      return runCommandLine(["health", "--host", "0.0.0.0", "--port", String(server.port)], {}, fake.io, noRole);
    };
    expect(await ask()).toBe(0);
    status = 503;
    expect(await ask()).toBe(1);
    await server.stop(true);
    expect(await ask()).toBe(1);
    expect(paths).toEqual(["/livez", "/livez"]);
  });
});

describe("with a role", () => {
  test("prints the banner, drains on the first signal, gives the folder free", async () => {
    const fake = new FakeProcess();
    let stopCount = 0;
    const path = join(folder, "drains");
    const running = runCommandLine(["--datadir", path], {}, fake.io, async (options, context) => {
      expect(options.port).toBe(8545);
      expect([context.dataDirectory, context.isNewDirectory]).toEqual([path, true]);
      setTimeout(() => fake.signal("SIGTERM"), 5);
      return fakeRole({ stop: async () => void stopCount++ });
    });
    expect(await running).toBe(0);
    expect([stopCount, fake.exits, fake.listenerCount()]).toEqual([1, [], 0]);
    expect(fake.out).toContain("Listening on 127.0.0.1:4321");
    expect(fake.out).toContain("replayed: 0 frames");
    const again = await runCommandLine(["--datadir", path], {}, fake.io, async (_options, context) => {
      expect(context.isNewDirectory).toBe(false);
      fake.signal("SIGINT");
      return fakeRole();
    });
    expect(again).toBe(0);
  });
  test("the second signal ends the process at once", async () => {
    const fake = new FakeProcess();
    const { promise: never, resolve: release } = Promise.withResolvers<void>();
    const running = runCommandLine(["--ephemeral"], {}, fake.io, async () => {
      setTimeout(() => fake.signal("SIGINT"), 5);
      setTimeout(() => fake.signal("SIGINT"), 10);
      setTimeout(release, 20);
      return fakeRole({ stop: () => never });
    });
    await running;
    expect(fake.exits).toEqual([1]);
    expect(readdirSync(folder).filter((entry) => entry.startsWith("megaeth-"))).toEqual([]);
  });
  test("a role that fails stops the process with code 1 and one line", async () => {
    const fake = new FakeProcess();
    let stopped = false;
    const failure = Object.assign(new Error("port 1 is taken"), { code: "EADDRINUSE" });
    const running = runCommandLine(["--ephemeral", "--log-level", "silent"], {}, fake.io, async () => {
      return fakeRole({
        failed: Promise.resolve(failure),
        stop: async () => {
          stopped = true;
        },
      });
    });
    expect(await running).toBe(1);
    expect([fake.error, stopped]).toEqual(["megaeth: port 1 is taken\n", true]);
  });
  test("a role that cannot start leaves the folder free", async () => {
    const fake = new FakeProcess();
    const path = join(folder, "cannot-start");
    const argv = ["--datadir", path, "--log-level", "silent"];
    for (let round = 0; round < 2; round++) {
      expect(await runCommandLine(argv, {}, fake.io, () => Promise.reject(new Error("a bug")))).toBe(1);
    }
    expect(fake.error).toContain("a bug");
    expect(fake.error).toContain("at ");
    expect(fake.error).not.toContain("in use");
  });
});

describe("banner", () => {
  const base = {
    version: "1",
    commit: "abc",
    role: "sequencer" as const,
    chainId: 5n,
    host: "::1",
    port: 1,
    genesisHash: new Uint8Array(32),
    sequencerAddress: null,
    upstreamUrl: null,
    dataDirectory: "/data",
    ephemeral: false,
    fsyncMode: "always" as const,
    fsyncIntervalMs: 100,
    accounts: fakeRole().accounts,
    accountBalanceWei: 10_000n * 10n ** 18n,
    mnemonic: "words",
    notes: [],
  };
  test("says where to connect and warns of the public keys", () => {
    const text = bannerText(base);
    for (const part of [
      "http://[::1]:1",
      "ws://[::1]:1/ws",
      "ws://[::1]:1/feed",
      `key 0x${"04".repeat(32)}`,
      "WARNING",
      "10000 ETH",
    ]) {
      expect(text).toContain(part);
    }
  });
  test("without accounts there is no warning", () => {
    expect(bannerText({ ...base, accounts: [] })).not.toContain("WARNING");
  });
  test("each durability says what it survives", () => {
    const texts = [base, { ...base, fsyncMode: "interval" as const }, { ...base, ephemeral: true }].map(durabilityText);
    expect(texts[0]).toContain("power cut");
    expect(texts[1]).toContain("may lose the last 100ms");
    expect(texts[2]).toContain("nothing is kept");
  });
  test("a thousand accounts are cut short", () => {
    const accounts = Array.from({ length: 1_000 }, () => fakeRole().accounts[0] as never);
    expect(bannerText({ ...base, accounts })).toContain("... and 980 more");
  });
});
