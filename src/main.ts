// The entry of the program: gives the command line its process, and the roles their worker threads.

import { readFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import type { Options } from "#cli/options.ts";
import { runCommandLine } from "#cli/run.ts";
import { KECCAK_BACKEND } from "#crypto/keccak256.ts";
import { runCryptoSelfTest } from "#crypto/self-test.ts";
import type { Logger } from "#observability/logger.ts";
import type { NodeContext } from "#roles/node.ts";
import { describeMemory } from "#roles/node-threads.ts";
import { startReplica } from "#roles/replica.ts";
import { startSequencer } from "#roles/sequencer.ts";

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
  async (options, { version, commit, dataDirectory, logger }) => {
    checkCryptography(logger);
    const context: NodeContext = { version, commit, dataDirectory, logger, spawn: spawnWorker };
    return options.role === "replica" ? startReplica(options, context) : startSequencer(options, context);
  },
  (options: Options) => describeMemory(options),
);
process.exit(code);

/** Refuses to start on a wrong result, and says so when a slow fallback is in use. */
function checkCryptography(logger: Logger): void {
  const backends = runCryptoSelfTest();
  logger.log("crypto_self_test", backends);
  const isPortable = backends.secp256k1 !== "native" || backends.blake3 !== "native" || KECCAK_BACKEND !== "wasm";
  if (isPortable) logger.log("crypto_portable");
}

/** The literal path is what the compiler of the executable looks for. */
function spawnWorker(): Worker {
  return new Worker(new URL("./workers.ts", import.meta.url).href);
}
