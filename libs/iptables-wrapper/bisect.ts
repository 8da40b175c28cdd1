/**
 * Finds the items that a test refuses, by halves: `accepts` is asked about groups, and what it accepts is settled (it
 * may have applied the group). Items are judged one by one only where a group fails: about b · log2(n) questions for b
 * bad ones of n. The order of items is kept.
 */
export async function findRefused<T>(
  items: readonly T[],
  accepts: (group: readonly T[]) => Promise<boolean>,
): Promise<T[]> {
  if (items.length === 0 || (await accepts(items))) return [];
  if (items.length === 1) return [items[0]];
  const middle = items.length >> 1;
  return [
    ...(await findRefused(items.slice(0, middle), accepts)),
    ...(await findRefused(items.slice(middle), accepts)),
  ];
}
