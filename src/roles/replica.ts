// The replica: a node whose state table is written by the apply thread, and a link to upstream that feeds it. When upstream no longer
// has the records that come next, a snapshot is received and the node is started again from it, on the same port.
//
//   joinChain ─▶ installBootstrap ─▶ Node ─▶ ReplicaLink ──(snapshot received)──▶ stop, install, start again

import { must } from "#base/assert.ts";
import { installBootstrap } from "#replica/bootstrap.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { BOOTSTRAP_FOLDERS } from "./data-layout.ts";
import { Node, type NodeContext, type RoleParts } from "./node.ts";
import type { NodeOptions } from "./node-options.ts";
import { type JoinedChain, joinChain } from "./replica-genesis.ts";
import { ReplicaLink } from "./replica-link.ts";
import { type NodeRole, runningRole } from "./running-role.ts";

/** Starts a replica; resolves when it serves, which may be before it has caught up. */
export async function startReplica(options: NodeOptions, context: NodeContext): Promise<NodeRole> {
  const upstreamUrl = must(options.upstreamUrl, "a replica has an upstream");
  const client = `megaeth/${context.version}`;
  const joined = await joinChain({ ...options, upstreamUrl }, { ...context, client });
  const replica = new Replica({ ...options, upstreamUrl }, context, joined, client);
  await replica.start();
  return replica.describe();
}

class Replica {
  readonly #options: NodeOptions & { readonly upstreamUrl: string };
  readonly #context: NodeContext;
  readonly #joined: JoinedChain;
  readonly #client: string;
  readonly #failed: Promise<Error>;
  #fail: (error: Error) => void = () => {};
  #node: Node | null = null;
  #link: ReplicaLink | null = null;
  /** A restart from a snapshot that is under way. */
  #restarting: Promise<void> | null = null;
  #isStopping = false;

  constructor(
    options: NodeOptions & { readonly upstreamUrl: string },
    context: NodeContext,
    joined: JoinedChain,
    client: string,
  ) {
    this.#options = options;
    this.#context = context;
    this.#joined = joined;
    this.#client = client;
    this.#failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  /** Starts threads and link from what the data directory holds. @param port the one to keep, after a restart */
  async start(port = this.#options.port): Promise<void> {
    const { chain, sequencer } = this.#joined;
    const { dataDirectory, logger } = this.#context;
    const disk = new RealDisk(dataDirectory);
    const isFromSnapshot = installBootstrap(disk, BOOTSTRAP_FOLDERS);
    const role: RoleParts = {
      writer: "apply",
      chain,
      sequencer,
      syncProgress: (headBlock) => this.#syncProgress(headBlock),
      unreadyReason: () => this.#link?.unreadyReason() ?? (this.#link === null ? "starting" : null),
      onThreadMessage: (message, thread) => void this.#link?.onThreadMessage(message, thread),
    };
    const node = await Node.start({ ...this.#options, port }, this.#context, role, this.#node?.regions ?? null);
    const { recovered } = node;
    this.#node = node;
    if (isFromSnapshot) node.metrics.counter("snapshots_loaded_total").add(1);
    this.#link = new ReplicaLink({
      upstreamUrl: this.#options.upstreamUrl,
      staleAfterMs: this.#options.staleAfterMs,
      context: { identity: chain.identity, spec: chain.genesis.spec },
      sequencer,
      client: this.#client,
      disk,
      feed: node.regions.feed,
      metrics: node.metrics,
      logger,
      isFromSnapshot,
      position: {
        sequence: recovered.nextSequence - 1,
        term: recovered.term,
        hash: recovered.parentHash,
        version: recovered.version,
      },
      rebootstrap: () => {
        this.#restarting = this.#restart();
      },
    });
    void node.threads.failed.then((error) => this.#fail(error));
    this.#link.start();
  }

  /** What the command line shows and waits for. */
  describe(): NodeRole {
    const { chain, sequencer } = this.#joined;
    const role = runningRole(must(this.#node, "a started replica"), {
      chain,
      sequencerAddress: sequencer,
      stop: () => this.#stop(),
    });
    return { ...role, failed: this.#failed };
  }

  async #restart(): Promise<void> {
    try {
      const node = must(this.#node, "a started replica");
      const { port } = node.server;
      await node.stop();
      if (!this.#isStopping) await this.start(port);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #stop(): Promise<void> {
    this.#isStopping = true;
    this.#link?.stop();
    await this.#restarting;
    this.#link?.stop();
    await this.#node?.stop();
  }

  /** Upstream announces mini-blocks, not blocks: while there is a lag, at least the next block is known to exist. */
  #syncProgress(currentBlock: number): ReturnType<Parameters<typeof Node.start>[2]["syncProgress"]> {
    if (this.#link === null || this.#link.unreadyReason() === null) return null;
    const startingBlock = this.#node?.recovered.sealedBlock ?? 0;
    return { startingBlock, currentBlock, highestBlock: currentBlock + (this.#link.lagMiniBlocks > 0 ? 1 : 0) };
  }
}
