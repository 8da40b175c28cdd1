/** Runs what is asked for one key in the order in which it was asked, one piece of work at a time; what is of other keys goes on beside it. */
export type InOrder = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** One for all who change what an attachment holds: runtimes, garbage collection, an administrator who takes an address for leaked. */
export function createInOrder(): InOrder {
  const queues = new Map<string, Promise<unknown>>();
  return (key, work) => {
    const result = (queues.get(key) ?? Promise.resolve()).then(work, work);
    const tail = result.catch(() => {}).finally(() => queues.get(key) === tail && queues.delete(key));
    queues.set(key, tail);
    return result;
  };
}
