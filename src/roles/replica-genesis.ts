// Which chain a replica joins, and whose signatures it believes, before any thread of it exists.
//
//   data directory or --genesis ─▶ chain          told address ─▶ trusted
//   neither: upstream's document, which must hash to what upstream claims; trusted on first use from this machine alone

import { bytesEqual } from "#base/bytes.ts";
import { toHex } from "#base/hex.ts";
import { GenesisError } from "#chain/genesis-json.ts";
import type { Address } from "#chain/primitives.ts";
import type { WelcomeMessage } from "#formats/wire/feed.ts";
import { FeedGreetingError, requestWelcome } from "#net/feed-greeting.ts";
import type { Logger } from "#observability/logger.ts";
import { type IdentifiedGenesis, identifyDocument, loadGenesis, storeGenesis } from "./chain-identity.ts";
import type { NodeOptions } from "./node-options.ts";
import { decideTrust, readTrustedSequencer, rememberTrustedSequencer } from "./replica-trust.ts";

/** The chain that a replica follows. */
export type JoinedChain = { readonly chain: IdentifiedGenesis; readonly sequencer: Address };

/** This replica must not follow what it was pointed at. */
export class ReplicaRefusedError extends Error {
  override readonly name = "ReplicaRefusedError";
  readonly code = "REPLICA_REFUSED";
}

/** What upstream says of its chain, checked against itself. */
export type FetchedGenesis = {
  readonly chain: IdentifiedGenesis;
  /** Address that upstream says it follows: a claim. */
  readonly sequencer: Address;
};

const GREETING_TIMEOUT_MS = 5_000;
const GREETING_PAUSE_MS = 500;

/**
 * Finds chain and sequencer, and keeps both in the data directory.
 * @param upstreamPatienceMs how long an upstream that cannot be reached is tried again, when it is needed at all
 * @throws {ReplicaRefusedError} when it must not be followed
 * @throws {FeedGreetingError} when upstream is needed and not there
 */
export async function joinChain(
  options: NodeOptions & { readonly upstreamUrl: string },
  context: { readonly dataDirectory: string; readonly logger: Logger; readonly client: string },
  upstreamPatienceMs = 60_000,
): Promise<JoinedChain> {
  const { dataDirectory } = context;
  const { upstreamUrl } = options;
  const held = await loadGenesis(dataDirectory, options);
  const remembered = readTrustedSequencer(dataDirectory);
  const told = {
    flag: options.sequencerAddress,
    genesisFile: options.genesisFile === null ? null : (held?.genesis.spec.sequencer ?? null),
    remembered,
  };
  const isEnough = held !== null && (told.flag ?? told.genesisFile ?? remembered) !== null;
  const fetched = isEnough ? null : await fetchGenesis(upstreamUrl, context.client, upstreamPatienceMs);
  const decision = decideTrust({ ...told, claimed: fetched?.sequencer ?? null, upstreamUrl });
  if (decision.kind === "refused") throw new ReplicaRefusedError(decision.reason);
  const chain = held ?? fetched?.chain;
  if (chain === undefined) throw new ReplicaRefusedError("no genesis: give --genesis FILE or an upstream that has one");
  requireSameChain(chain, fetched?.chain ?? null);
  const { sequencer } = decision;
  const named = chain.genesis.spec.sequencer;
  if (named !== null && !bytesEqual(named, sequencer)) {
    throw new ReplicaRefusedError(`the genesis names ${toHex(named)} as sequencer, trusted is ${toHex(sequencer)}`);
  }
  if (decision.isFirstUse) context.logger.log("trust_on_first_use", { sequencer: toHex(sequencer), upstreamUrl });
  storeGenesis(dataDirectory, chain.genesis);
  rememberTrustedSequencer(dataDirectory, sequencer);
  return { chain, sequencer };
}

/**
 * Asks upstream for its genesis and checks that the document is the one that its hash names.
 * @throws {ReplicaRefusedError} when document and hash differ
 * @throws {FeedGreetingError} when it is not there for `patienceMs`
 */
export async function fetchGenesis(upstreamUrl: string, client: string, patienceMs: number): Promise<FetchedGenesis> {
  const welcome = await requestWelcomePatiently(upstreamUrl, client, patienceMs);
  const chain = await identify(welcome);
  const isClaimed =
    bytesEqual(chain.identity.genesisHash, welcome.genesisHash) &&
    chain.identity.chainId.toString() === welcome.chainId &&
    bytesEqual(chain.genesis.document, welcome.genesisDocument);
  if (!isClaimed) throw new ReplicaRefusedError("upstream's genesis document is not the one that its hash names");
  return { chain, sequencer: welcome.sequencer.slice() };
}

async function identify(welcome: WelcomeMessage): Promise<IdentifiedGenesis> {
  try {
    return await identifyDocument(welcome.genesisDocument.slice());
  } catch (error) {
    if (error instanceof GenesisError) throw new ReplicaRefusedError(`upstream's genesis document: ${error.message}`);
    throw error;
  }
}

async function requestWelcomePatiently(url: string, client: string, patienceMs: number): Promise<WelcomeMessage> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    try {
      return await requestWelcome({ url, client, timeoutMs: GREETING_TIMEOUT_MS });
    } catch (error) {
      if (!(error instanceof FeedGreetingError) || performance.now() + GREETING_PAUSE_MS > deadlineMs) throw error;
      await Bun.sleep(GREETING_PAUSE_MS);
    }
  }
}

function requireSameChain(held: IdentifiedGenesis, fetched: IdentifiedGenesis | null): void {
  if (fetched === null || bytesEqual(held.identity.genesisHash, fetched.identity.genesisHash)) return;
  throw new ReplicaRefusedError(
    `upstream is on chain ${fetched.identity.chainId} with genesis ${toHex(fetched.identity.genesisHash)}, ` +
      `this replica on chain ${held.identity.chainId} with ${toHex(held.identity.genesisHash)}`,
  );
}
