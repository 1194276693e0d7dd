// The one door to durable bytes: every file that the node keeps is read and written through this interface, so that the same storage
// code runs on the operating system's files and on a simulated disk that loses, tears and reorders what was not synced.
// Calls are synchronous: they run on the log and commit threads, whose work they are.

/** Why a disk call failed: the operating system's code where it is one of these, else `EUNKNOWN`. */
export type DiskErrorCode =
  | "ENOENT"
  | "EEXIST"
  | "ENOSPC"
  | "EDQUOT"
  | "EIO"
  | "EFBIG"
  | "EROFS"
  | "EACCES"
  | "EMFILE"
  | "ENOTDIR"
  | "EISDIR"
  | "ESTICKY"
  | "ECLOSED"
  | "EUNKNOWN";

/** How `Disk.openFile` opens. */
export type OpenFileOptions = {
  /** Makes an empty file when there is none. Default false: a missing file is `ENOENT`. */
  readonly create?: boolean;
  /** Refuses writes; for threads that only follow. Default false. */
  readonly readOnly?: boolean;
};

/** A flat view of a file system. Paths are joined with `/`; a relative path starts at the disk's root. */
export interface Disk {
  /** Opens a file. @throws {DiskError} `ENOENT` when it is missing and `create` is not set */
  openFile(path: string, options?: OpenFileOptions): DiskFile;
  /** The names (not paths) of the files and folders in a folder, sorted; empty when there is no such folder. */
  list(directory: string): string[];
  /** Replaces `to` by `from` in one step. Durable only after `syncDirectory`. */
  rename(from: string, to: string): void;
  /** Removes a file. Durable only after `syncDirectory`. @throws {DiskError} `ENOENT` */
  remove(path: string): void;
  /** Makes a folder and its parents, durably; no error when it exists. */
  makeDirectory(directory: string): void;
  /** Makes creations, renames and removals in a folder durable. */
  syncDirectory(directory: string): void;
  /** Whether a file or folder of this path exists. */
  exists(path: string): boolean;
  /** Bytes that this process may still write to the file system of the root. */
  freeBytes(): number;
}

/** An open file. Offsets and sizes are bytes from its start. */
export interface DiskFile {
  /** The current length in bytes. */
  size(): number;
  /** Reads up to `target.length` bytes at `offset`. @returns the count read; less than asked only at the end of the file */
  read(offset: number, target: Uint8Array): number;
  /**
   * Writes all of `bytes` at `offset`, extending the file where needed.
   * @throws {DiskError} after which any part of the bytes may have been written
   */
  write(offset: number, bytes: Uint8Array): void;
  /**
   * Makes content and length durable. A failure is final for this file object: what was unsynced may be gone although reads
   * still show it, so every later write or sync is refused with `ESTICKY` until the file is opened again.
   */
  sync(): void;
  /** Sets the length. Durable only after `sync`. */
  truncate(size: number): void;
  /** Releases the file; a second call does nothing. */
  close(): void;
}

/** A disk call that failed: an environment failure, never a bug. */
export class DiskError extends Error {
  override readonly name = "DiskError";
  /** What went wrong, in the operating system's words. */
  readonly code: DiskErrorCode;
  /** The file or folder that it concerns. */
  readonly path: string;

  constructor(code: DiskErrorCode, path: string, operation: string, cause?: unknown) {
    super(`${operation} ${path}: ${code}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
  }

  /** Whether the failure is want of space, which goes away when somebody makes some. */
  get isDiskFull(): boolean {
    return this.code === "ENOSPC" || this.code === "EDQUOT" || this.code === "EFBIG";
  }
}

/**
 * Reads exactly `size` bytes at `offset`.
 * @returns a fresh array, or null when the file ends before
 */
export function readExactly(file: DiskFile, offset: number, size: number): Uint8Array | null {
  const bytes = new Uint8Array(size);
  return file.read(offset, bytes) === size ? bytes : null;
}

/**
 * Writes a whole file so that after a crash there is the old file or the new one, never a mixture: temporary file, sync, rename,
 * sync of the folder.
 * @throws {DiskError} the old file, if any, is then still in place
 */
export function writeFileAtomically(disk: Disk, directory: string, name: string, bytes: Uint8Array): void {
  const temporaryPath = `${directory}/${name}${TEMPORARY_SUFFIX}`;
  const file = disk.openFile(temporaryPath, { create: true });
  try {
    file.truncate(0);
    file.write(0, bytes);
    file.sync();
  } finally {
    file.close();
  }
  disk.rename(temporaryPath, `${directory}/${name}`);
  disk.syncDirectory(directory);
}

/** Ends the names of files that are being written; such a leftover of a crash may be removed at start. */
export const TEMPORARY_SUFFIX = ".tmp";
