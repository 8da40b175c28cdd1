import { existsSync } from 'node:fs';
import type { Assignment, NodeIpam } from '@caracal/ipam';
import type { LocalEndpoint } from '@caracal/policy';
import type { RecoverResponse } from '@caracal/protocol';
import type { Logger } from 'pino';
import { hostInterfaceName, ownInterfaces, type Wiring } from '../wiring/index.ts';
import { localEndpointOf, recordOf, recoveredHandle, recoveredRecord } from './endpoint-record.ts';
import { plainRecordOf } from './plain-addresses.ts';
import { recoveredAssignment } from './recovered.ts';

/**
 * Brings journal and kernel together after a start. After a boot no pod of before is left: what has no interface gives its addresses
 * back, whether or not the runtime sends a DEL. An interface that the journal does not know is half of an ADD that a crash cut short,
 * or the journal is an old one or new: until somebody says which, its addresses are held by a handle of its own, so that nobody
 * else gets them. Gives the names of those interfaces.
 */
export async function meetKernel(
  ipam: NodeIpam,
  wiring: Pick<Wiring, 'listOwnInterfaces'>,
  logger: Logger,
  newBoot: boolean,
): Promise<string[]> {
  const { interfaces } = await ownInterfaces(wiring);
  if (newBoot) await releaseGone(ipam, new Set(interfaces.map(({ name }) => name)), logger);
  const known = new Set<string | undefined>();
  const strays: string[] = [];
  for (const assignment of ipam.assignments()) {
    const record = recordOf(assignment);
    if (record) known.add(record.hostInterface);
    else if (!plainRecordOf(assignment))
      logger.error({ handle: assignment.handle }, 'the journal holds an address whose pod is not known');
  }
  for (const { name, addresses } of interfaces) {
    if (known.has(name)) continue;
    logger.warn({ interface: name, addresses }, 'an interface that the journal does not know: its addresses are held');
    await ipam.keep({ handle: recoveredHandle(name), addresses, endpoint: {} });
    strays.push(name);
  }
  return strays;
}

async function releaseGone(ipam: NodeIpam, present: ReadonlySet<string>, logger: Logger): Promise<void> {
  const held = [...ipam.assignments()];
  const networks = new Set(held.flatMap((assignment) => networkThatStands(assignment) ?? []));
  for (const assignment of held) {
    const name = recordOf(assignment)?.hostInterface ?? assignment.handle.replace(recoveredHandle(''), '');
    if (present.has(name)) continue;
    // No boot leaves the namespace of a container: somebody has only removed what tells of the boot.
    const plain = plainRecordOf(assignment);
    if (networkThatStands(assignment) || (plain?.kind === 'gateway' && networks.has(plain.network))) continue;
    logger.info({ handle: assignment.handle, addresses: assignment.addresses }, 'a pod of before the boot: released');
    await ipam.release(assignment.handle);
  }
}

/** The network of a container of another plugin's that is still there. Of a process the number may be another one's by now. */
function networkThatStands(assignment: Assignment): string | undefined {
  const plain = plainRecordOf(assignment);
  if (plain?.kind !== 'addresses' || plain.netns === undefined) return undefined;
  return !plain.netns.startsWith('/proc/') && existsSync(plain.netns) ? plain.network : undefined;
}

export interface StrayOptions {
  readonly ipam: NodeIpam;
  readonly wiring: Pick<Wiring, 'unwire'>;
  readonly logger: Logger;
  readonly names: readonly string[];
  /** The journal was lost: what no hub knows of may be a pod all the same. */
  readonly journalLost: boolean;
}

/**
 * Decides about strays when a hub says what it knows of this node: those that it knows are pods, and are given to policy and reports
 * again; the others are half of an ADD, and go. After a lost journal they stay until the runtime takes them back.
 */
export function createStrays(options: StrayOptions) {
  const { ipam, wiring, logger } = options;
  let names = options.names;

  async function settle(recover: () => Promise<RecoverResponse>): Promise<LocalEndpoint[]> {
    names = names.filter((name) => isUnknown(name));
    if (names.length === 0) return [];
    const answer = await recover();
    const endpoints: LocalEndpoint[] = [];
    for (const assignment of knownEndpoints(answer)) {
      const record = recordOf(assignment);
      if (!record) continue;
      await ipam.keep(assignment);
      endpoints.push(localEndpointOf(record, assignment.addresses));
      logger.warn({ interface: record.hostInterface, pod: record.pod.name }, 'the hub knows whose interface it is');
    }
    for (const name of names.filter(isUnknown)) await settleUnknown(name);
    names = [];
    return endpoints;
  }

  /** A retried ADD may have made it known meanwhile, a DEL may have removed it. */
  function isUnknown(name: string): boolean {
    const held = ipam.assignment(recoveredHandle(name));
    return held !== undefined && recordOf(held) === undefined;
  }

  async function settleUnknown(name: string): Promise<void> {
    if (options.journalLost) {
      logger.error(
        { interface: name },
        'nobody knows whose interface it is: it stays, without policy, until the runtime removes it',
      );
      return;
    }
    const removed = await wiring.unwire(name);
    if (removed.ok) await ipam.release(recoveredHandle(name));
    if (removed.ok) logger.warn({ interface: name }, 'the interface of an unfinished ADD is removed');
    else
      logger.error(
        { interface: name, reason: removed.message },
        'the interface of an unfinished ADD could not be removed',
      );
  }

  function knownEndpoints(answer: RecoverResponse): Assignment[] {
    return answer.endpoints.flatMap((reported) => {
      const { containerId = '', interface: ifname = '' } = reported.endpoint ?? {};
      const hostInterface = hostInterfaceName(containerId, ifname);
      const held = ipam.assignment(recoveredHandle(hostInterface));
      const known = recoveredAssignment(reported)?.endpoint ?? { ...recoveredRecord(reported, hostInterface) };
      return held ? [{ ...held, endpoint: known }] : [];
    });
  }

  return { settle };
}

/** The pods that the journal knows. */
export function endpointsOf(ipam: NodeIpam): LocalEndpoint[] {
  return [...ipam.assignments()].flatMap((assignment) => {
    const record = recordOf(assignment);
    return record ? [localEndpointOf(record, assignment.addresses)] : [];
  });
}
