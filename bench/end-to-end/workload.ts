// The work of the end-to-end benches, signed beforehand and the same bytes for every contender: plain transfers and token
// transfers by the funded accounts of a development chain, which both programs derive from the same words.

import { encodeFunctionData, type Hex, keccak256, numberToHex, padHex } from "viem";
import { type CompiledContract, contracts } from "#test/e2e/contracts.ts";
import type { HttpRpc } from "#test/e2e/json-rpc.ts";
import { developmentWallets, type ReceiptJson, type SignedTransaction, type Wallet } from "#test/e2e/wallet.ts";

/** What is moved. */
export type WorkloadKind = "native transfers" | "token transfers";

/** Transactions by sender, each list in the order of nonces. */
export type Lanes = readonly (readonly SignedTransaction[])[];

/** Both kinds, in the order that they are measured in. */
export const WORKLOAD_KINDS: readonly WorkloadKind[] = ["native transfers", "token transfers"];

const SUPPLY = 10n ** 30n;
const FEE_CAP = 1_000_000_000_000n;
const RECIPIENT_COUNT = 16;
const DIGEST_ATTEMPT_COUNT_MAX = 20;

/** One chain's worth of work: it is played from its beginning on every contender. */
export class Workload {
  readonly senders: readonly Wallet[];
  readonly token: Hex;
  readonly #preparation: readonly SignedTransaction[];
  readonly #abi: CompiledContract["abi"];
  readonly #recipients: readonly Hex[];
  readonly #rounds: { kind: WorkloadKind; lanes: Lanes }[] = [];
  #amount = 0n;

  /** @param senderCount funded accounts that send, at most 20 */
  constructor(senderCount: number) {
    const wallets = developmentWallets(senderCount);
    this.senders = wallets;
    const owner = wallets[0] as Wallet;
    const { Token } = contracts();
    this.#abi = Token.abi;
    const creation = owner.signCreation(Token, [SUPPLY], { feeCap: FEE_CAP });
    this.token = creation.address;
    const share = SUPPLY / BigInt(senderCount);
    const shares = wallets.slice(1).map(({ address }) => this.#tokenTransfer(owner, address, share));
    this.#preparation = [creation, ...shares];
    this.#recipients = Array.from({ length: RECIPIENT_COUNT }, (_, index) => {
      return padHex(numberToHex(0xbe0000 + index), { size: 20 });
    });
  }

  /** Creates the token and gives every sender a share. */
  async prepare(rpc: HttpRpc): Promise<void> {
    for (const { raw, hash } of this.#preparation) {
      await rpc.call("eth_sendRawTransaction", raw);
      while ((await rpc.call<ReceiptJson | null>("eth_getTransactionReceipt", hash)) === null) await Bun.sleep(5);
    }
  }

  /** Transactions before the first round. */
  get preparationCount(): number {
    return this.#preparation.length;
  }

  /** The transactions of round number `index`, signed when first asked for: rounds must be asked for in order. */
  round(index: number, kind: WorkloadKind, transactionCount: number): Lanes {
    const known = this.#rounds[index];
    if (known !== undefined) return known.lanes;
    const perSender = transactionCount / this.senders.length;
    const lanes = this.senders.map((sender) => Array.from({ length: perSender }, () => this.#sign(sender, kind)));
    this.#rounds.push({ kind, lanes });
    return lanes;
  }

  /** A digest of what the work has led to: balances, token balances and nonces of everyone, and the token's supply. */
  async digest(rpc: HttpRpc): Promise<Hex> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#digestNow(rpc);
      } catch (error) {
        // A pruning anvil may drop the state of "latest" between choosing the block and reading it.
        if (attempt === DIGEST_ATTEMPT_COUNT_MAX) throw error;
      }
    }
  }

  async #digestNow(rpc: HttpRpc): Promise<Hex> {
    const everyone = [...this.#recipients, ...this.senders.map(({ address }) => address)];
    const balances = await rpc.many(
      "eth_getBalance",
      this.#recipients.map((address) => [address, "latest"]),
    );
    const nonces = await rpc.many(
      "eth_getTransactionCount",
      everyone.map((address) => [address, "latest"]),
    );
    const calls = everyone.map((address) => this.#call("balanceOf", [address])).concat(this.#call("totalSupply", []));
    const tokens = await rpc.many(
      "eth_call",
      calls.map((data) => [{ to: this.token, data }, "latest"]),
    );
    return keccak256(new TextEncoder().encode(JSON.stringify([balances, nonces, tokens])));
  }

  #sign(sender: Wallet, kind: WorkloadKind): SignedTransaction {
    const to = this.#recipients[Number(this.#amount++ % BigInt(RECIPIENT_COUNT))] as Hex;
    if (kind === "token transfers") return this.#tokenTransfer(sender, to, this.#amount);
    return sender.sign({ to, value: this.#amount, feeCap: FEE_CAP });
  }

  #tokenTransfer(sender: Wallet, to: Hex, amount: bigint): SignedTransaction {
    return sender.sign({
      to: this.token,
      data: this.#call("transfer", [to, amount]),
      gasLimit: 100_000n,
      feeCap: FEE_CAP,
    });
  }

  #call(functionName: string, args: readonly unknown[]): Hex {
    return encodeFunctionData({ abi: this.#abi, functionName, args });
  }
}
