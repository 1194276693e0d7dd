// What this executable is: put in by the build, "development" when run from source.

declare const MEGAETH_BUILD_VERSION: string | undefined;
declare const MEGAETH_BUILD_COMMIT: string | undefined;

/** The version from package.json, or "development" when run from source. */
export const VERSION: string = typeof MEGAETH_BUILD_VERSION === "string" ? MEGAETH_BUILD_VERSION : "development";

/** The short commit that was built, with `-dirty` when the checkout had changes; "unknown" when run from source. */
export const COMMIT: string = typeof MEGAETH_BUILD_COMMIT === "string" ? MEGAETH_BUILD_COMMIT : "unknown";
