// How the benches send: the same code for every contender, over kept-alive HTTP connections or over WebSockets, one
// connection a sender, so that nonces arrive in order.

import { type RpcReply, requestBody } from "#test/e2e/json-rpc.ts";

/** What the benches send over. */
export type TransportName = "HTTP" | "WebSocket";

/** Both, in the order that they are measured in. */
export const TRANSPORTS: readonly TransportName[] = ["HTTP", "WebSocket"];

/** One connection: sends a JSON-RPC text and resolves to the reply's. */
export type Connection = { readonly exchange: (text: string) => Promise<string>; readonly close: () => void };

/** Opens a connection to a node. */
export async function openConnection(
  name: TransportName,
  urls: { readonly httpUrl: string; readonly wsUrl: string },
): Promise<Connection> {
  return name === "HTTP" ? openHttp(urls.httpUrl) : openSocket(urls.wsUrl);
}

function openHttp(url: string): Connection {
  const headers = { "content-type": "application/json" };
  return {
    exchange: async (body) => (await fetch(url, { method: "POST", body, headers, keepalive: true })).text(),
    close: () => {},
  };
}

async function openSocket(url: string): Promise<Connection> {
  const socket = new WebSocket(url);
  const opened = Promise.withResolvers<void>();
  socket.onopen = () => opened.resolve();
  socket.onerror = () => opened.reject(new Error(`no WebSocket at ${url}`));
  await opened.promise;
  // One message at a time, so replies need no matching.
  let answered: ((text: string) => void) | null = null;
  socket.onmessage = ({ data }) => answered?.(String(data));
  return {
    exchange: (text) => {
      const { promise, resolve } = Promise.withResolvers<string>();
      answered = resolve;
      socket.send(text);
      return promise;
    },
    close: () => socket.close(),
  };
}

/** Sends raw transactions as one batch. @throws {Error} when one of them is refused */
export async function sendBatch(connection: Connection, raws: readonly string[]): Promise<void> {
  const elements = raws.map((raw, id) => requestBody("eth_sendRawTransaction", [raw], id));
  const text = await connection.exchange(`[${elements.join(",")}]`);
  if (!text.includes('"error"')) return;
  const refused = (JSON.parse(text) as RpcReply[]).find(({ error }) => error !== undefined);
  throw new Error(`refused: ${JSON.stringify(refused?.error)}`);
}

/** The result of one call. @throws {Error} when it is answered with an error */
export async function exchangeCall<T>(connection: Connection, method: string, params: readonly unknown[]): Promise<T> {
  const reply = JSON.parse(await connection.exchange(requestBody(method, params))) as RpcReply;
  if (reply.error !== undefined) throw new Error(`${method}: ${JSON.stringify(reply.error)}`);
  return reply.result as T;
}
