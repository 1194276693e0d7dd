// Every reason for refusing a transaction that a client can bring about, in geth's words, over HTTP and WebSocket, and
// counted by its code. Reasons of chains with other rules are in genesis-chain.test.ts.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { type Hex, parseGwei, serializeTransaction, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { encodeTransaction, signTransaction } from "#chain/transaction.ts";
import { disposeAll, NodeProcess } from "./node-process.ts";
import { nodeTest } from "./node-test.ts";
import { developmentWallets, Wallet } from "./wallet.ts";

const SINK: Hex = "0x00000000000000000000000000000000000000b3";
const wallets = developmentWallets();
const key = (index: number) => (wallets[index] as Wallet).privateKey;
const account = (index: number) => privateKeyToAccount(key(index));
const wallet = (index: number) => wallets[index] as Wallet;

let node: NodeProcess;

/** One refusal: the code it is counted under, the beginning of its message, and how to bring it about. */
type Case = readonly [code: string, words: string, make: () => Promise<Hex> | Hex];

const base = { chainId: 31_337, to: SINK, nonce: 0, gas: 21_000n, maxFeePerGas: parseGwei("1") } as const;

const CASES: readonly Case[] = [
  [
    "transaction type not supported",
    "transaction type not supported",
    () =>
      account(0).signTransaction({
        ...base,
        type: "eip4844",
        maxFeePerBlobGas: 1n,
        blobVersionedHashes: [`0x01${"0".repeat(62)}`],
      } as never),
  ],
  [
    "oversized data",
    "oversized data",
    () => wallet(0).sign({ to: SINK, nonce: 0, data: toHex(new Uint8Array(131_073)) }).raw,
  ],
  [
    "max initcode size exceeded",
    "max initcode size exceeded: code size 49153, limit 49152",
    () => wallet(0).sign({ nonce: 0, data: toHex(new Uint8Array(49_153)), gasLimit: 10_000_000n }).raw,
  ],
  [
    "exceeds block gas limit",
    "exceeds block gas limit",
    () => wallet(0).sign({ to: SINK, nonce: 0, gasLimit: 10_000_000_001n }).raw,
  ],
  [
    "max priority fee per gas higher than max fee per gas",
    "max priority fee per gas higher than max fee per gas",
    () => wallet(0).sign({ to: SINK, nonce: 0, tip: 3n, feeCap: 2n }).raw,
  ],
  [
    "gas * gasPrice exceeds 256 bits",
    "gas * gasPrice exceeds 256 bits",
    () => wallet(0).sign({ to: SINK, nonce: 0, feeCap: 2n ** 255n }).raw,
  ],
  [
    "invalid sender",
    "invalid sender: invalid chain id for signer",
    () => new Wallet(keyBytes(0), 5n).sign({ to: SINK }).raw,
  ],
  [
    "only replay-protected (EIP-155) transactions allowed over RPC",
    "only replay-protected (EIP-155) transactions allowed over RPC",
    () => account(0).signTransaction({ type: "legacy", to: SINK, nonce: 0, gas: 21_000n, gasPrice: parseGwei("1") }),
  ],
  ["nonce has max value", "nonce has max value", () => signWithNonce(2n ** 64n - 1n)],
  [
    "intrinsic gas too low",
    "intrinsic gas too low: gas 20999, minimum needed 21000",
    () => wallet(0).sign({ to: SINK, nonce: 0, gasLimit: 20_999n }).raw,
  ],
  [
    "insufficient gas for floor data gas cost",
    "insufficient gas for floor data gas cost: gas 38000, minimum needed 61000",
    () => wallet(0).sign({ to: SINK, nonce: 0, gasLimit: 38_000n, data: toHex(new Uint8Array(1_000).fill(1)) }).raw,
  ],
  [
    "set code tx must have at least one authorization tuple",
    "set code tx must have at least one authorization tuple",
    () => signSetCode([]),
  ],
  [
    "nonce too low",
    "nonce too low: next nonce 1, tx nonce 0",
    () => wallet(9).sign({ to: SINK, nonce: 0, value: 9n }).raw,
  ],
  [
    "insufficient funds for gas * price + value",
    "insufficient funds for gas * price + value: balance 0, tx cost 21000000000001",
    () => new Wallet(new Uint8Array(32).fill(7)).sign({ to: SINK, value: 1n }).raw,
  ],
  [
    "max fee per gas less than block base fee",
    "max fee per gas less than block base fee: address ",
    () => wallet(0).sign({ to: SINK, nonce: 0, feeCap: 999_999n }).raw,
  ],
];

const MALFORMED: readonly (readonly [what: string, raw: Hex, words: string])[] = [
  ["nothing", "0x", "typed transaction too short"],
  ["a type of the future", "0x05c0", "transaction type not supported"],
  ["a truncated envelope", "0x02f8", "unexpected EOF"],
  ["a list that is too short", "0xc101", "rlp"],
];

function keyBytes(index: number): Uint8Array {
  return Buffer.from(key(index).slice(2), "hex");
}

function signWithNonce(nonce: bigint): Hex {
  return toHex(encodeTransaction(signTransaction({ ...unsigned(2), nonce }, keyBytes(0))));
}

function signSetCode(authorizationList: []): Hex {
  return toHex(
    encodeTransaction(signTransaction({ ...unsigned(4), authorizationList, gasLimit: 100_000n }, keyBytes(0))),
  );
}

function unsigned(type: 2 | 4) {
  const fee = parseGwei("1");
  return {
    type,
    chainId: 31_337n,
    nonce: 0n,
    gasPrice: fee,
    maxFeePerGas: fee,
    maxPriorityFeePerGas: 0n,
    gasLimit: 21_000n,
    to: new Uint8Array(20).fill(0xb3),
    value: 0n,
    data: new Uint8Array(),
    accessList: [],
    authorizationList: [],
    maxFeePerBlobGas: 0n,
    blobVersionedHashes: [],
  } as const;
}

async function expectRefusal(raw: Hex, code: string, words: string): Promise<void> {
  const before = await node.metric("txpool_rejects_total", { code });
  const socket = await node.socket();
  const errors = [
    await node.rpc.error("eth_sendRawTransaction", raw),
    await socket.error("eth_sendRawTransaction", raw),
    await node.rpc.error("eth_sendRawTransactionSync", raw),
    await socket.error("realtime_sendRawTransaction", raw),
  ];
  socket.close();
  for (const error of errors) {
    expect(error.code).toBe(-32000);
    expect(error.message).toStartWith(words);
  }
  expect((await node.metric("txpool_rejects_total", { code })) - before).toBe(4);
}

describe("refused transactions", () => {
  beforeAll(async () => {
    node = await NodeProcess.start({ flags: ["--pool-account-limit", "4"] });
    await node.rpc.call("eth_sendRawTransactionSync", wallet(9).sign({ to: SINK, value: 1n }).raw);
  }, 60_000);
  afterAll(() => disposeAll(node));

  for (const [code, words, make] of CASES) {
    nodeTest(words, async () => expectRefusal(await make(), code, words));
  }

  for (const [what, raw, words] of MALFORMED) {
    nodeTest(`malformed: ${what}`, async () => {
      const error = await node.rpc.error("eth_sendRawTransaction", raw);
      expect(error.code).toBe(-32000);
      expect(error.message).toContain(words);
    });
  }

  nodeTest("a signature that no key made", async () => {
    const good = await account(0).signTransaction({ ...base, type: "eip1559" });
    const bad = serializeTransaction(
      { ...base, type: "eip1559" },
      { r: `0x${"0".repeat(64)}`, s: `0x${"1".repeat(64)}`, yParity: 0 },
    );
    expect(good).not.toBe(bad);
    const error = await node.rpc.error("eth_sendRawTransaction", bad);
    expect(error).toMatchObject({ code: -32000 });
    expect(error.message).toContain("invalid transaction v, r, s values");
  });

  nodeTest("already known, replacement underpriced, replaced, account limit exceeded", async () => {
    const sender = wallet(8);
    const gapped = (nonce: number, feeCap: bigint, tip: bigint) => sender.sign({ to: SINK, nonce, feeCap, tip }).raw;
    const send = (raw: Hex) => node.rpc.call<Hex>("eth_sendRawTransaction", raw);
    const refusal = async (raw: Hex) => (await node.rpc.error("eth_sendRawTransaction", raw)).message;
    const gwei = parseGwei("1");
    await send(gapped(5, 10n * gwei, gwei));
    expect(await refusal(gapped(5, 10n * gwei, gwei))).toBe("already known");
    expect(await refusal(gapped(5, 10n * gwei + 1n, gwei + 1n))).toBe("replacement transaction underpriced");
    expect(await refusal(gapped(5, 11n * gwei, gwei))).toBe("replacement transaction underpriced");
    const hash = await send(gapped(5, 11n * gwei, (gwei * 11n) / 10n));
    expect(await node.rpc.call<object>("eth_getTransactionByHash", hash)).toMatchObject({
      blockHash: null,
      nonce: "0x5",
    });
    for (const nonce of [6, 7, 8]) await send(gapped(nonce, gwei, 0n));
    expect(await refusal(gapped(9, gwei, 0n))).toBe("account limit exceeded: pooled 4 txs");
    await node.until("counting it", async () => (await node.metric("txpool_replaced_total")) === 1);
  });

  nodeTest("a balance that covers one transaction, but not all that wait", async () => {
    const sender = wallet(7);
    const half = 6_000n * 10n ** 18n;
    const burst = [0, 1].map((nonce) => sender.sign({ to: SINK, nonce, value: half, gasLimit: 21_000n }).raw);
    const replies = await node.rpc.batch(
      burst.map((raw, id) => ({ jsonrpc: "2.0", id, method: "eth_sendRawTransaction", params: [raw] })),
    );
    const messages = replies.map(({ error }) => error?.message ?? "taken").sort();
    expect(messages[1]).toBe("taken");
    expect(messages[0]).toStartWith("insufficient funds for gas * price + value");
  });
});

describe("a full pool", () => {
  // A fifth of the pool may wait behind gaps: three.
  let full: NodeProcess;
  beforeAll(async () => {
    full = await NodeProcess.start({ flags: ["--pool-limit", "15"] });
  }, 60_000);
  afterAll(() => disposeAll(full));

  nodeTest("refuses the cheaper and makes room for the dearer", async () => {
    const gwei = parseGwei("1");
    const gapped = (index: number, tip: bigint) =>
      wallet(index).sign({ to: SINK, nonce: 3, feeCap: 20n * gwei, tip }).raw;
    for (const index of [0, 1, 2]) await full.rpc.call("eth_sendRawTransaction", gapped(index, gwei));
    const error = await full.rpc.error("eth_sendRawTransaction", gapped(3, gwei / 2n));
    expect(error.message).toMatch(/^(txpool is full|transaction underpriced)/);
    await full.rpc.call("eth_sendRawTransaction", gapped(4, 2n * gwei));
    await full.until("counting it", async () => (await full.metric("txpool_evicted_total", { reason: "full" })) === 1);
    // The next sequential nonce is always let in.
    const next = wallet(5).sign({ to: SINK, nonce: 0, value: 1n }).raw;
    expect(await full.rpc.call<object>("eth_sendRawTransactionSync", next)).toMatchObject({ status: "0x1" });
  });
});
