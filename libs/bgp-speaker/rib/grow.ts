/** A copy of the array with room for at least `length` items: the next power of two. */
export function grow<T extends Int32Array | Uint32Array | Int16Array | Uint16Array | Uint8Array>(
  array: T,
  length: number,
): T {
  let capacity = Math.max(16, array.length);
  while (capacity < length) capacity *= 2;
  // The constructor of an array of type T makes a T.
  const grown = new (array.constructor as new (length: number) => T)(capacity);
  grown.set(array);
  return grown;
}
