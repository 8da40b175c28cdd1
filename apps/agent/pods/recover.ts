import type { NodeIpam } from '@caracal/ipam';
import type { LocalEndpoint } from '@caracal/policy';
import type { Logger } from 'pino';
import type { Wiring } from '../wiring/index.ts';
import { localEndpointOf, recordOf } from './endpoint-record.ts';

/**
 * Brings journal and kernel together after a start: an interface that the journal does not know is half of an ADD that
 * a crash cut short, and goes. Returns the endpoints that are to be enforced.
 *
 * @throws Error when the journal is new while pods of a former one run: to give out their addresses again would be worse
 * than to start no pod.
 */
export async function recoverPods(
  ipam: NodeIpam,
  wiring: Wiring,
  journalIsNew: boolean,
  logger: Logger,
): Promise<LocalEndpoint[]> {
  const found = await wiring.listOwnInterfaces();
  if (!found.ok) throw new Error(`the interfaces of pods cannot be listed: ${found.message}`);
  const endpoints: LocalEndpoint[] = [];
  for (const assignment of ipam.assignments()) {
    const record = recordOf(assignment);
    if (record) endpoints.push(localEndpointOf(record, assignment.addresses));
    else logger.error({ handle: assignment.handle }, 'the journal holds an address without a usable endpoint');
  }
  const known = new Set(endpoints.map((endpoint) => endpoint.interfaceName));
  const strays = found.interfaces.filter((each) => !known.has(each.name));
  if (journalIsNew && strays.length > 0) {
    throw new Error(
      `the IPAM journal is missing, but ${strays.length} pods are wired (${strays[0].name}, …): restore the journal, ` +
        'or remove the pods of this node (drain it) and their interfaces, then start again',
    );
  }
  for (const stray of strays) {
    logger.warn({ interface: stray.name, addresses: stray.addresses }, 'removing the interface of an unfinished ADD');
    const removed = await wiring.unwire(stray.name);
    if (!removed.ok) logger.error({ interface: stray.name, reason: removed.message }, 'it could not be removed');
  }
  return endpoints;
}
