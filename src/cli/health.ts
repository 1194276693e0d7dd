// `megaeth health`: asks a running node whether it is alive, for a container's HEALTHCHECK and for scripts.

const TIMEOUT_MS = 3_000;

/** Whether the node answers, with the reason when it does not. */
export type Health = { readonly alive: true } | { readonly alive: false; readonly reason: string };

/**
 * Asks `/livez` of the node at `host` and `port`.
 * @param host where it listens; the wildcard addresses are asked on loopback
 */
export async function askHealth(host: string, port: number): Promise<Health> {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const url = `http://${name.includes(":") ? `[${name}]` : name}:${port}/livez`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.ok ? { alive: true } : { alive: false, reason: `${url} answered ${response.status}` };
  } catch (cause) {
    return { alive: false, reason: `${url}: ${cause instanceof Error ? cause.message : String(cause)}` };
  }
}
