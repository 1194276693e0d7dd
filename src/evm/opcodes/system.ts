// Rows 0x00 and 0xf0 to 0xff: calls, creations, and the ways in which a frame ends.

import type { Rules } from "../gas/rules.ts";
import { INVALID_OPCODE, RETURNED, REVERTED } from "../runtime/status.ts";
import type { Word } from "../words/word.ts";
import type { ExitOpcode, FrameOpcode, Opcode, OpcodeContext, StaticGas } from "./opcode.ts";
import { addressOf, always, price, saturated, scheduled, since } from "./row.ts";

/** See the head of the file. */
export const SYSTEM: readonly Opcode[] = [
  exit({ byte: 0x00, name: "STOP", inputs: 0, status: RETURNED, emit: () => {} }),
  child({ byte: 0xf0, name: "CREATE", inputs: 3, link: "create", gas: scheduled("create") }),
  child({ byte: 0xf1, name: "CALL", inputs: 7, link: "call", gas: scheduled("call") }),
  child({ byte: 0xf2, name: "CALLCODE", inputs: 7, link: "call", gas: scheduled("call") }),
  exit({ byte: 0xf3, name: "RETURN", inputs: 2, status: RETURNED, emit: setOutput }),
  child({
    byte: 0xf4,
    name: "DELEGATECALL",
    inputs: 6,
    link: "call",
    gas: scheduled("call"),
    exists: since("homestead"),
  }),
  child({
    byte: 0xf5,
    name: "CREATE2",
    inputs: 4,
    link: "create",
    gas: scheduled("create"),
    exists: since("constantinople"),
  }),
  child({
    byte: 0xfa,
    name: "STATICCALL",
    inputs: 6,
    link: "call",
    gas: scheduled("call"),
    exists: since("byzantium"),
  }),
  exit({ byte: 0xfd, name: "REVERT", inputs: 2, status: REVERTED, emit: setOutput, exists: since("byzantium") }),
  { ...exit({ byte: 0xfe, name: "INVALID", inputs: 0, status: INVALID_OPCODE, emit: () => {} }), startsSegment: true },
  {
    ...exit({ byte: 0xff, name: "SELFDESTRUCT", inputs: 1, status: RETURNED, emit: destroy }),
    gas: scheduled("selfDestruct"),
    startsSegment: true,
  },
];

/** A row that ends the frame. */
function exit(row: {
  readonly byte: number;
  readonly name: string;
  readonly inputs: number;
  readonly status: number;
  readonly emit: ExitOpcode["emit"];
  readonly exists?: (rules: Rules) => boolean;
}): ExitOpcode {
  return { kind: "exit", outputs: 0, exists: always, gas: price(0), ...row };
}

/** A row that may put another frame on top. */
function child(row: {
  readonly byte: number;
  readonly name: string;
  readonly inputs: number;
  readonly link: FrameOpcode["link"];
  readonly gas: StaticGas;
  readonly exists?: (rules: Rules) => boolean;
}): FrameOpcode {
  return { kind: "frame", outputs: 1, exists: always, startsSegment: true, endsSegment: true, ...row };
}

function setOutput(c: OpcodeContext, [offset, size]: readonly Word[]): void {
  c.callWithGas("output", [saturated(c.code, offset!), saturated(c.code, size!)], []);
}

function destroy(c: OpcodeContext, [beneficiary]: readonly Word[]): void {
  c.callWithGas("selfDestruct", addressOf(c.code, beneficiary!), []);
}
