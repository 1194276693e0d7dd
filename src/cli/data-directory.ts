// The folder that a node keeps its chain in: made, claimed and checked before anything in it is opened.
//
//   VERSION   format of the folder, chain id, role: written once, when the folder is made
//   LOCK      held while a process uses the folder; the system drops it when the process dies, kill -9 included
//   the rest  belongs to the role

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { type FileLock, lockFile } from "./file-lock.ts";
import type { Role } from "./options.ts";

/** The format of the folder that this program reads and writes. */
export const DATA_FORMAT = 1;

const VERSION_FILE = "VERSION";
const LOCK_FILE = "LOCK";
const IGNORED_ENTRIES: ReadonlySet<string> = new Set([LOCK_FILE, `${VERSION_FILE}.new`, "lost+found"]);

/** Why a data directory cannot be used. */
export type DataDirectoryErrorCode = "LOCKED" | "UNUSABLE" | "FOREIGN" | "FORMAT" | "CHAIN" | "ROLE";

/** The data directory cannot be used, and the message says what to do about it. */
export class DataDirectoryError extends Error {
  override readonly name = "DataDirectoryError";
  readonly code: DataDirectoryErrorCode;
  readonly path: string;

  constructor(code: DataDirectoryErrorCode, path: string, message: string, cause?: unknown) {
    super(`data directory ${path}: ${message}`, cause === undefined ? {} : { cause });
    this.code = code;
    this.path = path;
  }
}

/** An open data directory; `close` gives it free, and removes it when it is ephemeral. */
export type DataDirectory = { readonly path: string; readonly isNew: boolean; close(): void };

/** What the folder is to be used for. */
export type DataDirectoryUse = { readonly chainId: bigint; readonly role: Role; readonly programVersion: string };

type VersionRecord = { format: number; chainId: string; role: string; madeBy: string };

/**
 * Makes or opens a data directory and claims it for this process.
 * @param path made with its parents when absent, readable by its owner alone
 * @throws {DataDirectoryError} when it is in use, of another chain, role or format, not ours, or cannot be written
 */
export function openDataDirectory(path: string, use: DataDirectoryUse): DataDirectory {
  const folder = resolve(path);
  const lock = claim(folder);
  try {
    const isNew = checkVersion(folder, use);
    return { path: folder, isNew, close: () => lock.release() };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * Makes a data directory that goes when it is closed.
 * @param parent the folder for temporary files
 */
export function openEphemeralDirectory(parent: string, use: DataDirectoryUse): DataDirectory {
  let folder: string;
  try {
    folder = mkdtempSync(join(parent, "megaeth-"));
  } catch (cause) {
    throw new DataDirectoryError("UNUSABLE", parent, `cannot make a temporary folder (${wordsOf(cause)})`, cause);
  }
  const directory = openDataDirectory(folder, use);
  return {
    ...directory,
    close: () => {
      directory.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function claim(folder: string): FileLock {
  let result: ReturnType<typeof lockFile>;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    result = lockFile(join(folder, LOCK_FILE));
  } catch (cause) {
    throw new DataDirectoryError("UNUSABLE", folder, `cannot be made or written (${wordsOf(cause)})`, cause);
  }
  if ("release" in result) return result;
  const holder = result.owner === null ? "another process" : `process ${result.owner.pid}`;
  throw new DataDirectoryError("LOCKED", folder, `in use by ${holder}; stop it or give another --datadir`);
}

/** Returns whether the folder is new. */
function checkVersion(folder: string, use: DataDirectoryUse): boolean {
  const record = readVersion(folder);
  if (record === null) {
    const strangers = readdirSync(folder).filter((entry) => !IGNORED_ENTRIES.has(entry));
    if (strangers.length > 0) {
      throw new DataDirectoryError(
        "FOREIGN",
        folder,
        `holds ${strangers[0]} but no ${VERSION_FILE} file: not a data directory`,
      );
    }
    writeVersion(folder, use);
    return true;
  }
  if (record.format !== DATA_FORMAT) {
    throw new DataDirectoryError(
      "FORMAT",
      folder,
      `has format ${record.format}, written by megaeth ${record.madeBy}; this program reads format ${DATA_FORMAT}`,
    );
  }
  if (record.chainId !== String(use.chainId)) {
    throw new DataDirectoryError("CHAIN", folder, `holds chain ${record.chainId}, not ${use.chainId}`);
  }
  if (record.role !== use.role) {
    throw new DataDirectoryError("ROLE", folder, `was made by role ${record.role}, not ${use.role}`);
  }
  return false;
}

function readVersion(folder: string): VersionRecord | null {
  let text: string;
  try {
    text = readFileSync(join(folder, VERSION_FILE), "utf8");
  } catch (cause) {
    if ((cause as { code?: string }).code === "ENOENT") return null;
    throw new DataDirectoryError("UNUSABLE", folder, `${VERSION_FILE} cannot be read (${wordsOf(cause)})`, cause);
  }
  try {
    const { format, chainId, role, madeBy } = JSON.parse(text) as Partial<VersionRecord>;
    if (typeof format === "number") {
      return { format, chainId: String(chainId), role: String(role), madeBy: String(madeBy) };
    }
  } catch {
    // falls through to the refusal: a VERSION file is written whole or not at all
  }
  throw new DataDirectoryError("FORMAT", folder, `${VERSION_FILE} is not a version record`);
}

/** Written beside and renamed, so that a crash leaves either no VERSION file or a whole one. */
function writeVersion(folder: string, use: DataDirectoryUse): void {
  const record: VersionRecord = {
    format: DATA_FORMAT,
    chainId: String(use.chainId),
    role: use.role,
    madeBy: use.programVersion,
  };
  const partial = join(folder, `${VERSION_FILE}.new`);
  try {
    const file = openSync(partial, "w", 0o600);
    writeSync(file, `${JSON.stringify(record)}\n`);
    fsyncSync(file);
    closeSync(file);
    renameSync(partial, join(folder, VERSION_FILE));
    const parent = openSync(folder, "r");
    fsyncSync(parent);
    closeSync(parent);
  } catch (cause) {
    throw new DataDirectoryError("UNUSABLE", folder, `cannot be written (${wordsOf(cause)})`, cause);
  }
}

function wordsOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
