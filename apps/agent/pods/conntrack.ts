import { setTimeout as sleep } from 'node:timers/promises';
import type { HostPort } from '@caracal/dataplane';
import { type Address, familyOf, parseAddress } from '@caracal/net';
import { type Conntrack, type FlowFilter, openConntrack } from '@caracal/netlink';
import type { Logger } from 'pino';

const gatherMs = 200;
const attempts = 3;
const againMs = 1_000;
const udp = 17;

/** What forgets flows that the kernel still knows, and must not go on with. */
export interface FlowReaper {
  /** Flows of addresses that nobody holds any more, in either direction, so that the next holder is not taken for the last. */
  forgetAddresses(addresses: readonly string[]): void;
  /** Flows of UDP to ports of this node that lead to a pod from now on: while a client goes on sending, what was before stays in force. */
  forgetHostPorts(ports: readonly HostPort[]): void;
}

/** Deletes conntrack entries. Calls are gathered. No process is started for it: that would hold up this one, and pods, for milliseconds. */
export function createFlowReaper(logger: Logger): FlowReaper {
  let waiting: FlowFilter[] = [];
  let conntrack: Conntrack | undefined;
  let running = false;

  async function reap(): Promise<void> {
    running = true;
    while (waiting.length > 0) {
      const filters = waiting;
      waiting = [];
      for (let attempt = 1; attempt <= attempts; attempt++) {
        if (attempt > 1) await sleep(againMs, undefined, { ref: false });
        const problem = await forget(filters);
        if (problem === undefined) break;
        logger.warn({ reason: problem, attempt, of: attempts }, 'flows that must not go on could not be forgotten');
      }
    }
    running = false;
  }

  async function forget(filters: readonly FlowFilter[]): Promise<string | undefined> {
    try {
      conntrack ??= openConntrack();
      const outcome = await conntrack.deleteFlows(filters);
      if (outcome.ok) return undefined;
      // What the kernel answers late must not be taken for the next answer.
      conntrack.close();
      conntrack = undefined;
      return outcome.error.message;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  function add(filters: readonly FlowFilter[]): void {
    if (filters.length === 0) return;
    if (waiting.length === 0 && !running) void sleep(gatherMs).then(reap);
    waiting.push(...filters);
  }

  return {
    forgetAddresses: (addresses) => add(addresses.flatMap(flowsOfAddress)),
    forgetHostPorts: (ports) => add(ports.filter(({ protocol }) => protocol === 'udp').map(flowsOfHostPort)),
  };
}

function flowsOfAddress(text: string): FlowFilter[] {
  const address = known(text);
  const { family } = address;
  return [
    // As client, as server, and as server behind a service address or a port of the node.
    { family, direction: 'original', source: address },
    { family, direction: 'original', destination: address },
    { family, direction: 'reply', source: address },
  ];
}

function flowsOfHostPort({ hostPort, hostAddress, podAddress }: HostPort): FlowFilter {
  return {
    family: familyOf(podAddress),
    direction: 'original',
    ...(hostAddress && { destination: known(hostAddress) }),
    protocol: udp,
    destinationPort: hostPort,
  };
}

/** Addresses that were assigned, or taken from a request that has been read. */
function known(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new RangeError(`${text} is no address`);
  return address;
}
