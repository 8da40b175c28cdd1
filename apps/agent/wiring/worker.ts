import { parentPort } from 'node:worker_threads';
import { LinkReaper, NamespaceSysctls, openRouteSocket, warmThreadPool } from '@caracal/netlink';
import { listenToSteps, reached } from '../steps.ts';
import { prepareHost, setBlocks } from './host.ts';
import { inspect, listOwnInterfaces } from './inspect.ts';
import type { WiringAnswer, WiringCall } from './messages.ts';
import type { WiringOutcome } from './types.ts';
import { failure, type HostSockets, remove, wire } from './wire.ts';

/**
 * The thread that enters pods' namespaces, and the only one: `setns` changes one thread. Calls are worked off in the
 * order in which they come; the deletion of an interface alone goes on beside the next ones, and the client keeps calls
 * for one interface apart.
 */

const port = parentPort;
if (!port) throw new Error('wiring/worker.ts runs as a worker thread only');

listenToSteps(process.env);
await warmThreadPool();
const sockets: HostSockets = {
  host: openRouteSocket(),
  reaper: new LinkReaper(),
  sysctls: new NamespaceSysctls(['ipv4', 'ipv6']),
};

async function unwire(hostInterface: string): Promise<WiringOutcome> {
  reached('unwire: asked');
  const outcome = await remove(sockets, hostInterface);
  reached('unwire: done');
  return outcome.ok ? outcome : failure('kernel', outcome.error.message);
}

function handle(call: WiringCall): unknown {
  switch (call.operation) {
    case 'wire':
      return wire(sockets, call.request);
    case 'unwire':
      return unwire(call.request.hostInterface);
    case 'inspect':
      return inspect(sockets.host, call.request);
    case 'listOwnInterfaces':
      return listOwnInterfaces(sockets.host);
    case 'setBlocks':
      return setBlocks(sockets.host, call.request.blocks);
    case 'prepareHost':
      return prepareHost(sockets.host);
  }
}

port.on('message', async (call: WiringCall) => {
  const answer: WiringAnswer = { id: call.id, answer: await handle(call) };
  port.postMessage(answer);
});
