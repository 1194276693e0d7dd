// BLAKE3-256: the hash of frames, sections and storage checksums. Native add-on where there is one, noble otherwise;
// both loaded on first import of this file and never mixed within a process.

import { tryLoadNative } from "./backend.ts";

type NativeHasher = { update(data: Uint8Array): unknown; digestBuffer(): Uint8Array };
type NativeBlake3 = { blake3(data: Uint8Array): Uint8Array; Blake3Hasher: new () => NativeHasher };
type NobleBlake3 = typeof import("@noble/hashes/blake3.js");

const native = tryLoadNative(
  () => require("@napi-rs/blake-hash-linux-x64-gnu/blake.linux-x64-gnu.node") as NativeBlake3,
);
const noble = native === null ? (require("@noble/hashes/blake3.js") as NobleBlake3) : null;

/** Which implementation `blake3` runs on in this process. */
export const BLAKE3_BACKEND: "native" | "noble" = native === null ? "noble" : "native";

/**
 * BLAKE3 hash of a byte string.
 * @param data any length; shared memory is allowed
 * @returns a fresh 32-byte array
 * @see https://github.com/BLAKE3-team/BLAKE3-specs
 */
export function blake3(data: Uint8Array): Uint8Array {
  return native === null ? noble!.blake3(data) : plainCopy(native.blake3(data));
}

/** Incremental BLAKE3: `update` any number of times, then `digest`. */
export class Blake3Hasher {
  readonly #native: NativeHasher | null;
  readonly #noble: ReturnType<NobleBlake3["blake3"]["create"]> | null;

  constructor() {
    this.#native = native === null ? null : new native.Blake3Hasher();
    this.#noble = noble === null ? null : noble.blake3.create();
  }

  /** Absorbs more bytes; the same as hashing the concatenation. */
  update(data: Uint8Array): this {
    if (this.#native === null) this.#noble!.update(data);
    else this.#native.update(data);
    return this;
  }

  /** The 32-byte hash of all bytes so far, as a fresh array. May be called again, also after more updates. */
  digest(): Uint8Array {
    if (this.#native === null) return this.#noble!.clone().digest();
    return plainCopy(this.#native.digestBuffer());
  }
}

// The add-on answers with Buffers, whose `slice` and JSON forms differ from those of a plain Uint8Array.
function plainCopy(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer);
}
