// What binds a snapshot to the chain: the `seal` record at whose end it was taken and the `checkpoint` record with its digest, both
// signed by the sequencer. Whoever relays the snapshot is trusted with nothing.

import { bytesEqual } from "#base/bytes.ts";
import { decodeHeader, encodeHeader } from "#chain/header.ts";
import type { Address } from "#chain/primitives.ts";
import { RlpError } from "#chain/rlp.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { decodeSignature, recoverAddress } from "#crypto/secp256k1.ts";
import { FormatError } from "#formats/codec.ts";
import { type CheckpointPayload, decodeCheckpoint, decodeSeal } from "#formats/wire/payloads.ts";
import { type ChainIdentity, type ChainRecord, decodeRecord, verifyRecordSignature } from "#formats/wire/record.ts";

/** A snapshot that the sequencer has signed for. */
export type BoundSnapshot = {
  readonly seal: ChainRecord;
  readonly checkpoint: CheckpointPayload;
};

/**
 * Checks the two records that announce a snapshot.
 * @returns what they bind, or why they bind nothing
 */
export function bindSnapshot(
  records: { readonly sealRecord: Uint8Array; readonly checkpointRecord: Uint8Array },
  trust: { readonly identity: ChainIdentity; readonly sequencer: Address },
): BoundSnapshot | string {
  try {
    const seal = decodeRecord(records.sealRecord.slice(), trust.identity);
    const checkpoint = decodeRecord(records.checkpointRecord.slice(), trust.identity);
    if (!verifyRecordSignature(seal, trust.sequencer)) return "the seal is not signed by the sequencer";
    if (!verifyRecordSignature(checkpoint, trust.sequencer)) return "the checkpoint is not signed by the sequencer";
    const payload = decodeCheckpoint(checkpoint);
    return checkPair(seal, checkpoint, payload, trust.sequencer) ?? { seal, checkpoint: payload };
  } catch (error) {
    if (error instanceof FormatError || error instanceof RlpError) return error.message;
    throw error;
  }
}

function checkPair(
  seal: ChainRecord,
  checkpoint: ChainRecord,
  payload: CheckpointPayload,
  sequencer: Address,
): string | null {
  const { headerRlp, headerSignature, miniBlockOffset, miniBlockCount } = decodeSeal(seal);
  const header = decodeHeader(headerRlp);
  if (!bytesEqual(encodeHeader(header), headerRlp)) return "the sealed header is not canonical";
  const signature = decodeSignature(headerSignature);
  const signer = signature && recoverAddress(keccak256(headerRlp), signature.r, signature.s, signature.yParity);
  if (signer === null || !bytesEqual(signer, sequencer)) return "the sealed header is not signed by the sequencer";
  if (miniBlockOffset + miniBlockCount !== seal.header.number) return "the seal's counts do not add up";
  if (payload.version !== seal.header.number) {
    return `the checkpoint is of version ${payload.version}, the seal of ${seal.header.number}`;
  }
  if (payload.blockNumber !== header.number) {
    return `the checkpoint is of block ${payload.blockNumber}, the seal of ${header.number}`;
  }
  if (checkpoint.header.sequence <= seal.header.sequence) return "the checkpoint was signed before the seal";
  return checkpoint.header.term < seal.header.term ? "the checkpoint is of an older term than the seal" : null;
}
