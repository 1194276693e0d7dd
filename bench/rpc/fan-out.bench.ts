// One mini-block to many miniBlocks subscribers: ours renders once per topic and joins text per socket, the rival
// serializes the notification object for each subscriber. Sockets are stand-ins that only count bytes.

import { detachedMetrics } from "#observability/metrics.ts";
import { createRpcMeters } from "#rpc/meters.ts";
import { OutboundSocket } from "#rpc/outbound-socket.ts";
import { SubscriptionHub } from "#rpc/subscriptions.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const subscriberCount = smokeOr(1_000, 20);
const transactionCount = smokeOr(50, 5);

const transaction = {
  hash: `0x${"ab".repeat(32)}`,
  from: `0x${"cd".repeat(20)}`,
  gas: "0x5208",
  input: "0x",
  nonce: "0x1",
};
const receipt = { transactionHash: transaction.hash, gasUsed: "0x5208", logs: [], logsBloom: `0x${"00".repeat(256)}` };
const miniBlock = {
  mini_block_number: "0x1",
  transactions: new Array(transactionCount).fill(transaction),
  receipts: new Array(transactionCount).fill(receipt),
};

let sentBytes = 0;
const raw = {
  // Counting bytes makes the engine join the parts of the text, as a real socket does.
  sendText: (text: string): number => (sentBytes += Buffer.byteLength(text)),
  getBufferedAmount: () => 0,
  close: () => {},
  terminate: () => {},
};

const meters = createRpcMeters(detachedMetrics());
const renderer = { open: () => {}, close: () => {}, replay: () => Promise.reject(new Error("no past here")) };
const hub = new SubscriptionHub(renderer, { subscriptionCountMax: 1, replayBacklogBytes: 1 }, meters);
const ids: string[] = [];
for (let i = 0; i < subscriberCount; i++) {
  const subscriptions = hub.attach(new OutboundSocket(raw, { backlogBytesMax: 1 << 20, meters }));
  const { id, activate } = await subscriptions.subscribe(["miniBlocks"]);
  activate();
  ids.push(id);
}
let number = 0;

await runInterleaved({
  name: "one mini-block to all subscribers",
  rounds: smokeOr(9, 1),
  contenders: {
    "rendered once (ours)": () => {
      sentBytes = 0;
      hub.deliver([{ kind: "results", key: "miniBlocks", number: number++, results: [JSON.stringify(miniBlock)] }]);
      return String(sentBytes);
    },
    "rendered for each": () => {
      sentBytes = 0;
      for (const subscription of ids) {
        const params = { subscription, result: miniBlock };
        raw.sendText(JSON.stringify({ jsonrpc: "2.0", method: "eth_subscription", params }));
      }
      return String(sentBytes);
    },
  },
  operationCount: subscriberCount,
  parameters: { subscriberCount, transactionCount },
});
