// The verify thread: raw transactions from the read workers are decoded and their senders recovered, then handed to the executor.
// Other requests for the executor pass through, so that one worker's requests stay in order.

import { utf8 } from "#base/bytes.ts";
import { RingReader, RingWriter } from "#base/ring.ts";
import type { Address } from "#chain/primitives.ts";
import { rejectInvalidSignature } from "#chain/reject.ts";
import { decodeTransaction, recoverSender, TransactionDecodeError, transactionHash } from "#chain/transaction.ts";
import { RecoveryWarmUp } from "#crypto/recovery-warm-up.ts";
import { ByteWriter } from "#formats/codec.ts";
import { decodeTagged, encodeTagged, RequestMessage } from "#formats/memory/ring-messages.ts";
import { WARM_UP_DELAY_MS } from "./idle-warm-up.ts";
import { IDLE_SLEEP_MS, runLoopSync, runThread, type Turn } from "./thread-loop.ts";
import type { ThreadPort, ThreadStart } from "./thread-protocol.ts";

/** Recoveries between two looks for work: half a millisecond, once the kernel is warm. */
const WARM_UP_STEP_COUNT = 12;

/** Runs a verify thread until the process ends. */
export function runVerifyThread(start: ThreadStart, port: ThreadPort): Promise<void> {
  const { regions } = start.setup;
  const verifyCount = regions.verified.length;
  const readers = regions.requests
    .filter((_, worker) => worker % verifyCount === start.index)
    .map((ring) => new RingReader(ring, 0));
  const output = new RingWriter(regions.verified[start.index]!);
  const warmUp = start.index === 0 ? new RecoveryWarmUp() : null;
  const startedMs = performance.now();
  const turn = (): Turn => {
    let isIdle = true;
    for (const reader of readers) {
      for (let message = reader.tryRead(); message !== null; message = reader.tryRead()) {
        isIdle = false;
        if (message.kind === RequestMessage.submit) verify(message.payload, output);
        else output.write(message.kind, message.payload);
      }
    }
    if (warmUp === null || warmUp.isDone || !isIdle) return IDLE_SLEEP_MS;
    const startsInMs = startedMs + WARM_UP_DELAY_MS - performance.now();
    if (startsInMs > 0) return startsInMs;
    warmUp.step(WARM_UP_STEP_COUNT);
    return 0;
  };
  return runThread(port, () => {
    port.post({ type: "ready" });
    runLoopSync(regions.doorbells.verify[start.index]!, turn);
  });
}

/** Body of a submit: u8 require-ready flag, raw bytes. Of verified: flag, hash, sender, raw bytes. Of unverified: words. */
function verify(payload: Uint8Array, output: RingWriter): void {
  const { tag, body } = decodeTagged(payload);
  const raw = body.subarray(1);
  const verdict = recover(raw);
  if (typeof verdict === "string") {
    output.write(RequestMessage.unverified, encodeTagged(tag, utf8(verdict)));
    return;
  }
  const verified = new ByteWriter(53 + raw.length).u8(body[0]!).raw(transactionHash(raw)).raw(verdict).raw(raw);
  output.write(RequestMessage.verified, encodeTagged(tag, verified.toBytes()));
}

/** The sender, or geth's words for why there is none. */
function recover(raw: Uint8Array): Address | string {
  try {
    return recoverSender(decodeTransaction(raw)) ?? rejectInvalidSignature().message;
  } catch (error) {
    if (!(error instanceof TransactionDecodeError)) throw error;
    return error.message;
  }
}
