// Maps that serve as caches of a bounded size: what was put in first goes first.

/** Takes the entries put in first out of a map until it has at most `sizeMax`. */
export function dropOldest<Key>(map: Map<Key, unknown>, sizeMax: number): void {
  for (const key of map.keys()) {
    if (map.size <= sizeMax) return;
    map.delete(key);
  }
}
