// Programs as lists of items: what the generator writes, the shrinker cuts, and the fixed cases hold as text. Positions are
// named, so that a program from which items are dropped is still a program and its jumps still lead where they led.
//
//   ADD          an opcode, or any byte          3:      a JUMPDEST that is called 3
//   0x2a         PUSH of just these bytes        @3+1    PUSH2 of the position 3, plus 1
//   raw:60ff     bytes as they are               #4      PUSH2 of the length of the code 4
//   {4 ... }     a nested program, with names of its own; where it begins is called 4

import { fromHex, toBareHex } from "#base/hex.ts";
import { opcodeName } from "#evm/opcodes/names.ts";

/** See the head of the file; a number is a byte, a byte array the data of a PUSH. */
export type Item =
  | number
  | Uint8Array
  | { readonly kind: "label"; readonly id: number }
  | { readonly kind: "reference"; readonly id: number; readonly plus: number }
  | { readonly kind: "length"; readonly id: number }
  | { readonly kind: "code"; readonly id: number; readonly items: Program }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

/** Items in order. */
export type Program = readonly Item[];

const PUSH0 = 0x5f;
const PUSH2 = 0x61;
const JUMPDEST = 0x5b;
const REFERENCE_SIZE = 3;

const OPCODE_BYTES = new Map<string, number>();
for (let byte = 0; byte < 256; byte++) OPCODE_BYTES.set(opcodeName(byte) ?? `0x${byte.toString(16)}!`, byte);

/** How many bytes a program becomes. */
export function programSize(program: Program): number {
  let size = 0;
  for (const item of program) size += itemSize(item);
  return size;
}

function itemSize(item: Item): number {
  if (typeof item === "number") return 1;
  if (item instanceof Uint8Array) return 1 + item.length;
  switch (item.kind) {
    case "label":
      return 1;
    case "code":
      return programSize(item.items);
    case "bytes":
      return item.bytes.length;
    default:
      return REFERENCE_SIZE;
  }
}

/** The byte code of a program. A name that is missing is position 0 and length 0. */
export function assembleProgram(program: Program): Uint8Array {
  const positions = new Map<number, number>();
  const lengths = new Map<number, number>();
  let size = 0;
  for (const item of program) {
    const length = itemSize(item);
    if (typeof item === "object" && !(item instanceof Uint8Array)) {
      if (item.kind === "label" || item.kind === "code") positions.set(item.id, size);
      if (item.kind === "code") lengths.set(item.id, length);
    }
    size += length;
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const item of program) at = writeItem(item, bytes, at, positions, lengths);
  return bytes;
}

function writeItem(
  item: Item,
  bytes: Uint8Array,
  at: number,
  positions: ReadonlyMap<number, number>,
  lengths: ReadonlyMap<number, number>,
): number {
  if (typeof item === "number") {
    bytes[at] = item;
    return at + 1;
  }
  if (item instanceof Uint8Array) {
    bytes[at] = PUSH0 + item.length;
    bytes.set(item, at + 1);
    return at + 1 + item.length;
  }
  switch (item.kind) {
    case "label":
      bytes[at] = JUMPDEST;
      return at + 1;
    case "bytes":
      bytes.set(item.bytes, at);
      return at + item.bytes.length;
    case "code": {
      const code = assembleProgram(item.items);
      bytes.set(code, at);
      return at + code.length;
    }
    case "reference":
    case "length": {
      const value = item.kind === "length" ? (lengths.get(item.id) ?? 0) : (positions.get(item.id) ?? 0) + item.plus;
      bytes[at] = PUSH2;
      bytes[at + 1] = value >> 8;
      bytes[at + 2] = value;
      return at + REFERENCE_SIZE;
    }
  }
}

/** A program as text, see the head of the file. */
export function programToText(program: Program): string {
  return program.map(itemToText).join(" ");
}

function itemToText(item: Item): string {
  if (typeof item === "number") return opcodeName(item) ?? `raw:${item.toString(16).padStart(2, "0")}`;
  if (item instanceof Uint8Array) return `0x${toBareHex(item)}`;
  switch (item.kind) {
    case "label":
      return `${item.id}:`;
    case "reference":
      return item.plus === 0 ? `@${item.id}` : `@${item.id}+${item.plus}`;
    case "length":
      return `#${item.id}`;
    case "bytes":
      return `raw:${toBareHex(item.bytes)}`;
    case "code":
      return `{${item.id} ${programToText(item.items)} }`;
  }
}

/**
 * Reads a program from its text.
 * @throws {SyntaxError} naming the word that is none
 */
export function programFromText(text: string): Program {
  const words = text.split(/\s+/).filter((word) => word !== "");
  let at = 0;
  const read = (): Item[] => {
    const items: Item[] = [];
    for (; at < words.length && words[at] !== "}"; at++) {
      const word = words[at]!;
      if (!word.startsWith("{")) items.push(itemFromWord(word));
      else {
        at++;
        items.push({ kind: "code", id: Number(word.slice(1)), items: read() });
      }
    }
    return items;
  };
  return read();
}

function itemFromWord(word: string): Item {
  if (word.startsWith("0x")) return fromHex(word);
  if (word.startsWith("raw:")) return { kind: "bytes", bytes: fromHex(word.slice(4)) };
  if (word.startsWith("#")) return { kind: "length", id: Number(word.slice(1)) };
  if (word.endsWith(":")) return { kind: "label", id: Number(word.slice(0, -1)) };
  if (word.startsWith("@")) {
    const [id, plus] = word.slice(1).split("+");
    return { kind: "reference", id: Number(id), plus: Number(plus ?? 0) };
  }
  const byte = OPCODE_BYTES.get(word);
  if (byte === undefined) throw new SyntaxError(`not an item of a program: ${word}`);
  return byte;
}
