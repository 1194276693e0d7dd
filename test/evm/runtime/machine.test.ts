// The machine where arenas end and threads are shared: what does not fit goes to the reference machine with the same result, a
// transaction leaves nothing for the next one, and forks that take turns do not mix.

import { afterAll, describe, expect, test } from "bun:test";
import { bigintToBytes } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { ZERO_HASH } from "#chain/primitives.ts";
import type { Engine, TransactionOutcome } from "#evm/engine.ts";
import { HALT_MEMORY_LIMIT } from "#evm/halt.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { createRange } from "#evm/runtime/range.ts";
import { createWasmEngine, type WasmEngine } from "#evm/wasm-engine.ts";
import { CONTEXT } from "#formats/memory/evm-arena.ts";
import { releaseMemory } from "#wasm/loader.ts";
import {
  ALICE,
  addressOf,
  assemble,
  ETHER,
  environmentOf,
  fund,
  imprint,
  messageOf,
  signed,
  specOf,
} from "../fixtures.ts";
import { MemoryHost } from "../memory-host.ts";

const CONTRACT = addressOf(0xc0de);
const HELPER = addressOf(0xabcd);
const SMALL_RANGE_SIZE_BYTES = 32 * 1024 * 1024;

const range = createRange(SMALL_RANGE_SIZE_BYTES);
const small = await createWasmEngine(specOf("osaka"), { tier: "interpreter", range });
const reference = await createReferenceEngine(specOf("osaka"));

afterAll(() => releaseMemory(range.memory));

function worldWith(...sources: readonly string[]): MemoryHost {
  const host = new MemoryHost();
  fund(host, ALICE.address, 10n ** 6n * ETHER);
  [CONTRACT, HELPER].forEach((address, i) => {
    if (sources[i] !== undefined) fund(host, address, 1000n, assemble(sources[i]), 1n);
  });
  return host;
}

async function outcomeOf(
  engine: Engine,
  host: MemoryHost,
  data: Uint8Array = new Uint8Array(0),
  gasLimit = 16_000_000n,
) {
  const tx = signed({ to: CONTRACT, data, gasLimit });
  const result = await engine.applyTransaction(tx, ALICE.address, environmentOf("osaka"), host);
  if (result.kind === "rejected") throw new Error(result.reject.message);
  return result.outcome;
}

async function expectSame(engine: Engine, sources: readonly string[], data?: Uint8Array): Promise<TransactionOutcome> {
  const host = worldWith(...sources);
  const outcome = await outcomeOf(engine, host, data);
  const expectedHost = worldWith(...sources);
  expect(outcome).toEqual(await outcomeOf(reference, expectedHost, data));
  expect(imprint(host)).toBe(imprint(expectedHost));
  return outcome;
}

describe("what a small arena cannot hold runs on the reference machine", () => {
  // A counter as the key of a slot, or as what is stored; the loop ends when the gas is nearly gone.
  const loop = (body: string) => `0 loop: 1 ADD ${body} GAS 4e20 LT @loop JUMPI STOP`;
  const cases: readonly [what: string, ...sources: string[]][] = [
    ["transient slots", loop("DUP1 DUP1 TSTORE")],
    ["the journal", loop("DUP1 1 TSTORE")],
  ];
  for (const [what, ...sources] of cases) {
    test(what, async () => {
      const before = small.counters.fallbacks.exhausted;
      await expectSame(small, sources);
      expect(small.counters.fallbacks.exhausted).toBe(before + 1);
      await expectSame(small, ["1 2 ADD 0 SSTORE"]);
      expect(small.counters.fallbacks.exhausted).toBe(before + 1);
    }, 60_000);
  }

  test("memory", async () => {
    const before = small.counters.fallbacks.exhausted;
    const gas = 10n ** 9n;
    const env = environmentOf("osaka", { gasLimit: gas, transactionGasCap: null });
    const outcome = await small.call(
      messageOf({ to: CONTRACT, gas }),
      env,
      worldWith("1 1000000 MSTORE MSIZE 0 MSTORE 20 0 RETURN"),
    );
    expect(outcome.output).toEqual(bigintToBytes(0x1000020n, 32));
    expect(small.counters.fallbacks.exhausted).toBe(before + 1);
  });

  test("memory, but not when there is a deadline: then the call is refused", async () => {
    const before = small.counters.fallbacks.exhausted;
    const gas = 10n ** 9n;
    const env = environmentOf("osaka", { gasLimit: gas, transactionGasCap: null });
    const world = worldWith("1 1000000 MSTORE STOP", "1 2 ADD 0 MSTORE 20 0 RETURN");
    const message = messageOf({ to: CONTRACT, gas, deadline: () => false });
    expect((await small.call(message, env, world)).halt).toBe(HALT_MEMORY_LIMIT);
    expect((await small.call({ ...message, to: HELPER }, env, world)).output).toEqual(bigintToBytes(3n, 32));
    expect(small.counters.fallbacks.exhausted).toBe(before);
  });

  test("call data longer than its region", async () => {
    const before = small.counters.fallbacks.oversized;
    const data = new Uint8Array(1024 * 1024).fill(1);
    const outcome = await small.call(
      messageOf({ to: CONTRACT, data, gas: 100_000_000n }),
      environmentOf("osaka"),
      worldWith("CALLDATASIZE 0 MSTORE 20 0 RETURN"),
    );
    expect(outcome.output).toEqual(bigintToBytes(BigInt(data.length), 32));
    expect(small.counters.fallbacks.oversized).toBe(before + 1);
  });
});

test("codes beyond the region start it over, and each is found again", async () => {
  const { thread } = small;
  let lowestEnd = Number.POSITIVE_INFINITY;
  let startsOver = 0;
  for (let i = 0; i < 120; i++) {
    const host = new MemoryHost();
    fund(host, ALICE.address, ETHER);
    // 24 KiB that differ from all others, and answer with their number.
    const body = fromHex(assemble(`${(0x10000 + i).toString(16)} 0 MSTORE 20 0 RETURN`));
    const code = new Uint8Array(24_576);
    code.set(body);
    fund(host, CONTRACT, 0n, toBareHex(code), 1n);
    const outcome = await small.call(messageOf({ to: CONTRACT }), environmentOf("osaka"), host);
    expect(outcome.output).toEqual(bigintToBytes(BigInt(0x10000 + i), 32));
    const end = thread.field(CONTEXT.codeEnd);
    if (end < lowestEnd && i > 0) startsOver++;
    lowestEnd = end;
  }
  expect(startsOver).toBeGreaterThan(0);
});

describe("codes beyond the region within one transaction", () => {
  const FIRST = 0x10000;
  const COUNT = 120;

  /** Contracts of 24 KiB, each of which adds its number to slot 0 of its caller; the last one is reached by a delegation. */
  function crowd(source: string): MemoryHost {
    const host = worldWith(source);
    for (let i = 0; i < COUNT; i++) {
      const code = new Uint8Array(24_576);
      code.set(fromHex(assemble(`${(i + 1).toString(16)} 0 SLOAD ADD 0 SSTORE`)));
      code[24_575] = i;
      fund(host, addressOf(FIRST + i), 0n, toBareHex(code), 1n);
    }
    fund(host, HELPER, 0n, `ef0100${toBareHex(addressOf(FIRST + COUNT - 1))}`, 1n);
    return host;
  }

  async function expectSameWithCrowd(source: string): Promise<void> {
    const before = { ...small.counters.fallbacks };
    const [host, expectedHost] = [crowd(source), crowd(source)];
    const outcome = await outcomeOf(small, host);
    expect(outcome).toEqual(await outcomeOf(reference, expectedHost));
    expect(outcome.halt).toBeNull();
    expect(imprint(host)).toBe(imprint(expectedHost));
    expect(small.counters.fallbacks).toEqual(before);
  }

  const callAll = `${(FIRST + COUNT).toString(16)} loop: 1 SWAP1 SUB 0 0 0 0 DUP5 GAS DELEGATECALL POP
    DUP1 ${FIRST.toString(16)} LT @loop JUMPI POP`;

  test("run all the same, again and again, and through a delegation", async () => {
    await expectSameWithCrowd(
      `${callAll} ${callAll.replaceAll("loop", "again")} 0 0 0 0 abcd GAS DELEGATECALL 1 SSTORE`,
    );
  });

  test("are measured, copied and hashed", async () => {
    const last = (FIRST + 1).toString(16);
    await expectSameWithCrowd(`${callAll} ${last} EXTCODESIZE 1 SSTORE ${last} EXTCODEHASH 2 SSTORE
      40 5ff0 0 ${last} EXTCODECOPY 0 MLOAD 3 SSTORE 20 MLOAD 4 SSTORE abcd EXTCODESIZE 5 SSTORE`);
  });

  test("are deployed and run", async () => {
    // The creation code deploys two bytes: ADDRESS SELFDESTRUCT.
    const create = `6130ff6000526002601ef3 0 MSTORE b 15 0 CREATE`;
    await expectSameWithCrowd(`${callAll} ${create} DUP1 EXTCODESIZE 1 SSTORE DUP1 EXTCODEHASH 2 SSTORE
      0 0 0 0 7 DUP6 GAS CALL 3 SSTORE EXTCODESIZE 4 SSTORE ${create} EXTCODESIZE 5 SSTORE 0 0 0 0 1234 GAS STATICCALL POP`);
  });
});

test("when generations wrap, no record of an old one is found", async () => {
  const { thread } = small;
  const host = worldWith("0 SLOAD 1 ADD DUP1 0 SSTORE 0 TLOAD ADD 7 0 TSTORE 0 MSTORE 20 0 RETURN");
  const env = environmentOf("osaka");
  const answer = async () => (await small.call(messageOf({ to: CONTRACT }), env, host)).output;
  const first = thread.field(CONTEXT.generation);
  expect(await answer()).toEqual(bigintToBytes(1n, 32));
  thread.setField(CONTEXT.generation, 0xffff_fffe);
  while (thread.field(CONTEXT.generation) !== first + 1) expect(await answer()).toEqual(bigintToBytes(1n, 32));
});

test("forks take turns on one thread", async () => {
  const forks: readonly Hardfork[] = ["istanbul", "osaka", "berlin", "istanbul", "osaka"];
  const engines = new Map<Hardfork, { ours: WasmEngine; theirs: Engine }>();
  for (const fork of forks) {
    const spec = specOf(fork);
    engines.set(fork, {
      ours: await createWasmEngine(spec, { tier: "interpreter" }),
      theirs: await createReferenceEngine(spec),
    });
  }
  const gasUsed = new Set<bigint>();
  for (const fork of forks) {
    const { ours, theirs } = engines.get(fork)!;
    const message = messageOf({ to: CONTRACT, gas: 200_000n });
    const host = worldWith("5 1 SSTORE 1 SLOAD abcd BALANCE ADD 0 MSTORE 20 0 RETURN");
    const outcome = await ours.call(message, environmentOf(fork), host);
    expect(outcome).toEqual(await theirs.call(message, environmentOf(fork), host));
    gasUsed.add(outcome.gasUsed);
  }
  // Berlin and Osaka agree on these prices.
  expect(gasUsed.size).toBe(2);
});

describe("a frame that reverts takes everything back", () => {
  // The helper writes, logs, sends value, creates and destroys, then reverts or returns as its call data says.
  const helper = `CALLVALUE 0 SSTORE 5 0 TSTORE 9 20 0 LOG1 0 0 0 0 3 1234 GAS CALL POP
    1 0 7 CREATE POP CALLDATASIZE @revert JUMPI STOP revert: 0 0 REVERT`;
  const callHelper = (size: string) => `0 0 ${size} 0 b abcd GAS CALL`;
  test("writes, logs, value, accounts, refunds, transient slots", async () => {
    const read = "0 SLOAD 1234 BALANCE ADD abcd BALANCE ADD";
    for (const size of ["0", "1"]) {
      const outcome = await expectSame(small, [`${callHelper(size)} ${read} ADD 1 SSTORE`, helper]);
      expect(outcome.logs).toHaveLength(size === "0" ? 1 : 0);
    }
  });

  test("twice: first undone, then kept", async () => {
    const outcome = await expectSame(small, [`${callHelper("1")} ${callHelper("0")} ADD 1 SSTORE`, helper]);
    expect(outcome.logs).toHaveLength(1);
  });
});

describe("a slot that several frames write goes back to what it was before the frame that reverts", () => {
  // The helper runs in the contract's storage: it writes slot 0 twice, then reverts when it is given data.
  const helper = "0 SLOAD 7 ADD 0 SSTORE 0 SLOAD b ADD 0 SSTORE CALLDATASIZE @revert JUMPI STOP revert: 0 0 REVERT";
  const delegate = (size: string) => `0 0 ${size} 0 abcd GAS DELEGATECALL POP`;
  const write = "0 SLOAD 1 ADD 0 SSTORE";
  for (const sizes of ["0", "1", "01", "10", "0110", "1001"]) {
    const calls = [...sizes].map((size) => `${write} ${delegate(size)}`).join(" ");
    test(`calls ${sizes.replaceAll("0", "kept ").replaceAll("1", "reverted ").trim()}`, async () => {
      await expectSame(small, [`5 0 SSTORE ${calls} ${write} 0 SLOAD 1 SSTORE`, helper]);
      await expectSame(small, [`${calls} 0 SLOAD 0 SSTORE`, helper]);
      // The same inside a frame that reverts as a whole.
      const inner = `CALLDATASIZE @outer JUMPI ${calls} 0 0 REVERT outer: ${write} 0 0 0 0 0 c0de GAS CALL POP ${write}`;
      await expectSame(small, [`${inner} 0 SLOAD 1 SSTORE`, helper], Uint8Array.of(1));
    });
  }
});

test("more slots and accounts than the near part of their indexes holds are all found again", async () => {
  const slotCount = 12_000;
  const loop = (name: string, body: string) =>
    `CALLDATASIZE ${name}: DUP1 ISZERO @${name}end JUMPI ${body} 1 SWAP1 SUB @${name} JUMP ${name}end: POP`;
  const key = "DUP1 DUP1 MUL";
  const source = `${loop("write", `DUP1 ${key} SSTORE`)} ${loop("touch", "DUP1 BALANCE POP")}
    ${loop("read", `${key} SLOAD 0 MLOAD 3 MUL ADD 0 MSTORE DUP1 BALANCE 0 MLOAD ADD 0 MSTORE`)}
    20 0 RETURN`;
  const host = worldWith(source);
  fund(host, addressOf(77), 5n);
  const gas = 10n ** 12n;
  const env = environmentOf("osaka", { gasLimit: gas, transactionGasCap: null });
  const message = messageOf({ to: CONTRACT, gas, data: new Uint8Array(slotCount) });
  const large = await createWasmEngine(specOf("osaka"), { tier: "interpreter" });
  const outcome = await large.call(message, env, host);
  expect(outcome).toEqual(await reference.call(message, env, host));
  expect(outcome.halt).toBeNull();
  expect(large.counters.fallbacks).toEqual({ ...large.counters.fallbacks, exhausted: 0 });
}, 60_000);

test("frames nest 1024 deep, each with memory and a stack of its own", async () => {
  const source = `1 2 3 4 5 GAS 400 MSTORE CALLDATASIZE 1 SSTORE
    0 CALLDATALOAD 1 ADD 0 MSTORE 0 0 20 0 0 c0de GAS CALL POP 0 MLOAD 0 SSTORE`;
  const host = worldWith(source);
  const gas = 10n ** 12n;
  const env = environmentOf("osaka", { gasLimit: gas, transactionGasCap: null });
  const outcome = await small.call(messageOf({ to: CONTRACT, gas }), env, host);
  const expected = await reference.call(messageOf({ to: CONTRACT, gas }), env, host);
  expect(outcome).toEqual(expected);
  expect(outcome.halt).toBeNull();
}, 60_000);

test("an error of the Host inside a nested frame comes out, and the Host is as before", async () => {
  const host = worldWith("1 0 SSTORE 0 0 0 0 0 abcd GAS CALL STOP", "2 0 SSTORE 77 BALANCE POP");
  const before = imprint(host);
  const intact = host.account.bind(host);
  host.account = (address) => {
    if (address[19] === 0x77) throw new Error("gone");
    return intact(address);
  };
  const run = small.call(messageOf({ to: CONTRACT }), environmentOf("osaka"), host);
  expect(run).rejects.toThrow("gone");
  await run.catch(() => {});
  host.account = intact;
  expect(imprint(host)).toBe(before);
  expect(host.slot(CONTRACT, ZERO_HASH)).toEqual(ZERO_HASH);
});

test("code whose bytes could not be read is asked for again by the next run", async () => {
  // Code that no other test of the thread has brought in.
  const source = "c0ffee 0 MSTORE 20 0 RETURN";
  for (const answer of ["throws", "is gone"]) {
    const host = worldWith(`${answer === "throws" ? "1" : "2"} POP ${source}`);
    const intact = host.copyCode.bind(host);
    host.copyCode = () => {
      if (answer === "throws") throw new Error("the version is gone");
      return false;
    };
    const run = small.call(messageOf({ to: CONTRACT }), environmentOf("osaka"), host);
    expect(run).rejects.toThrow(answer === "throws" ? "gone" : "missing from the state");
    await run.catch(() => {});
    host.copyCode = intact;
    const { output } = await small.call(messageOf({ to: CONTRACT }), environmentOf("osaka"), host);
    expect(output).toEqual(bigintToBytes(0xc0ffeen, 32));
  }
});

test("logs of a call stay what they were when others have run", async () => {
  const host = worldWith("CALLDATASIZE 0 MSTORE 1 2 3 1f 1f LOG3 7 4 1c LOG1");
  const message = (sizeBytes: number) => messageOf({ to: CONTRACT, data: new Uint8Array(sizeBytes) });
  const env = environmentOf("osaka");
  const [first, second] = [await small.call(message(5), env, host), await small.call(message(9), env, host)];
  for (const [outcome, sizeBytes] of [[second, 9] as const, [first, 5] as const]) {
    const expected = await reference.call(message(sizeBytes), env, host);
    expect(outcome.logs).toHaveLength(2);
    expect(outcome.logs).toEqual(expected.logs);
  }
});
