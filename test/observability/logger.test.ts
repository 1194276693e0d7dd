// Log lines: level, text and JSON form, secrets left out, bursts cut short.

import { describe, expect, test } from "bun:test";
import { EVENT_TABLE } from "#observability/event-table.ts";
import { createLogger, type Logger, SILENT_LOGGER } from "#observability/logger.ts";

const SECRET = `0x${"5e".repeat(32)}`;

function recorder(format: "text" | "json", level: "debug" | "info" | "warn" = "info") {
  const lines: string[] = [];
  const clock = { nowMs: 1_000 };
  const logger: Logger = createLogger({ level, format, write: (line) => lines.push(line), now: () => clock.nowMs });
  return { lines, clock, logger };
}

describe("logger", () => {
  test("text", () => {
    const { lines, logger } = recorder("text");
    logger.log("disk_full", {
      path: "/a b",
      free: 3,
      big: 5n,
      bytes: new Uint8Array([1, 255]),
      absent: undefined,
      none: null,
    });
    expect(lines).toEqual([
      `1970-01-01T00:00:01.000Z ERROR ${EVENT_TABLE.disk_full.text} path="/a b" free=3 big=5 bytes=0x01ff none=null\n`,
    ]);
  });
  test("JSON", () => {
    const { lines, logger } = recorder("json");
    const error = Object.assign(new Error("no room"), { code: "ENOSPC" });
    logger.with({ thread: "log" }).log("disk_full", { error, list: ["a", "b"], level: "x", count: 2 });
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      time: "1970-01-01T00:00:01.000Z",
      level: "error",
      event: "disk_full",
      text: EVENT_TABLE.disk_full.text,
      thread: "log",
      error: "no room (ENOSPC)",
      list: "a, b",
      level_: "x",
      count: 2,
    });
  });
  test("a line never holds a line end of its own", () => {
    for (const format of ["text", "json"] as const) {
      const { lines, logger } = recorder(format);
      logger.log("disk_full", { path: "a\nb" });
      expect(lines[0]?.indexOf("\n")).toBe((lines[0]?.length ?? 0) - 1);
    }
  });
  test("events below the level are left out", () => {
    const { lines, logger } = recorder("text", "warn");
    logger.log("node_started");
    logger.log("thread_started");
    logger.log("log_tail_cut");
    SILENT_LOGGER.log("node_failed");
    expect(lines.length).toBe(1);
  });
  test("secrets are never written", () => {
    for (const format of ["text", "json"] as const) {
      const { lines, logger } = recorder(format);
      for (const name of ["privateKey", "sequencerPrivateKey", "mnemonic", "password", "clientSecret", "signingKey"]) {
        logger.log("node_started", { [name]: SECRET });
      }
      logger.log("feed_connected", { url: "ws://user:hunter2@host:1/feed" });
      expect(lines.join("")).not.toMatch(/5e5e|hunter2/);
      expect(lines.join("")).toContain("ws://host:1/feed");
      expect(lines.length).toBe(7);
    }
  });
  test("a burst is cut and counted", () => {
    const { lines, clock, logger } = recorder("json");
    for (let i = 0; i < 50; i++) logger.log("feed_refused");
    logger.log("node_started");
    expect(lines.length).toBe(21);
    clock.nowMs += 1_000;
    logger.log("feed_refused");
    logger.log("feed_refused");
    expect(lines.slice(21).map((line) => (JSON.parse(line) as { leftOut?: number }).leftOut)).toEqual([30, undefined]);
  });
  test("a field of any length is cut", () => {
    const { lines, logger } = recorder("text");
    logger.log("node_failed", { error: new Error("x".repeat(100_000)) });
    expect(lines[0]?.length).toBeLessThan(2_200);
  });
});
