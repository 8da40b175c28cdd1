import { parentPort } from 'node:worker_threads';
import { BfdEndpoint } from './endpoint.ts';
import type { BfdOrder } from './messages.ts';

/** A thread of its own for BFD: its packets go and come in time whatever the speaker is at. */
if (!parentPort) throw new Error('this is the BFD worker of caracal-bgp; it is not started by hand');
const main = parentPort;

const endpoint = new BfdEndpoint(
  {
    monotonic: () => performance.now(),
    after: (milliseconds, run) => {
      const timer = setTimeout(run, milliseconds);
      return { cancel: () => clearTimeout(timer) };
    },
    soon: (run) => void setImmediate(run),
  },
  (report) => main.postMessage(report),
);

main.on('message', (order: BfdOrder) => {
  if (order.type === 'open') endpoint.open(order.id, order.local, order.remote, order.times);
  else endpoint.close(order.id);
});
