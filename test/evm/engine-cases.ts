// What every engine must do, over a Host in plain maps: outcomes, fees, halts in geth's words, rejects without a trace, calls.
// Run on each engine by its own test file.

import { beforeAll, describe, expect, test } from "bun:test";
import { bigintToBytes } from "#base/bytes.ts";
import { fromHex, toBareHex, toHex } from "#base/hex.ts";
import type { ChainSpec } from "#chain/chain-spec.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { BEACON_ROOTS_ADDRESS, DEVELOPMENT_PREDEPLOYS } from "#chain/predeploys.ts";
import { UINT64_MAX, ZERO_HASH } from "#chain/primitives.ts";
import { authorizationHash, contractAddress, create2Address, type UnsignedTransaction } from "#chain/transaction.ts";
import { KECCAK_EMPTY, keccak256 } from "#crypto/keccak256.ts";
import { sign } from "#crypto/secp256k1.ts";
import type { CallMessage, Engine, TransactionOutcome } from "#evm/engine.ts";
import { SYSTEM_ADDRESS } from "#evm/transition.ts";
import {
  ALICE,
  addressOf,
  assemble,
  BASE_FEE,
  BOB,
  ETHER,
  environmentOf,
  fund,
  imprint,
  keyOf,
  MINER,
  messageOf,
  signed,
  specOf,
} from "./fixtures.ts";
import { MemoryHost } from "./memory-host.ts";

const CONTRACT = addressOf(0xc0de);
const engines = new Map<Hardfork, Engine>();

/** Declares the tests of one engine, in a file that has no others. */
export function testEngine(create: (spec: ChainSpec) => Promise<Engine>): void {
  beforeAll(async () => {
    for (const fork of ["frontier", "byzantium", "london", "shanghai", "cancun", "osaka"] as const) {
      engines.set(fork, await create(specOf(fork)));
    }
  });
  describe("transactions", testTransactions);
  describe("EIP-7702", testDelegations);
  describe("rejects leave no trace", testRejects);
  describe("calls", testCalls);
  describe("a Host that throws", testFailingHost);
  describe("system calls", testSystemCalls);
}

function hostWith(code = ""): MemoryHost {
  const host = new MemoryHost();
  fund(host, ALICE.address, 10n * ETHER);
  if (code !== "") fund(host, CONTRACT, 0n, code, 1n);
  return host;
}

async function apply(
  host: MemoryHost,
  changes: Partial<UnsignedTransaction>,
  fork: Hardfork = "osaka",
): Promise<TransactionOutcome> {
  const result = await engines.get(fork)!.applyTransaction(signed(changes), ALICE.address, environmentOf(fork), host);
  if (result.kind === "rejected") throw new Error(`rejected: ${result.reject.message}`);
  return result.outcome;
}

function call(host: MemoryHost, changes: Partial<CallMessage>, fork: Hardfork = "osaka") {
  return engines.get(fork)!.call(messageOf({ to: CONTRACT, ...changes }), environmentOf(fork), host);
}

function testTransactions(): void {
  test("a transfer moves value, burns the base fee and tips the beneficiary", async () => {
    const host = hostWith();
    const outcome = await apply(host, { value: 5n });
    expect(outcome).toMatchObject({ status: 1, gasUsed: 21_000n, halt: null, contractAddress: null });
    expect(host.account(ALICE.address)).toMatchObject({
      nonce: 1n,
      balance: 10n * ETHER - 5n - 21_000n * (BASE_FEE + 3n),
    });
    expect(host.account(BOB.address)?.balance).toBe(5n);
    expect(host.account(MINER)?.balance).toBe(21_000n * 3n);
  });

  test("a creation stores the returned code, a revert keeps the nonce and the fee", async () => {
    const host = hostWith();
    const initCode = assemble("2 c 0 CODECOPY 2 0 RETURN raw:00fe");
    const outcome = await apply(host, { to: null, data: fromHex(initCode) });
    const expected = contractAddress(ALICE.address, 0n);
    expect(outcome.contractAddress).toEqual(expected);
    const account = host.account(expected)!;
    expect(account.nonce).toBe(1n);
    expect(host.code(account.codeHash)).toEqual(fromHex("00fe"));

    const reverted = await apply(host, { to: null, nonce: 1n, data: fromHex(assemble("aa 0 MSTORE 20 0 REVERT")) });
    expect(reverted).toMatchObject({ status: 0, halt: "execution reverted" });
    expect(reverted.output).toEqual(bigintToBytes(0xaan, 32));
    expect(reverted.contractAddress).toEqual(contractAddress(ALICE.address, 1n));
    expect(host.account(reverted.contractAddress!)).toBeNull();
    expect(host.account(ALICE.address)?.nonce).toBe(2n);
  });

  test("storage and logs come out; what a halt undoes does not", async () => {
    // SSTORE(0, CALLVALUE); LOG1(memory 0..32 of value, topic 7); halts by INVALID when calldata is present.
    const host = hostWith(
      assemble("CALLVALUE 0 SSTORE CALLVALUE 0 MSTORE 7 20 0 LOG1 CALLDATASIZE ISZERO @end JUMPI INVALID end:"),
    );
    const done = await apply(host, { to: CONTRACT, value: 9n });
    expect(done.halt).toBeNull();
    expect(done.logs).toHaveLength(1);
    expect(done.logs[0]!.topics).toEqual([bigintToBytes(7n, 32)]);
    expect(host.slot(CONTRACT, ZERO_HASH)).toEqual(bigintToBytes(9n, 32));
    const failed = await apply(host, { to: CONTRACT, value: 10n, nonce: 1n, data: Uint8Array.of(1) });
    expect(failed).toMatchObject({ status: 0, halt: "invalid opcode: INVALID", gasUsed: 100_000n, logs: [] });
    expect(host.slot(CONTRACT, ZERO_HASH)).toEqual(bigintToBytes(9n, 32));
    expect(host.account(CONTRACT)?.balance).toBe(9n);
  });

  test("clearing a slot refunds at most a fifth", async () => {
    const host = hostWith(assemble("PUSH0 PUSH0 SSTORE"));
    host.setSlot(CONTRACT, ZERO_HASH, bigintToBytes(1n, 32));
    const outcome = await apply(host, { to: CONTRACT });
    // 21000 + 2 + 2 + 5000 (cold reset), refund 4800 within the cap of 5200
    expect(outcome.gasUsed).toBe(26_004n - 4_800n);
  });

  test("calldata pays its floor", async () => {
    const outcome = await apply(hostWith(), { data: new Uint8Array(100).fill(1) });
    expect(outcome.gasUsed).toBe(21_000n + 100n * 40n);
  });

  test("SELFDESTRUCT removes an old contract before Cancun, and only empties it after", async () => {
    for (const [fork, remains] of [
      ["shanghai", false],
      ["cancun", true],
    ] as const) {
      const host = hostWith(assemble("abcd SELFDESTRUCT"));
      fund(host, CONTRACT, 5n, assemble("abcd SELFDESTRUCT"), 1n);
      host.setSlot(CONTRACT, ZERO_HASH, bigintToBytes(1n, 32));
      await apply(host, { to: CONTRACT }, fork);
      expect(host.account(addressOf(0xabcd))?.balance).toBe(5n);
      expect(host.account(CONTRACT) !== null).toBe(remains);
      expect(host.slot(CONTRACT, ZERO_HASH)).toEqual(bigintToBytes(remains ? 1n : 0n, 32));
    }
  });

  test("a touched empty account goes from Spurious Dragon on, and comes into being before", async () => {
    const host = hostWith();
    await apply(host, { to: addressOf(0x1234), type: 0, chainId: null, maxPriorityFeePerGas: 100n }, "frontier");
    expect(host.account(addressOf(0x1234))).toEqual({ nonce: 0n, balance: 0n, codeHash: KECCAK_EMPTY });
    await apply(host, { to: addressOf(0x1234), nonce: 1n }, "osaka");
    expect(host.account(addressOf(0x1234))).toBeNull();
  });

  test("a creation at an address with storage collides and consumes everything", async () => {
    const host = hostWith();
    const taken = contractAddress(ALICE.address, 0n);
    fund(host, taken, 1n);
    host.setSlot(taken, ZERO_HASH, bigintToBytes(1n, 32));
    const outcome = await apply(host, { to: null, data: fromHex("00") });
    expect(outcome).toMatchObject({ status: 0, halt: "contract address collision", gasUsed: 100_000n });
    expect(host.slot(taken, ZERO_HASH)).toEqual(bigintToBytes(1n, 32));
  });

  test("CREATE2 in a call makes the predicted contract", async () => {
    // The creation code is one byte of empty memory: STOP.
    const host = hostWith(assemble("0 1 0 0 CREATE2 0 MSTORE 20 0 RETURN"));
    const made = create2Address(CONTRACT, ZERO_HASH, keccak256(Uint8Array.of(0)));
    const outcome = await apply(host, { to: CONTRACT });
    expect(toBareHex(outcome.output).slice(24)).toBe(toBareHex(made));
    expect(host.account(made)?.nonce).toBe(1n);
  });

  test("creation code that begins with 0xef00 runs, fails, and still raises the creator's nonce", async () => {
    for (const create of ["2 0 0 CREATE", "0 2 0 0 CREATE2"]) {
      const host = hostWith(assemble(`ef 0 MSTORE8 ${create} 0 SSTORE`));
      const outcome = await apply(host, { to: CONTRACT, gasLimit: 1_000_000n });
      expect(outcome.status).toBe(1);
      expect(host.account(CONTRACT)?.nonce).toBe(2n);
      expect(host.slot(CONTRACT, ZERO_HASH)).toEqual(ZERO_HASH);
      expect(outcome.gasUsed).toBeGreaterThan(900_000n);
    }
  });
}

function testDelegations(): void {
  const authority = keyOf(9);

  function authorize(nonce: bigint, chainId: bigint, target = CONTRACT, s: "low" | "high" = "low") {
    const unsigned = { chainId, address: target, nonce };
    const signature = sign(authorizationHash(unsigned), authority.privateKey);
    if (s === "low") return { ...unsigned, ...signature };
    const n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const highS = bigintToBytes(n - BigInt(toHex(signature.s)), 32);
    return { ...unsigned, r: signature.r, s: highS, yParity: 1 - signature.yParity };
  }

  function setCode(host: MemoryHost, authorizationList: UnsignedTransaction["authorizationList"]) {
    return apply(host, { type: 4, to: authority.address, authorizationList, gasLimit: 200_000n });
  }

  test("delegates: the code runs in the authority's name and the designator stays", async () => {
    const host = hostWith(assemble("ADDRESS 0 SSTORE"));
    const outcome = await setCode(host, [authorize(0n, 0n)]);
    expect(outcome.halt).toBeNull();
    const account = host.account(authority.address)!;
    expect(account.nonce).toBe(1n);
    expect(toBareHex(host.code(account.codeHash)!)).toBe(`ef0100${toBareHex(CONTRACT)}`);
    expect(toBareHex(host.slot(authority.address, ZERO_HASH)).slice(24)).toBe(toBareHex(authority.address));
  });

  test("an existing authority gives 12,500 back, and the zero address removes the designator", async () => {
    const host = hostWith();
    fund(host, authority.address, 1n);
    const fresh = await setCode(hostWith(), [authorize(0n, 1n)]);
    const existing = await setCode(host, [authorize(0n, 1n)]);
    expect(fresh.gasUsed).toBe(46_000n);
    expect(existing.gasUsed).toBe(46_000n - 9_200n); // a fifth caps it
    await apply(host, { type: 4, to: BOB.address, nonce: 1n, authorizationList: [authorize(1n, 1n, addressOf(0))] });
    expect(host.account(authority.address)).toEqual({ nonce: 2n, balance: 1n, codeHash: KECCAK_EMPTY });
  });

  test("invalid authorizations are skipped, each for its reason", async () => {
    const invalid = [
      authorize(0n, 2n),
      authorize(1n, 1n),
      authorize(UINT64_MAX, 1n),
      authorize(0n, 1n, CONTRACT, "high"),
      { ...authorize(0n, 1n), yParity: 2 },
      { ...authorize(0n, 1n), r: ZERO_HASH },
    ];
    for (const authorization of invalid) {
      const host = hostWith();
      const outcome = await setCode(host, [authorization]);
      expect(outcome.status).toBe(1);
      expect(host.account(authority.address)).toBeNull();
    }
    const host = hostWith();
    fund(host, authority.address, 0n, "00");
    await setCode(host, [authorize(0n, 1n)]);
    expect(host.code(host.account(authority.address)!.codeHash)).toEqual(Uint8Array.of(0));
  });

  test("the delegation stays when the execution reverts", async () => {
    const host = hostWith(assemble("0 0 REVERT"));
    const outcome = await setCode(host, [authorize(0n, 1n)]);
    expect(outcome.halt).toBe("execution reverted");
    expect(host.account(authority.address)?.nonce).toBe(1n);
  });

  test("a delegated account may send transactions", async () => {
    const host = hostWith();
    fund(host, ALICE.address, ETHER, `ef0100${toBareHex(CONTRACT)}`);
    expect((await apply(host, { value: 1n })).status).toBe(1);
  });
}

function testRejects(): void {
  const blob = { type: 3, maxFeePerBlobGas: 1n, blobVersionedHashes: [new Uint8Array(32).fill(1)] } as const;
  const cases: [string, Partial<UnsignedTransaction>, string][] = [
    ["nonce too low", { nonce: 0n }, "nonce too low: next nonce 3, tx nonce 0"],
    ["nonce too high", { nonce: 4n }, "nonce too high: tx nonce 4, gapped nonce 3"],
    ["nonce has max value", { nonce: UINT64_MAX }, "nonce has max value"],
    [
      "insufficient funds for gas * price + value",
      { value: 10n * ETHER },
      `insufficient funds for gas * price + value: balance ${10n * ETHER}, tx cost ${10n * ETHER + 10_000_000n}, overshot 10000000`,
    ],
    ["intrinsic gas too low", { gasLimit: 20_999n }, "intrinsic gas too low: gas 20999, minimum needed 21000"],
    [
      "insufficient gas for floor data gas cost",
      { gasLimit: 22_700n, data: new Uint8Array(100).fill(1) },
      "insufficient gas for floor data gas cost: gas 22700, minimum needed 25000",
    ],
    [
      "transaction gas limit too high",
      { gasLimit: 16_777_217n },
      "transaction gas limit too high (cap: 16777216, tx: 16777217)",
    ],
    [
      "max fee per gas less than block base fee",
      { maxFeePerGas: 6n },
      "max fee per gas less than block base fee: address 0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1, maxFeePerGas: 6, baseFee: 7",
    ],
    [
      "max priority fee per gas higher than max fee per gas",
      { maxPriorityFeePerGas: 101n },
      "max priority fee per gas higher than max fee per gas",
    ],
    ["invalid sender", { chainId: 2n }, "invalid sender: invalid chain id for signer: have 2 want 1"],
    [
      "max fee per blob gas less than block blob gas fee",
      { ...blob, maxFeePerBlobGas: 0n },
      "max fee per blob gas less than block blob gas fee: address 0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1 blobGasFeeCap: 0, blobBaseFee: 1",
    ],
    [
      "EIP-7702 transaction cannot be used to create contract",
      { type: 4, to: null },
      "EIP-7702 transaction cannot be used to create contract",
    ],
  ];
  for (const [code, changes, message] of cases) {
    test(code, async () => {
      const host = new MemoryHost();
      fund(host, ALICE.address, 10n * ETHER, "", 3n);
      const before = imprint(host);
      const tx = signed({ nonce: 3n, ...changes });
      const engine = engines.get("osaka")!;
      const result = await engine.applyTransaction(tx, ALICE.address, environmentOf("osaka"), host);
      expect(result).toEqual({ kind: "rejected", reject: { code, message } as never });
      expect(imprint(host)).toBe(before);
    });
  }

  test("sender not an eoa", async () => {
    const host = new MemoryHost();
    fund(host, ALICE.address, 10n * ETHER, "00");
    const before = imprint(host);
    const result = await engines
      .get("osaka")!
      .applyTransaction(signed({}), ALICE.address, environmentOf("osaka"), host);
    expect(result).toMatchObject({ kind: "rejected", reject: { code: "sender not an eoa" } });
    expect(imprint(host)).toBe(before);
  });

  test("exceeds block gas limit", async () => {
    const env = environmentOf("osaka", { gasLimit: 50_000n });
    const result = await engines.get("osaka")!.applyTransaction(signed({}), ALICE.address, env, hostWith());
    expect(result).toMatchObject({ kind: "rejected", reject: { code: "exceeds block gas limit" } });
  });
}

function testCalls(): void {
  const halts: [source: string, words: string, fork?: Hardfork][] = [
    ["0 0 REVERT", "execution reverted"],
    ["loop: @loop JUMP", "out of gas"],
    ["INVALID", "invalid opcode: INVALID"],
    ["raw:0c", "invalid opcode: opcode 0xc not defined"],
    ["@on JUMP on: raw:0d", "invalid opcode: opcode 0xd not defined"],
    ["PUSH0", "invalid opcode: PUSH0", "london"],
    ["ADD", "stack underflow (0 <=> 2)"],
    ["PUSH0 SWAP4", "stack underflow (1 <=> 5)"],
    ["PUSH0 PUSH0 LOG2", "stack underflow (2 <=> 4)"],
    ["loop: PUSH0 @loop JUMP", "stack limit reached 1024 (1023)"],
    ["3 JUMP STOP STOP", "invalid jump destination"],
    ["20 0 0 RETURNDATACOPY", "return data out of bounds"],
  ];
  for (const [source, words, fork] of halts) {
    test(words, async () => {
      const host = hostWith(assemble(source));
      const before = imprint(host);
      expect((await call(host, {}, fork)).halt).toBe(words);
      expect(imprint(host)).toBe(before);
    });
  }

  test("a static frame cannot write: the callee halts, the caller sees 0", async () => {
    for (const write of ["0 0 SSTORE", "0 0 TSTORE", "0 0 LOG0", "0 0 0 CREATE", "abcd SELFDESTRUCT"]) {
      const host = hostWith(assemble("0 0 0 0 abcd GAS STATICCALL 0 MSTORE 20 0 RETURN"));
      fund(host, addressOf(0xabcd), 0n, assemble(write), 1n);
      const outcome = await call(host, {});
      expect(outcome).toMatchObject({ halt: null, reject: null });
      expect(outcome.output).toEqual(ZERO_HASH);
    }
  });

  const creations: [source: string, gas: bigint, words: string][] = [
    ["ef 0 MSTORE8 1 0 RETURN", 1_000_000n, "invalid code: must not begin with 0xef"],
    ["6001 0 RETURN", 20_000_000n, "max code size exceeded"],
    ["1000 0 RETURN", 100_000n, "contract creation code storage out of gas"],
    ["1000000 0 RETURN", 100_000n, "out of gas"],
    ["0 0 REVERT", 100_000n, "execution reverted"],
  ];
  for (const [source, gas, words] of creations) {
    test(`a creation: ${words}`, async () => {
      expect((await call(hostWith(), { to: null, data: fromHex(assemble(source)), gas })).halt).toBe(words);
    });
  }

  test("creation code above the limit is refused", async () => {
    const refused = await call(hostWith(), { to: null, data: new Uint8Array(49_153), gas: 10_000_000n });
    expect(refused.halt).toBe("max initcode size exceeded: code size 49153, limit 49152");
  });

  test("needs no nonce, no fee and no key; value needs the balance", async () => {
    const host = hostWith(assemble("SELFBALANCE 0 MSTORE 20 0 RETURN"));
    const stranger = addressOf(0x5555);
    expect((await call(host, { from: stranger })).output).toEqual(ZERO_HASH);
    expect((await call(host, { value: 7n })).output).toEqual(bigintToBytes(7n, 32));
    const refused = await call(host, { from: stranger, value: 1n });
    expect(refused.reject?.code).toBe("insufficient funds for gas * price + value");
    expect(refused.halt).toBe(
      "insufficient funds for gas * price + value: address 0x0000000000000000000000000000000000005555 have 0 want 1",
    );
    const fromContract = await call(host, { from: CONTRACT });
    expect(fromContract.halt).toBeNull();
  });

  test("BASEFEE answers 0 without a price, and the price must cover it otherwise", async () => {
    const host = hostWith(assemble("BASEFEE 0 MSTORE 20 0 RETURN"));
    expect((await call(host, {})).output).toEqual(ZERO_HASH);
    expect((await call(host, { gasPrice: BASE_FEE })).output).toEqual(bigintToBytes(BASE_FEE, 32));
    expect((await call(host, { gasPrice: 6n })).reject?.code).toBe("max fee per gas less than block base fee");
  });

  test("intrinsic gas counts", async () => {
    const outcome = await call(hostWith(), { gas: 20_000n });
    expect(outcome.halt).toBe("intrinsic gas too low: have 20000, want 21000");
    expect((await call(hostWith(), {})).gasUsed).toBe(21_000n);
  });

  test("a deadline stops an endless loop, and the machine is sound afterwards", async () => {
    const host = hostWith(assemble("loop: @loop JUMP"));
    let polls = 0;
    const outcome = await call(host, { gas: 10n ** 12n, deadline: () => ++polls > 3 });
    expect(outcome.halt).toBe("execution aborted");
    expect(polls).toBe(4);
    expect((await apply(host, { value: 1n })).status).toBe(1);
  });

  test("calls that overlap do not mix", async () => {
    const source = `0 CALLDATALOAD 0
      loop: DUP2 ISZERO @end JUMPI DUP2 ADD SWAP1 1 SWAP1 SUB SWAP1 @loop JUMP
      end: 0 MSTORE 20 0 RETURN`;
    const sumUpTo = (n: bigint) => call(hostWith(assemble(source)), { data: bigintToBytes(n, 32) });
    const numbers = [10n, 300n, 45n, 120n, 77n];
    const outcomes = await Promise.all(numbers.map(sumUpTo));
    expect(outcomes.map(({ output }) => BigInt(toHex(output)))).toEqual(numbers.map((n) => (n * (n + 1n)) / 2n));
  });
}

function testFailingHost(): void {
  for (const method of ["account", "setAccount", "slot", "code"] as const) {
    test(`${method}: the run fails with the Host's error, and the next call is sound`, async () => {
      const callee = addressOf(0xabcd);
      const make = () => {
        const host = hostWith(assemble("0 0 0 0 1 abcd GAS CALL 0 MSTORE 20 0 RETURN"));
        fund(host, CONTRACT, 5n, toBareHex(host.code(host.account(CONTRACT)!.codeHash)!), 1n);
        fund(host, callee, 0n, assemble("0 SLOAD"), 1n);
        return host;
      };
      const host = make();
      const intact = host[method].bind(host) as (...args: unknown[]) => unknown;
      const calleeHash = toBareHex(host.account(callee)!.codeHash);
      Object.defineProperty(host, method, {
        value: (key: Uint8Array, ...rest: unknown[]) => {
          if ([toBareHex(callee), calleeHash].includes(toBareHex(key))) throw new Error("the version is gone");
          return intact(key, ...rest);
        },
      });
      // A call's writes may be left out.
      const outcome: Promise<unknown> = method === "setAccount" ? apply(host, { to: CONTRACT }) : call(host, {});
      expect(outcome).rejects.toThrow("the version is gone");
      await outcome.catch(() => {});
      expect((await call(make(), {})).output).toEqual(bigintToBytes(1n, 32));
    });
  }
}

function testSystemCalls(): void {
  test("EIP-4788 stores the beacon root; nothing else changes", async () => {
    const host = hostWith();
    for (const { address, nonce, code } of DEVELOPMENT_PREDEPLOYS) fund(host, address, 0n, toBareHex(code), nonce);
    const env = environmentOf("osaka");
    const root = new Uint8Array(32).fill(0x77);
    const outcome = await engines.get("osaka")!.systemCall(BEACON_ROOTS_ADDRESS, root, env, host);
    expect(outcome.halt).toBeNull();
    const index = env.timestamp % 8191n;
    expect(host.slot(BEACON_ROOTS_ADDRESS, bigintToBytes(index, 32))).toEqual(bigintToBytes(env.timestamp, 32));
    expect(host.slot(BEACON_ROOTS_ADDRESS, bigintToBytes(index + 8191n, 32))).toEqual(root);
    expect(host.account(SYSTEM_ADDRESS)).toBeNull();
    expect(host.account(MINER)).toBeNull();
    const read = await call(host, { to: BEACON_ROOTS_ADDRESS, data: bigintToBytes(env.timestamp, 32) });
    expect(read.output).toEqual(root);
  });

  test("an address without code is left alone", async () => {
    const host = hostWith();
    const before = imprint(host);
    await engines.get("osaka")!.systemCall(addressOf(0x9999), ZERO_HASH, environmentOf("osaka"), host);
    expect(imprint(host)).toBe(before);
  });
}
