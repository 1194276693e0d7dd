// A deadline ends a run from inside, whatever runs the code.

import { expect, test } from "bun:test";
import { EMPTY_BYTES } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import { HALT_ABORTED } from "#evm/halt.ts";
import { createWasmEngine } from "#evm/wasm-engine.ts";
import { ALICE, addressOf, environmentOf, fund, specOf } from "../fixtures.ts";
import { MemoryHost } from "../memory-host.ts";

const ENDLESS = "5b5f56";

for (const tier of ["interpreter", "compile"] as const) {
  for (const place of ["a contract", "creation code"] as const) {
    test(`${tier}: an endless loop in ${place} ends when the deadline has passed`, async () => {
      const engine = await createWasmEngine(specOf("osaka"), { tier });
      const host = new MemoryHost();
      const target = addressOf(0x77);
      fund(host, target, 0n, ENDLESS);
      let askedCount = 0;
      const outcome = await engine.call(
        {
          from: ALICE.address,
          to: place === "a contract" ? target : null,
          gas: 1_000_000_000n,
          gasPrice: 0n,
          value: 0n,
          data: place === "a contract" ? EMPTY_BYTES : fromHex(ENDLESS),
          accessList: [],
          authorizationList: [],
          blobVersionedHashes: [],
          checks: "call",
          deadline: () => ++askedCount === 5,
        },
        environmentOf("osaka"),
        host,
      );
      expect([outcome.halt, askedCount]).toEqual([HALT_ABORTED, 5]);
    });
  }
}
