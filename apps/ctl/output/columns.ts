/** The columns in which `get` shows each kind. */
import type { Kind } from '@caracal/api/kinds';
import type { Column } from './table.ts';

export interface ShownResource {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly generation?: number;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

type Cell = (spec: ShownResource['spec']) => unknown;

const column = (title: string, cell: Cell): Column<ShownResource> => ({
  title,
  cell: ({ spec }) => text(cell(spec)),
});
const wide = (title: string, cell: Cell): Column<ShownResource> => ({ ...column(title, cell), wide: true });

const policyColumns = [
  column('TIER', (spec) => spec.tier),
  column('ORDER', (spec) => spec.order),
  column('TYPES', (spec) => spec.types),
  column('RULES', (spec) => `${count(spec.ingress)}+${count(spec.egress)}`),
  column('SELECTOR', (spec) => spec.selector),
  wide('ENFORCEMENT', (spec) => spec.enforcement),
];
const setColumns = [column('NETS', (spec) => count(spec.nets))];

const columns: Readonly<Record<Kind, readonly Column<ShownResource>[]>> = {
  IPPool: [
    column('CIDR', (spec) => spec.cidr),
    column('BLOCK', (spec) => `/${spec.blockSize}`),
    column('NAT', (spec) => spec.natOutgoing),
    column('DISABLED', (spec) => spec.disabled),
    wide('BGP', (spec) => !spec.disableBGPExport),
    wide('ASSIGNMENT', (spec) => spec.assignmentMode),
    wide('NODES', (spec) => spec.nodeSelector),
  ],
  IPReservation: [column('CIDRS', (spec) => spec.reservedCIDRs)],
  BGPConfiguration: [
    column('AS', (spec) => spec.asNumber),
    column('MESH', (spec) => spec.nodeToNodeMeshEnabled),
    column('PORT', (spec) => spec.listenPort),
  ],
  BGPPeer: [
    column('PEER', (spec) => spec.peerIP ?? spec.peerPrefix ?? spec.interface ?? spec.peerSelector),
    column('AS', (spec) => spec.asNumber),
    column('NODES', (spec) => spec.node ?? spec.nodeSelector ?? 'all()'),
    column('FILTERS', (spec) => spec.filters),
    wide('HOLD', (spec) => spec.holdTimeSeconds),
    wide('PASSIVE', (spec) => spec.passive),
  ],
  BGPFilter: [
    column('IMPORT', (spec) => `${count(spec.importV4)}+${count(spec.importV6)}`),
    column('EXPORT', (spec) => `${count(spec.exportV4)}+${count(spec.exportV6)}`),
  ],
  NodeConfiguration: [
    column('AS', (spec) => bgp(spec).asNumber),
    column('IPV4', (spec) => bgp(spec).ipv4Address),
    column('IPV6', (spec) => bgp(spec).ipv6Address),
  ],
  Tier: [column('ORDER', (spec) => spec.order), column('DEFAULT', (spec) => spec.defaultAction)],
  NetworkPolicy: policyColumns,
  GlobalNetworkPolicy: policyColumns,
  KubernetesNetworkPolicy: [
    column('TYPES', (spec) => spec.policyTypes),
    column('RULES', (spec) => `${count(spec.ingress)}+${count(spec.egress)}`),
    column('PODS', (spec) => labelSelectorText(spec.podSelector)),
  ],
  NetworkSet: setColumns,
  GlobalNetworkSet: setColumns,
  HostEndpoint: [
    column('NODE', (spec) => spec.node),
    column('INTERFACE', (spec) => spec.interfaceName),
    column('ADDRESSES', (spec) => spec.expectedIPs),
  ],
  Namespace: [],
  ServiceAccount: [],
  Pod: [column('NODE', (spec) => spec.nodeName), column('ACCOUNT', (spec) => spec.serviceAccountName)],
  Node: [
    column('IPV4', (spec) => spec.ipv4Address),
    column('IPV6', (spec) => spec.ipv6Address),
    column('AS', (spec) => spec.asNumber),
    wide('CORDONED', (spec) => spec.unschedulable ?? false),
  ],
  Service: [
    column('CLUSTER-IPS', (spec) => spec.clusterIPs),
    column('EXTERNAL-IPS', (spec) => spec.externalIPs),
    column('LOAD-BALANCER-IPS', (spec) => spec.loadBalancerIPs),
    column('EXTERNAL-TRAFFIC', (spec) => spec.externalTrafficPolicy),
  ],
  EndpointSlice: [column('SERVICE', (spec) => spec.service), column('NODES', (spec) => spec.nodes)],
};

const name: Column<ShownResource> = { title: 'NAME', cell: ({ metadata }) => metadata.name };
const namespace: Column<ShownResource> = { title: 'NAMESPACE', cell: ({ metadata }) => metadata.namespace ?? '' };
const labels: Column<ShownResource> = {
  title: 'LABELS',
  cell: (shown) =>
    Object.entries(shown.metadata.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
};

/** Labels are what these kinds are for, and are shown always; with `-o wide` for the others too. */
const labelled: readonly Kind[] = ['Pod', 'Namespace', 'ServiceAccount', 'NetworkSet', 'GlobalNetworkSet'];

export function columnsOf(kind: Kind, show: { readonly namespace: boolean }): readonly Column<ShownResource>[] {
  return [
    ...(show.namespace ? [namespace] : []),
    name,
    ...columns[kind],
    { ...labels, wide: !labelled.includes(kind) },
  ];
}

function text(value: unknown): string | number {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'number' ? value : String(value);
}

function count(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}

function bgp(spec: ShownResource['spec']): Readonly<Record<string, unknown>> {
  // The schema of NodeConfiguration gives spec.bgp always.
  return (spec.bgp ?? {}) as Readonly<Record<string, unknown>>;
}

/** A Kubernetes label selector on one line: `app=web,tier in (a,b)`. */
export function labelSelectorText(value: unknown): string {
  // As the schema of Kubernetes' NetworkPolicy has it.
  const selector = (value ?? {}) as {
    matchLabels?: Record<string, string>;
    matchExpressions?: { key: string; operator: string; values?: string[] }[];
  };
  const parts = [
    ...Object.entries(selector.matchLabels ?? {}).map(([key, each]) => `${key}=${each}`),
    ...(selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
      if (operator === 'Exists') return key;
      if (operator === 'DoesNotExist') return `!${key}`;
      return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
    }),
  ];
  return parts.length > 0 ? parts.join(',') : 'all';
}
