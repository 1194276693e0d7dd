// The log thread: the pump from the records ring to the log, and nothing else. It blocks when it has nothing to do.

import { assert, must } from "#base/assert.ts";
import { type RingMessage, RingReader, RingWriter } from "#base/ring.ts";
import { NodeStatus } from "#formats/memory/node-status.ts";
import { attachMetrics } from "#observability/metrics.ts";
import { StateMemory } from "#state/state-memory.ts";
import { publishVersion } from "#state/table.ts";
import { BATCH_SIZE_BYTES_MAX, LogPump, type LogPumpSink } from "#storage/log-pump.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { SegmentLog } from "#storage/segment-log.ts";
import { LOG_DIRECTORY } from "../data-layout.ts";
import { IDLE_SLEEP_MS, logThrough, runLoopSync, runThread, type Turn } from "./thread-loop.ts";
import type { ThreadPort, ThreadStart } from "./thread-protocol.ts";

/** The node was told to stop while the disk had no room for what was sealed. None of that was published. */
class UnwrittenRecordsError extends Error {
  override readonly name = "UnwrittenRecordsError";
  readonly code = "UNWRITTEN_RECORDS";
}

/** Runs the log thread until a stop message has come through the ring. */
export function runLogThread(start: ThreadStart, port: ThreadPort): Promise<void> {
  return runThread(port, () => {
    const { setup } = start;
    const { options, regions, identity } = setup;
    const disk = new RealDisk(setup.dataDirectory);
    const { segmentSizeBytes } = options;
    const log = SegmentLog.open(disk, LOG_DIRECTORY, { identity, segmentSizeBytes, repair: true });
    const reader = new RingReader(regions.records, 0);
    const status = new NodeStatus(regions.status);
    // Not the table's newest version: its writer may have gone on since, and that is not written yet.
    const { nextSequence, version } = must(start.recovered, "the log thread starts after recovery");
    // Right after a bootstrap there is no log yet: it begins behind the snapshot.
    assert(log.firstSequence < 0 || log.lastSequence === nextSequence - 1, "the log is where recovery left it");
    const position = { sequence: nextSequence - 1, version };
    const pump = new LogPump({
      log,
      durability:
        options.fsyncMode === "always" ? { mode: "always" } : { mode: "interval", intervalMs: options.fsyncIntervalMs },
      sink: createSink(start, port, status),
      clock: { nowMs: () => performance.now(), sleep: (ms) => sleepUnlessStopping(status, ms) },
      position,
    });
    status.set("publishedSequence", position.sequence);
    status.set("durableSequence", position.sequence);
    status.set("durableVersion", position.version);
    port.post({ type: "ready" });
    runLoopSync(regions.doorbells.log, (): Turn => {
      const batch = readBatch(reader);
      if (batch.length === 0) return pump.tick() ?? IDLE_SLEEP_MS;
      const outcome = pump.take(batch);
      pump.tick();
      return outcome === "stop" ? "stop" : 0;
    });
    log.close();
  });
}

/** The pump sleeps only while the disk is full; at a stop there is nothing to wait for any more. */
function sleepUnlessStopping(status: NodeStatus, ms: number): void {
  if (status.get("draining") === 1) {
    throw new UnwrittenRecordsError(
      "the disk is full: the node stops without its last records, which it never published",
    );
  }
  Bun.sleepSync(ms);
}

function createSink(start: ThreadStart, port: ThreadPort, status: NodeStatus): LogPumpSink {
  const { regions } = start.setup;
  const memory = new StateMemory(regions.state);
  const output = new RingWriter(regions.published);
  const metrics = attachMetrics(regions.metrics, start.metricsIndex);
  const logBytes = metrics.counter("log_bytes_total");
  const fsyncSeconds = metrics.histogram("fsync_duration_seconds");
  const diskFull = metrics.gauge("disk_full");
  const log = logThrough(port);
  return {
    publish: (version) => publishVersion(memory, version),
    forward: (kind, payload) => output.write(kind, payload),
    published: ({ sequence }) => {
      status.set("publishedSequence", sequence);
      status.set("publishedAtMs", Date.now());
    },
    durable: ({ sequence, version }) => {
      status.set("durableVersion", version);
      status.set("durableSequence", sequence);
    },
    diskFull: (isFull) => {
      status.set("diskFull", isFull ? 1 : 0);
      diskFull.set(isFull ? 1 : 0);
      log(isFull ? "disk_full" : "disk_recovered");
    },
    written: (sizeBytes) => logBytes.add(sizeBytes),
    synced: (seconds) => fsyncSeconds.observe(seconds),
  };
}

function readBatch(reader: RingReader): RingMessage[] {
  const batch: RingMessage[] = [];
  for (let sizeBytes = 0; sizeBytes < BATCH_SIZE_BYTES_MAX; ) {
    const message = reader.tryRead();
    if (message === null) break;
    batch.push(message);
    sizeBytes += message.payload.length;
  }
  return batch;
}
