/** What the operator says of an object, as schemas and as columns of `kubectl get`. */
import type { Kind } from '../kinds.ts';
import type { StructuralSchema } from './structural.ts';

const integer = (description: string) => ({ type: 'integer', format: 'int64', description });
const text = (description: string) => ({ type: 'string', description });

/** metav1.Condition, a list by type. */
const conditions: StructuralSchema = {
  type: 'array',
  description: 'What the operator found out about the object, with the generation that it looked at.',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['type'],
  items: {
    type: 'object',
    required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
    properties: {
      type: text('What the condition is about.'),
      status: { type: 'string', enum: ['True', 'False', 'Unknown'], description: 'Whether it is so.' },
      reason: text('Why, in one word for programs.'),
      message: text('Why, in a sentence for people.'),
      lastTransitionTime: { type: 'string', format: 'date-time', description: 'When status last changed.' },
      observedGeneration: integer('The metadata.generation that was looked at.'),
    },
  },
};

const extraStatus: Partial<Record<Kind | 'CaracalStatus', Record<string, StructuralSchema>>> = {
  IPPool: {
    blockSize: integer('The prefix length of a block, also when the spec leaves it to the default.'),
    encapsulation: text('How packets between nodes are wrapped; None: they are routed as they are.'),
    blocks: integer('Blocks that nodes hold.'),
    used: integer('Addresses that pods or Services hold.'),
    capacity: integer('Addresses of the pool (at most 9007199254740991 is said).'),
  },
  BGPPeer: {
    nodes: integer('Nodes that peer.'),
    established: text('Sessions that are established, of all: 3/4.'),
  },
  CaracalStatus: {
    nodes: integer('Nodes of the cluster.'),
    reportingNodes: integer('Nodes whose agent has reported its status.'),
    invalidObjects: integer('Objects that are not in force, each with a condition that says why.'),
  },
};

/** The schema of `status` of a kind. */
export function statusSchema(kind: Kind | 'CaracalStatus'): StructuralSchema {
  return { type: 'object', description: 'Written by the operator.', properties: { conditions, ...extraStatus[kind] } };
}

/** A column of `kubectl get`. */
interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'number' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  readonly priority?: number;
}

const condition = (type: string): Column => ({
  name: type,
  type: 'string',
  jsonPath: `.status.conditions[?(@.type=="${type}")].status`,
});
const column = (name: string, type: Column['type'], jsonPath: string): Column => ({ name, type, jsonPath });
const age = column('Age', 'date', '.metadata.creationTimestamp');

const ownColumns: Partial<Record<Kind | 'CaracalStatus', readonly Column[]>> = {
  IPPool: [
    column('CIDR', 'string', '.spec.cidr'),
    column('Block size', 'integer', '.status.blockSize'),
    column('NAT', 'boolean', '.spec.natOutgoing'),
    column('Encapsulation', 'string', '.status.encapsulation'),
    column('Used', 'integer', '.status.used'),
    column('Capacity', 'integer', '.status.capacity'),
  ],
  BGPPeer: [
    column('Peer', 'string', '.spec.peerIP'),
    { ...column('Prefix', 'string', '.spec.peerPrefix'), priority: 1 },
    column('AS', 'string', '.spec.asNumber'),
    column('Nodes', 'integer', '.status.nodes'),
    column('Established', 'string', '.status.established'),
    { ...column('Node selector', 'string', '.spec.nodeSelector'), priority: 1 },
    { ...column('Peer selector', 'string', '.spec.peerSelector'), priority: 1 },
  ],
  BGPConfiguration: [
    column('AS', 'string', '.spec.asNumber'),
    column('Mesh', 'boolean', '.spec.nodeToNodeMeshEnabled'),
    column('Port', 'integer', '.spec.listenPort'),
  ],
  NodeConfiguration: [column('AS', 'string', '.spec.bgp.asNumber')],
  Tier: [column('Order', 'number', '.spec.order'), column('Default', 'string', '.spec.defaultAction')],
  NetworkPolicy: [
    column('Tier', 'string', '.spec.tier'),
    column('Order', 'number', '.spec.order'),
    column('Enforcement', 'string', '.spec.enforcement'),
  ],
  GlobalNetworkPolicy: [
    column('Tier', 'string', '.spec.tier'),
    column('Order', 'number', '.spec.order'),
    column('Enforcement', 'string', '.spec.enforcement'),
  ],
  HostEndpoint: [column('Node', 'string', '.spec.node'), column('Interface', 'string', '.spec.interfaceName')],
  CaracalStatus: [
    condition('Available'),
    condition('Progressing'),
    condition('Degraded'),
    column('Nodes', 'integer', '.status.nodes'),
    { ...column('Message', 'string', '.status.conditions[?(@.type=="Degraded")].message'), priority: 1 },
  ],
};

/** The columns of `kubectl get` for a kind: its own, whether it is in force, its age. */
export function columns(kind: Kind | 'CaracalStatus'): readonly Column[] {
  return [...(ownColumns[kind] ?? []), ...(kind === 'CaracalStatus' ? [] : [condition('Ready')]), age];
}
