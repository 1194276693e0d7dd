// One event that a contract emitted. A file of its own as both receipts and log filters are made of it.

import type { Address, Hash32 } from "./primitives.ts";

/** An event: the emitting contract, 0 to 4 topics, and data. */
export type Log = { readonly address: Address; readonly topics: readonly Hash32[]; readonly data: Uint8Array };
