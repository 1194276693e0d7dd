// What the conformance command and its child processes say to each other: units of work one way, verdicts the other.

import type { EngineUsage } from "./engines.ts";

/** Which cases of a file: every nth, so that parts of a file take about the same time, or those listed. */
export type Pick =
  | { readonly kind: "part"; readonly part: number; readonly partCount: number }
  | { readonly kind: "list"; readonly indices: readonly number[] };

/** The name of the case that a file becomes when it cannot be read, or when a child dies outside of its cases. */
export const UNREADABLE = "(file)";

/** Work for one child. */
export type Unit = {
  readonly file: string;
  readonly pick: Pick;
  /** The first case that has not run yet: above 0 when a child died in the one before. */
  readonly from: number;
};

/** From a child. */
export type WorkerMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "begin"; readonly index: number; readonly name: string; readonly fork: string }
  | {
      readonly kind: "verdict";
      readonly index: number;
      /** null: passed or skipped. */
      readonly difference: string | null;
      readonly skipReason: string | null;
    }
  | { readonly kind: "done"; readonly usage: Readonly<Record<string, EngineUsage>>; readonly memoryBytes: number };

/** Whether a unit has the case at this place of its file. */
export function isPicked(pick: Pick, index: number): boolean {
  return pick.kind === "part" ? index % pick.partCount === pick.part : pick.indices.includes(index);
}

/** Whether a case is one of those that were asked for. @param only part of the file's path or of the case's name */
export function isNamed(only: string, pathInFolder: string, name: string): boolean {
  return name === UNREADABLE || pathInFolder.includes(only) || name.includes(only);
}
