// The house rules that a machine can check, one function each. test/tidy.test.ts runs them over the project, and over
// small made-up projects that each break one of them.

import { basename, dirname } from "node:path";
import { type Project, type ProjectFile, type SourceFile, type SyntaxNode, visitNodes } from "./tidy-project.ts";

/** A place that breaks a rule. */
export type Problem = { readonly path: string; readonly line: number; readonly message: string };

/** A rule: all places of a project that break it. */
export type TidyRule = (project: Project) => Problem[];

/** Folders of src/ by rank; an import goes to the same folder or to a lower rank. */
export const FOLDER_RANKS: Readonly<Record<string, number>> = {
  base: 0,
  observability: 1,
  wasm: 1,
  crypto: 2,
  chain: 3,
  formats: 4,
  storage: 5,
  state: 6,
  evm: 7,
  sequencer: 8,
  replica: 8,
  prover: 8,
  net: 9,
  rpc: 10,
  explorer: 11,
  roles: 12,
  cli: 13,
};

const FILE_LINES_MAX = 800;
const FUNCTION_LINES_MAX = 70;
const LINE_LENGTH_MAX = 160;
const FILE_SIZE_BYTES_MAX = 400_000;
const BANNED_NAME = /^(utils?|helpers?|common|manager|misc|stuff)$/;
const FILE_NAME = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|bench|fixture|golden|abi))?\.[a-z0-9]+$/;
const FREE_NAMES =
  /^(README|ARCHITECTURE|ROADMAP|LICENSE|Dockerfile|SECURITY|CHANGELOG|\.[\w.-]+|package-lock)(\.\w+)?$/;
const FUNCTION_TYPES: ReadonlySet<string> = new Set([
  "FunctionDeclaration",
  "FunctionExpression",
  "ArrowFunctionExpression",
]);
const BENCH_NAME = /bench\/[\w/-]+\.bench\.ts/;

// Assembled from halves so that this file does not break its own rules.
const BANNED_WORDS = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`);
const MACHINE_PATH = new RegExp(`(?<![\\w.~$}-])/(${["work", "root", "home/\\w", "Users/\\w", "mnt"].join("|")})/`);
const OFF_TOPIC = new RegExp(
  [
    "\\bthe le" + "ad\\b(?! of| in| over)",
    "\\b(coding|developer|working|chat|parallel) ses" + "sions?\\b",
    "\\b(coding|AI|autonomous|sub-?|helper) ?age" + "nts?\\b",
    "\\bCla" + "ude\\b",
    "\\bAnth" + "ropic\\b",
    "\\bChat" + "GPT\\b",
    "\\bOpen" + "AI\\b",
    "\\bLL" + "Ms?\\b",
    "\\blanguage mo" + "dels?\\b",
    "\\bwork" + "place\\b",
    "\\bteam" + "mates?\\b",
    "\\bthe br" + "ief\\b",
    "\\bissue #?\\d+\\b",
    "shared/(facts|hooks|ARCHI" + "TECTURE|STYLE)",
  ].join("|"),
  "i",
);

/** An import goes down in rank or stays in its folder, by alias across folders and relative within. */
export function checkRanks(project: Project): Problem[] {
  const problems: Problem[] = [];
  for (const file of project.sources.values()) {
    for (const edge of file.imports) {
      const message = edge.target === null ? null : rankProblem(file.path, edge.specifier, edge.target, project);
      if (message !== null) problems.push({ path: file.path, line: edge.line, message });
    }
  }
  return problems;
}

function rankProblem(path: string, specifier: string, target: string, project: Project): string | null {
  if (!project.sources.has(target) && target.endsWith(".ts")) return `imports ${target}, which does not exist`;
  const from = folderOf(path);
  const to = folderOf(target);
  const isRelative = specifier.startsWith(".");
  if (from.area === to.area && from.folder === to.folder) {
    return isRelative || from.area !== "src" ? null : `imports ${specifier} of its own folder: write it relative`;
  }
  if (to.area === "src" && isRelative && target !== "src/main.ts")
    return `imports ${specifier} across folders: use the alias`;
  if (from.area !== "src") return null;
  if (to.area !== "src") return `imports ${target} from outside src/`;
  if (from.folder === "") return null;
  if (to.folder === "") return `imports ${target}: files directly in src/ are above all folders`;
  const fromRank = FOLDER_RANKS[from.folder];
  const toRank = FOLDER_RANKS[to.folder];
  if (fromRank === undefined) return `src/${from.folder}/ has no rank`;
  if (toRank === undefined) return `src/${to.folder}/ has no rank`;
  return toRank < fromRank ? null : `${from.folder} (rank ${fromRank}) may not import ${to.folder} (rank ${toRank})`;
}

function folderOf(path: string): { readonly area: string; readonly folder: string } {
  const parts = path.split("/");
  return { area: parts[0] ?? "", folder: parts.length > 2 ? (parts[1] ?? "") : "" };
}

/** No file is reached from itself; imports of types count. */
export function checkCycles(project: Project): Problem[] {
  const problems: Problem[] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]) => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      problems.push({ path, line: 1, message: `import cycle: ${[...trail.slice(at), path].join(" -> ")}` });
      return;
    }
    if (done.has(path)) return;
    for (const edge of project.sources.get(path)?.imports ?? []) {
      if (edge.target !== null) walk(edge.target, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of project.sources.keys()) walk(path, []);
  return problems;
}

/** Files, functions and lines stay within their lengths. A function marked `@dispatch` may be long: it is the one big branch. */
export function checkLengths(project: Project): Problem[] {
  const problems: Problem[] = [];
  for (const file of project.sources.values()) {
    const lines = file.text.split("\n");
    if (lines.length - 1 > FILE_LINES_MAX)
      problems.push({ path: file.path, line: 1, message: `${lines.length - 1} lines` });
    lines.forEach((line, index) => {
      if (line.length <= LINE_LENGTH_MAX || line.includes("https://")) return;
      problems.push({ path: file.path, line: index + 1, message: `line of ${line.length} characters` });
    });
    if (!file.path.startsWith("test/")) problems.push(...longFunctions(file));
  }
  return problems;
}

function longFunctions(file: SourceFile): Problem[] {
  const problems: Problem[] = [];
  visitNodes(file.program, (node) => {
    if (!FUNCTION_TYPES.has(node.type)) return;
    const line = file.lineAt(node.start);
    const lineCount = file.lineAt(node.end) - line + 1;
    if (lineCount <= FUNCTION_LINES_MAX) return;
    const excused = file.comments.some((comment) => {
      return comment.value.includes("@dispatch") && comment.end < node.start && line - file.lineAt(comment.end) <= 1;
    });
    if (!excused) problems.push({ path: file.path, line, message: `function of ${lineCount} lines` });
  });
  return problems;
}

/** A file opens with a comment that says what it is. */
export function checkHeaders(project: Project): Problem[] {
  const problems: Problem[] = [];
  for (const file of project.sources.values()) {
    const start = file.text.startsWith("#!") ? file.text.indexOf("\n") + 1 : 0;
    const first = file.comments.find((comment) => comment.start >= start);
    const isDoc = first?.type === "Block" && first.value.startsWith("*");
    if (first?.start === start && !isDoc && first.value.trim().length >= 20) continue;
    problems.push({ path: file.path, line: 1, message: "no header comment that says what the file is" });
  }
  return problems;
}

/** Every export of src/ has a doc comment, and no file only passes on what others export. */
export function checkExports(project: Project): Problem[] {
  const problems: Problem[] = [];
  for (const file of project.sources.values()) {
    if (!file.path.startsWith("src/")) continue;
    const body = file.program.body as readonly SyntaxNode[];
    const isBarrel = body.length > 0 && body.every((node) => node.type.startsWith("Export") && node.source);
    if (isBarrel) problems.push({ path: file.path, line: 1, message: "only passes on exports of other files" });
    const documented = new Set<string>();
    for (const node of body) {
      if (!node.type.startsWith("Export") || node.source) continue;
      const declaration = node.declaration as SyntaxNode | null;
      const name = (declaration?.id as { name?: string } | undefined)?.name ?? "";
      if (declaration === null || hasDocComment(file, node) || documented.has(name)) documented.add(name);
      else
        problems.push({ path: file.path, line: file.lineAt(node.start), message: `export ${name} has no doc comment` });
    }
  }
  return problems;
}

function hasDocComment(file: SourceFile, node: SyntaxNode): boolean {
  return file.comments.some((comment) => {
    const isDoc = comment.type === "Block" && comment.value.startsWith("*") && comment.end <= node.start;
    return isDoc && /^(\s|\/\/[^\n]*\n)*$/.test(file.text.slice(comment.end, node.start));
  });
}

/** File names are kebab-case nouns that say something. */
export function checkNames(project: Project): Problem[] {
  const problems: Problem[] = [];
  for (const { path } of project.files) {
    const name = basename(path);
    const stem = name.split(".")[0] ?? "";
    const banned = [...dirname(path).split("/"), stem].some((part) =>
      part.split("-").some((word) => BANNED_NAME.test(word)),
    );
    if (banned) problems.push({ path, line: 1, message: "a name that says nothing" });
    const isScript = path.startsWith("scripts/") || path.startsWith(".ci/");
    if (FILE_NAME.test(name) || FREE_NAMES.test(name) || (isScript && /^[a-z-]+$/.test(name))) continue;
    problems.push({ path, line: 1, message: "not a kebab-case name" });
  }
  return problems;
}

/** Words and constructs that do not land. */
export function checkTokens(project: Project): Problem[] {
  const problems: Problem[] = [];
  for (const file of project.sources.values()) {
    const add = (line: number, message: string) => problems.push({ path: file.path, line, message });
    file.text.split("\n").forEach((line, index) => {
      const banned = BANNED_WORDS.exec(line);
      if (banned !== null) add(index + 1, `${banned[0]} in the text`);
      if (/@ts-(ignore|nocheck)\b/.test(line)) add(index + 1, "a switched-off type check");
    });
    visitNodes(file.program, (node) => {
      const message = bannedNode(node, file.path);
      if (message !== null) add(file.lineAt(node.start), message);
    });
  }
  return problems;
}

function bannedNode(node: SyntaxNode, path: string): string | null {
  if (node.type === "TSEnumDeclaration") return "an enum: use a union or a table";
  if (node.type === "TSModuleDeclaration" && node.kind === "namespace") return "a namespace: files are the modules";
  if (node.type === "DebuggerStatement") return "a debugger statement";
  if (node.type !== "CallExpression") return null;
  const callee = node.callee as { object?: { name?: string }; property?: { name?: string } };
  const object = callee.object?.name ?? "";
  const property = callee.property?.name ?? "";
  const isQuiet = path.startsWith("src/") && !path.startsWith("src/cli/");
  if (object === "console" && isQuiet) return `console.${property}: use the logger`;
  const isFocused = property === "only" && ["test", "describe", "it"].includes(object);
  return isFocused ? `${object}.only leaves the other tests out` : null;
}

/** Every file of src/ is reached from the entry, from a worker, or at least from a test, bench or script. */
export function checkOrphans(project: Project): Problem[] {
  const reached = new Set<string>();
  const walk = (path: string) => {
    const file = project.sources.get(path);
    if (file === undefined || reached.has(path)) return;
    reached.add(path);
    for (const edge of file.imports) if (edge.target !== null) walk(edge.target);
    for (const worker of file.workers) walk(worker);
  };
  walk("src/main.ts");
  for (const path of project.sources.keys()) if (!path.startsWith("src/")) walk(path);
  const problems: Problem[] = [];
  for (const path of project.sources.keys()) {
    if (!reached.has(path))
      problems.push({ path, line: 1, message: "reached from no entry point, test, bench or script" });
  }
  return problems;
}

/** `@hot` names the bench that measures the function, and the bench is there. */
export function checkHotBenches(project: Project): Problem[] {
  const problems: Problem[] = [];
  for (const file of project.sources.values()) {
    if (!file.path.startsWith("src/")) continue;
    for (const comment of file.comments) {
      if (!/(^|[\s*])@hot\b/.test(comment.value)) continue;
      const bench = BENCH_NAME.exec(comment.value)?.[0];
      const line = file.lineAt(comment.start);
      if (bench === undefined) problems.push({ path: file.path, line, message: "@hot names no bench" });
      else if (!project.sources.has(bench))
        problems.push({ path: file.path, line, message: `@hot names ${bench}, which is absent` });
    }
  }
  return problems;
}

/** Packages that sources import are in package.json, and those of src/ among the dependencies of the product. */
export function checkPackages(project: Project): Problem[] {
  const manifest = project.files.find((file) => file.path === "package.json");
  const { dependencies = {}, devDependencies = {} } = JSON.parse(manifest?.text ?? "{}") as {
    dependencies?: Record<string, string>;
    devDependencies?: Record<string, string>;
  };
  const problems: Problem[] = [];
  for (const file of project.sources.values()) {
    for (const { specifier, target, line } of file.imports) {
      if (target !== null || /^(node|bun):|^bun$/.test(specifier)) continue;
      const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
      const isShipped = name in dependencies;
      if (isShipped || (!file.path.startsWith("src/") && name in devDependencies)) continue;
      const list = name in devDependencies ? "only a development dependency" : "not in package.json";
      problems.push({ path: file.path, line, message: `imports ${name}: ${list}` });
    }
  }
  return problems;
}

/** No path of one machine, and nothing but the project is spoken of. */
export function checkText(project: Project): Problem[] {
  const problems: Problem[] = [];
  for (const file of project.files) {
    if (file.path === "package-lock.json" || file.path === "LICENSE" || isVectorLike(file)) continue;
    file.text.split("\n").forEach((line, index) => {
      const machine = MACHINE_PATH.exec(line);
      if (machine !== null)
        problems.push({ path: file.path, line: index + 1, message: `path of one machine: ${machine[0]}` });
      const offTopic = OFF_TOPIC.exec(line);
      if (offTopic !== null)
        problems.push({ path: file.path, line: index + 1, message: `not about the project: "${offTopic[0]}"` });
    });
  }
  return problems;
}

function isVectorLike(file: ProjectFile): boolean {
  return file.path.endsWith(".golden.json");
}

/** Nothing large, nothing that is not text. */
export function checkFiles(project: Project): Problem[] {
  const problems: Problem[] = [];
  for (const { path, sizeBytes, isBinary } of project.files) {
    if (isBinary) problems.push({ path, line: 1, message: "a binary file" });
    if (sizeBytes > FILE_SIZE_BYTES_MAX) problems.push({ path, line: 1, message: `${sizeBytes} bytes` });
  }
  return problems;
}

/** All rules by name. */
export const TIDY_RULES: Readonly<Record<string, TidyRule>> = {
  ranks: checkRanks,
  cycles: checkCycles,
  packages: checkPackages,
  lengths: checkLengths,
  headers: checkHeaders,
  exports: checkExports,
  names: checkNames,
  tokens: checkTokens,
  orphans: checkOrphans,
  "hot benches": checkHotBenches,
  text: checkText,
  files: checkFiles,
};
