// Whose signatures a replica believes: the address is told by the operator, or, when upstream runs on the same machine, taken from
// upstream once and remembered. A relay can then hide records, and never make any up.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { bytesEqual } from "#base/bytes.ts";
import { toHex, tryFromHex } from "#base/hex.ts";
import type { Address } from "#chain/primitives.ts";
import { TRUSTED_SEQUENCER_FILE } from "./data-layout.ts";

/** Where an address can come from, the strongest first; null where it says nothing. */
export type TrustSources = {
  /** `--sequencer`. */
  readonly flag: Address | null;
  /** The genesis file that the operator gave; not one that upstream sent. */
  readonly genesisFile: Address | null;
  /** What the data directory remembers. */
  readonly remembered: Address | null;
  /** What upstream says of itself. */
  readonly claimed: Address | null;
  /** Where upstream is. */
  readonly upstreamUrl: string;
};

/** The address to believe, or why there is none. */
export type TrustDecision =
  | { readonly kind: "trusted"; readonly sequencer: Address; readonly isFirstUse: boolean }
  | { readonly kind: "refused"; readonly reason: string };

/** Decides by rule 10 of ARCHITECTURE.md; sources that contradict each other are refused. */
export function decideTrust(sources: TrustSources): TrustDecision {
  const { flag, genesisFile, remembered, claimed, upstreamUrl } = sources;
  const told = [
    ["--sequencer", flag],
    ["the genesis file", genesisFile],
    ["the data directory", remembered],
  ] as const;
  let first: { readonly name: string; readonly address: Address } | null = null;
  for (const [name, address] of told) {
    if (address === null) continue;
    if (first !== null && !bytesEqual(first.address, address)) {
      return refused(`${first.name} names ${toHex(first.address)} as sequencer, ${name} ${toHex(address)}`);
    }
    first ??= { name, address };
  }
  if (first !== null) {
    if (claimed !== null && !bytesEqual(claimed, first.address)) {
      return refused(`upstream follows the sequencer ${toHex(claimed)}, ${first.name} names ${toHex(first.address)}`);
    }
    return { kind: "trusted", sequencer: first.address, isFirstUse: false };
  }
  if (claimed === null) return refused("no sequencer is named, and upstream was not heard yet");
  if (isLoopback(upstreamUrl)) return { kind: "trusted", sequencer: claimed, isFirstUse: true };
  return refused(
    `upstream is on another machine and nothing here names the sequencer: give --genesis FILE or --sequencer ADDRESS`,
  );
}

/** The address that the data directory remembers. */
export function readTrustedSequencer(directory: string): Address | null {
  try {
    const address = tryFromHex(readFileSync(`${directory}/${TRUSTED_SEQUENCER_FILE}`, "utf8").trim());
    return address?.length === 20 ? address : null;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

/** Remembers the address for later starts. */
export function rememberTrustedSequencer(directory: string, sequencer: Address): void {
  const path = `${directory}/${TRUSTED_SEQUENCER_FILE}`;
  writeFileSync(`${path}.new`, `${toHex(sequencer)}\n`, { flush: true });
  renameSync(`${path}.new`, path);
}

/** Whether a URL names this machine by its loopback address. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function refused(reason: string): TrustDecision {
  return { kind: "refused", reason };
}
