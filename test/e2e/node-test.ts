// A test with nodes: when it fails, or takes too long, what the nodes printed is shown with it.

import { test } from "bun:test";
import { describeNodes } from "./node-process.ts";

/** A test whose failure, or whose taking too long, shows what the nodes printed. */
export function nodeTest(name: string, run: () => Promise<void>, timeoutMs = 60_000): void {
  test(
    name,
    async () => {
      const { promise: late, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject(new Error(`took longer than ${timeoutMs} ms`)), timeoutMs);
      try {
        await Promise.race([run(), late]);
      } catch (error) {
        console.error(describeNodes());
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },
    timeoutMs + 5_000,
  );
}
