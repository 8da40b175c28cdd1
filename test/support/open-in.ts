import { enterNetns, openNetns } from '@caracal/netlink';
import type { Netns } from './netns.ts';

/** What is opened inside a namespace, where it stays. */
export function openIn<T>({ path }: Pick<Netns, 'path'>, open: () => T extends PromiseLike<unknown> ? never : T): T {
  const opened = openNetns(path);
  if (!opened.ok) throw new Error(opened.message);
  try {
    return enterNetns(opened.netns, open);
  } finally {
    opened.netns.close();
  }
}
