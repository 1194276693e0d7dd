// Which implementation each primitive runs on, decided once per process. Native add-ons and the WASM kernels are the
// fast road; the noble libraries are the portable one, for other platforms and as a second opinion in tests.
//
// The environment variable MEGAETH_CRYPTO, read once at start, rules some out:
//   portable   everything but the libraries
//   native     the WASM kernels of operations that an add-on has too
//   kernels    the add-ons

const asked = process.env.MEGAETH_CRYPTO;

/** True when the library implementations are asked for everywhere. */
export const PORTABLE_CRYPTO: boolean = asked === "portable";

/** True when a WASM kernel is not to be used where there is an add-on. */
export const NATIVE_CRYPTO: boolean = asked === "native";

/**
 * Runs a loader of a native add-on and swallows its failure, which means "not built for this platform".
 * The `require` inside must name the file literally, or the compiled executable does not embed it.
 * @returns the add-on, or null when it is absent or ruled out
 */
export function tryLoadNative<T>(load: () => T): T | null {
  if (PORTABLE_CRYPTO || asked === "kernels") return null;
  try {
    return load();
  } catch {
    return null;
  }
}
