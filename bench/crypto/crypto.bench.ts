// All benches of cryptographic kernels against the packages that one would take instead, in one process, one after the
// other: `bun run bench:crypto`.

import "./keccak.bench.ts";
import "./secp256k1.bench.ts";
