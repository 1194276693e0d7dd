// The way from signed bytes to the hash that the sender signed, and from signed bytes to an object: ours against
// @ethereumjs/tx and viem, on transfers and on ERC-20 calls.

import { createTxFromRLP } from "@ethereumjs/tx";
import { parseTransaction } from "viem";
import { toBareHex, toHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { signingHashInto } from "#chain/signing-payload.ts";
import { decodeTransaction, encodeTransaction, signingHash, signTransaction } from "#chain/transaction.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const seed = 20_261_121;
const count = smokeOr(2000, 10);

/** Type 2 transactions as a busy chain sees them: no calldata, or 68 bytes of it. */
function signedTransactions(dataSizeBytes: number): Uint8Array[] {
  const random = new SeededRandom(seed);
  const key = random.bytes(32).fill(1, 0, 1);
  return Array.from({ length: count }, (_, nonce) =>
    encodeTransaction(
      signTransaction(
        {
          type: 2,
          chainId: 1n,
          nonce: BigInt(nonce),
          gasPrice: 2_000_000n,
          maxFeePerGas: 2_000_000n,
          maxPriorityFeePerGas: 1n,
          gasLimit: 100_000n,
          to: random.bytes(20),
          value: 10n ** 18n,
          data: random.bytes(dataSizeBytes),
          accessList: [],
          authorizationList: [],
          maxFeePerBlobGas: 0n,
          blobVersionedHashes: [],
        },
        key,
      ),
    ),
  );
}

for (const dataSizeBytes of [0, 68]) {
  const transactions = signedTransactions(dataSizeBytes);
  const parameters = { seed, dataSizeBytes, sizeBytes: transactions[0]!.length };
  const hash = new Uint8Array(32);

  await runInterleaved({
    name: `signing hash of a transaction with ${dataSizeBytes} bytes of data`,
    rounds: smokeOr(9, 2),
    operationCount: count,
    parameters,
    contenders: {
      "from the bytes": () => {
        for (const bytes of transactions) signingHashInto(bytes, hash, 0);
        return toBareHex(hash);
      },
      "through our object": () => {
        for (const bytes of transactions) hash.set(signingHash(decodeTransaction(bytes)));
        return toBareHex(hash);
      },
      "@ethereumjs/tx": () => {
        for (const bytes of transactions) hash.set(createTxFromRLP(bytes).getHashedMessageToSign());
        return toBareHex(hash);
      },
    },
  });

  await runInterleaved({
    name: `decoding a transaction with ${dataSizeBytes} bytes of data`,
    rounds: smokeOr(9, 2),
    operationCount: count,
    parameters,
    contenders: {
      ours: () => {
        let nonceSum = 0;
        for (const bytes of transactions) nonceSum += Number(decodeTransaction(bytes).nonce);
        return String(nonceSum);
      },
      "@ethereumjs/tx": () => {
        let nonceSum = 0;
        for (const bytes of transactions) nonceSum += Number(createTxFromRLP(bytes).nonce);
        return String(nonceSum);
      },
      "viem (from its hex)": () => {
        let nonceSum = 0;
        for (const bytes of transactions) nonceSum += parseTransaction(toHex(bytes)).nonce ?? 0;
        return String(nonceSum);
      },
    },
  });
}
