// Arrays of a length that the type knows: they are taken apart by name, and their elements are never undefined.

/** So many values of a type; a plain array where the count is known only at run time. */
export type Tuple<T, Count extends number, Made extends T[] = []> = number extends Count
  ? T[]
  : Made["length"] extends Count
    ? Made
    : Tuple<T, Count, [...Made, T]>;

/** Makes the elements one after the other. */
export function makeTuple<T, const Count extends number>(count: Count, make: (index: number) => T): Tuple<T, Count> {
  return Array.from({ length: count }, (_, index) => make(index)) as Tuple<T, Count>;
}
