// The life of the process: read the command line, claim the data directory, start the role, say so, wait, drain, give free.
// The roles themselves come in as a function, so that this folder knows none of them.

import { createLogger, type Logger } from "#observability/logger.ts";
import { type BannerAccount, bannerText } from "./banner.ts";
import { type Command, type CommandLineSurroundings, readCommandLine, UsageError } from "./command-line.ts";
import { completionScript } from "./completions.ts";
import { type DataDirectory, openDataDirectory, openEphemeralDirectory } from "./data-directory.ts";
import { askHealth } from "./health.ts";
import { effectiveOptionsText, helpText } from "./help.ts";
import { type Options, UNBUILT_ROLES } from "./options.ts";
import { type SignalSource, watchShutdown } from "./shutdown.ts";
import { COMMIT, VERSION } from "./version.ts";

/** Exit codes of the program. */
export const EXIT_CODE = { ok: 0, failed: 1, usage: 2 } as const;

/** The process as this file sees it. */
export type CommandLineIo = Omit<CommandLineSurroundings, "environment"> & {
  readonly writeOut: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Where temporary folders go. */
  readonly temporaryFolder: string;
  readonly signals: SignalSource;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
};

/** What a role is started with, beside its options. */
export type RoleContext = {
  readonly version: string;
  readonly commit: string;
  /** The claimed folder of this node. */
  readonly dataDirectory: string;
  /** Whether the folder was made just now. */
  readonly isNewDirectory: boolean;
  readonly logger: Logger;
};

/** A role that is up and answers requests. */
export type RunningRole = {
  /** The port in use. */
  readonly port: number;
  readonly chainId: bigint;
  readonly genesisHash: Uint8Array;
  readonly sequencerAddress: Uint8Array | null;
  /** Development accounts whose keys the node holds. */
  readonly accounts: readonly BannerAccount[];
  /** More lines for the banner. */
  readonly notes: readonly string[];
  /** Resolves when the role cannot go on; stays pending otherwise. */
  readonly failed: Promise<Error>;
  /** Finishes what is under way and stops; called once. */
  stop(): Promise<void>;
};

/** Starts the role that `options.role` names; rejects when it cannot start. */
export type StartRole = (options: Options, context: RoleContext) => Promise<RunningRole>;

/** Lines for `--dry-run` that say how much shared memory goes where. */
export type DescribeMemoryPlan = (options: Options) => readonly string[];

/**
 * Runs the program.
 * @param argv the words after the program's name
 * @param startRole starts a role; called at most once
 * @returns the exit code: 0 ended as asked, 1 failed while running, 2 wrong usage
 */
export async function runCommandLine(
  argv: readonly string[],
  environment: CommandLineSurroundings["environment"],
  io: CommandLineIo,
  startRole: StartRole,
  describeMemoryPlan?: DescribeMemoryPlan,
): Promise<number> {
  let command: Command;
  try {
    command = readCommandLine(argv, { ...io, environment });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    io.writeError(`megaeth: ${error.message}\n`);
    return EXIT_CODE.usage;
  }
  if (command.kind === "help") io.writeOut(helpText());
  else if (command.kind === "version") io.writeOut(`megaeth ${VERSION} (${COMMIT})\n`);
  else if (command.kind === "completions") io.writeOut(completionScript(command.shell));
  else if (command.kind === "health") return reportHealth(command.options, io);
  else return startCommand(command, io, startRole, describeMemoryPlan);
  return EXIT_CODE.ok;
}

async function reportHealth(options: Options, io: CommandLineIo): Promise<number> {
  const health = await askHealth(options.host, options.port);
  if (health.alive) return EXIT_CODE.ok;
  io.writeError(`megaeth: ${health.reason}\n`);
  return EXIT_CODE.failed;
}

async function startCommand(
  command: Extract<Command, { kind: "start" }>,
  io: CommandLineIo,
  startRole: StartRole,
  describeMemoryPlan?: DescribeMemoryPlan,
): Promise<number> {
  const { options, sources } = command;
  if (UNBUILT_ROLES.has(options.role)) {
    io.writeError(`megaeth: --role "${options.role}": not built yet; expected sequencer or replica\n`);
    return EXIT_CODE.usage;
  }
  if (options.dryRun) {
    io.writeOut(effectiveOptionsText(options, sources));
    for (const line of describeMemoryPlan?.(options) ?? []) io.writeOut(`${line}\n`);
    return EXIT_CODE.ok;
  }
  const logger = createLogger({ level: options.logLevel, format: options.logFormat, write: io.writeError });
  let directory: DataDirectory | null = null;
  try {
    const use = { chainId: options.chainId, role: options.role, programVersion: VERSION };
    directory = options.ephemeral
      ? openEphemeralDirectory(io.temporaryFolder, use)
      : openDataDirectory(options.dataDirectory, use);
    return await runRole(options, directory, logger, io, startRole);
  } catch (error) {
    io.writeError(`megaeth: ${failureText(error)}\n`);
    return EXIT_CODE.failed;
  } finally {
    directory?.close();
  }
}

async function runRole(
  options: Options,
  directory: DataDirectory,
  logger: Logger,
  io: CommandLineIo,
  startRole: StartRole,
): Promise<number> {
  const shutdown = watchShutdown(io.signals, {
    onFirst: (signal) => logger.log("node_draining", { signal, hint: "once more to stop at once" }),
    onSecond: () => {
      if (options.ephemeral) directory.close();
      io.exit(EXIT_CODE.failed);
    },
  });
  try {
    logger.log("node_starting", { version: VERSION, commit: COMMIT, role: options.role });
    const role = await startRole(options, {
      version: VERSION,
      commit: COMMIT,
      dataDirectory: directory.path,
      isNewDirectory: directory.isNew,
      logger,
    });
    if (!shutdown.isRequested()) io.writeOut(roleBanner(options, directory, role));
    const failure = await Promise.race([shutdown.requested.then(() => null), role.failed]);
    if (failure !== null) logger.log("node_failed", { error: failure });
    await role.stop();
    logger.log("node_stopped");
    if (failure === null) return EXIT_CODE.ok;
    io.writeError(`megaeth: ${failureText(failure)}\n`);
    return EXIT_CODE.failed;
  } finally {
    shutdown.dispose();
  }
}

function roleBanner(options: Options, directory: DataDirectory, role: RunningRole): string {
  return bannerText({
    version: VERSION,
    commit: COMMIT,
    role: options.role,
    chainId: role.chainId,
    host: options.host,
    port: role.port,
    genesisHash: role.genesisHash,
    sequencerAddress: role.sequencerAddress,
    upstreamUrl: options.upstreamUrl,
    dataDirectory: directory.path,
    ephemeral: options.ephemeral,
    fsyncMode: options.fsyncMode,
    fsyncIntervalMs: options.fsyncIntervalMs,
    accounts: role.accounts,
    accountBalanceWei: options.accountBalanceWei,
    mnemonic: role.accounts.length > 0 ? options.mnemonic : null,
    notes: role.notes,
  });
}

/** A failure of the surroundings is told in one line; a bug brings its stack. */
function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isExpected = typeof (error as { code?: unknown }).code === "string";
  return isExpected ? error.message : (error.stack ?? error.message);
}
