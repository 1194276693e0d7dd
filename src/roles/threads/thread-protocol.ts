// What the main thread and a worker thread say to each other: how a worker is started, and the cold control messages.
// Everything hot goes through the rings of `NodeRegions`.

import type { DoorbellHandle } from "#base/doorbell.ts";
import type { RingHandle } from "#base/ring.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import type { KernelModules } from "#crypto/thread-kernels.ts";
import type { NodeStatusHandle } from "#formats/memory/node-status.ts";
import type { ChainIdentity } from "#formats/wire/record.ts";
import type { LogEvent } from "#observability/event-table.ts";
import type { LogFields } from "#observability/logger.ts";
import type { ReadCall, ReadReply, SubmitResult } from "#rpc/context.ts";
import type { Delivery, ReplayChunk } from "#rpc/subscription-renderer.ts";
import type { SubscriptionTopic } from "#rpc/subscription-topics.ts";
import type { StateRegions } from "#state/memory-plan.ts";
import type { NodeOptions } from "../node-options.ts";
import type { EvmRanges } from "./arena-plan.ts";

/** The kinds of worker thread; `workers.ts` says what each may write. */
export type ThreadKind = "verify" | "execute" | "apply" | "log" | "commit" | "read" | "compile";

/** All shared memory of a node. */
export type NodeRegions = {
  readonly state: StateRegions;
  readonly status: NodeStatusHandle;
  readonly metrics: SharedArrayBuffer;
  /** Executor or follower ─▶ log. */
  readonly records: RingHandle;
  /** Log ─▶ readers: 0 main, 1 commit, 2 + i read worker i. */
  readonly published: RingHandle;
  /** Read worker i ─▶ its verify worker (sequencer only). */
  readonly requests: readonly RingHandle[];
  /** Verify worker i ─▶ executor (sequencer only). */
  readonly verified: readonly RingHandle[];
  /** Executor ─▶ all read workers (sequencer only). */
  readonly replies: RingHandle;
  /** Main ─▶ follower (replica only). */
  readonly feed: RingHandle;
  /** Ranges of each thread for its kernels and its byte code; see `arena-plan.ts`. */
  readonly arena: WebAssembly.Memory;
  readonly evm: EvmRanges;
  readonly doorbells: NodeDoorbells;
};

/** The doorbell of each thread. */
export type NodeDoorbells = {
  readonly main: DoorbellHandle;
  readonly log: DoorbellHandle;
  readonly commit: DoorbellHandle;
  /** Executor or follower. */
  readonly writer: DoorbellHandle;
  readonly verify: readonly DoorbellHandle[];
  readonly read: readonly DoorbellHandle[];
};

/** What every thread of a node is started with. */
export type NodeSetup = {
  readonly options: NodeOptions;
  readonly identity: ChainIdentity;
  /** Canonical JSON; see `chain/genesis.ts`. */
  readonly genesisDocument: Uint8Array;
  /** Root over the genesis accounts. */
  readonly genesisStateRoot: Uint8Array;
  readonly sequencer: Uint8Array;
  readonly dataDirectory: string;
  readonly clientVersion: string;
  readonly regions: NodeRegions;
};

/** First message to a worker. */
export type ThreadStart = {
  readonly type: "start";
  readonly kind: ThreadKind;
  /** Position among the threads of its kind. */
  readonly index: number;
  /** Its block in the metrics region. */
  readonly metricsIndex: number;
  /** Kernels that the main thread has compiled, with their optimized code. */
  readonly kernels: KernelModules;
  /** The engine's core module, made once for all threads; null when another engine runs. */
  readonly core: SharedCore | null;
  /**
   * To the compile thread, for a thread that runs byte code; to each of those threads, for the compile thread. Empty for others, and
   * when nothing is compiled.
   */
  readonly compilePorts: readonly MessagePort[];
  readonly setup: NodeSetup;
  /** What the owner of the state table found; null for the threads that start before it. */
  readonly recovered: Recovered | null;
};

/** The core module of a fork. */
export type SharedCore = { readonly fork: Hardfork; readonly module: WebAssembly.Module };

/** What recovery did. */
export type Recovered = {
  readonly checkpointVersion: number;
  readonly replayedMiniBlockCount: number;
  readonly version: number;
  readonly nextSequence: number;
  readonly term: number;
  readonly sealedBlock: number;
  readonly parentHash: Uint8Array;
  /** `ChainHead` at the checkpoint or at genesis, serialized. */
  readonly baseHead: Uint8Array;
  /** `ChainHead` after the last sealed EVM block, serialized. */
  readonly sealedHead: Uint8Array;
};

/** A root of the commit thread on its way to the executor. */
export type RootComputed = { readonly blockNumber: number; readonly version: number; readonly root: Uint8Array };

/** A checkpoint that is on disk. */
export type CheckpointWritten = {
  readonly version: number;
  readonly blockNumber: number;
  readonly keyCount: number;
  readonly sizeBytes: number;
  readonly digest: Uint8Array;
};

/** Main to worker, after the start. */
export type ToThread =
  | { readonly type: "drain" }
  | { readonly type: "root"; readonly root: RootComputed }
  | { readonly type: "checkpoint"; readonly checkpoint: CheckpointWritten }
  | { readonly type: "call"; readonly id: number; readonly call: ReadCall }
  | { readonly type: "forwarded"; readonly id: number; readonly result: ForwardResult }
  | { readonly type: "openTopic"; readonly topic: SubscriptionTopic }
  | { readonly type: "closeTopic"; readonly key: string }
  /** One message of deliveries has been handed on. */
  | { readonly type: "delivered" }
  | { readonly type: "replay"; readonly id: number; readonly from: number };

/** Worker to main. */
export type FromThread =
  | { readonly type: "ready" }
  | { readonly type: "recovered"; readonly recovered: Recovered }
  | { readonly type: "stopped" }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "log"; readonly event: LogEvent; readonly fields: LogFields }
  | { readonly type: "root"; readonly root: RootComputed }
  | { readonly type: "checkpoint"; readonly checkpoint: CheckpointWritten }
  | { readonly type: "reply"; readonly id: number; readonly reply: ReadReply }
  | { readonly type: "forward"; readonly id: number; readonly request: ForwardRequest }
  | { readonly type: "refused"; readonly reason: string; readonly detail: string }
  | { readonly type: "applied"; readonly position: AppliedPosition }
  | { readonly type: "deliveries"; readonly deliveries: readonly Delivery[] }
  | { readonly type: "replayed"; readonly id: number; readonly chunk: ReplayChunk };

/** Where a replica's log stands after what it has applied. */
export type AppliedPosition = {
  /** Sequence of the last record; -1 for none. */
  readonly sequence: number;
  readonly term: number;
  /** Hash of that record; the genesis hash for none. */
  readonly hash: Uint8Array;
  /** State version. */
  readonly version: number;
};

/** What a replica's read worker has the main thread ask upstream. */
export type ForwardRequest =
  | { readonly kind: "submit"; readonly raw: Uint8Array; readonly requireReady: boolean }
  | { readonly kind: "pendingNonce"; readonly address: Uint8Array }
  | { readonly kind: "pendingTransaction"; readonly hash: Uint8Array };

/** Upstream's answer. */
export type ForwardResult =
  | { readonly kind: "submit"; readonly result: SubmitResult }
  | { readonly kind: "pendingNonce"; readonly nonce: bigint | null }
  | {
      readonly kind: "pendingTransaction";
      readonly transaction: { readonly raw: Uint8Array; readonly sender: Uint8Array } | null;
    }
  | { readonly kind: "failed"; readonly reason: string };

/** The port of a worker to the main thread, as thread functions use it. */
export type ThreadPort = {
  post(message: FromThread): void;
  /** Replaces the handler of control messages. */
  onMessage(handler: (message: ToThread) => void): void;
};
