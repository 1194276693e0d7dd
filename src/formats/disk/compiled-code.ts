// A file of compiled code: the WebAssembly of one byte code for one fork. A cache: what does not verify is compiled again.
//
//   offset  size  field
//        0     8  magic "MEGACODE"
//        8     4  format version
//       12     4  version of the generator that made it
//       16    32  keccak256 of the byte code
//       48        fork: length (varint), UTF-8
//                 form: 0 regions, 1 dispatch (1 byte)
//                 functions (varint)
//                 blocks: count (varint), 16 bits each
//                 entered blocks of the byte code: length (varint), a bit per byte of code, the lowest first
//                 module: length (varint), bytes
//   end-32    32  BLAKE3 of all before

import { bytesEqual, utf8 } from "#base/bytes.ts";
import { blake3 } from "#crypto/blake3.ts";
import { ByteReader, ByteWriter, FormatError } from "../codec.ts";

/** Version of this layout. */
export const COMPILED_CODE_FORMAT_VERSION = 2;
/** Largest module in a file, bytes. */
export const COMPILED_MODULE_SIZE_BYTES_MAX = 1 << 24;

/** What a file holds. */
export type CompiledCodeFile = {
  readonly generatorVersion: number;
  readonly codeHash: Uint8Array;
  readonly fork: string;
  readonly form: "regions" | "dispatch";
  readonly functionCount: number;
  /** What `CODE_ENTRY.blocks` points to, by place in the code; empty where nothing is looked up. */
  readonly blocks: Uint16Array;
  /** What had been seen of the code when it was compiled: see `SeenPlaces`. */
  readonly seen: Uint8Array;
  readonly module: Uint8Array<ArrayBuffer>;
};

const MAGIC = utf8("MEGACODE");
const DIGEST_SIZE_BYTES = 32;
const SEEN_SIZE_BYTES_MAX = 1 << 17;

/** Encodes a file. */
export function encodeCompiledCode(file: CompiledCodeFile): Uint8Array {
  const out = new ByteWriter(file.module.length + 1024);
  out.raw(MAGIC).u32(COMPILED_CODE_FORMAT_VERSION).u32(file.generatorVersion).raw(file.codeHash);
  out
    .sized(utf8(file.fork))
    .u8(file.form === "regions" ? 0 : 1)
    .varint(file.functionCount);
  out.varint(file.blocks.length);
  for (const block of file.blocks) out.u16(block);
  out.sized(file.seen).sized(file.module);
  const content = out.toBytes();
  return new ByteWriter(content.length + DIGEST_SIZE_BYTES).raw(content).raw(blake3(content)).toBytes();
}

/** Reads a file, or null when it is damaged or of another layout. */
export function decodeCompiledCode(bytes: Uint8Array): CompiledCodeFile | null {
  const end = bytes.length - DIGEST_SIZE_BYTES;
  if (end < MAGIC.length || !bytesEqual(blake3(bytes.subarray(0, end)), bytes.subarray(end))) return null;
  try {
    return decodeContent(new ByteReader(bytes.subarray(0, end)));
  } catch (error) {
    if (error instanceof FormatError) return null;
    throw error;
  }
}

function decodeContent(reader: ByteReader): CompiledCodeFile | null {
  if (!bytesEqual(reader.raw(MAGIC.length), MAGIC) || reader.u32() !== COMPILED_CODE_FORMAT_VERSION) return null;
  const generatorVersion = reader.u32();
  const codeHash = reader.raw(32).slice();
  const fork = new TextDecoder().decode(reader.sized(64));
  const form = reader.u8() === 0 ? "regions" : "dispatch";
  const functionCount = reader.varint();
  const blocks = new Uint16Array(reader.count(2));
  for (let i = 0; i < blocks.length; i++) blocks[i] = reader.u16();
  const seen = reader.sized(SEEN_SIZE_BYTES_MAX).slice();
  const module = Uint8Array.from(reader.sized(COMPILED_MODULE_SIZE_BYTES_MAX));
  return { generatorVersion, codeHash, fork, form, functionCount, blocks, seen, module };
}
