// A call to a precompile on the reference machine: the independent opinion of the tests of precompiles.

import type { Hardfork } from "#chain/hardforks.ts";
import type { FrameResult } from "#evm/machine.ts";
import type { ReferenceMachine } from "#evm/reference/machine.ts";
import { ALICE, addressOf, ETHER, environmentOf, fund } from "./fixtures.ts";
import { MemoryHost } from "./memory-host.ts";

/** What is called; `machine` is one of `fork`. */
export type PrecompileCall = {
  readonly machine: ReferenceMachine;
  readonly fork: Hardfork;
  readonly address: number;
  readonly input: Uint8Array;
  readonly gas: bigint;
};

/** Calls a precompile from an account that has nothing but Ether. */
export function callPrecompile({ machine, fork, address, input, gas }: PrecompileCall): Promise<FrameResult> {
  const host = new MemoryHost();
  fund(host, ALICE.address, ETHER);
  host.beginTransaction();
  const context = {
    origin: ALICE.address,
    gasPrice: 0n,
    blobVersionedHashes: [],
    warmAddresses: [],
    accessList: [],
    deadline: null,
    keepsWrites: true,
  };
  const frame = { caller: ALICE.address, to: addressOf(address), value: 0n, data: input, gas };
  return machine.run(frame, context, environmentOf(fork), host);
}
