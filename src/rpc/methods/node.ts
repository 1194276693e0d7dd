// Answers about the node itself that the main thread gives at once.

import { type Hex, toHex, toQuantity } from "#base/hex.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import type { MainContext } from "../context.ts";
import type { Json } from "../render.ts";

/** eth_chainId. */
export function chainId(context: MainContext): Hex {
  return toQuantity(context.chainId);
}

/** net_version: the chain id as a decimal string. */
export function netVersion(context: MainContext): string {
  return context.chainId.toString();
}

/** web3_clientVersion. */
export function clientVersion(context: MainContext): string {
  return context.options.clientVersion;
}

/** net_listening: a node that answers listens. */
export function listening(): boolean {
  return true;
}

/** net_peerCount: peers of Ethereum's own network, of which this node speaks to none. */
export function peerCount(): Hex {
  return "0x0";
}

/** web3_sha3: keccak-256. */
export function sha3(_context: MainContext, data: Uint8Array): Hex {
  return toHex(keccak256(data));
}

/** rpc_modules: the namespaces that are served, each with its version. */
export function modules(namespaces: Iterable<string>): Json {
  return Object.fromEntries(Array.from(namespaces, (namespace) => [namespace, "1.0"]));
}

/** eth_accounts: the development accounts, none elsewhere. */
export function accounts(context: MainContext): Hex[] {
  return context.options.developmentAccounts.map(({ address }) => toHex(address));
}

/** eth_syncing: false, or how far a node that is behind has come. */
export function syncing(context: MainContext): Json | false {
  const progress = context.syncProgress();
  if (progress === null) return false;
  return {
    startingBlock: toQuantity(progress.startingBlock),
    currentBlock: toQuantity(progress.currentBlock),
    highestBlock: toQuantity(progress.highestBlock),
  };
}
