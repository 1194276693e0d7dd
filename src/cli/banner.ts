// What a node prints on standard output once it is ready: where to connect, with what, and what a failure would cost.

import { toHex } from "#base/hex.ts";
import { formatDurationMs, formatEther } from "./option-kinds.ts";
import type { Role } from "./options.ts";

const ACCOUNTS_SHOWN_MAX = 20;

/** A development account whose key the node holds. */
export type BannerAccount = { readonly address: Uint8Array; readonly privateKey: Uint8Array };

/** Everything that the banner says. */
export type Banner = {
  readonly version: string;
  readonly commit: string;
  readonly role: Role;
  readonly chainId: bigint;
  readonly host: string;
  /** The port in use, never 0. */
  readonly port: number;
  readonly genesisHash: Uint8Array;
  /** Whose signatures the mini-blocks carry, or null when not known yet. */
  readonly sequencerAddress: Uint8Array | null;
  /** The feed that a replica follows. */
  readonly upstreamUrl: string | null;
  readonly dataDirectory: string;
  readonly ephemeral: boolean;
  readonly fsyncMode: "always" | "interval";
  readonly fsyncIntervalMs: number;
  readonly accounts: readonly BannerAccount[];
  readonly accountBalanceWei: bigint;
  /** The seed words of the accounts when they are worth showing. */
  readonly mnemonic: string | null;
  /** More lines of "name: value" from the role, such as what recovery did. */
  readonly notes: readonly string[];
};

/** What survives what, in one sentence for the durability that was chosen. */
export function durabilityText(banner: Pick<Banner, "ephemeral" | "fsyncMode" | "fsyncIntervalMs">): string {
  if (banner.ephemeral) return "ephemeral: nothing is kept when the process ends";
  if (banner.fsyncMode === "always") return "always: what was published survives kill -9 and a power cut";
  const loss = formatDurationMs(banner.fsyncIntervalMs);
  return `interval: what was published survives kill -9; a power cut may lose the last ${loss}`;
}

/** The banner as text that ends with a line end. */
export function bannerText(banner: Banner): string {
  const authority = `${banner.host.includes(":") ? `[${banner.host}]` : banner.host}:${banner.port}`;
  const rows: [string, string][] = [
    ["chain id", String(banner.chainId)],
    ["HTTP", `http://${authority}`],
    ["WebSocket", `ws://${authority}/ws`],
    ["feed", `ws://${authority}/feed`],
    ["genesis", toHex(banner.genesisHash)],
    ["sequencer", banner.sequencerAddress === null ? "not known yet" : toHex(banner.sequencerAddress)],
  ];
  if (banner.upstreamUrl !== null) rows.push(["upstream", banner.upstreamUrl]);
  rows.push(["data", banner.dataDirectory], ["durability", durabilityText(banner)]);
  const lines = [`megaeth ${banner.version} (${banner.commit}) ${banner.role}`, ""];
  for (const [name, value] of rows) lines.push(`  ${name.padEnd(11)} ${value}`);
  for (const note of banner.notes) lines.push(`  ${note}`);
  if (banner.accounts.length > 0) lines.push("", ...accountLines(banner));
  lines.push("", `Listening on ${authority}`);
  return `${lines.join("\n")}\n`;
}

function accountLines(banner: Banner): string[] {
  const shown = banner.accounts.slice(0, ACCOUNTS_SHOWN_MAX);
  const lines = [`Development accounts, ${formatEther(banner.accountBalanceWei)} ETH each at genesis:`];
  shown.forEach(({ address, privateKey }, index) => {
    lines.push(`  (${index}) ${toHex(address)}  key ${toHex(privateKey)}`);
  });
  const restCount = banner.accounts.length - shown.length;
  if (restCount > 0) lines.push(`  ... and ${restCount} more`);
  if (banner.mnemonic !== null) lines.push(`  mnemonic: ${banner.mnemonic}`);
  lines.push(
    "",
    "WARNING: these keys are public. Whatever is sent to these addresses on a real network can be taken by anyone.",
  );
  return lines;
}
