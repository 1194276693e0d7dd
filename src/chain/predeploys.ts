// Contracts that a development chain has from its first block on, with the byte code that Ethereum mainnet has at the same addresses.

import { fromHex } from "#base/hex.ts";
import type { Hardfork } from "./hardforks.ts";
import type { Address } from "./primitives.ts";

/** A contract present at genesis. */
export type Predeploy = {
  readonly address: Address;
  readonly nonce: bigint;
  readonly code: Uint8Array;
  /** Oldest rule set that the contract is of use under. */
  readonly since: Hardfork;
};

/** Where blocks store the root of the parent beacon block. @see EIP-4788 */
export const BEACON_ROOTS_ADDRESS: Address = fromHex("000f3df6d732807ef1319fb7b8bb8522d0beac02");

/** Where blocks store the hashes of their ancestors. @see EIP-2935 */
export const HISTORY_STORAGE_ADDRESS: Address = fromHex("0000f90827f1c53a10cb7a02335b175320002935");

/** The deterministic deployment proxy that deployment tools expect: calldata is salt ‖ init code, deployed by CREATE2. */
export const CREATE2_DEPLOYER_ADDRESS: Address = fromHex("4e59b44847b379578588920ca78fbf26c0b4956c");

/** The contracts of a development chain. */
export const DEVELOPMENT_PREDEPLOYS: readonly Predeploy[] = [
  {
    address: BEACON_ROOTS_ADDRESS,
    nonce: 1n,
    since: "cancun",
    code: fromHex(
      "3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762001fff810690815414" +
        "603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062001fff015500",
    ),
  },
  {
    address: HISTORY_STORAGE_ADDRESS,
    nonce: 1n,
    since: "prague",
    code: fromHex(
      "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff814303116042" +
        "57611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500",
    ),
  },
  {
    address: CREATE2_DEPLOYER_ADDRESS,
    nonce: 1n,
    since: "constantinople",
    code: fromHex(
      "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039" +
        "578182fd5b8082525050506014600cf3",
    ),
  },
];
