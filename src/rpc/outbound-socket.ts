// A WebSocket as the senders see it: every message is either queued in order or the socket is closed and counted.
// Nothing is ever left out silently: a reader whose unread bytes pass the limit is closed with code 4008.

import type { RpcMeters } from "./meters.ts";

/** What is needed of a server's socket. */
export type RawSocket = {
  /** @returns bytes sent, -1 when queued, 0 when dropped */
  sendText(text: string): number;
  getBufferedAmount(): number;
  close(code: number, reason: string): void;
  terminate(): void;
};

/** Close code of a reader that is too slow. */
export const SLOW_CONSUMER_CODE = 4008;

/** How long a closed slow reader may take to read what is queued before its connection is cut, milliseconds. */
const CLOSE_GRACE_MS = 5_000;

/** One client's outgoing side. */
export class OutboundSocket {
  readonly #raw: RawSocket;
  readonly #backlogBytesMax: number;
  readonly #meters: RpcMeters;
  #drainWaiters: (() => void)[] = [];
  #isClosed = false;
  #graceTimer: ReturnType<typeof setTimeout> | undefined;

  /** @param backlogBytesMax unread bytes at which the reader is closed */
  constructor(raw: RawSocket, options: { readonly backlogBytesMax: number; readonly meters: RpcMeters }) {
    this.#raw = raw;
    this.#backlogBytesMax = options.backlogBytesMax;
    this.#meters = options.meters;
  }

  /** Whether nothing can be sent any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Bytes that the peer has not taken yet. */
  get bufferedBytes(): number {
    return this.#isClosed ? 0 : this.#raw.getBufferedAmount();
  }

  /** Sends a text message. @returns false when the socket is closed, before or because of this message */
  send(text: string): boolean {
    if (this.#isClosed) return false;
    const sent = this.#raw.sendText(text);
    if (sent !== 0 && this.#raw.getBufferedAmount() <= this.#backlogBytesMax) return true;
    this.#closeSlow();
    return false;
  }

  /** Ends the connection for a reason that the peer is told. */
  fail(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#raw.close(code, reason);
    this.#wake();
  }

  /** Resolves when at most `bytes` are unread, or when the socket is closed. */
  async waitBelow(bytes: number): Promise<void> {
    while (!this.#isClosed && this.#raw.getBufferedAmount() > bytes) {
      await new Promise<void>((resolve) => this.#drainWaiters.push(resolve));
    }
  }

  /** The peer has taken queued bytes. */
  onDrain(): void {
    this.#wake();
  }

  /** The connection is gone. */
  onClose(): void {
    this.#isClosed = true;
    clearTimeout(this.#graceTimer);
    this.#wake();
  }

  #closeSlow(): void {
    this.#isClosed = true;
    this.#meters.slowClosed();
    this.#raw.close(SLOW_CONSUMER_CODE, "slow consumer");
    this.#graceTimer = setTimeout(() => this.#raw.terminate(), CLOSE_GRACE_MS);
    this.#graceTimer.unref?.();
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#drainWaiters;
    this.#drainWaiters = [];
    for (const wake of waiters) wake();
  }
}
