// A thread that makes a memory on its own, joins the ledger of its parent, makes the rest, and tells the count it sees.

import { createMemory, joinMemoryLedger, type MemoryLedger, memoryCount } from "#wasm/loader.ts";

declare const self: Worker;

const kept: WebAssembly.Memory[] = [];

self.onmessage = (event: MessageEvent<{ ledger: MemoryLedger; slot: number; memories: number }>) => {
  const { ledger, slot, memories } = event.data;
  for (let made = 0; made < memories; made++) {
    kept.push(createMemory({ initialPages: 1, maximumPages: 1, shared: false }));
    if (made === 0) joinMemoryLedger(ledger, slot);
  }
  postMessage(`counts ${memoryCount()}`);
};
