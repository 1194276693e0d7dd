// Up to 256 rows of one size, of which usually few are there: a bitmap says which, and those lie side by side by position.
//
//   0     bitmap, 256 bits, bit i of byte i / 8 counted from the lowest
//   32    rows that are there, ascending, then room for more

import { TRIE_WIDTH } from "./salt-key.ts";

const BITMAP_SIZE_BYTES = TRIE_WIDTH / 8;
const ROOM_ROWS_MIN = 1;

/** A sparse array of 256 rows that is as large as what is in it, within a factor of two. */
export class PackedRows {
  readonly #rowSizeBytes: number;
  #bytes: Uint8Array;
  #count = 0;

  /** @param rowSizeBytes size of every row */
  constructor(rowSizeBytes: number) {
    this.#rowSizeBytes = rowSizeBytes;
    this.#bytes = new Uint8Array(BITMAP_SIZE_BYTES + ROOM_ROWS_MIN * rowSizeBytes);
  }

  /** Rows that are there. */
  get count(): number {
    return this.#count;
  }

  /** Memory behind the rows, bytes. */
  get sizeBytes(): number {
    return this.#bytes.length;
  }

  /** The row at a position as a view that the next change may move, or null. */
  row(position: number): Uint8Array | null {
    if (!this.#has(position)) return null;
    const start = this.#offsetOf(position);
    return this.#bytes.subarray(start, start + this.#rowSizeBytes);
  }

  /** The row at a position, made if it was not there, to be filled by the caller; a view as `row` gives it. */
  rowForWriting(position: number): Uint8Array {
    const start = this.#offsetOf(position);
    if (!this.#has(position)) this.#insert(position, start);
    return this.#bytes.subarray(start, start + this.#rowSizeBytes);
  }

  /** Takes a row out; nothing happens when it is not there. */
  delete(position: number): void {
    if (!this.#has(position)) return;
    const start = this.#offsetOf(position);
    this.#bytes.copyWithin(start, start + this.#rowSizeBytes, this.#end());
    this.#bytes[position >> 3]! &= ~(1 << (position & 7));
    this.#count--;
  }

  /** Positions of the rows that are there, ascending. */
  *positions(): Iterable<number> {
    for (let position = 0; position < TRIE_WIDTH; position++) if (this.#has(position)) yield position;
  }

  #insert(position: number, start: number): void {
    const end = this.#end();
    if (end === this.#bytes.length) {
      const rooms = Math.min(2 * this.#count + ROOM_ROWS_MIN, TRIE_WIDTH);
      const larger = new Uint8Array(BITMAP_SIZE_BYTES + rooms * this.#rowSizeBytes);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.copyWithin(start + this.#rowSizeBytes, start, end);
    this.#bytes[position >> 3]! |= 1 << (position & 7);
    this.#count++;
  }

  #has(position: number): boolean {
    return (this.#bytes[position >> 3]! & (1 << (position & 7))) !== 0;
  }

  #end(): number {
    return BITMAP_SIZE_BYTES + this.#count * this.#rowSizeBytes;
  }

  // Where the row is or would be: behind the rows of lower positions.
  #offsetOf(position: number): number {
    let rank = bitCount(this.#bytes[position >> 3]! & ((1 << (position & 7)) - 1));
    for (let i = 0; i < position >> 3; i++) rank += bitCount(this.#bytes[i]!);
    return BITMAP_SIZE_BYTES + rank * this.#rowSizeBytes;
  }
}

function bitCount(byte: number): number {
  const pairs = byte - ((byte >> 1) & 0x55);
  const quads = (pairs & 0x33) + ((pairs >> 2) & 0x33);
  return (quads + (quads >> 4)) & 0x0f;
}
