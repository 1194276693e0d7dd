// A read whose version is overtaken starts again, twice at most, whatever the code in between makes of the exception.

import { beforeAll, describe, expect, test } from "bun:test";
import { LATEST } from "#rpc/block-reference.ts";
import type { PinnableState, ReadContext } from "#rpc/context.ts";
import type { RpcMeters } from "#rpc/meters.ts";
import { withStateAt } from "#rpc/state-access.ts";
import { StateVersionGoneError } from "#state/view.ts";
import { ACCOUNTS, LiveChain } from "./live-chain.fixture.ts";

const address = ACCOUNTS[0]?.address ?? new Uint8Array(20);
let chain: LiveChain;

beforeAll(async () => {
  chain = await LiveChain.create();
});

/** A context whose first `goneCount` views lose their version at the first look. */
function contextWith(goneCount: number): { context: ReadContext; opened: () => number; restarts: () => number } {
  let opened = 0;
  let restarts = 0;
  const openView = (): PinnableState => {
    const view = chain.read.openView();
    if (opened++ >= goneCount) return view;
    const gone = (): never => {
      throw new StateVersionGoneError(0);
    };
    const reads = { account: gone, slot: gone, code: gone, codeSize: gone, copyCode: gone, slotsOf: gone };
    return { pin: (version) => view.pin(version), ...reads };
  };
  const meters: RpcMeters = { ...chain.read.meters, undoRestarted: () => void restarts++ };
  return { context: { ...chain.read, openView, meters }, opened: () => opened, restarts: () => restarts };
}

describe("at latest", () => {
  test.each([[0], [1], [2]])("%p overtaken attempts are not seen outside", async (goneCount) => {
    const { context, opened, restarts } = contextWith(goneCount);
    const nonce = await withStateAt(context, LATEST, ({ source }) => source.account(address)?.nonce);
    expect(nonce).toBe(0n);
    expect(opened()).toBe(goneCount + 1);
    expect(restarts()).toBe(goneCount);
  });

  test("the third is an error", async () => {
    const { context, opened } = contextWith(3);
    const read = withStateAt(context, LATEST, ({ source }) => source.account(address));
    await expect(read).rejects.toMatchObject({ code: -32000, message: expect.stringContaining("state version gone") });
    expect(opened()).toBe(3);
  });

  test("an exception that was swallowed on the way still restarts", async () => {
    const { context } = contextWith(1);
    const answer = await withStateAt(context, LATEST, ({ source }) => {
      try {
        return source.account(address)?.balance ?? 0n;
      } catch {
        return -1n;
      }
    });
    expect(answer).toBe(10n ** 22n);
  });
});

test("at a fixed block there is no newer version to try: pruned history", async () => {
  const { context, opened } = contextWith(1);
  const read = withStateAt(context, { kind: "number", number: 0 }, ({ source }) => source.account(address));
  await expect(read).rejects.toMatchObject({ code: 4444 });
  expect(opened()).toBe(1);
});

test("any other exception is the caller's", async () => {
  const read = withStateAt(chain.read, LATEST, () => {
    throw new TypeError("a bug");
  });
  await expect(read).rejects.toBeInstanceOf(TypeError);
});
