// Nominal types over plain numbers and byte arrays: they cost nothing at run time and stop mix-ups at compile time.

declare const brand: unique symbol;

/** `T` that can only be made by a deliberate cast; erased at run time. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
