import type { MemoryRow } from '@caracal/bgp-speaker';
import type { KernelRoutes } from './kernel-routes.ts';

/** What the process has beside the speaker's tables, as further rows of theirs. */
export function processMemory(kernel: KernelRoutes | undefined): MemoryRow[] {
  const { heapUsed, heapTotal, arrayBuffers, external, rss } = process.memoryUsage();
  const ofProcess = (table: string, bytes: number) => ({ table, of: 'process', count: 1, bytes });
  return [
    // Objects of the heap: what they occupy is part of that.
    ...(kernel ? [{ table: 'kernel routes', of: '', count: kernel.installedCount }] : []),
    ofProcess('heap in use', heapUsed),
    ofProcess('heap', heapTotal),
    ofProcess('array buffers', arrayBuffers),
    ofProcess('outside the heap', external),
    ofProcess('resident set', rss),
  ];
}
