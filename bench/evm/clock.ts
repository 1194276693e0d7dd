// The clocks of the engine's bench. The CPU clock counts what a thread (ours) or a process (anvil) has run, so that others at
// work on the machine do not count; on an idle machine it says the same as the wall's. Where the system has no such clock for
// other processes, or when asked to, the wall's is taken.

import { dlopen, FFIType, ptr } from "bun:ffi";

/** Reads time, in nanoseconds from any beginning. */
export type Clock = {
  readonly name: "cpu" | "wall";
  /** Of the running thread. */
  readonly ownNs: () => number;
  /** Of a process with all its threads. */
  readonly processNs: (pid: number) => number;
};

const LIBC: Readonly<Record<string, string>> = { linux: "libc.so.6" };
const THREAD_CPU_CLOCK = 3;
const WALL: Clock = { name: "wall", ownNs: Bun.nanoseconds, processNs: Bun.nanoseconds };

/** The flag that chooses the wall's clock. */
export const WALL_FLAG = "--wall";

/** The clock of this process. */
export const CLOCK: Clock = process.argv.includes(WALL_FLAG) ? WALL : (openCpuClock() ?? WALL);

function openCpuClock(): Clock | null {
  const library = LIBC[process.platform];
  if (library === undefined) return null;
  try {
    const { symbols } = dlopen(library, {
      clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
    });
    // A timespec: seconds, nanoseconds.
    const time = new BigInt64Array(2);
    const at = ptr(time);
    const read = (clock: number): number => {
      if (symbols.clock_gettime(clock, at) !== 0) throw new Error(`no clock ${clock}`);
      return Number(time[0]) * 1e9 + Number(time[1]);
    };
    // What Linux makes of a process id: its CPU clock. @see clock_getcpuclockid(3)
    const processNs = (pid: number) => read((~pid << 3) | 2);
    processNs(process.pid);
    return { name: "cpu", ownNs: () => read(THREAD_CPU_CLOCK), processNs };
  } catch {
    return null;
  }
}
