// The sequencer's signing key: one secp256k1 key in a file that only its owner may read. It is loaded once at start-up and
// handed to the producer; no form of printing the object shows the key.

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { toBareHex, toHex, tryFromHex } from "#base/hex.ts";
import type { Address } from "#chain/primitives.ts";
import { addressFromPrivateKey, isValidPrivateKey } from "#crypto/secp256k1.ts";

/** What is wrong with a key file. */
export type SignerKeyErrorCode =
  | "KEY_FILE_UNREADABLE"
  | "KEY_FILE_EXPOSED"
  | "KEY_FILE_INVALID"
  | "KEY_FILE_UNWRITABLE";

/** The key file cannot be used; the message names the file and never the key. */
export class SignerKeyError extends Error {
  override readonly name = "SignerKeyError";
  readonly code: SignerKeyErrorCode;
  readonly path: string;

  constructor(code: SignerKeyErrorCode, path: string, what: string, cause?: unknown) {
    super(`${path}: ${what}`, { cause });
    this.code = code;
    this.path = path;
  }
}

/** A key and the address that its signatures recover to. */
export class SequencerSigner {
  readonly address: Address;
  readonly #privateKey: Uint8Array;

  /** @param privateKey a valid 32-byte secp256k1 key; copied */
  constructor(privateKey: Uint8Array) {
    if (!isValidPrivateKey(privateKey)) throw new RangeError("not a secp256k1 private key");
    this.#privateKey = privateKey.slice();
    this.address = addressFromPrivateKey(this.#privateKey);
  }

  /** The 32-byte key itself, for the producer alone. */
  revealPrivateKey(): Uint8Array {
    return this.#privateKey;
  }

  /** Names the signer by its address. */
  toString(): string {
    return `sequencer ${toHex(this.address)}`;
  }

  /** The same name, so that no logger reaches into the object. */
  toJSON(): string {
    return this.toString();
  }
}

/**
 * Loads the key file, or creates it with a fresh key when it does not exist.
 * @param path a file of 64 hex digits, with or without 0x, mode 0600
 * @returns the signer, and whether the file was created now
 * @throws {SignerKeyError} when the file cannot be read or written, is open to others, or holds no key
 */
export function loadOrCreateSigner(path: string): { signer: SequencerSigner; isNew: boolean } {
  const created = tryCreate(path);
  if (created !== null) return { signer: created, isNew: true };
  return { signer: loadSigner(path), isNew: false };
}

/**
 * Loads an existing key file.
 * @throws {SignerKeyError} as {@link loadOrCreateSigner}
 */
export function loadSigner(path: string): SequencerSigner {
  let mode: number;
  let text: string;
  try {
    mode = statSync(path).mode;
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new SignerKeyError("KEY_FILE_UNREADABLE", path, "cannot read the sequencer's key file", cause);
  }
  if ((mode & 0o077) !== 0) {
    const shown = (mode & 0o777).toString(8).padStart(4, "0");
    throw new SignerKeyError("KEY_FILE_EXPOSED", path, `mode ${shown} lets others read the key; make it 0600`);
  }
  const key = tryFromHex(text.trim());
  if (key === null || key.length !== 32 || !isValidPrivateKey(key)) {
    throw new SignerKeyError("KEY_FILE_INVALID", path, "does not hold a secp256k1 key in hex");
  }
  return new SequencerSigner(key);
}

/** Writes a new key beside its place and then moves it there, so that no crash leaves a file without a whole key. */
function tryCreate(path: string): SequencerSigner | null {
  if (existsSync(path)) return null;
  const draft = `${path}.new`;
  try {
    const key = generatePrivateKey();
    rmSync(draft, { force: true });
    writeFileSync(draft, `${toBareHex(key)}\n`, { mode: 0o600, flag: "wx", flush: true });
    renameSync(draft, path);
    syncFolder(dirname(path));
    return new SequencerSigner(key);
  } catch (cause) {
    throw new SignerKeyError("KEY_FILE_UNWRITABLE", path, "cannot create the sequencer's key file", cause);
  }
}

/** The new name survives power loss; the log that this key signs does too. */
function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function generatePrivateKey(): Uint8Array {
  for (;;) {
    const key = crypto.getRandomValues(new Uint8Array(32));
    if (isValidPrivateKey(key)) return key; // all but 2^-128 of the draws
  }
}
