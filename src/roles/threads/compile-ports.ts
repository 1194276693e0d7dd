// The message ports between a thread that runs byte code and the compile thread. The running side never waits for events: it asks
// its port while a run is under way (0.4 µs when there is nothing).

import { type MessagePort as NodeMessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { CompileAnswer, CompileLink } from "#evm/compiler/compile-link.ts";
import type { CompileJob } from "#evm/compiler/compile-service.ts";

/** The running side. */
export class PortLink implements CompileLink {
  readonly #port: MessagePort;

  /** @param port whose other end the compile thread has */
  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** @inheritdoc */
  request(job: CompileJob): void {
    this.#port.postMessage(job);
  }

  /** @inheritdoc */
  receive(): CompileAnswer | null {
    const received = receiveMessageOnPort(this.#port as unknown as NodeMessagePort);
    return received === undefined ? null : (received.message as CompileAnswer);
  }
}
