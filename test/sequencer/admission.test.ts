// Every rule of admission has a transaction that breaks it, checked in the words that wallets read.

import { describe, expect, test } from "bun:test";
import { concatBytes } from "#base/bytes.ts";
import { createChainSpec } from "#chain/chain-spec.ts";
import { developmentGenesis } from "#chain/genesis.ts";
import { signTransaction, type UnsignedTransaction } from "#chain/transaction.ts";
import { KECCAK_EMPTY, keccak256 } from "#crypto/keccak256.ts";
import { addressFromPrivateKey } from "#crypto/secp256k1.ts";
import { type AdmissionRules, admit } from "#sequencer/admission.ts";

const KEY = new Uint8Array(32).fill(1);
const SENDER = addressFromPrivateKey(KEY);
const OTHER = new Uint8Array(20).fill(2);
const DEVELOPMENT = developmentGenesis({ chainId: 31337n, timestamp: 1_700_000_000n, blockGasLimit: 1_000_000n }).spec;

const RULES: AdmissionRules = {
  spec: DEVELOPMENT,
  fork: "osaka",
  blockGasLimit: 1_000_000n,
  baseFee: 1_000_000n,
  timestamp: 1_700_000_001,
  allowUnprotected: false,
  holdings: null,
};

const VALID: UnsignedTransaction = {
  type: 2,
  chainId: 31337n,
  nonce: 5n,
  gasPrice: 2_000_000n,
  maxFeePerGas: 2_000_000n,
  maxPriorityFeePerGas: 1_000n,
  gasLimit: 21_000n,
  to: OTHER,
  value: 100n,
  data: new Uint8Array(0),
  accessList: [],
  authorizationList: [],
  maxFeePerBlobGas: 0n,
  blobVersionedHashes: [],
};

const COST = 21_000n * 2_000_000n + 100n;

type Account = { nonce?: bigint; balance?: bigint; code?: Uint8Array };

function judge(
  parts: Partial<UnsignedTransaction>,
  account: Account = {},
  rules: Partial<AdmissionRules> = {},
  sizeBytes?: number,
): string | null {
  const { nonce = 5n, balance = 10n ** 20n, code = new Uint8Array(0) } = account;
  const codeHash = code.length === 0 ? KECCAK_EMPTY : keccak256(code);
  const source = { account: () => ({ nonce, balance, codeHash }), code: () => code };
  const transaction = signTransaction({ ...VALID, ...parts }, KEY);
  return admit(transaction, SENDER, source, { ...RULES, ...rules }, sizeBytes)?.message ?? null;
}

describe("admitted", () => {
  test("a valid transaction, exactly paid for", () => {
    expect(judge({}, { balance: COST })).toBeNull();
  });

  test("a nonce beyond the account's", () => {
    expect(judge({ nonce: 9n })).toBeNull();
  });

  test("a sender that delegates its code", () => {
    expect(judge({}, { code: concatBytes(Uint8Array.of(0xef, 1, 0), OTHER) })).toBeNull();
  });

  test("an unprotected legacy transaction where the node allows it", () => {
    const legacy = { type: 0, chainId: null, maxPriorityFeePerGas: 2_000_000n } as const;
    expect(judge(legacy, {}, { allowUnprotected: true })).toBeNull();
    expect(judge(legacy)).toBe("only replay-protected (EIP-155) transactions allowed over RPC");
  });

  test("a fee cap below the present base fee, where the base fee may fall", () => {
    const baseFee = { kind: "eip1559", elasticity: 2n, denominator: 8n, initial: 10n } as const;
    const spec = createChainSpec({ ...DEVELOPMENT, baseFee });
    expect(judge({ maxFeePerGas: 999_999n }, {}, { spec })).toBeNull();
  });
});

describe("refused", () => {
  const cases: [string, string | null, string][] = [
    ["nonce", judge({ nonce: 4n }), "nonce too low: next nonce 5, tx nonce 4"],
    [
      "funds",
      judge({}, { balance: COST - 1n }),
      `insufficient funds for gas * price + value: balance ${COST - 1n}, tx cost ${COST}, overshot 1`,
    ],
    ["gas limit", judge({ gasLimit: 1_000_001n }), "exceeds block gas limit"],
    ["intrinsic gas", judge({ gasLimit: 20_999n }), "intrinsic gas too low: gas 20999, minimum needed 21000"],
    ["chain id", judge({ chainId: 1n }), "invalid sender: invalid chain id for signer: have 1 want 31337"],
    ["size", judge({}, {}, {}, 131_073), "oversized data: transaction size 131073, limit 131072"],
  ];
  for (const [name, actual, expected] of cases) test(name, () => expect(actual).toBe(expected));

  test("a fee cap that a constant base fee never meets", () => {
    const message = judge({ maxFeePerGas: 999_999n });
    expect(message).toStartWith("max fee per gas less than block base fee: address 0x");
    expect(message).toEndWith("maxFeePerGas: 999999, baseFee: 1000000");
  });

  test("a sender with code", () => {
    expect(judge({}, { code: new Uint8Array(23) })).toStartWith("sender not an eoa: address 0x");
    expect(judge({}, { code: concatBytes(Uint8Array.of(0xef, 1, 0), new Uint8Array(21)) })).toContain("len(code): 24");
  });

  test("blob transactions", () => {
    const hash = new Uint8Array(32).fill(1);
    const blob = { type: 3, blobVersionedHashes: [hash], maxFeePerBlobGas: 1n } as const;
    expect(judge(blob)).toBe("transaction type not supported: tx type 3 not supported by this pool");
  });

  test("funds that the pool already counts on, a replacement by what it adds", () => {
    const holdings = (spent: bigint, replaced: bigint | null) => ({
      holdings: { expenditure: () => spent, costAt: () => replaced },
    });
    expect(judge({}, { balance: COST + 9n }, holdings(9n, null))).toBeNull();
    expect(judge({}, { balance: COST + 9n }, holdings(10n, null))).toBe(
      `insufficient funds for gas * price + value: balance ${COST + 9n}, queued cost 10, tx cost ${COST}, overshot 1`,
    );
    expect(judge({}, { balance: COST + 9n }, holdings(COST, COST - 9n))).toBeNull();
    expect(judge({}, { balance: COST + 9n }, holdings(COST, COST - 10n))).toBe(
      `insufficient funds for gas * price + value: balance ${COST + 9n}, queued cost ${COST}, tx bumped 10, overshot 1`,
    );
  });
});
