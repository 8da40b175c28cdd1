import type { HostPort } from '@caracal/dataplane';
import type { NodeIpam } from '@caracal/ipam';
import { familyOf } from '@caracal/net';
import type { PortMapping } from '../cni/pod-network.ts';
import { endpointId, recordOf } from './endpoint-record.ts';

const anyAddress = ['', '0.0.0.0', '::'];

/** What the ports that a pod is to have on its node come to, for each of its addresses; one of the node's addresses leads to the same family. */
export function hostPortsOf(mappings: readonly PortMapping[], addresses: readonly string[]): HostPort[] {
  return mappings.flatMap(({ protocol, hostPort, containerPort, hostIP = '' }) =>
    addresses
      .filter((address) => hostIP === '' || familyOf(hostIP) === familyOf(address))
      .map((address) => ({
        protocol,
        hostPort,
        podAddress: address,
        podPort: containerPort,
        ...(!anyAddress.includes(hostIP) && { hostAddress: hostIP }),
      })),
  );
}

/** Whether processes of the node may reach the pod by its loopback address. */
export function needsLoopback(mappings: readonly PortMapping[]): boolean {
  return mappings.some(({ hostIP = '' }) => anyAddress.includes(hostIP) || hostIP.startsWith('127.'));
}

/** The ports that pods of the journal have on the node, by endpoint. */
export function* journalledHostPorts(ipam: NodeIpam): Iterable<[endpoint: string, ports: HostPort[]]> {
  for (const assignment of ipam.assignments()) {
    const record = recordOf(assignment);
    if (record?.hostPorts) yield [endpointId(record), hostPortsOf(record.hostPorts, assignment.addresses)];
  }
}
