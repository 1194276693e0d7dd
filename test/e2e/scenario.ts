// A short history that touches everything a follower must get right: a token and its logs, a reverted transaction,
// contracts created, destroyed and created again, creates that fail or are taken back, a delegated account. The facts that
// must hold afterwards are returned, so that any node of the chain can be asked about them.

import { encodeFunctionData, getCreate2Address, type Hex, keccak256, padHex, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { contracts } from "./contracts.ts";
import { type NodeProcess, waitUntil } from "./node-process.ts";
import { developmentWallets, type ReceiptJson, type SignedTransaction, type Wallet } from "./wallet.ts";

/** What was done, and what must be true of it. */
export type Scenario = {
  readonly receipts: readonly ReceiptJson[];
  readonly token: Hex;
  readonly tokenBalances: Readonly<Record<Hex, bigint>>;
  /** Wei of accounts that pay no gas. */
  readonly balances: Readonly<Record<Hex, bigint>>;
  readonly factory: Hex;
  /** Children that live: `first()` of each. */
  readonly children: Readonly<Record<Hex, bigint>>;
  /** Addresses without an account's code. */
  readonly absent: readonly Hex[];
  readonly delegated: Hex;
  readonly delegate: Hex;
  readonly revertedHash: Hex;
  readonly transfer: ReceiptJson;
  /** Number of a sealed block that holds or follows all of it. */
  readonly sealedBlock: number;
};

const FUNDED = 12_345n;

/** Plays the history on a fresh development chain. */
export async function playScenario(node: NodeProcess): Promise<Scenario> {
  const player = new Player(node);
  const tokens = await player.playToken();
  const plain = await player.playTransfers();
  const life = await player.playFactory();
  const delegation = await player.playDelegation();
  const last = player.receipts.at(-1)?.blockNumber ?? "0x0";
  await waitUntil(`block ${last} to be sealed`, 20_000, async () => {
    return BigInt(await node.rpc.call<Hex>("eth_blockNumber")) >= BigInt(last);
  });
  return { receipts: player.receipts, ...tokens, ...plain, ...life, ...delegation, sealedBlock: Number(last) };
}

class Player {
  readonly receipts: ReceiptJson[] = [];
  readonly #node: NodeProcess;
  readonly #wallets = developmentWallets();

  constructor(node: NodeProcess) {
    this.#node = node;
  }

  async playToken() {
    const [owner, holder] = [this.#wallet(0), this.#wallet(1)];
    const { Token } = contracts();
    const creation = owner.signCreation(Token, [1_000_000n]);
    await this.#send(creation);
    const token = creation.address;
    const call = (wallet: Wallet, name: string, args: readonly unknown[]) =>
      wallet.signCall(token, Token.abi, name, args);
    for (let i = 0; i < 3; i++) await this.#send(call(owner, "transfer", [holder.address, 1_000n]));
    const transfer = await this.#send(call(holder, "transfer", [owner.address, 500n]));
    const reverted = await this.#send(call(holder, "transfer", [owner.address, 1_000_000n]), "0x0");
    const tokenBalances = { [owner.address]: 997_500n, [holder.address]: 2_500n };
    return { token, transfer, tokenBalances, revertedHash: reverted.transactionHash };
  }

  async playTransfers() {
    const sender = this.#wallet(2);
    const fresh = [1, 2, 3].map((index) => padHex(toHex(0xabc000 + index), { size: 20 }));
    for (const to of fresh) await this.#send(sender.sign({ to, value: FUNDED }));
    return { balances: Object.fromEntries(fresh.map((to) => [to, FUNDED])) };
  }

  async playFactory() {
    const owner = this.#wallet(3);
    const { Factory, Child, Unborn } = contracts();
    const creation = owner.signCreation(Factory, [], { value: 100n });
    await this.#send(creation);
    const factory = creation.address;
    const salt = (index: number) => padHex(toHex(index), { size: 32 });
    const childAt = (index: number) => {
      return getCreate2Address({ from: factory, salt: salt(index), bytecodeHash: keccak256(Child.bytecode) });
    };
    const call = (name: string, args: readonly unknown[], value = 0n, status: Hex = "0x1") => {
      return this.#send(owner.signCall(factory, Factory.abi, name, args, { value }), status);
    };
    await call("createAndDestroy", [salt(1), 11n], 5n);
    await call("createAndDestroy", [salt(2), 22n]);
    await call("create", [salt(1), 0n]);
    await call("create", [salt(3), 33n], 9n);
    await call("destroy", [childAt(3)]);
    await call("createFailing", [salt(4)], 1n);
    await call("createThenRevert", [salt(5), 55n], 1n, "0x0");
    await call("createThenRevertInside", [salt(6), 66n], 1n);
    await call("create", [salt(6), 6n]);
    await call("createAndDestroy", [salt(7), 77n]);
    await call("createAndDestroy", [salt(7), 78n]);
    const stillborn = owner.signCreation(Unborn, [], { value: 1n });
    await this.#send(stillborn, "0x0");
    return {
      factory,
      children: { [childAt(1)]: 0n, [childAt(3)]: 33n, [childAt(6)]: 6n },
      absent: [childAt(2), childAt(4), childAt(5), childAt(7), stillborn.address],
    };
  }

  async playDelegation() {
    const [sponsor, delegated] = [this.#wallet(4), this.#wallet(5)];
    const { Delegate } = contracts();
    const creation = sponsor.signCreation(Delegate);
    await this.#send(creation);
    const authorization = await privateKeyToAccount(delegated.privateKey).signAuthorization({
      chainId: 31_337,
      contractAddress: creation.address,
      nonce: delegated.nonce++,
    });
    const raw = await privateKeyToAccount(sponsor.privateKey).signTransaction({
      type: "eip7702",
      chainId: 31_337,
      nonce: sponsor.nonce++,
      gas: 200_000n,
      maxFeePerGas: 1_000_000_000n,
      to: delegated.address,
      data: encodeFunctionData({ abi: Delegate.abi, functionName: "call" }),
      authorizationList: [authorization],
    });
    await this.#send({ raw, hash: keccak256(raw), nonce: 0 });
    return { delegated: delegated.address, delegate: creation.address };
  }

  async #send(signed: SignedTransaction, status: Hex = "0x1"): Promise<ReceiptJson> {
    const receipt = await this.#node.rpc.call<ReceiptJson>("eth_sendRawTransactionSync", signed.raw);
    if (receipt.status !== status)
      throw new Error(`status ${receipt.status}, not ${status}: ${JSON.stringify(receipt)}`);
    this.receipts.push(receipt);
    return receipt;
  }

  #wallet(index: number): Wallet {
    return this.#wallets[index] as Wallet;
  }
}
