import type { HostPort } from '@caracal/dataplane';
import type { Assignment, WishesResult } from '@caracal/ipam';
import { familyOf } from '@caracal/net';
import type { Logger } from 'pino';
import { brokenOff } from '../cni/broken-off.ts';
import {
  type AddRequest,
  type AddSuccess,
  type Attachment,
  type CniFailure,
  cniErrorCodes,
  type DeleteRequest,
  type PlainAddress,
  type PodNetwork,
  type WantedAddresses,
} from '../cni/pod-network.ts';
import type { Enforcement } from '../policy/enforcement.ts';
import type { Reporter } from '../report/reporter.ts';
import { reached, type Step } from '../steps.ts';
import { gatewayTexts, hostInterfaceName, hostLengths, type Wired, type WiringFailure } from '../wiring/index.ts';
import { joinAnnotations, unknownAnnotations } from './annotations.ts';
import { type CheckParts, checkPod } from './check.ts';
import type { PodDirectory } from './directory.ts';
import {
  asEndpoint,
  type EndpointRecord,
  endpointId,
  handleOf,
  localEndpointOf,
  recordOf,
  recoveredHandle,
  reportOf,
} from './endpoint-record.ts';
import { hostPortsOf, needsLoopback } from './host-ports.ts';
import type { InOrder } from './in-order.ts';
import { noAddress } from './no-address.ts';
import { failure, firstRefusal, wiringFailed } from './refusals.ts';
import { type StatusParts, statusOf } from './status.ts';
import { refusedSysctls } from './sysctl-allow-list.ts';

const noPolicyYet = 'the node knows no policy yet: no hub has been reached since it started';

export interface PodsOptions extends CheckParts, StatusParts {
  readonly enforcement: Enforcement;
  /** The node's ports that lead to an endpoint, in place of those of before; resolves to why they do not. */
  setHostPorts(endpoint: string, ports: readonly HostPort[]): Promise<string | undefined>;
  readonly reporter: Reporter;
  readonly logger: Logger;
  readonly mtu: number;
  /** The pools that a pod of this namespace may draw from, for each address that it is to have. */
  wishes(namespace: string, wanted: WantedAddresses): WishesResult;
  readonly directory: PodDirectory;
  /** Whether annotations limit bandwidth here; else a plugin behind ours does it. */
  readonly shapes: boolean;
  readonly inOrder: InOrder;
  /** What says which sysctls a network configuration may set. */
  readonly sysctlAllowList: string;
}

/**
 * The pods of this node: what ADD, DEL and CHECK do. An ADD does three things at once (journal, wiring, policy) and
 * answers when all three are done; whichever fails takes the others back.
 */
export function createPods(options: PodsOptions): PodNetwork {
  const { ipam, wiring, enforcement, reporter, logger } = options;

  /** One request at a time for an attachment: a DEL must not overtake the ADD that it ends. */
  function inOrder<T>(attachment: Attachment, work: () => Promise<T>): Promise<T> {
    return options.inOrder(endpointId(attachment), work);
  }

  /** The handle of the attachment: its own, or the one under which a recovery found its interface. */
  function heldHandle(attachment: Attachment): string {
    const recovered = recoveredHandle(hostInterfaceName(attachment.containerId, attachment.ifname));
    return ipam.assignment(recovered) ? recovered : handleOf(attachment);
  }

  async function add(request: AddRequest, signal: AbortSignal): Promise<AddSuccess | CniFailure> {
    // It may have waited for another request.
    const late = brokenOff(signal);
    if (late) return late;
    const handle = heldHandle(request);
    const former = ipam.assignment(handle);
    const whose = { pod: `${request.pod.namespace}/${request.pod.name}`, container: request.containerId };
    if (!enforcement.ready) return failure(cniErrorCodes.tryAgainLater, noPolicyYet);
    const found = await options.directory.find(request, signal);
    if (!found.ok) {
      logger.warn({ ...whose, reason: found.message }, 'the pod is not known');
      return brokenOff(signal) ?? failure(cniErrorCodes.tryAgainLater, 'the pod is not known yet', found.message);
    }
    reached('ADD: pod known');
    const annotations = found.annotations ?? request.pod.annotations;
    const unknown = unknownAnnotations(annotations);
    if (unknown.length > 0)
      logger.warn({ ...whose, annotations: unknown }, 'annotations of the pod that mean nothing here are ignored');
    const asked = joinAnnotations(request, annotations, options.shapes);
    if (!asked.ok) return asked;
    const forbidden = refusedSysctls(
      (request.sysctls ?? []).map(({ name }) => name),
      options.sysctlAllowList,
    );
    if (forbidden.length > 0) {
      const message = `network configuration: sysctl: ${options.sysctlAllowList} does not allow ${forbidden.join(', ')}`;
      return failure(cniErrorCodes.invalidNetworkConfig, message);
    }
    const described = describe({ ...request, bandwidth: asked.bandwidth }, found.pod);
    const assigned = await assign(handle, request, asked.wanted ?? {}, described);
    if (!assigned.ok) {
      logger.warn({ ...whose, reason: assigned.message }, 'no address for the pod');
      return noAddress(assigned);
    }
    reached('ADD: address taken');
    const { assignment } = assigned;
    // Of a retried ADD the journal has the record already, unless a crash cut the first one short.
    const journalledRecord = recordOf(assignment);
    const record = journalledRecord ?? described;
    if (!request.given && !journalledRecord) await ipam.keep({ ...assignment, endpoint: asEndpoint(record) });
    const [journalled, wired, enforced, translated] = await Promise.allSettled([
      ending('ADD: in the journal', Promise.resolve(assigned.durable)),
      ending('ADD: wired', wire({ ...request, mac: asked.mac }, record, assignment)),
      ending('ADD: enforced', enforcement.addEndpoint(localEndpointOf(record, assignment.addresses))),
      ending(
        'ADD: host ports lead to it',
        options.setHostPorts(endpointId(record), hostPortsOf(record.hostPorts ?? [], assignment.addresses)),
      ),
    ]);
    if (former && wired.status === 'fulfilled' && !wired.value.ok && wired.value.reason === 'podInterfaceExists') {
      // A second ADD without a DEL between ("ADD": "MUST return with an error"). What the first made stands.
      return failure(wiringFailed, wired.value.message, 'a container is added to a network once for each CNI_IFNAME');
    }
    const refusal = firstRefusal(journalled, wired, enforced, translated, signal);
    if (refusal || wired.status === 'rejected' || !wired.value.ok) {
      await takeBack(request, record);
      logger.warn({ ...whose, reason: refusal?.message }, 'ADD failed: everything of it was taken back');
      return refusal ?? failure(wiringFailed, 'the interface could not be made');
    }
    reached('ADD: complete');
    behindTheAnswer(() => {
      reporter.added(endpointId(record), reportOf(record, assignment.addresses));
      logger.info({ ...whose, addresses: assignment.addresses, interface: record.hostInterface }, 'pod added');
    });
    return {
      ok: true,
      addresses: assignment.addresses.map(plainAddress),
      hostInterface: record.hostInterface,
      hostMac: wired.value.hostMac,
      podMac: wired.value.podMac,
      mtu: wired.value.mtu,
      defaultRoutes: wired.value.defaultRoutes,
    };
  }

  /** Of our pools, or as a delegated plugin has given them: then the journal alone is written. */
  async function assign(handle: string, request: AddRequest, wanted: WantedAddresses, described: EndpointRecord) {
    if (request.given) {
      const assignment = { handle, addresses: request.given, endpoint: asEndpoint(described) };
      return { ok: true as const, assignment, durable: ipam.keep(assignment) };
    }
    const wishes = options.wishes(request.pod.namespace, wanted);
    if (!wishes.ok) return { ...wishes, reason: 'noPool' as const };
    return ipam.assign(handle, wishes.wishes, () => asEndpoint(described));
  }

  async function wire(
    request: AddRequest,
    record: EndpointRecord,
    { addresses }: Assignment,
  ): Promise<Wired | WiringFailure> {
    const wanted = {
      netnsPath: request.netns,
      hostInterface: record.hostInterface,
      podInterface: request.ifname,
      addresses,
      mtu: request.mtu ?? options.mtu,
      queues: request.queues,
      mac: request.mac,
      loopback: needsLoopback(record.hostPorts ?? []),
      bandwidth: record.bandwidth,
      sysctls: request.sysctls,
      forwarding: request.forwarding,
    };
    const first = await wiring.wire(wanted);
    if (first.ok || first.reason !== 'hostInterfaceExists') return first;
    // A retried ADD, or one that a crash cut short: what is there may be half of it, so it is made anew.
    const removed = await wiring.unwire(record.hostInterface);
    return removed.ok ? wiring.wire(wanted) : removed;
  }

  async function takeBack(attachment: Attachment, record: EndpointRecord): Promise<void> {
    const results = await Promise.allSettled([
      wiring.unwire(record.hostInterface),
      ipam.release(heldHandle(attachment)),
      enforcement.removeEndpoint(endpointId(record)),
      options.setHostPorts(endpointId(record), []),
    ]);
    for (const result of results) {
      if (result.status === 'rejected') logger.error({ reason: String(result.reason) }, 'taking back an ADD failed');
    }
  }

  async function del(request: DeleteRequest): Promise<{ readonly ok: true } | CniFailure> {
    const hostInterface = hostInterfaceName(request.containerId, request.ifname);
    const known = ipam.assignment(heldHandle(request));
    const unwired = await wiring.unwire(hostInterface);
    if (!unwired.ok) return failure(wiringFailed, `interface ${hostInterface} could not be removed`, unwired.message);
    reached('DEL: unwired');
    // Only what no packet can reach any more gives its address and its rules back.
    await Promise.all([
      ending('DEL: unenforced', enforcement.removeEndpoint(endpointId(request))),
      ending('DEL: in the journal', ipam.release(heldHandle(request))),
      ending('DEL: host ports led away', options.setHostPorts(endpointId(request), [])),
    ]);
    reached('DEL: complete');
    if (known) {
      behindTheAnswer(() => {
        reporter.removed(endpointId(request), request.containerId, request.ifname);
        logger.info({ container: request.containerId, addresses: known.addresses }, 'pod removed');
      });
    }
    return { ok: true };
  }

  async function collectGarbage(
    network: string,
    valid: readonly Omit<Attachment, 'network'>[],
  ): Promise<{ readonly ok: true } | CniFailure> {
    const keep = new Set(valid.map((attachment) => handleOf({ ...attachment, network })));
    const problems: string[] = [];
    for (const assignment of [...ipam.assignments()]) {
      const record = recordOf(assignment);
      if (!record || record.network !== network || keep.has(handleOf(record))) continue;
      logger.warn(
        { container: record.containerId, addresses: assignment.addresses },
        'GC: the runtime has no such container',
      );
      const removed = await inOrder(record, () => del(record));
      if (!removed.ok) problems.push(`${record.containerId}: ${removed.message}`);
    }
    return problems.length === 0 ? { ok: true } : failure(wiringFailed, problems.join('; '));
  }

  return {
    status: () => statusOf(options),
    collectGarbage,
    add: (request, signal) => inOrder(request, () => add(request, signal)),
    del: (request) => inOrder(request, () => del(request)),
    check: (request) => inOrder(request, () => checkPod(request, ipam.assignment(heldHandle(request)), options)),
  };
}

/**
 * What nobody waits for is done when the answer has been written, in the order in which it came; a later request for the same attachment
 * is not read before. A crash between costs a line of the log: what the hub is told it is told in full after a start.
 */
const behindTheAnswer = (work: () => void): void => void setImmediate(work);

/** Names the end of a piece of work that goes on beside others. */
async function ending<T>(step: Step, work: Promise<T>): Promise<T> {
  const result = await work;
  reached(step);
  return result;
}

/** The address by itself, and the gateway of its family. */
function plainAddress(address: string): PlainAddress {
  const family = familyOf(address);
  return { address, prefixLength: hostLengths[family], gateway: gatewayTexts[family] };
}

function describe(
  { containerId, ifname, network, netns, hostPorts, bandwidth }: AddRequest,
  pod: EndpointRecord['pod'],
): EndpointRecord {
  return {
    containerId,
    ifname,
    network,
    netns,
    hostInterface: hostInterfaceName(containerId, ifname),
    ...(hostPorts && { hostPorts: [...hostPorts] }),
    ...(bandwidth && { bandwidth }),
    pod,
  };
}
