// All benches of cryptographic kernels against the packages that one would take instead, in one process, one after the
// other: `bun run bench:crypto`. Static imports would run them at the same time, since they wait for their results.

await import("./keccak.bench.ts");
await import("./secp256k1.bench.ts");
await import("./banderwagon.bench.ts");

export {};
