// The read worker's end of a call: validates parameters, runs the handler, serializes the result there, and turns every
// failure into an error object. Never throws, so that a bad call cannot end its thread.

import type { ReadCall, ReadContext, ReadReply } from "./context.ts";
import { internalError, methodNotFound, RpcError, responseTooLarge } from "./errors.ts";
import { findMethod } from "./method-table.ts";
import { parseArguments } from "./parameters.ts";

/** Hears of failures that are bugs; expected refusals are not reported. */
export type FailureSink = (failure: { readonly method: string; readonly error: unknown }) => void;

/** Runs read-side methods on one thread. Calls may overlap. */
export class ReadService {
  readonly #context: ReadContext;
  readonly #onFailure: FailureSink;

  constructor(context: ReadContext, onFailure: FailureSink) {
    this.#context = context;
    this.#onFailure = onFailure;
  }

  /** Answers one call. */
  async handle(call: ReadCall): Promise<ReadReply> {
    try {
      return { ok: true, json: await this.#run(call) };
    } catch (error) {
      if (error instanceof RpcError) return { ok: false, error: error.toObject() };
      this.#onFailure({ method: call.method, error });
      return { ok: false, error: internalError().toObject() };
    }
  }

  async #run(call: ReadCall): Promise<string> {
    const method = findMethod(call.method);
    if (method === undefined || method.where !== "read") throw methodNotFound(call.method);
    const values = parseArguments(method.parameters, call.params);
    if (method.readsChain) await this.#context.ports.catchUp();
    const json = JSON.stringify((await method.run(this.#context, ...values)) ?? null);
    if (json.length > this.#context.options.responseBytesMax) {
      this.#context.meters.limited("response");
      throw responseTooLarge();
    }
    return json;
  }
}
