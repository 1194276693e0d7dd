// Seeded programs of what the compiler takes the greatest risks with: functions inside the code that call each other and
// themselves, take their arguments and the place to return to in any order, return one of several places to jump to, and loops and
// branches around their calls. A counter in memory bounds the calls. As text, see `test/fuzz/program.ts`.

import type { SeededRandom } from "#base/random.ts";

/** Where the counter of calls lies in memory, and where a place to jump to does. */
const FUEL = "0x60";
const PLACE = "0x80";
const FUEL_COUNT_MAX = 60;
/** A body stores words when there are more of them. */
const STACK_HEIGHT_MAX = 9;
const OPCODES = ["ADD", "MUL", "SUB", "XOR", "AND", "LT", "DIV", "MOD"] as const;

/** What may be done to two places on top of the stack. */
const PERMUTATIONS = [
  ...["", "SWAP1", "SWAP1", "POP DUP1", `POP ${PLACE} MLOAD`, `POP ${PLACE} MLOAD SWAP1`],
  ...["", "SWAP1", "", `SWAP1 POP ${PLACE} MLOAD`, `SWAP1 POP ${PLACE} MLOAD SWAP1`],
] as const;

type Word = "word" | "label";

/** What callers know of a function: how its arguments lie when it begins, the lowest first, and how many words it leaves. */
type Signature = { readonly id: number; readonly layout: readonly Word[]; readonly resultCount: number };

/** A program; it returns 0x80 bytes of memory, or stops when the counter has run out. */
export function structuredProgram(random: SeededRandom): string {
  return new ProgramWriter(random).write();
}

class ProgramWriter {
  readonly #random: SeededRandom;
  readonly #words: string[] = [];
  readonly #functions: Signature[] = [];
  readonly #permuters: number[] = [];
  /** What lies on the stack of the body that is written, the top last. */
  #stack: Word[] = [];
  #nextId = 1;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  write(): string {
    const random = this.#random;
    const functionCount = 1 + random.below(5);
    for (let i = 0; i < functionCount; i++) {
      const layout: Word[] = Array.from({ length: random.below(4) }, () => "word");
      layout.splice(random.chance(0.6) ? 0 : random.below(layout.length + 1), 0, "label");
      this.#functions.push({ id: this.#newId(), layout, resultCount: random.below(3) });
    }
    const permuterCount = random.below(4);
    for (let i = 0; i < permuterCount; i++) this.#permuters.push(this.#newId());
    this.#put(`0x${(1 + random.below(FUEL_COUNT_MAX)).toString(16).padStart(2, "0")} ${FUEL} MSTORE`);
    for (let i = 2 + random.below(6); i > 0; i--) this.#statement(0);
    while (this.#stack.length > 0) this.#store();
    this.#put("0x80 0x00 RETURN");
    for (const one of this.#functions) this.#function(one);
    for (const id of this.#permuters) this.#permuter(id);
    return this.#words.join(" ");
  }

  #newId(): number {
    return this.#nextId++;
  }

  #put(text: string): void {
    this.#words.push(text);
  }

  #push(text: string, kind: Word = "word"): void {
    this.#put(text);
    this.#stack.push(kind);
  }

  #swap(distance: number): void {
    this.#put(`SWAP${distance}`);
    const top = this.#stack.length - 1;
    const other = top - distance;
    [this.#stack[top], this.#stack[other]] = [this.#stack[other]!, this.#stack[top]!];
  }

  #store(): void {
    if (this.#stack.length === 0) return;
    if (this.#stack.at(-1) === "label") {
      if (this.#stack.length < 2) return;
      this.#swap(1);
    }
    this.#put(`0x${(32 * this.#random.below(3)).toString(16).padStart(2, "0")} MSTORE`);
    this.#stack.pop();
  }

  #operand(): void {
    const random = this.#random;
    const distances = this.#stack.flatMap((kind, slot) => {
      const distance = this.#stack.length - slot;
      return kind === "word" && distance <= 16 ? [distance] : [];
    });
    const kind = random.below(10);
    if (kind < 5 && distances.length > 0) this.#push(`DUP${random.pick(distances)}`);
    else if (kind < 7) this.#push(`0x${random.below(256).toString(16).padStart(2, "0")}`);
    else if (kind < 9) this.#push(`0x${(32 * random.below(3)).toString(16).padStart(2, "0")} MLOAD`);
    else this.#push(random.pick(["GAS", "CALLVALUE", "MSIZE", "0x00 CALLDATALOAD"]));
  }

  #statement(depth: number): void {
    const random = this.#random;
    const kind = this.#stack.length > STACK_HEIGHT_MAX ? 6 : random.below(20);
    if (kind < 6) this.#compute();
    else if (kind < 8) this.#store();
    else if (kind < 10 && this.#stack.length > 1) this.#swap(1 + random.below(Math.min(16, this.#stack.length - 1)));
    else if (kind < 14) this.#call(random.pick(this.#functions));
    else if (kind < 16) this.#choose();
    else if (depth < 2) this.#branch(depth);
    else this.#operand();
  }

  #compute(): void {
    this.#operand();
    this.#operand();
    this.#put(this.#random.pick(OPCODES));
    this.#stack.pop();
  }

  /** Burns instructions, so that functions are not so short that they are cloned. */
  #pad(): void {
    for (let i = this.#random.below(3); i > 0; i--) this.#put(`${PLACE} MLOAD POP `.repeat(3));
  }

  #call({ id, layout, resultCount }: Signature): void {
    const random = this.#random;
    const returnId = this.#newId();
    const height = this.#stack.length;
    const isMoved = layout[0] === "word" && this.#stack.at(-1) === "word" && random.chance(0.5);
    for (const kind of isMoved ? layout.slice(1) : layout) {
      if (kind === "label") this.#push(`@${returnId}`, "label");
      else this.#operand();
    }
    this.#put(`@${id} JUMP ${returnId}:`);
    this.#stack.length = isMoved ? height - 1 : height;
    for (let i = 0; i < resultCount; i++) this.#stack.push("word");
  }

  /** Gives two places to a function that returns them in some order, and jumps to one of them. */
  #choose(): void {
    const random = this.#random;
    if (this.#permuters.length === 0) return;
    const [first, second, end, returnId] = [this.#newId(), this.#newId(), this.#newId(), this.#newId()];
    this.#put(`@${random.chance(0.5) ? first : second} ${PLACE} MSTORE @${returnId} @${first} @${second}`);
    this.#put(`0x0${random.below(6)} @${random.pick(this.#permuters)} JUMP ${returnId}:`);
    this.#put(`${random.chance(0.5) ? "SWAP1 " : ""}JUMP`);
    this.#put(`${first}: POP 0x11 @${end} JUMP ${second}: POP 0x22 ${end}:`);
    this.#stack.push("word");
  }

  #branch(depth: number): void {
    const random = this.#random;
    const [start, skip] = [this.#newId(), this.#newId()];
    const isLoop = random.chance(0.4);
    if (isLoop) this.#put(`${start}:`);
    this.#operand();
    this.#put(`${random.chance(0.5) ? "0x01 AND " : ""}@${skip} JUMPI`);
    this.#stack.pop();
    const height = this.#stack.length;
    const before = [...this.#stack];
    for (let i = 1 + random.below(3); i > 0; i--) this.#statement(depth + 1);
    // Back to the stack of the start, with the place to return to where it was.
    while (this.#stack.length < height) this.#operand();
    while (this.#stack.length > height) {
      if (this.#stack.at(-1) === "label") this.#swap(1);
      this.#put("POP");
      this.#stack.pop();
    }
    this.#restoreLabel(before);
    if (isLoop) this.#put(`${this.#spendFuel()} @${start} JUMP`);
    this.#put(`${skip}:`);
  }

  #restoreLabel(before: readonly Word[]): void {
    const wanted = before.indexOf("label");
    const found = this.#stack.indexOf("label");
    if (wanted === found || wanted < 0) return;
    const top = this.#stack.length - 1;
    if (found !== top) this.#swap(top - found);
    if (wanted !== top) this.#swap(top - wanted);
  }

  #spendFuel(): string {
    const id = this.#newId();
    return `${FUEL} MLOAD @${id} JUMPI STOP ${id}: 0x01 ${FUEL} MLOAD SUB ${FUEL} MSTORE`;
  }

  #function({ id, layout, resultCount }: Signature): void {
    const random = this.#random;
    this.#put(`${id}: ${this.#spendFuel()}`);
    this.#stack = [...layout];
    for (let i = 1 + random.below(4); i > 0; i--) this.#statement(0);
    this.#pad();
    while (this.#stack.length < resultCount + 1) this.#operand();
    while (this.#stack.length > resultCount + 1) {
      if (this.#stack.at(-1) === "label") this.#swap(1);
      this.#put("POP");
      this.#stack.pop();
    }
    const distance = this.#stack.length - 1 - this.#stack.indexOf("label");
    if (distance > 0) this.#swap(distance);
    this.#put("JUMP");
  }

  /** (place to return to, x, y, n): x and y or one of them twice, in an order that depends on n and on what others return. */
  #permuter(id: number): void {
    const random = this.#random;
    const [inner, after] = [this.#newId(), this.#newId()];
    this.#put(`${id}: DUP1 @${inner} JUMPI ${random.chance(0.8) ? `${PLACE} MLOAD POP `.repeat(6) : ""}`);
    this.#put(`POP ${this.#permute()} ${this.#leave()}`);
    this.#put(`${inner}: 0x01 SWAP1 SUB SWAP2 ${this.#permute()} SWAP2 @${after}`);
    // The place to return to goes beneath the two, n on top.
    this.#put(`SWAP3 SWAP1 @${random.pick(this.#permuters)} JUMP ${after}:`);
    this.#put(`${this.#permute()} ${this.#leave()}`);
  }

  /** Returns from beneath two words, perhaps the other way round. */
  #leave(): string {
    return this.#random.chance(0.3) ? "SWAP2 JUMP" : "SWAP2 SWAP1 SWAP2 SWAP1 JUMP";
  }

  /** Does something to the two words on top, which are places to jump to. */
  #permute(): string {
    return this.#random.pick(PERMUTATIONS);
  }
}
