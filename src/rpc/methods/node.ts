// Answers about the node itself that the main thread gives at once.

import { type Hex, toHex, toQuantity } from "#base/hex.ts";
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
