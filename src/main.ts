// The entry of the program: gives the command line its process.

import { readFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { runCommandLine } from "#cli/run.ts";

const code = await runCommandLine(
  process.argv.slice(2),
  process.env,
  {
    readFile: (path) => readFileSync(path, "utf8"),
    memoryBytes: totalmem(),
    coreCount: cpus().length,
    writeOut: (text) => process.stdout.write(text),
    writeError: (text) => process.stderr.write(text),
    temporaryFolder: tmpdir(),
    signals: process,
    exit: (status) => process.exit(status),
  },
  (options) => Promise.reject(new Error(`role ${options.role} has no program yet`)),
);
process.exit(code);
