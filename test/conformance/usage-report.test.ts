// The limits of the modes that must show more than passing cases.

import { expect, test } from "bun:test";
import { type EngineUsage, NO_USAGE } from "./engines.ts";
import { reportUsage } from "./usage-report.ts";

const compiled = (gasCompiled: bigint, gasInterpreted: bigint, gasUncompilable = 0n): EngineUsage => {
  return { ...NO_USAGE, gasCompiled, gasInterpreted, gasUncompilable };
};

test("compile: 90 % of the compilable gas is enough, in all classes together", () => {
  const usage = new Map([
    ["stSmall", compiled(0n, 5n)],
    ["stBig", compiled(900n, 95n, 70_000n)],
    ["stNone", NO_USAGE],
  ]);
  expect(reportUsage("compile", usage)).toEqual({
    lines: [
      "gas spent in compiled code, of what is compilable, by class of programs:",
      "   90.45 %  stBig: 900 compiled, 95 interpreted, 70000 not compilable",
      "         –  stNone: 0 compiled, 0 interpreted, 0 not compilable",
      "    0.00 %  stSmall: 0 compiled, 5 interpreted, 0 not compilable",
      "   90.00 %  all: 900 compiled, 100 interpreted, 70000 not compilable",
    ],
    shortfall: null,
  });
});

test("compile: less is a failure, and so is nothing", () => {
  expect(reportUsage("compile", new Map([["a", compiled(89_999n, 10_001n)]])).shortfall).toBe(
    "89.99 % is less than 90 %",
  );
  expect(reportUsage("compile", new Map([["a", compiled(0n, 0n, 9n)]])).shortfall).toBe("no compilable code ran");
});

test("exits: one is enough, none is a failure", () => {
  expect(reportUsage("exits", new Map([["a", { ...NO_USAGE, exitsTaken: 1n }]])).shortfall).toBeNull();
  expect(reportUsage("exits", new Map([["a", compiled(1n, 1n)]])).shortfall).toBe("no side exit was taken");
});

test("the other modes have nothing to show", () => {
  for (const mode of ["interpreter", "reference"] as const) {
    expect(reportUsage(mode, new Map([["a", NO_USAGE]]))).toEqual({ lines: [], shortfall: null });
  }
});
