// Which implementation each primitive runs on, decided once per process. Native add-ons and the WASM kernel are the
// fast road; the noble libraries are the portable one, for other platforms and as a second opinion in tests.

/** True when `MEGAETH_CRYPTO=portable` asks for the library implementations everywhere. Read once at start. */
export const PORTABLE_CRYPTO: boolean = process.env.MEGAETH_CRYPTO === "portable";

/**
 * Runs a loader of a native add-on and swallows its failure, which means "not built for this platform".
 * The `require` inside must name the file literally, or the compiled executable does not embed it.
 * @returns the add-on, or null when it is absent or when portable implementations were asked for
 */
export function tryLoadNative<T>(load: () => T): T | null {
  if (PORTABLE_CRYPTO) return null;
  try {
    return load();
  } catch {
    return null;
  }
}
