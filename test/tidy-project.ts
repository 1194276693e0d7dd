// The project as the tidy rules see it: every tracked file, and for TypeScript its syntax tree, comments and imports.
// TypeScript 7 offers no parser to programs, so the trees come from oxc-parser.

import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { parseSync } from "oxc-parser";

/** A node of a syntax tree; fields differ by type. */
export type SyntaxNode = {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
};

/** One import, export-from, import() or import type. */
export type ImportEdge = {
  /** As written. */
  readonly specifier: string;
  /** Path of a file of the project, or null for a package. */
  readonly target: string | null;
  readonly line: number;
};

/** A comment of a TypeScript file. */
export type Comment = {
  readonly type: "Line" | "Block";
  readonly value: string;
  readonly start: number;
  readonly end: number;
};

/** A TypeScript file, parsed. */
export type SourceFile = {
  /** Relative to the project's root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly program: SyntaxNode;
  readonly comments: readonly Comment[];
  readonly imports: readonly ImportEdge[];
  /** Files named by `new URL("./x.ts", import.meta.url)`: workers. */
  readonly workers: readonly string[];
  /** The line, from 1, of an offset in the text. */
  lineAt(offset: number): number;
};

/** Any tracked file. */
export type ProjectFile = {
  readonly path: string;
  readonly sizeBytes: number;
  readonly isBinary: boolean;
  readonly text: string;
};

/** All of it. */
export type Project = { readonly files: readonly ProjectFile[]; readonly sources: ReadonlyMap<string, SourceFile> };

/** Reads the checkout at `root`: tracked files and untracked ones that are not ignored. */
export function readProject(root: string): Project {
  const listed = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
  if (listed.status !== 0) throw new Error(`git ls-files: ${listed.stderr}`);
  const contents = new Map<string, Uint8Array>();
  for (const path of listed.stdout.toString().split("\0")) {
    if (path === "" || !statSync(join(root, path), { throwIfNoEntry: false })?.isFile()) continue;
    contents.set(path, readFileSync(join(root, path)));
  }
  return makeProject(contents);
}

/** A project made of texts, for tests of the rules. */
export function fakeProject(texts: Readonly<Record<string, string>>): Project {
  return makeProject(new Map(Object.entries(texts).map(([path, text]) => [path, new TextEncoder().encode(text)])));
}

/** Visits every node under `root` in source order, parents first. */
export function visitNodes(root: unknown, visit: (node: SyntaxNode) => void): void {
  if (Array.isArray(root)) {
    for (const item of root) visitNodes(item, visit);
    return;
  }
  if (typeof root !== "object" || root === null) return;
  const node = root as SyntaxNode;
  if (typeof node.type === "string") visit(node);
  for (const key in node) {
    const child = node[key];
    if (typeof child === "object" && child !== null) visitNodes(child, visit);
  }
}

function makeProject(contents: ReadonlyMap<string, Uint8Array>): Project {
  const files: ProjectFile[] = [];
  const sources = new Map<string, SourceFile>();
  for (const [path, bytes] of contents) {
    const isBinary = bytes.subarray(0, 8_000).includes(0);
    const text = isBinary ? "" : new TextDecoder().decode(bytes);
    files.push({ path, sizeBytes: bytes.length, isBinary, text });
    if (path.endsWith(".ts")) sources.set(path, parseSource(path, text));
  }
  return { files, sources };
}

function parseSource(path: string, text: string): SourceFile {
  const { program, comments, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  const lineAt = (offset: number) => {
    let low = 0;
    let high = lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
  const imports: ImportEdge[] = [];
  const workers: string[] = [];
  visitNodes(program, (node) => {
    const specifier = importSpecifier(node);
    if (specifier !== null)
      imports.push({ specifier, target: resolveImport(path, specifier), line: lineAt(node.start) });
    const worker = workerAddress(node);
    if (worker !== null) workers.push(normalize(join(dirname(path), worker)));
  });
  return { path, text, program: program as unknown as SyntaxNode, comments, imports, workers, lineAt };
}

function importSpecifier(node: SyntaxNode): string | null {
  const hasSource = [
    "ImportDeclaration",
    "ExportNamedDeclaration",
    "ExportAllDeclaration",
    "ImportExpression",
    "TSImportType",
  ];
  if (!hasSource.includes(node.type)) return null;
  const source = (node.source ?? node.argument) as { value?: unknown } | null | undefined;
  return typeof source?.value === "string" ? source.value : null;
}

function workerAddress(node: SyntaxNode): string | null {
  if (node.type !== "NewExpression") return null;
  const { callee, arguments: given } = node as unknown as { callee: SyntaxNode; arguments: readonly SyntaxNode[] };
  const address = given[0]?.value;
  const isAddress = callee.name === "URL" && given[1]?.type === "MemberExpression" && typeof address === "string";
  return isAddress && address.endsWith(".ts") ? address : null;
}

function resolveImport(from: string, specifier: string): string | null {
  if (specifier.startsWith(".")) return normalize(join(dirname(from), specifier));
  const alias = /^#([\w-]+)\/(.*)$/.exec(specifier);
  if (alias === null) return null;
  const [, folder, rest] = alias;
  if (folder === "src" || folder === "test") return `${folder}/${rest}`;
  return `src/${folder}/${rest}`;
}
