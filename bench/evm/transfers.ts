// What the benches of whole transactions apply: signed transfers of Ether and of a token, in order, on the overlay that the executor
// uses, over a state in plain maps that holds a rich sender and the token.

import { must } from "#base/assert.ts";
import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import { contractAddress, type Transaction } from "#chain/transaction.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import type { Engine } from "#evm/engine.ts";
import { OverlayHost } from "#evm/overlay-host.ts";
import { contracts } from "#test/e2e/contracts.ts";
import { ALICE, ETHER, environmentOf, fund, signed } from "#test/evm/fixtures.ts";
import { MemoryHost } from "#test/evm/memory-host.ts";

const TRANSFER_SELECTOR = fromHex("a9059cbb");
const BALANCE_OF_SELECTOR = fromHex("70a08231");

/** Where all transfers happen. */
export const TRANSFER_ENVIRONMENT = environmentOf("osaka");

/** One transfer, as a call. */
export type TransferCall = { readonly to: Uint8Array; readonly value: bigint; readonly data: Uint8Array };

/** A state with a rich sender and a token whose supply is the sender's. */
export class TransferWorld {
  readonly source = new MemoryHost();
  readonly token = contractAddress(ALICE.address, 0n);

  /** @param engine what deploys the token */
  static async create(engine: Engine): Promise<TransferWorld> {
    const world = new TransferWorld();
    fund(world.source, ALICE.address, 1000n * ETHER);
    const data = concatBytes(fromHex(contracts().Token.bytecode), bigintToBytes(10n ** 24n, 32));
    await applyOne(engine, signed({ to: null, data, gasLimit: 5_000_000n }), world.source);
    return world;
  }

  /** A wei to an account. */
  transfer(recipient: Uint8Array): TransferCall {
    return { to: recipient, value: 1n, data: new Uint8Array(0) };
  }

  /** The smallest part of a token to an account. */
  tokenTransfer(recipient: Uint8Array): TransferCall {
    const data = concatBytes(TRANSFER_SELECTOR, new Uint8Array(12), recipient, bigintToBytes(1n, 32));
    return { to: this.token, value: 0n, data };
  }

  /** Transactions of the sender that do these calls one after the other. */
  sign(calls: readonly TransferCall[]): Transaction[] {
    const firstNonce = must(this.source.account(ALICE.address), "the sender is funded").nonce;
    return calls.map((call, i) => signed({ ...call, nonce: firstNonce + BigInt(i) }));
  }

  /** Applies transactions to an overlay over the state, which stays as it is. */
  async applyAll(engine: Engine, transactions: readonly Transaction[]): Promise<OverlayHost> {
    const host = new OverlayHost(this.source, () => new Uint8Array(32));
    for (const tx of transactions) await applyOne(engine, tx, host);
    return host;
  }
}

/** Call data that asks a token for an account's balance. */
export function balanceQuery(address: Uint8Array): Uint8Array {
  return concatBytes(BALANCE_OF_SELECTOR, new Uint8Array(12), address);
}

/** A digest of the accounts' balances. */
export async function balanceDigest(
  addresses: readonly Uint8Array[],
  balanceOf: (address: Uint8Array) => Promise<bigint>,
): Promise<string> {
  const words: Uint8Array[] = [];
  for (const address of addresses) words.push(bigintToBytes(await balanceOf(address), 32));
  return toBareHex(keccak256(concatBytes(...words)));
}

async function applyOne(engine: Engine, tx: Transaction, host: OverlayHost | MemoryHost): Promise<void> {
  const result = await engine.applyTransaction(tx, ALICE.address, TRANSFER_ENVIRONMENT, host);
  if (result.kind === "rejected" || result.outcome.status === 0) throw new Error("a transaction of the bench failed");
}
