// SHA-256 by Bun's built-in (hardware instructions where there are any): requests hash, the SHA-256 precompile, KDFs.

/**
 * SHA-256 hash of a byte string.
 * @param data any length; shared memory is allowed
 * @returns a fresh 32-byte array
 * @see FIPS 180-4
 */
export function sha256(data: Uint8Array): Uint8Array {
  const digest = new Uint8Array(32);
  Bun.SHA256.hash(data as Uint8Array<ArrayBuffer>, digest);
  return digest;
}
