// The funded accounts of a development chain, derived from a mnemonic that everybody knows: never for anything of value.

import { HDKey } from "@scure/bip32";
import { mnemonicToSeedSync } from "@scure/bip39";
import { must } from "#base/assert.ts";
import { addressFromPrivateKey } from "#crypto/secp256k1.ts";
import type { Address, Wei } from "./primitives.ts";

/** The mnemonic that development tools agree on. Its keys are public. */
export const DEVELOPMENT_MNEMONIC = "test test test test test test test test test test test junk";

/** Accounts that a development chain funds unless told otherwise. */
export const DEVELOPMENT_ACCOUNT_COUNT = 10;

/** What each of them holds: 10,000 ether. */
export const DEVELOPMENT_BALANCE: Wei = 10_000n * 10n ** 18n;

/** An address and the 32-byte key that signs for it. */
export type DevelopmentAccount = { readonly address: Address; readonly privateKey: Uint8Array };

/** The first `count` accounts of a mnemonic, at m/44'/60'/0'/0/i. @see BIP-39, BIP-44 */
export function deriveDevelopmentAccounts(mnemonic: string, count: number): DevelopmentAccount[] {
  const parent = HDKey.fromMasterSeed(mnemonicToSeedSync(mnemonic)).derive("m/44'/60'/0'/0");
  return Array.from({ length: count }, (_, index) => {
    const privateKey = must(parent.deriveChild(index).privateKey, "a derived key has a private part");
    return { address: addressFromPrivateKey(privateKey), privateKey };
  });
}
