// The reference engine: what every engine must do, and what only a machine that awaits does.

import { expect, test } from "bun:test";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { testEngine } from "./engine-cases.ts";
import { addressOf, assemble, environmentOf, fund, messageOf, specOf } from "./fixtures.ts";
import { MemoryHost } from "./memory-host.ts";

testEngine(createReferenceEngine);

test("a call with a deadline gives way to timers and to other calls", async () => {
  const engine = await createReferenceEngine(specOf("osaka"));
  const contract = addressOf(0xc0de);
  const call = (source: string, gas: bigint, deadline?: () => boolean) => {
    const host = new MemoryHost();
    fund(host, contract, 0n, assemble(source), 1n);
    return engine.call(messageOf({ to: contract, gas, deadline }), environmentOf("osaka"), host);
  };
  let isOver = false;
  let other = "";
  const long = call("loop: @loop JUMP", 10n ** 12n, () => isOver);
  setTimeout(async () => {
    other = (await call("7 0 MSTORE 20 0 RETURN", 1_000_000n)).halt ?? "done";
    isOver = true;
  }, 0);
  expect((await long).halt).toBe("execution aborted");
  expect(other).toBe("done");
});
