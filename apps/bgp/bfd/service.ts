import { Worker } from 'node:worker_threads';
import type { Bfd, BfdListener, BfdTarget } from '@caracal/bgp-speaker';
import type { BfdOrder, BfdReport } from './messages.ts';

/** Sources run as .ts, the image as .js: the compiler does not rewrite URLs. */
const workerUrl = import.meta.url.endsWith('.ts')
  ? new URL('./worker.ts', import.meta.url)
  : new URL('./worker.js', import.meta.url);

/** BFD in a worker thread, which is there from the first session on. A worker that is lost is replaced. */
export function createBfd(log: (message: string, fields: Readonly<Record<string, unknown>>) => void): Bfd {
  const sessions = new Map<number, { readonly target: BfdTarget; readonly listener: BfdListener }>();
  let worker: Worker | undefined;
  let lastId = 0;

  const tell = (order: BfdOrder) => worker?.postMessage(order);
  const open = (id: number, { local, remote, times }: BfdTarget) => tell({ type: 'open', id, local, remote, times });

  function start(): void {
    if (worker) return;
    const started = new Worker(workerUrl);
    worker = started;
    started.unref();
    started.on('message', (report: BfdReport) => {
      if (report.type === 'trouble') log('trouble with BFD', { error: report.message });
      else sessions.get(report.id)?.listener(report.state, report.failed);
    });
    started.on('error', (error) => log('the BFD worker failed', { error: String(error) }));
    started.on('exit', () => {
      if (worker !== started) return;
      worker = undefined;
      if (sessions.size === 0) return;
      start();
      for (const [id, { target, listener }] of sessions) {
        listener('Down');
        open(id, target);
      }
    });
  }

  return {
    watch: (target, listener) => {
      start();
      const id = ++lastId;
      sessions.set(id, { target, listener });
      open(id, target);
      return () => {
        if (sessions.delete(id)) tell({ type: 'close', id });
      };
    },
  };
}
