// State and block overrides of eth_call and eth_estimateGas: what a message sees instead of the chain's own. They are decoded with
// the other parameters, and applied to an overlay of their own, under the one that the message writes to.
//
//   chain state ◀─ overridden accounts, code, slots ◀─ the message's writes
//
// @see go-ethereum internal/ethapi/override

import { toHex } from "#base/hex.ts";
import { blobParametersAt, type ChainSpec, transactionGasCapAt } from "#chain/chain-spec.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import type { BlockEnvironment } from "#evm/engine.ts";
import { Overlay } from "#state/overlay.ts";
import type { StateSource } from "#state/source.ts";
import { invalidParameters, serverError } from "./errors.ts";
import {
  addressParser,
  dataParser,
  decodeFields,
  type Fields,
  hash32Parser,
  isGiven,
  objectOf,
  objectSchema,
  type Parser,
  uint64Parser,
  uint256Parser,
} from "./parameters.ts";

/** A slot and the 32 bytes in it. */
type SlotOverride = readonly [slot: Hash32, value: Hash32];

/** What an account is taken for; absent parts stay the chain's. */
export type AccountOverride = {
  readonly address: Address;
  readonly nonce?: bigint;
  readonly balance?: bigint;
  readonly code?: Uint8Array;
  /** The whole storage. */
  readonly state?: readonly SlotOverride[];
  /** Slots, beside those that are there. */
  readonly stateDiff?: readonly SlotOverride[];
};

/** What the block is taken for; absent parts stay the chain's. */
export type BlockOverrides = {
  readonly number?: bigint;
  readonly difficulty?: bigint;
  readonly time?: bigint;
  readonly gasLimit?: bigint;
  readonly feeRecipient?: Address;
  readonly prevRandao?: Hash32;
  readonly baseFeePerGas?: bigint;
  readonly blobBaseFee?: bigint;
};

/** Accounts that one request may override, and slots of all of them. */
const ACCOUNT_COUNT_MAX = 1_024;
const SLOT_COUNT_MAX = 65_536;

/** A map from addresses to what the accounts are taken for. */
export const stateOverridesParser: Parser<readonly AccountOverride[]> = {
  schema: { title: "StateOverrides", type: "object" },
  parse(value) {
    const entries = Object.entries(objectOf(value, "override.StateOverride"));
    if (entries.length > ACCOUNT_COUNT_MAX) throw invalidParameters(`too many accounts (max ${ACCOUNT_COUNT_MAX})`);
    const overrides = entries.map(([address, account]) => accountOverride(addressParser.parse(address), account));
    const slotCount = overrides.reduce((sum, { state, stateDiff }) => sum + (state ?? stateDiff ?? []).length, 0);
    if (slotCount > SLOT_COUNT_MAX) throw invalidParameters(`too many slots (max ${SLOT_COUNT_MAX})`);
    return overrides;
  },
};

const BLOCK_FIELDS: Fields<BlockOverrides> = {
  number: uint256Parser,
  difficulty: uint256Parser,
  time: uint64Parser,
  gasLimit: uint64Parser,
  feeRecipient: addressParser,
  prevRandao: hash32Parser,
  baseFeePerGas: uint256Parser,
  blobBaseFee: uint256Parser,
};

/** The block object of a call. */
export const blockOverridesParser: Parser<BlockOverrides> = {
  schema: objectSchema("BlockOverrides", BLOCK_FIELDS),
  parse(value) {
    const block = objectOf(value, "override.BlockOverrides");
    for (const name of ["beaconRoot", "withdrawals"]) {
      if (isGiven(block[name])) {
        throw serverError(`block override "${name}" is not supported for this RPC method`);
      }
    }
    return decodeFields(block, BLOCK_FIELDS, "BlockOverrides");
  },
};

const ACCOUNT_FIELDS: Fields<Pick<AccountOverride, "nonce" | "balance" | "code">> = {
  nonce: uint64Parser,
  balance: uint256Parser,
  code: dataParser,
};

/** The state with accounts overridden; without any, the state itself. */
export function overrideState(source: StateSource, overrides: readonly AccountOverride[] | undefined): StateSource {
  if (overrides === undefined || overrides.length === 0) return source;
  const overlay = new Overlay(source);
  overlay.beginTransaction();
  for (const override of overrides) applyAccount(overlay, override);
  overlay.endTransaction();
  return overlay;
}

/** The block with parts overridden: its number and time decide on the rules. */
export function overrideBlock(
  env: BlockEnvironment,
  overrides: BlockOverrides | undefined,
  spec: ChainSpec,
): BlockEnvironment {
  if (overrides === undefined) return env;
  const number = overrides.number ?? env.number;
  const timestamp = overrides.time ?? env.timestamp;
  const fork = spec.hardforkAt(number, timestamp);
  const hadBlobs = blobParametersAt(spec, env.timestamp) !== null;
  const hasBlobs = blobParametersAt(spec, timestamp) !== null;
  return {
    ...env,
    number,
    timestamp,
    difficulty: overrides.difficulty ?? env.difficulty,
    gasLimit: overrides.gasLimit ?? env.gasLimit,
    beneficiary: overrides.feeRecipient ?? env.beneficiary,
    prevRandao: overrides.prevRandao ?? env.prevRandao,
    baseFee: overrides.baseFeePerGas ?? env.baseFee,
    blobBaseFee: overrides.blobBaseFee ?? (hasBlobs && !hadBlobs ? 1n : env.blobBaseFee),
    fork,
    transactionGasCap: transactionGasCapAt(spec, fork),
  };
}

function applyAccount(overlay: Overlay, { address, state, stateDiff, ...override }: AccountOverride): void {
  const account = overlay.account(address) ?? { nonce: 0n, balance: 0n, codeHash: KECCAK_EMPTY };
  const codeHash = override.code === undefined ? account.codeHash : overlay.putCode(override.code);
  overlay.setAccount(address, {
    nonce: override.nonce ?? account.nonce,
    balance: override.balance ?? account.balance,
    codeHash,
  });
  if (state !== undefined) overlay.clearStorage(address);
  for (const [slot, value] of state ?? stateDiff ?? []) overlay.setSlot(address, slot, value);
}

function accountOverride(address: Address, value: unknown): AccountOverride {
  const account = objectOf(value, "override.OverrideAccount");
  if (isGiven(account.movePrecompileToAddress)) throw serverError("moving precompiles is not supported");
  if (isGiven(account.state) && isGiven(account.stateDiff)) {
    throw serverError(`account ${toHex(address)} has both 'state' and 'stateDiff'`);
  }
  return {
    address,
    ...decodeFields(account, ACCOUNT_FIELDS, "OverrideAccount"),
    ...(isGiven(account.state) ? { state: slotsOf(account.state) } : {}),
    ...(isGiven(account.stateDiff) ? { stateDiff: slotsOf(account.stateDiff) } : {}),
  };
}

function slotsOf(value: unknown): SlotOverride[] {
  return Object.entries(objectOf(value, "map[common.Hash]common.Hash")).map(([slot, word]) => {
    return [hash32Parser.parse(slot), hash32Parser.parse(word)] as const;
  });
}
