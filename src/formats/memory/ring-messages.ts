// Messages of the rings between threads: what each kind number means and how its payload is laid out.
//
//   records    executor or follower ─▶ log          record bytes · rollback · stop
//   published  log ─▶ main, commit, read workers    the same, once written
//   requests   read worker ─▶ verify ─▶ executor    submit · pending nonce · pending transaction
//   replies    executor ─▶ read workers             one reply per request, each for one worker
//   feed       main ─▶ follower                     begin · records from upstream, in parts when large · stop

import { ByteReader, ByteWriter } from "../codec.ts";

/** Kinds on the `records` and `published` rings. */
export const LogMessage = {
  /** An encoded record. */
  record: 1,
  /** u64 last kept sequence, u64 last kept state version. */
  rollback: 2,
  /** No payload: the writer ends, followers finish what came before. */
  stop: 3,
} as const;

/** Kinds on the `requests` rings. */
export const RequestMessage = {
  submit: 1,
  verified: 2,
  unverified: 3,
  pendingNonce: 4,
  pendingTransaction: 5,
} as const;

/** Kinds on the `replies` ring. */
export const ReplyMessage = {
  accepted: 1,
  rejected: 2,
  nonceGap: 3,
  notReady: 4,
  unavailable: 5,
  nonce: 6,
  transaction: 7,
  noTransaction: 8,
} as const;

/** Kinds on the `feed` ring. */
export const FeedRingMessage = {
  /** An encoded record as upstream sent it, or its last part. */
  record: 1,
  /** No payload: the follower ends. */
  stop: 2,
  /** No payload: a connection begins; parts and gaps of the one before mean nothing any more. */
  begin: 3,
  /** A part of a record that is too large for one message; more follow. */
  part: 4,
} as const;

/** A position in the log and the state version there. */
export type LogPosition = { readonly sequence: number; readonly version: number };

/** Payload of `rollback`. A sequence of -1 (nothing kept) is written as 0 with the flag byte 1. */
export function encodeLogPosition(position: LogPosition): Uint8Array {
  const isEmpty = position.sequence < 0;
  return new ByteWriter(17)
    .u64(isEmpty ? 0 : position.sequence)
    .u64(position.version)
    .u8(isEmpty ? 1 : 0)
    .toBytes();
}

/** Reads what {@link encodeLogPosition} wrote. */
export function decodeLogPosition(payload: Uint8Array): LogPosition {
  const reader = new ByteReader(payload);
  const sequence = reader.u64();
  const version = reader.u64();
  return { sequence: reader.u8() === 1 ? -1 : sequence, version };
}

/** Who asked: a request and its reply carry the same two numbers. */
export type RequestTag = { readonly worker: number; readonly request: number };

/** A request or reply body with its tag in front: u8 worker, u32 request. */
export function encodeTagged(tag: RequestTag, ...parts: readonly Uint8Array[]): Uint8Array {
  let size = 5;
  for (const part of parts) size += part.length;
  const writer = new ByteWriter(size).u8(tag.worker).u32(tag.request);
  for (const part of parts) writer.raw(part);
  return writer.toBytes();
}

/** Splits what {@link encodeTagged} wrote. */
export function decodeTagged(payload: Uint8Array): { tag: RequestTag; body: Uint8Array } {
  const reader = new ByteReader(payload);
  const tag = { worker: reader.u8(), request: reader.u32() };
  return { tag, body: payload.subarray(reader.offset) };
}
