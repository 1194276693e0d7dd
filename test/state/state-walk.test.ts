// The walk over a whole state gives the changes that make it, tombstones left out, in batches.

import { expect, test } from "bun:test";
import { bigintToBytes } from "#base/bytes.ts";
import { emptyDiff } from "#formats/wire/diff.ts";
import { genesisChanges, mergeChanges } from "#state/commitment.ts";
import { walkState } from "#state/state-walk.ts";
import { StateView } from "#state/view.ts";
import { makeTable } from "./naive-state.ts";

const address = (n: number) => bigintToBytes(BigInt(n), 20);
const word = (n: number) => bigintToBytes(BigInt(n), 32);

test("a view of the genesis state gives the changes of the genesis", () => {
  const { table, regions } = makeTable();
  const alloc = [
    {
      address: address(1),
      nonce: 0n,
      balance: 1n,
      code: Uint8Array.of(1),
      storage: [{ slot: word(1), value: word(4) }],
    },
    { address: address(2), nonce: 3n, balance: 2n, code: new Uint8Array(0), storage: [] },
  ];
  table.loadGenesis(alloc);
  const view = new StateView(regions);
  expect(mergeChanges(walkState(view, 2))).toEqual(genesisChanges(alloc));
  const updates = [{ index: 0, account: null }];
  table.apply({ ...emptyDiff(3), accounts: updates, slots: [{ index: 1, value: word(0) }] }, 1);
  table.publish(1);
  view.pin();
  expect(mergeChanges(walkState(view, 2))).toEqual(genesisChanges(alloc.slice(1)));
});
