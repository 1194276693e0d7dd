// Mnemonics of all opcodes of all forks up to Osaka, and how many operands each takes: for the words of a halt only.
// A generic range (PUSH, DUP, SWAP, LOG) is spelled out by `opcodeName` and `operandCount`.

const OPCODES: ReadonlyMap<number, readonly [name: string, operands: number]> = new Map([
  [0x00, ["STOP", 0]],
  [0x01, ["ADD", 2]],
  [0x02, ["MUL", 2]],
  [0x03, ["SUB", 2]],
  [0x04, ["DIV", 2]],
  [0x05, ["SDIV", 2]],
  [0x06, ["MOD", 2]],
  [0x07, ["SMOD", 2]],
  [0x08, ["ADDMOD", 3]],
  [0x09, ["MULMOD", 3]],
  [0x0a, ["EXP", 2]],
  [0x0b, ["SIGNEXTEND", 2]],
  [0x10, ["LT", 2]],
  [0x11, ["GT", 2]],
  [0x12, ["SLT", 2]],
  [0x13, ["SGT", 2]],
  [0x14, ["EQ", 2]],
  [0x15, ["ISZERO", 1]],
  [0x16, ["AND", 2]],
  [0x17, ["OR", 2]],
  [0x18, ["XOR", 2]],
  [0x19, ["NOT", 1]],
  [0x1a, ["BYTE", 2]],
  [0x1b, ["SHL", 2]],
  [0x1c, ["SHR", 2]],
  [0x1d, ["SAR", 2]],
  [0x1e, ["CLZ", 1]],
  [0x20, ["KECCAK256", 2]],
  [0x30, ["ADDRESS", 0]],
  [0x31, ["BALANCE", 1]],
  [0x32, ["ORIGIN", 0]],
  [0x33, ["CALLER", 0]],
  [0x34, ["CALLVALUE", 0]],
  [0x35, ["CALLDATALOAD", 1]],
  [0x36, ["CALLDATASIZE", 0]],
  [0x37, ["CALLDATACOPY", 3]],
  [0x38, ["CODESIZE", 0]],
  [0x39, ["CODECOPY", 3]],
  [0x3a, ["GASPRICE", 0]],
  [0x3b, ["EXTCODESIZE", 1]],
  [0x3c, ["EXTCODECOPY", 4]],
  [0x3d, ["RETURNDATASIZE", 0]],
  [0x3e, ["RETURNDATACOPY", 3]],
  [0x3f, ["EXTCODEHASH", 1]],
  [0x40, ["BLOCKHASH", 1]],
  [0x41, ["COINBASE", 0]],
  [0x42, ["TIMESTAMP", 0]],
  [0x43, ["NUMBER", 0]],
  [0x44, ["DIFFICULTY", 0]],
  [0x45, ["GASLIMIT", 0]],
  [0x46, ["CHAINID", 0]],
  [0x47, ["SELFBALANCE", 0]],
  [0x48, ["BASEFEE", 0]],
  [0x49, ["BLOBHASH", 1]],
  [0x4a, ["BLOBBASEFEE", 0]],
  [0x50, ["POP", 1]],
  [0x51, ["MLOAD", 1]],
  [0x52, ["MSTORE", 2]],
  [0x53, ["MSTORE8", 2]],
  [0x54, ["SLOAD", 1]],
  [0x55, ["SSTORE", 2]],
  [0x56, ["JUMP", 1]],
  [0x57, ["JUMPI", 2]],
  [0x58, ["PC", 0]],
  [0x59, ["MSIZE", 0]],
  [0x5a, ["GAS", 0]],
  [0x5b, ["JUMPDEST", 0]],
  [0x5c, ["TLOAD", 1]],
  [0x5d, ["TSTORE", 2]],
  [0x5e, ["MCOPY", 3]],
  [0x5f, ["PUSH0", 0]],
  [0xf0, ["CREATE", 3]],
  [0xf1, ["CALL", 7]],
  [0xf2, ["CALLCODE", 7]],
  [0xf3, ["RETURN", 2]],
  [0xf4, ["DELEGATECALL", 6]],
  [0xf5, ["CREATE2", 4]],
  [0xfa, ["STATICCALL", 6]],
  [0xfd, ["REVERT", 2]],
  [0xfe, ["INVALID", 0]],
  [0xff, ["SELFDESTRUCT", 1]],
]);

/** The mnemonic of an opcode as geth spells it, or null when no fork has it. */
export function opcodeName(opcode: number): string | null {
  if (opcode >= 0x60 && opcode <= 0x7f) return `PUSH${opcode - 0x5f}`;
  if (opcode >= 0x80 && opcode <= 0x8f) return `DUP${opcode - 0x7f}`;
  if (opcode >= 0x90 && opcode <= 0x9f) return `SWAP${opcode - 0x8f}`;
  if (opcode >= 0xa0 && opcode <= 0xa4) return `LOG${opcode - 0xa0}`;
  return OPCODES.get(opcode)?.[0] ?? null;
}

/** How many operands must be on the stack for an opcode. */
export function operandCount(opcode: number): number {
  if (opcode >= 0x80 && opcode <= 0x8f) return opcode - 0x7f;
  if (opcode >= 0x90 && opcode <= 0x9f) return opcode - 0x8e;
  if (opcode >= 0xa0 && opcode <= 0xa4) return opcode - 0xa0 + 2;
  return OPCODES.get(opcode)?.[1] ?? 0;
}
