// Claiming a data directory: made once, refused while in use, taken over after kill -9, refused when it belongs elsewhere.

import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  DataDirectoryError,
  type DataDirectoryUse,
  openDataDirectory,
  openEphemeralDirectory,
} from "#cli/data-directory.ts";
import { type LockMethod, lockFile } from "#cli/file-lock.ts";

const folder = mkdtempSync(join(tmpdir(), "megaeth-data-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

const USE: DataDirectoryUse = { chainId: 5n, role: "sequencer", programVersion: "1" };

function errorOf(action: () => unknown): DataDirectoryError {
  try {
    action();
  } catch (error) {
    if (error instanceof DataDirectoryError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("data directory", () => {
  test("is made private, with its version, and opened again", () => {
    const path = join(folder, "deep/er");
    const first = openDataDirectory(path, USE);
    expect([first.isNew, statSync(path).mode & 0o777]).toEqual([true, 0o700]);
    expect(JSON.parse(readFileSync(join(path, "VERSION"), "utf8"))).toEqual({
      format: 1,
      chainId: "5",
      role: "sequencer",
      madeBy: "1",
    });
    first.close();
    const second = openDataDirectory(path, USE);
    expect(second.isNew).toBe(false);
    second.close();
  });
  test("is refused while in use, naming the holder", () => {
    const path = join(folder, "twice");
    const first = openDataDirectory(path, USE);
    const error = errorOf(() => openDataDirectory(path, USE));
    expect([error.code, error.message]).toEqual([
      "LOCKED",
      `data directory ${path}: in use by process ${process.pid}; stop it or give another --datadir`,
    ]);
    first.close();
    openDataDirectory(path, USE).close();
  });
  test("is refused for another chain, role or format, and stays free", () => {
    const path = join(folder, "other");
    openDataDirectory(path, USE).close();
    expect(errorOf(() => openDataDirectory(path, { ...USE, chainId: 6n })).code).toBe("CHAIN");
    expect(errorOf(() => openDataDirectory(path, { ...USE, role: "replica" })).code).toBe("ROLE");
    openDataDirectory(path, USE).close();
    writeFileSync(join(path, "VERSION"), '{"format":99,"madeBy":"9"}');
    expect(errorOf(() => openDataDirectory(path, USE)).message).toContain("format 99, written by megaeth 9");
    writeFileSync(join(path, "VERSION"), "1");
    expect(errorOf(() => openDataDirectory(path, USE)).code).toBe("FORMAT");
  });
  test("is refused when the folder holds something else", () => {
    const path = join(folder, "foreign");
    mkdirSync(path);
    writeFileSync(join(path, "photo.jpg"), "");
    const error = errorOf(() => openDataDirectory(path, USE));
    expect([error.code, existsSync(join(path, "VERSION"))]).toEqual(["FOREIGN", false]);
  });
  test("is refused where nothing can be written", () => {
    writeFileSync(join(folder, "file"), "");
    expect(errorOf(() => openDataDirectory(join(folder, "file/below"), USE)).code).toBe("UNUSABLE");
  });
  test("a crash while it was made leaves it usable", () => {
    const path = join(folder, "half-made");
    mkdirSync(path);
    writeFileSync(join(path, "VERSION.new"), '{"for');
    openDataDirectory(path, USE).close();
  });
  test("an ephemeral one goes when closed", () => {
    const directory = openEphemeralDirectory(folder, USE);
    expect(existsSync(directory.path)).toBe(true);
    directory.close();
    expect(existsSync(directory.path)).toBe(false);
  });
});

describe.each<LockMethod>(["flock", "owner"])("lock by %s", (method) => {
  const script = `
    const { lockFile } = await import(process.argv[1]);
    const lock = lockFile(process.argv[2], process.argv[3]);
    console.log("release" in lock ? "held" : "refused");
    await new Promise(() => setTimeout(() => {}, 60_000));
  `;
  const hold = async (path: string) => {
    const source = resolve(import.meta.dir, "../../src/cli/file-lock.ts");
    const child = Bun.spawn([process.execPath, "-e", script, source, path, method], { stdout: "pipe" });
    const { value } = await child.stdout.getReader().read();
    return { child, answer: new TextDecoder().decode(value).trim() };
  };
  test("holds against another process and falls with it", async () => {
    const path = join(folder, `lock-${method}`);
    const { child, answer } = await hold(path);
    expect(answer).toBe("held");
    const refused = lockFile(path, method);
    expect("owner" in refused && refused.owner?.pid).toBe(child.pid);
    child.kill("SIGKILL");
    await child.exited;
    const taken = lockFile(path, method);
    expect("release" in taken).toBe(true);
    const { child: late, answer: lateAnswer } = await hold(path);
    late.kill("SIGKILL");
    await late.exited;
    expect(lateAnswer).toBe("refused");
    if ("release" in taken) taken.release();
  });
  test("is not fooled by a later process with the number of a dead one", () => {
    const path = join(folder, `reused-${method}`);
    writeFileSync(path, `${JSON.stringify({ pid: 1, startTicks: "999999999999" })}\n`);
    const lock = lockFile(path, method);
    expect("release" in lock).toBe(true);
    if ("release" in lock) lock.release();
  });
});
