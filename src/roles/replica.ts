// The replica: a node whose state table is written by the apply thread.

import type { NodeContext } from "./node.ts";
import type { NodeOptions } from "./node-options.ts";
import type { NodeRole } from "./running-role.ts";

/** Starts a replica; resolves when it serves. */
export async function startReplica(_options: NodeOptions, _context: NodeContext): Promise<NodeRole> {
  throw new Error("not wired yet");
}
