// Holds the house rules: each one passes over the whole project, and each one is shown to fail on a small project that breaks it.

import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { fakeProject, readProject } from "./tidy-project.ts";
import { TIDY_RULES } from "./tidy-rules.ts";

const HEADER = "// A file that exists so that a rule can be tried.\n";

/** Projects that break one rule: rule, what is wrong, files, and a part of the message. */
const BROKEN: readonly (readonly [string, string, Readonly<Record<string, string>>, RegExp])[] = [
  [
    "ranks",
    "an import upwards",
    { "src/base/a.ts": 'import "#chain/b.ts";', "src/chain/b.ts": "" },
    /base \(rank 0\) may not/,
  ],
  [
    "ranks",
    "an import sideways",
    { "src/wasm/a.ts": 'import "#observability/b.ts";', "src/observability/b.ts": "" },
    /rank 1/,
  ],
  [
    "ranks",
    "a type imported upwards",
    { "src/base/a.ts": 'import type { B } from "#rpc/b.ts";', "src/rpc/b.ts": "" },
    /rank 10/,
  ],
  [
    "ranks",
    "an inline import type",
    { "src/base/a.ts": 'type B = import("#rpc/b.ts").B;', "src/rpc/b.ts": "" },
    /rank 10/,
  ],
  [
    "ranks",
    "a relative path across folders",
    { "src/rpc/a.ts": 'import "../base/b.ts";', "src/base/b.ts": "" },
    /use the alias/,
  ],
  [
    "ranks",
    "an alias within a folder",
    { "src/rpc/a.ts": 'import "#rpc/b.ts";', "src/rpc/b.ts": "" },
    /write it relative/,
  ],
  ["ranks", "a folder without rank", { "src/misc/a.ts": 'import "#base/b.ts";', "src/base/b.ts": "" }, /no rank/],
  ["ranks", "a test imported", { "src/base/a.ts": 'import "#test/b.ts";', "test/b.ts": "" }, /outside src/],
  [
    "ranks",
    "the entry imported",
    { "src/base/a.ts": 'import "#src/workers.ts";', "src/workers.ts": "" },
    /above all folders/,
  ],
  ["ranks", "an absent file", { "src/base/a.ts": 'import "./gone.ts";' }, /does not exist/],
  [
    "cycles",
    "two files",
    { "src/base/a.ts": 'import "./b.ts";', "src/base/b.ts": 'import type { A } from "./a.ts";' },
    /cycle/,
  ],
  ["packages", "an unknown one", { "package.json": "{}", "test/a.ts": 'import "left-pad";' }, /left-pad: not in/],
  [
    "packages",
    "a development one in src/",
    { "package.json": '{"devDependencies":{"@a/b":"1"}}', "src/base/a.ts": 'import "@a/b/c.js";' },
    /@a\/b: only a development/,
  ],
  ["lengths", "a long file", { "src/base/a.ts": "\n".repeat(801) }, /801 lines/],
  ["lengths", "a long function", { "src/base/a.ts": `function f() {${"\n".repeat(70)}}` }, /function of 71 lines/],
  ["lengths", "a long line", { "src/base/a.ts": `// ${"a".repeat(158)}` }, /161 characters/],
  ["headers", "no comment", { "src/base/a.ts": "const a = 1;" }, /no header/],
  [
    "headers",
    "a doc comment in its place",
    { "src/base/a.ts": "/** What the constant below is for. */\nconst a = 1;" },
    /no header/,
  ],
  ["exports", "no doc comment", { "src/base/a.ts": `${HEADER}export const a = 1;` }, /no doc comment/],
  ["exports", "a line comment instead", { "src/base/a.ts": `${HEADER}// what\nexport type A = 1;` }, /export A has no/],
  ["exports", "a barrel", { "src/base/a.ts": 'export * from "./b.ts";' }, /only passes on/],
  ["names", "an empty word", { "src/base/byte-utils.ts": "" }, /says nothing/],
  ["names", "an empty folder name", { "src/base/helpers/a.ts": "" }, /says nothing/],
  ["names", "camel case", { "src/base/byteOrder.ts": "" }, /kebab-case/],
  ["tokens", "a promise to do it later", { "src/base/a.ts": `// ${"TO"}${"DO"}: later` }, /in the text/],
  ["tokens", "a print", { "src/base/a.ts": 'console.log("x");' }, /use the logger/],
  ["tokens", "an enum", { "src/base/a.ts": "enum A { B }" }, /an enum/],
  ["tokens", "a namespace", { "src/base/a.ts": "namespace A { export const b = 1; }" }, /a namespace/],
  ["tokens", "a focused test", { "test/a.test.ts": 'test.only("x", () => {});' }, /leaves the other tests out/],
  ["tokens", "a switched-off type check", { "src/base/a.ts": `// @ts-${"ignore"}` }, /switched-off/],
  ["orphans", "a file nobody needs", { "src/main.ts": "", "src/base/a.ts": "" }, /reached from no/],
  ["hot benches", "no name", { "src/base/a.ts": "/** Fast. @hot */" }, /names no bench/],
  ["hot benches", "an absent bench", { "src/base/a.ts": "/** Fast. @hot bench/base/a.bench.ts */" }, /absent/],
  ["text", "a machine's path", { "README.md": `cd ${"/wo"}${"rk/"}main` }, /path of one machine/],
  ["text", "talk about the making", { "README.md": `Ask the ${"le"}ad.` }, /not about the project/],
  ["text", "a numbered task", { "src/base/a.ts": `// for ${"iss"}ue 12` }, /not about the project/],
  ["files", "a binary file", { "a.bin": "a\0b" }, /binary/],
  ["files", "a large file", { "a.json": "1".repeat(400_001) }, /400001 bytes/],
];

/** Text that looks like a breach and is none. */
const INNOCENT: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  [
    "ranks",
    {
      "src/rpc/a.ts": 'import "#base/b.ts"; import "./methods/c.ts";',
      "src/base/b.ts": "",
      "src/rpc/methods/c.ts": "",
    },
  ],
  ["ranks", { "src/main.ts": 'import "#cli/b.ts";', "src/cli/b.ts": 'import "node:fs"; import { x } from "hono";' }],
  [
    "packages",
    {
      "package.json": '{"dependencies":{"@a/b":"1"}}',
      "src/base/a.ts": 'import "@a/b/c"; import "node:fs"; import "bun:ffi";',
    },
  ],
  ["lengths", { "src/base/a.ts": `/** The one branch. @dispatch */\nfunction f() {${"\n".repeat(90)}}` }],
  ["exports", { "src/base/a.ts": "/** Two forms. */\nexport function f(a: 1): 1;\nexport function f(a: 2): 2;" }],
  [
    "orphans",
    {
      "src/main.ts": 'import "./workers.ts";',
      "src/workers.ts": 'new URL("./a.ts", import.meta.url);',
      "src/a.ts": "",
    },
  ],
  [
    "text",
    {
      "src/net/a.ts":
        "// A peer session, this session's codec, the user agent, leading zeroes, /dev/null, ~/work/x, the log's tail.",
    },
  ],
];

function check(rule: string, project: ReturnType<typeof fakeProject>): string[] {
  return (TIDY_RULES[rule]?.(project) ?? ["no such rule"].map((message) => ({ path: "", line: 0, message }))).map(
    ({ path, line, message }) => `${path}:${line}: ${message}`,
  );
}

describe("the project", () => {
  const project = readProject(resolve(import.meta.dir, ".."));
  for (const rule of Object.keys(TIDY_RULES)) {
    test(rule, () => expect(check(rule, project)).toEqual([]));
  }
});

describe("rules fail on", () => {
  for (const [rule, what, files, message] of BROKEN) {
    test(`${rule}: ${what}`, () => expect(check(rule, fakeProject(files)).join("\n")).toMatch(message));
  }
  test("every rule is shown to fail", () => {
    expect(Object.keys(TIDY_RULES).filter((rule) => !BROKEN.some(([tried]) => tried === rule))).toEqual([]);
  });
});

describe("rules pass over", () => {
  INNOCENT.forEach(([rule, files], index) => {
    test(`${rule}, case ${index}`, () => expect(check(rule, fakeProject(files))).toEqual([]));
  });
});
