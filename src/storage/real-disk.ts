// The operating system's files behind the Disk interface, by node:fs's synchronous calls.
// `sync` is fdatasync: it makes the content and the length durable, not the time stamps.

import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { type Disk, DiskError, type DiskErrorCode, type DiskFile, type OpenFileOptions } from "./disk.ts";

/** Files below a root folder; absolute paths are taken as they are. */
export class RealDisk implements Disk {
  readonly #root: string;

  /** @param root the folder that relative paths start at and whose free space counts */
  constructor(root: string) {
    this.#root = root;
  }

  openFile(path: string, options: OpenFileOptions = {}): DiskFile {
    const fullPath = resolve(this.#root, path);
    const access = options.readOnly === true ? constants.O_RDONLY : constants.O_RDWR;
    const flags = options.create === true ? access | constants.O_CREAT : access;
    return new RealFile(
      fullPath,
      guard("open", fullPath, () => openSync(fullPath, flags, 0o600)),
    );
  }

  list(directory: string): string[] {
    const fullPath = resolve(this.#root, directory);
    try {
      return readdirSync(fullPath).sort();
    } catch (cause) {
      if (codeOf(cause) === "ENOENT") return [];
      throw new DiskError(codeOf(cause), fullPath, "list", cause);
    }
  }

  rename(from: string, to: string): void {
    const fullFrom = resolve(this.#root, from);
    guard("rename", fullFrom, () => renameSync(fullFrom, resolve(this.#root, to)));
  }

  remove(path: string): void {
    const fullPath = resolve(this.#root, path);
    guard("remove", fullPath, () => unlinkSync(fullPath));
  }

  makeDirectory(directory: string): void {
    const fullPath = resolve(this.#root, directory);
    const first = guard("make directory", fullPath, () => mkdirSync(fullPath, { recursive: true, mode: 0o700 }));
    if (first === undefined) return;
    // A new folder is durable once the folder that it is in has been synced.
    for (let made = fullPath; made.length >= first.length; made = dirname(made)) this.syncDirectory(dirname(made));
  }

  syncDirectory(directory: string): void {
    const fullPath = resolve(this.#root, directory);
    guard("sync directory", fullPath, () => {
      const descriptor = openSync(fullPath, constants.O_RDONLY);
      try {
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    });
  }

  exists(path: string): boolean {
    return existsSync(resolve(this.#root, path));
  }

  freeBytes(): number {
    return guard("statfs", this.#root, () => {
      const statistics = statfsSync(this.#root);
      return statistics.bavail * statistics.bsize;
    });
  }
}

class RealFile implements DiskFile {
  readonly #path: string;
  #descriptor: number;
  #isSyncBroken = false;

  constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  size(): number {
    this.#requireOpen("stat");
    return guard("stat", this.#path, () => fstatSync(this.#descriptor).size);
  }

  read(offset: number, target: Uint8Array): number {
    this.#requireOpen("read");
    return guard("read", this.#path, () => {
      let done = 0;
      while (done < target.length) {
        const count = readSync(this.#descriptor, target, done, target.length - done, offset + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#requireWritable("write");
    guard("write", this.#path, () => {
      let done = 0;
      while (done < bytes.length) {
        const count = writeSync(this.#descriptor, bytes, done, bytes.length - done, offset + done);
        if (count === 0) throw new DiskError("EIO", this.#path, "write");
        done += count;
      }
    });
  }

  sync(): void {
    this.#requireWritable("sync");
    try {
      fdatasyncSync(this.#descriptor);
    } catch (cause) {
      this.#isSyncBroken = true;
      throw new DiskError(codeOf(cause), this.#path, "sync", cause);
    }
  }

  truncate(size: number): void {
    this.#requireWritable("truncate");
    guard("truncate", this.#path, () => ftruncateSync(this.#descriptor, size));
  }

  close(): void {
    if (this.#descriptor < 0) return;
    const descriptor = this.#descriptor;
    this.#descriptor = -1;
    guard("close", this.#path, () => closeSync(descriptor));
  }

  #requireOpen(operation: string): void {
    if (this.#descriptor < 0) throw new DiskError("ECLOSED", this.#path, operation);
  }

  #requireWritable(operation: string): void {
    this.#requireOpen(operation);
    if (this.#isSyncBroken) throw new DiskError("ESTICKY", this.#path, operation);
  }
}

const KNOWN_CODES: ReadonlySet<string> = new Set<DiskErrorCode>([
  "ENOENT",
  "EEXIST",
  "ENOSPC",
  "EDQUOT",
  "EIO",
  "EFBIG",
  "EROFS",
  "EACCES",
  "EMFILE",
  "ENOTDIR",
  "EISDIR",
]);

function codeOf(cause: unknown): DiskErrorCode {
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === "string" && KNOWN_CODES.has(code) ? (code as DiskErrorCode) : "EUNKNOWN";
}

function guard<T>(operation: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (cause instanceof DiskError) throw cause;
    throw new DiskError(codeOf(cause), path, operation, cause);
  }
}
