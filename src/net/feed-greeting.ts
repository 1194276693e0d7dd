// The first words of a parent, taken by a child that knows nothing of the chain yet: connect, say hello, read the welcome, leave.

import { decodeFeedMessage, encodeFeedMessage, FEED_VERSION, type WelcomeMessage } from "#formats/wire/feed.ts";

/** Upstream gave no welcome. */
export class FeedGreetingError extends Error {
  override readonly name = "FeedGreetingError";
  readonly code = "FEED_GREETING";
}

/**
 * Asks a parent who it is.
 * @param options.timeoutMs for this one attempt
 * @throws {FeedGreetingError} when it cannot be reached, refuses, or does not answer in time
 */
export function requestWelcome(options: { url: string; client: string; timeoutMs: number }): Promise<WelcomeMessage> {
  const { url, client, timeoutMs } = options;
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    const end = (outcome: WelcomeMessage | string) => {
      clearTimeout(timer);
      socket.close();
      if (typeof outcome === "string") reject(new FeedGreetingError(`upstream ${url}: ${outcome}`));
      else resolve(outcome);
    };
    const timer = setTimeout(() => end(`no welcome in ${timeoutMs} ms`), timeoutMs);
    socket.onopen = () => {
      const position = {
        chainId: null,
        genesisHash: null,
        term: 0,
        lastSequence: -1,
        lastHash: null,
        wantsSnapshot: false,
      };
      socket.send(
        encodeFeedMessage({ type: "hello", version: FEED_VERSION, ...position, codecs: ["lz4", "none"], client }),
      );
    };
    socket.onmessage = (event) => end(readAnswer(event.data));
    socket.onclose = (event) => end(event.reason || `connection closed (${event.code})`);
    socket.onerror = () => end("cannot be reached");
  });
}

function readAnswer(data: unknown): WelcomeMessage | string {
  if (!(data instanceof ArrayBuffer)) return "no feed speaks there";
  try {
    const message = decodeFeedMessage(new Uint8Array(data));
    if (message.type === "welcome") return message;
    return message.type === "error" ? `${message.code}: ${message.message}` : `unexpected ${message.type}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
