// What `up` applies, unless it is bare, so that the lab is a working network: a pool, and how the nodes speak BGP.
import type { Topology } from './topology.ts';

const apiVersion = 'caracal.network/v1';

export function defaultResources(topology: Topology): object[] {
  const mesh = topology.tor === 'none';
  const resource = (kind: string, name: string, spec: object) => ({ apiVersion, kind, metadata: { name }, spec });
  return [
    resource('IPPool', 'default', { cidr: '10.244.0.0/16', natOutgoing: true }),
    resource('BGPConfiguration', 'default', { nodeToNodeMeshEnabled: mesh }),
    ...topology.nodeList.map((node) => resource('NodeConfiguration', node.name, { bgp: { asNumber: node.asNumber } })),
    ...(mesh
      ? []
      : [resource('BGPPeer', 'tor', { peerIP: topology.router.address, asNumber: topology.router.asNumber })]),
  ];
}
