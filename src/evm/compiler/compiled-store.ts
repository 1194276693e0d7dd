// Compiled code on disk, so that a restart is warm: one file per byte code and fork in a folder of its own. A cache and nothing
// more: a file that does not verify, or that another generator made, is removed and compiled again when it is needed.

import { toBareHex } from "#base/hex.ts";
import { type CompiledCodeFile, decodeCompiledCode, encodeCompiledCode } from "#formats/disk/compiled-code.ts";
import { type Disk, DiskError, readExactly, writeFileAtomically } from "#storage/disk.ts";
import { GENERATOR_VERSION } from "./compile.ts";

/** Ends the names of files of compiled code. */
const SUFFIX = ".code";

/** A file of the store by name, with its size in bytes. */
type StoredFile = { readonly name: string; readonly sizeBytes: number };

/** See the head of the file. */
export class CompiledStore {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #sizeBytesMax: number;
  /** Sizes of the modules: those found on disk, then those written since. */
  readonly #files = new Map<string, number>();
  #sizeBytes = 0;
  #isMade = false;

  /** @param sizeBytesMax of modules; files beyond this are removed: those of earlier processes first, then in the order of writing */
  constructor(disk: Disk, directory: string, sizeBytesMax: number) {
    this.#disk = disk;
    this.#directory = directory;
    this.#sizeBytesMax = sizeBytesMax;
  }

  /** Bytes of all modules. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Makes the folder and reads what it holds, a file at a time; files that do not verify are removed. */
  *open(): Generator<CompiledCodeFile> {
    this.#makeDirectory();
    for (const name of this.#disk.list(this.#directory)) {
      if (this.#files.has(name)) continue;
      const file = name.endsWith(SUFFIX) ? this.#read(name) : null;
      if (file === null || file.generatorVersion !== GENERATOR_VERSION) this.#remove(name);
      else if (this.#sizeBytes + file.module.length > this.#sizeBytesMax) this.#remove(name);
      else {
        this.#note({ name, sizeBytes: file.module.length });
        yield file;
      }
    }
  }

  /** What is kept for a byte code; null when there is nothing, or nothing that verifies. */
  find(of: Pick<CompiledCodeFile, "fork" | "codeHash">): CompiledCodeFile | null {
    const name = nameOf(of);
    const file = this.#disk.exists(`${this.#directory}/${name}`) ? this.#read(name) : null;
    return file?.generatorVersion === GENERATOR_VERSION ? file : null;
  }

  /** Keeps compiled code. @throws {DiskError} when the disk is full or fails; the file is then absent or the one before */
  put(file: CompiledCodeFile): void {
    const name = nameOf(file);
    this.#makeDirectory();
    writeFileAtomically(this.#disk, this.#directory, name, encodeCompiledCode(file));
    this.#note({ name, sizeBytes: file.module.length });
    for (const oldest of this.#files.keys()) {
      if (this.#sizeBytes <= this.#sizeBytesMax || this.#files.size === 1) break;
      this.#remove(oldest);
    }
  }

  #makeDirectory(): void {
    if (!this.#isMade) this.#disk.makeDirectory(this.#directory);
    this.#isMade = true;
  }

  #note({ name, sizeBytes }: StoredFile): void {
    this.#forget(name);
    this.#files.set(name, sizeBytes);
    this.#sizeBytes += sizeBytes;
  }

  #forget(name: string): void {
    this.#sizeBytes -= this.#files.get(name) ?? 0;
    this.#files.delete(name);
  }

  #read(name: string): CompiledCodeFile | null {
    const file = this.#disk.openFile(`${this.#directory}/${name}`, { readOnly: true });
    try {
      const bytes = readExactly(file, 0, file.size());
      const decoded = bytes === null ? null : decodeCompiledCode(bytes);
      return decoded !== null && nameOf(decoded) === name ? decoded : null;
    } finally {
      file.close();
    }
  }

  #remove(name: string): void {
    this.#forget(name);
    try {
      this.#disk.remove(`${this.#directory}/${name}`);
    } catch (error) {
      if (!(error instanceof DiskError) || error.code !== "ENOENT") throw error;
    }
  }
}

function nameOf({ fork, codeHash }: Pick<CompiledCodeFile, "fork" | "codeHash">): string {
  return `${fork}-${toBareHex(codeHash)}${SUFFIX}`;
}
