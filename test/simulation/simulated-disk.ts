// A deterministic disk for crash tests: 512-byte sectors, and nothing durable that was not synced.
// Between syncs every written sector independently survives a crash, is lost, or is overtaken by a later write to it; lengths,
// truncations and folder entries likewise. Everything follows from one seed, so a found failure is a fixed case.
//
//   write ──▶ pending list of the file ──sync──▶ durable content
//   create, rename, remove ──▶ pending list of the folder ──syncDirectory──▶ durable entries
//   crash(survivors) ──▶ a new disk: the durable state plus the survivors' part of both lists

import { assert } from "#base/assert.ts";
import { type Disk, DiskError, type DiskErrorCode, type DiskFile, type OpenFileOptions } from "#storage/disk.ts";

/** Size of the unit that a crash keeps or loses as a whole, in bytes. */
export const SECTOR_SIZE_BYTES = 512;

/** Thrown by every call from the crash on: the process is dead, so nothing may catch it and go on. */
export class SimulatedCrash extends Error {
  override readonly name = "SimulatedCrash";
}

/** What goes wrong, and when. Indices count calls from 0 since the faults were set. */
export type DiskFaults = {
  /** The changing call (write, sync, truncate, create, rename, remove, folder) at which power fails. */
  readonly crashAt?: number;
  /** The changing call that fails. A failing write has written a random part before. */
  readonly failAt?: number;
  /** How `failAt` fails; default `EIO`. */
  readonly failCode?: DiskErrorCode;
  /** Every changing call from `failAt` on fails, until the faults are cleared. */
  readonly failForever?: boolean;
  /** The read call that fails with `EIO`. */
  readonly failReadAt?: number;
};

/** Which of the pending changes a crash keeps: none, all, the first few in order, or each by a coin. */
export type Survivors = "none" | "all" | "prefix" | "random";

type PendingChange =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly size: number };

type Inode = { durable: Uint8Array; live: Uint8Array; pending: PendingChange[] };

type EntryChange =
  | { readonly kind: "link"; readonly path: string; readonly inode: Inode }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  | { readonly kind: "unlink"; readonly path: string };

/** A small fast generator (xorshift32 steps over a mixed seed) for simulations; the same seed gives the same run. */
export function seededRandom(seed: number): () => number {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x85ebca6b) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 0x100000000;
  };
}

/** The disk in memory. One folder level is enough for what the storage code does, but any path works. */
export class SimulatedDisk implements Disk {
  /** Changing calls so far, since the faults were last set. */
  changeCount = 0;
  /** Reads so far, since the faults were last set. */
  readCount = 0;
  /** Space limit over all files, in bytes; a write beyond is `ENOSPC`. */
  capacityBytes = Number.POSITIVE_INFINITY;

  readonly #random: () => number;
  #faults: DiskFaults = {};
  #isDead = false;
  #durableEntries = new Map<string, Inode>();
  #entries = new Map<string, Inode>();
  #directories = new Set<string>();
  #pendingEntries: EntryChange[] = [];

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** Sets what goes wrong from now on and restarts both counters. */
  setFaults(faults: DiskFaults): void {
    this.#faults = faults;
    this.changeCount = 0;
    this.readCount = 0;
  }

  /**
   * The disk as the next start finds it. The old one is dead.
   * @param seed draws the survivors
   */
  crash(survivors: Survivors, seed: number): SimulatedDisk {
    this.#isDead = true;
    const random = seededRandom(seed);
    const keeps = survivorChoice(survivors, random);
    const next = new SimulatedDisk(seed + 1);
    next.#directories = new Set(this.#directories);
    const entries = new Map(this.#durableEntries);
    for (const change of this.#pendingEntries) if (keeps()) applyEntryChange(entries, change);
    const settled = new Map<Inode, Inode>();
    for (const [path, inode] of entries) {
      let copy = settled.get(inode);
      if (copy === undefined) {
        const content = survivingContent(inode, survivorChoice(survivors, random));
        copy = { durable: content, live: content.slice(), pending: [] };
        settled.set(inode, copy);
      }
      next.#entries.set(path, copy);
      next.#durableEntries.set(path, copy);
    }
    return next;
  }

  /** The disk as the next process finds it when only the process died: nothing is lost, and nothing is more durable than it was. */
  kill(): SimulatedDisk {
    this.#isDead = true;
    const next = new SimulatedDisk(1);
    next.#directories = this.#directories;
    next.#entries = this.#entries;
    next.#durableEntries = this.#durableEntries;
    next.#pendingEntries = this.#pendingEntries;
    return next;
  }

  openFile(path: string, options: OpenFileOptions = {}): DiskFile {
    this.#requireAlive();
    let inode = this.#entries.get(path);
    if (inode === undefined) {
      if (options.create !== true) throw new DiskError("ENOENT", path, "open");
      inode = { durable: new Uint8Array(0), live: new Uint8Array(0), pending: [] };
      const created = inode;
      this.change(path, () => {
        this.#entries.set(path, created);
        this.#pendingEntries.push({ kind: "link", path, inode: created });
      });
    }
    return new SimulatedFile(this, path, inode, options.readOnly === true);
  }

  list(directory: string): string[] {
    this.#requireAlive();
    const prefix = `${directory}/`;
    const names = new Set<string>();
    for (const path of this.#entries.keys()) {
      if (path.startsWith(prefix)) names.add(path.slice(prefix.length).split("/")[0]!);
    }
    return [...names].sort();
  }

  rename(from: string, to: string): void {
    this.change(from, () => {
      const change: EntryChange = { kind: "rename", from, to };
      if (!this.#entries.has(from)) throw new DiskError("ENOENT", from, "rename");
      applyEntryChange(this.#entries, change);
      this.#pendingEntries.push(change);
    });
  }

  remove(path: string): void {
    this.change(path, () => {
      if (!this.#entries.delete(path)) throw new DiskError("ENOENT", path, "remove");
      this.#pendingEntries.push({ kind: "unlink", path });
    });
  }

  makeDirectory(directory: string): void {
    this.#requireAlive();
    this.#directories.add(directory);
  }

  syncDirectory(directory: string): void {
    const settle = () => {
      const prefix = `${directory}/`;
      const rest: EntryChange[] = [];
      for (const change of this.#pendingEntries) {
        const path = change.kind === "rename" ? change.to : change.path;
        if (path.startsWith(prefix)) applyEntryChange(this.#durableEntries, change);
        else rest.push(change);
      }
      this.#pendingEntries = rest;
    };
    this.barrier(directory, settle, () => {});
  }

  exists(path: string): boolean {
    this.#requireAlive();
    return this.#entries.has(path) || this.#directories.has(path) || this.list(path).length > 0;
  }

  freeBytes(): number {
    this.#requireAlive();
    return Math.max(0, this.capacityBytes - this.#usedBytes());
  }

  /** The live content of a file, for tests that look or damage; unlike every other call it never fails or counts. */
  content(path: string): Uint8Array {
    const inode = this.#entries.get(path);
    assert(inode !== undefined, () => `no file ${path}`);
    return inode.live;
  }

  /** Replaces a file's content behind the storage code's back, live and durable: rot, a misdirected write, a stale copy. */
  overwrite(path: string, content: Uint8Array): void {
    const inode = { durable: content.slice(), live: content.slice(), pending: [] };
    this.#entries.set(path, inode);
    this.#durableEntries.set(path, inode);
  }

  /** Removes a file behind the storage code's back. */
  lose(path: string): void {
    this.#entries.delete(path);
    this.#durableEntries.delete(path);
  }

  /** All files by path, sorted. */
  paths(): string[] {
    return [...this.#entries.keys()].sort();
  }

  /** Counts one changing call and runs it unless a fault is due. For the disk's own files. */
  change(path: string, action: () => void, partial?: (random: () => number) => void): void {
    this.#requireAlive();
    const index = this.changeCount++;
    const { crashAt, failAt, failForever } = this.#faults;
    if (index === crashAt) {
      action();
      this.#isDead = true;
      throw new SimulatedCrash(`crash at change ${index}`);
    }
    if (failAt !== undefined && (index === failAt || (failForever === true && index > failAt))) {
      partial?.(this.#random);
      throw new DiskError(this.#faults.failCode ?? "EIO", path, "simulated change");
    }
    action();
  }

  /** Counts one changing call that a crash leaves undone (a sync). */
  barrier(path: string, action: () => void, failed: () => void): void {
    this.#requireAlive();
    const index = this.changeCount++;
    const { crashAt, failAt, failForever } = this.#faults;
    if (index === crashAt) {
      this.#isDead = true;
      throw new SimulatedCrash(`crash at change ${index}`);
    }
    if (failAt !== undefined && (index === failAt || (failForever === true && index > failAt))) {
      failed();
      throw new DiskError(this.#faults.failCode ?? "EIO", path, "simulated sync");
    }
    action();
  }

  /** Counts one read and fails it when due. */
  countRead(path: string): void {
    this.#requireAlive();
    if (this.readCount++ === this.#faults.failReadAt) throw new DiskError("EIO", path, "simulated read");
  }

  /** @throws {DiskError} `ENOSPC` when the files may not grow by so many bytes */
  requireSpace(path: string, growthBytes: number): void {
    if (growthBytes > 0 && this.#usedBytes() + growthBytes > this.capacityBytes) {
      throw new DiskError("ENOSPC", path, "simulated write");
    }
  }

  #usedBytes(): number {
    let used = 0;
    for (const inode of this.#entries.values()) used += inode.live.length;
    return used;
  }

  #requireAlive(): void {
    if (this.#isDead) throw new SimulatedCrash("the process is dead");
  }
}

class SimulatedFile implements DiskFile {
  readonly #disk: SimulatedDisk;
  readonly #path: string;
  readonly #inode: Inode;
  readonly #isReadOnly: boolean;
  #isSyncBroken = false;
  #isClosed = false;

  constructor(disk: SimulatedDisk, path: string, inode: Inode, isReadOnly: boolean) {
    this.#disk = disk;
    this.#path = path;
    this.#inode = inode;
    this.#isReadOnly = isReadOnly;
  }

  size(): number {
    this.#requireOpen();
    this.#disk.countRead(this.#path);
    return this.#inode.live.length;
  }

  read(offset: number, target: Uint8Array): number {
    this.#requireOpen();
    this.#disk.countRead(this.#path);
    const part = this.#inode.live.subarray(offset, offset + target.length);
    target.set(part);
    return part.length;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#requireWritable("write");
    const growthBytes = Math.max(0, offset + bytes.length - this.#inode.live.length);
    this.#disk.change(
      this.#path,
      () => {
        this.#disk.requireSpace(this.#path, growthBytes);
        this.#write(offset, bytes);
      },
      (random) => this.#write(offset, bytes.subarray(0, Math.floor(random() * (bytes.length + 1)))),
    );
  }

  sync(): void {
    this.#requireWritable("sync");
    const inode = this.#inode;
    this.#disk.barrier(
      this.#path,
      () => {
        inode.durable = inode.live.slice();
        inode.pending = [];
      },
      () => {
        this.#isSyncBroken = true;
        inode.pending = [];
        inode.live = inode.durable.slice();
      },
    );
  }

  truncate(size: number): void {
    this.#requireWritable("truncate");
    this.#disk.change(this.#path, () => {
      this.#inode.live = applyChange(this.#inode.live, { kind: "truncate", size });
      this.#inode.pending.push({ kind: "truncate", size });
    });
  }

  close(): void {
    this.#isClosed = true;
  }

  #write(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const change: PendingChange = { kind: "write", offset, bytes: bytes.slice() };
    this.#inode.live = applyChange(this.#inode.live, change);
    this.#inode.pending.push(change);
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new DiskError("ECLOSED", this.#path, "use");
  }

  #requireWritable(operation: string): void {
    this.#requireOpen();
    if (this.#isReadOnly) throw new DiskError("EROFS", this.#path, operation);
    if (this.#isSyncBroken) throw new DiskError("ESTICKY", this.#path, operation);
  }
}

function survivorChoice(survivors: Survivors, random: () => number): () => boolean {
  if (survivors === "none") return () => false;
  if (survivors === "all") return () => true;
  if (survivors === "random") {
    const share = random();
    return () => random() < share;
  }
  let isAlive = true;
  return () => (isAlive &&= random() < 0.85);
}

function applyEntryChange(entries: Map<string, Inode>, change: EntryChange): void {
  if (change.kind === "link") entries.set(change.path, change.inode);
  else if (change.kind === "unlink") entries.delete(change.path);
  else {
    const inode = entries.get(change.from);
    if (inode === undefined) return;
    entries.delete(change.from);
    entries.set(change.to, inode);
  }
}

function applyChange(content: Uint8Array, change: PendingChange): Uint8Array {
  if (change.kind === "truncate") {
    const resized = new Uint8Array(change.size);
    resized.set(content.subarray(0, change.size));
    return resized;
  }
  const end = change.offset + change.bytes.length;
  if (end <= content.length) {
    content.set(change.bytes, change.offset);
    return content;
  }
  const grown = new Uint8Array(end);
  grown.set(content);
  grown.set(change.bytes, change.offset);
  return grown;
}

/** Each sector of each pending write survives by itself; a lost sector below a surviving length reads as zeroes or as before. */
function survivingContent(inode: Inode, keeps: () => boolean): Uint8Array {
  let content: Uint8Array = inode.durable.slice();
  for (const change of inode.pending) {
    if (change.kind === "truncate") {
      if (keeps()) content = applyChange(content, change);
      continue;
    }
    const end = change.offset + change.bytes.length;
    if (end > content.length && keeps()) {
      const grown = new Uint8Array(end);
      grown.set(content);
      content = grown;
    }
    for (let start = change.offset; start < end; ) {
      const sectorEnd = Math.min(end, (Math.floor(start / SECTOR_SIZE_BYTES) + 1) * SECTOR_SIZE_BYTES);
      const bytes = change.bytes.subarray(start - change.offset, Math.min(sectorEnd, content.length) - change.offset);
      if (start < content.length && keeps()) content.set(bytes, start);
      start = sectorEnd;
    }
  }
  return content;
}
