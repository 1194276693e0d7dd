// The main thread's view of the head, fed with the records of a chain.

import { describe, expect, test } from "bun:test";
import { attachMetrics, createMetricsRegion, readMetric } from "#observability/metrics.ts";
import { PublishedWatch } from "#roles/published-watch.ts";
import type { Recovered } from "#roles/threads/thread-protocol.ts";
import { ChainFixture } from "../storage/chain-fixture.ts";

function watchFrom(recovered: Pick<Recovered, "sealedBlock" | "version">) {
  const region = createMetricsRegion(1);
  const watch = new PublishedWatch(attachMetrics(region, 0), recovered as Recovered);
  return { region, watch };
}

describe("published watch", () => {
  test("starts where recovery ended", () => {
    const { watch } = watchFrom({ sealedBlock: 12, version: 345 });
    expect([watch.sealedBlock, watch.nextMiniBlock]).toEqual([12, 345]);
  });

  test("counts mini-blocks and sealed blocks", () => {
    const { region, watch } = watchFrom({ sealedBlock: 0, version: 0 });
    let [sealed, next] = [0, 0];
    for (const { header, bytes } of new ChainFixture({ life: 1 }).extend(40)) {
      watch.onRecord(bytes);
      if (header.type === "seal") sealed++;
      if (header.type === "mini") next = header.number + 1;
      expect([watch.sealedBlock, watch.nextMiniBlock]).toEqual([sealed, next]);
    }
    expect(sealed).toBeGreaterThan(3);
    expect(readMetric(region, "head_mini_block")).toBe(next - 1);
    expect(readMetric(region, "head_block")).toBe(sealed + 1);
  });

  test("a roll-back takes mini-blocks back", () => {
    const { watch } = watchFrom({ sealedBlock: 0, version: 0 });
    const records = new ChainFixture({ life: 1 }).extend(4);
    for (const { bytes } of records) watch.onRecord(bytes);
    expect(watch.nextMiniBlock).toBe(3);
    watch.onRollback(1);
    expect(watch.nextMiniBlock).toBe(1);
    watch.onRecord((records[2] as { bytes: Uint8Array }).bytes);
    expect(watch.nextMiniBlock).toBe(2);
  });
});
