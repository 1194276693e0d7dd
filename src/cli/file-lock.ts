// An exclusive lock on a file that the system drops when the process ends, however it ends: flock(2) by way of bun:ffi,
// which needs no compiler and works inside the compiled executable. Where the C library cannot be opened, the process named
// in the file is looked up in /proc instead, and its start time tells it from a later process with the same number.

import { dlopen, FFIType } from "bun:ffi";
import { closeSync, ftruncateSync, openSync, readFileSync, readSync, writeSync } from "node:fs";

const LOCK_EXCLUSIVE = 2;
const LOCK_NON_BLOCKING = 4;
const OWNER_SIZE_BYTES_MAX = 256;

/** The process that holds a lock. */
export type LockOwner = {
  readonly pid: number;
  /** Clock ticks from boot to its start, as /proc tells; null where there is no /proc. */
  readonly startTicks: string | null;
};

/** A lock that is held; releasing it again does nothing. */
export type FileLock = { release(): void };

/** Ways to lock that `lockFile` may use; tests take the second one away. */
export type LockMethod = "flock" | "owner";

/**
 * Takes the lock, without waiting.
 * @param path a file that is made when absent and never removed
 * @returns the lock, or who holds it (null when the holder has not said)
 * @throws {Error} when the file cannot be opened or written
 */
export function lockFile(path: string, method: LockMethod = "flock"): FileLock | { readonly owner: LockOwner | null } {
  const descriptor = openSync(path, "a+", 0o600);
  const flock = method === "flock" ? openFlock() : null;
  const owner = readOwner(descriptor);
  const taken =
    flock === null
      ? owner !== null && owner.pid !== process.pid && isAlive(owner)
      : flock(descriptor, LOCK_EXCLUSIVE | LOCK_NON_BLOCKING) !== 0;
  if (taken) {
    closeSync(descriptor);
    return { owner };
  }
  ftruncateSync(descriptor, 0);
  writeSync(descriptor, `${JSON.stringify({ pid: process.pid, startTicks: readStartTicks(process.pid) })}\n`);
  let held = true;
  return {
    release: () => {
      if (!held) return;
      held = false;
      ftruncateSync(descriptor, 0);
      closeSync(descriptor);
    },
  };
}

function openFlock(): ((descriptor: number, operation: number) => number) | null {
  for (const library of ["libc.so.6", "libc.so", "libc.dylib"]) {
    try {
      return dlopen(library, { flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 } }).symbols.flock;
    } catch {
      // not this one: the next name, and in the end the owner check
    }
  }
  return null;
}

function readOwner(descriptor: number): LockOwner | null {
  const buffer = Buffer.alloc(OWNER_SIZE_BYTES_MAX);
  const sizeBytes = readSync(descriptor, buffer, 0, buffer.length, 0);
  try {
    const { pid, startTicks } = JSON.parse(buffer.toString("utf8", 0, sizeBytes)) as Partial<LockOwner>;
    return typeof pid === "number" ? { pid, startTicks: typeof startTicks === "string" ? startTicks : null } : null;
  } catch {
    return null;
  }
}

function isAlive(owner: LockOwner): boolean {
  const startTicks = readStartTicks(owner.pid);
  if (startTicks !== null) return owner.startTicks === null || startTicks === owner.startTicks;
  try {
    process.kill(owner.pid, 0);
    return readStartTicks(process.pid) === null;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

function readStartTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
