// The JSON-RPC envelope on the main thread: ours splices a worker's serialized result into the reply, the rival parses
// that result and serializes the whole reply again. The larger the result, the more the main thread is spared.

import { utf8 } from "#base/bytes.ts";
import { toHex } from "#base/hex.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { detachedMetrics } from "#observability/metrics.ts";
import { DEFAULT_RPC_OPTIONS } from "#rpc/context.ts";
import { DEFAULT_DISPATCH_LIMITS, Dispatcher, type Session } from "#rpc/dispatcher.ts";
import { createRpcMeters } from "#rpc/meters.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const callCount = smokeOr(20_000, 200);
const request = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "eth_getBlockReceipts", params: ["latest"] });

function receiptsJson(count: number): string {
  const receipt = {
    blockHash: `0x${"ff".repeat(32)}`,
    gasUsed: "0x5208",
    logs: [],
    logsBloom: `0x${"00".repeat(256)}`,
  };
  return JSON.stringify(
    Array.from({ length: count }, (_, i) => ({ ...receipt, transactionIndex: `0x${i.toString(16)}` })),
  );
}

function createDispatcher(json: string): Dispatcher {
  return new Dispatcher({
    main: { chainId: 31_337n, options: DEFAULT_RPC_OPTIONS, syncProgress: () => null },
    read: { call: async () => ({ ok: true, json }) },
    limits: DEFAULT_DISPATCH_LIMITS,
    meters: createRpcMeters(detachedMetrics()),
    onFailure: () => {},
  });
}

function digestOf(text: string): string {
  return toHex(keccak256(utf8(text))).slice(0, 18);
}

for (const receiptCount of [1, 20]) {
  const json = receiptsJson(receiptCount);
  const dispatcher = createDispatcher(json);
  const session: Session = { transport: "http", subscriptions: null, inFlightCount: 0 };
  const splice = async (): Promise<string> => {
    let last = "";
    let bytes = 0;
    for (let i = 0; i < callCount; i++) {
      last = (await dispatcher.handle(request, session)).text ?? "";
      bytes += Buffer.byteLength(last); // joins the parts of the text, as sending it does
    }
    return `${digestOf(last)} ${bytes}`;
  };
  const parseAgain = async (): Promise<string> => {
    let last = "";
    let bytes = 0;
    for (let i = 0; i < callCount; i++) {
      const { id } = JSON.parse(request) as { id: number };
      const result: unknown = JSON.parse(await Promise.resolve(json));
      last = JSON.stringify({ jsonrpc: "2.0", id, result });
      bytes += Buffer.byteLength(last);
    }
    return `${digestOf(last)} ${bytes}`;
  };
  await runInterleaved({
    name: `one call through the envelope, result of ${json.length} bytes`,
    rounds: smokeOr(7, 1),
    contenders: { "spliced (ours)": splice, "parsed again": parseAgain },
    operationCount: callCount,
    parameters: { callCount, receiptCount },
  });
}
