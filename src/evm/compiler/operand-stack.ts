// The stack of a node while its code is made: every slot is a word of constants and variables. Slot i of a compiled function has
// four variables of its own, its home, where its word lies between nodes; inside a node words move by name only.

import type { Code, Var } from "#wasm/code.ts";
import type { Instruction } from "../bytecode/pieces.ts";
import { reachOf } from "../opcodes/stack.ts";
import { constantWord, type Limb, type Word } from "../words/word.ts";
import type { SlotFate } from "./nodes.ts";

/** What is known of a slot between nodes. */
export type SlotKnowledge = {
  /** Each limb's constant value, or null. */
  readonly limbs: readonly (bigint | null)[];
  /** The frame's stack in memory holds the same word. */
  readonly isStored: boolean;
};

/** Nothing is known. */
export const UNKNOWN_SLOT: SlotKnowledge = { limbs: [null, null, null, null], isStored: false };

/** Nothing is known but that the word lies in memory too. */
export const STORED_SLOT: SlotKnowledge = { ...UNKNOWN_SLOT, isStored: true };

/** Where the words of a function's slots lie between nodes. */
export class SlotHomes {
  readonly #code: Code;
  readonly #homes: (readonly Var<"i64">[])[] = [];

  constructor(code: Code, slotCount: number) {
    this.#code = code;
    for (let slot = 0; slot < slotCount; slot++) {
      this.#homes.push([code.i64(), code.i64(), code.i64(), code.i64()]);
    }
  }

  /** The variables of a slot. */
  home(slot: number): readonly Var<"i64">[] {
    return this.#homes[slot]!;
  }

  /** The word of a slot at the start of a node. */
  word(slot: number, known: SlotKnowledge): Word {
    const home = this.home(slot);
    return [0, 1, 2, 3].map((limb): Limb => known.limbs[limb] ?? home[limb]!) as unknown as Word;
  }

  /** Puts words into the homes of the slots from 0 on, all at once; what lies there already is left alone. */
  settle(words: readonly Word[], before: readonly SlotKnowledge[]): void {
    const targets: Var<"i64">[] = [];
    for (const [slot, word] of words.entries()) {
      for (let limb = 0; limb < 4; limb++) {
        const value = word[limb]!;
        const home = this.home(slot)[limb]!;
        if (value === home) continue;
        if (typeof value === "bigint" && before[slot]?.limbs[limb] === value) continue;
        this.#code.push("i64", value);
        targets.push(home);
      }
    }
    this.#code.pop(targets);
  }
}

/** Moves words as the instructions that only move them say; the others take operands and give results. */
export class OperandStack {
  readonly words: Word[];

  constructor(words: Word[]) {
    this.words = words;
  }

  /** Takes the top `count` words, the top one first. */
  take(count: number): Word[] {
    return this.words.splice(this.words.length - count, count).toReversed();
  }

  /** Follows an instruction that moves words or pushes a constant. @returns false for any other */
  move({ opcode, pc, immediate }: Instruction): boolean {
    const { words } = this;
    const { byte } = opcode;
    switch (opcode.kind) {
      case "push":
        words.push(constantWord(immediate));
        return true;
      case "pc":
        words.push(constantWord(BigInt(pc)));
        return true;
      case "pop":
        words.pop();
        return true;
      case "dup":
        words.push(words.at(-reachOf(byte))!);
        return true;
      case "swap": {
        const top = words.length - 1;
        const other = top - reachOf(byte);
        [words[other], words[top]] = [words[top]!, words[other]!];
        return true;
      }
      default:
        return opcode.kind === "jumpdest";
    }
  }
}

/** What is known of a stack behind a node. @param fates which slots are as they were `before` */
export function knowledgeOf(
  words: readonly Word[],
  fates: readonly SlotFate[],
  before: readonly SlotKnowledge[],
): SlotKnowledge[] {
  return words.map((word, slot) => ({
    limbs: word.map((limb) => (typeof limb === "bigint" ? limb : null)),
    isStored: fates[slot]!.origin === slot && before[slot]!.isStored,
  }));
}

/** What both know. */
export function joinKnowledge(a: readonly SlotKnowledge[], b: readonly SlotKnowledge[]): SlotKnowledge[] {
  return a.map((slot, i) => ({
    limbs: slot.limbs.map((limb, j) => (limb !== null && limb === b[i]!.limbs[j] ? limb : null)),
    isStored: slot.isStored && b[i]!.isStored,
  }));
}
