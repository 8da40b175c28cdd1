import type { Assignment } from '@caracal/ipam';
import type { LocalEndpoint } from '@caracal/policy';
import type { ReportedEndpoint } from '@caracal/protocol';
import { z } from 'zod';
import type { Attachment } from '../cni/pod-network.ts';
import type { EndpointReport } from '../report/reporter.ts';
import { addressesAsBytes } from './address-bytes.ts';

const rateLimit = z.object({ bitsPerSecond: z.number(), burstBits: z.number().optional() });

/** What the journal keeps of a pod's endpoint beside its addresses: enough to enforce and report it after a restart. */
const schema = z.object({
  containerId: z.string(),
  ifname: z.string(),
  network: z.string(),
  netns: z.string(),
  hostInterface: z.string(),
  /** As the runtime said them. */
  hostPorts: z
    .array(
      z.object({
        protocol: z.enum(['tcp', 'udp', 'sctp']),
        hostPort: z.number(),
        containerPort: z.number(),
        hostIP: z.string().optional(),
      }),
    )
    .optional(),
  bandwidth: z.object({ ingress: rateLimit.optional(), egress: rateLimit.optional() }).optional(),
  pod: z.object({
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    labels: z.record(z.string(), z.string()),
    serviceAccount: z.string(),
    ports: z.array(z.object({ name: z.string(), protocol: z.enum(['TCP', 'UDP', 'SCTP']), port: z.number() })),
  }),
});

export type EndpointRecord = z.infer<typeof schema>;

/** What was parsed once, or made here, by the object that assignments keep. */
const records = new WeakMap<Assignment['endpoint'], EndpointRecord>();

/** The record in an assignment of the journal; undefined when a line holds something else. */
export function recordOf({ endpoint }: Assignment): EndpointRecord | undefined {
  const known = records.get(endpoint);
  if (known) return known;
  const parsed = schema.safeParse(endpoint);
  if (parsed.success) records.set(endpoint, parsed.data);
  return parsed.success ? parsed.data : undefined;
}

/** The record as an assignment keeps it. */
export function asEndpoint(record: EndpointRecord): Assignment['endpoint'] {
  const endpoint = { ...record };
  records.set(endpoint, record);
  return endpoint;
}

/** The handle of what runs although the journal did not know it: by its interface on the host, since its network's name is lost. */
export function recoveredHandle(hostInterface: string): string {
  return `recovered/${hostInterface}`;
}

/** What a hub knows of an endpoint, as the journal would have it; network and namespace nobody knows. */
export function recoveredRecord(reported: ReportedEndpoint, hostInterface: string): EndpointRecord {
  const { endpoint, labels, serviceAccount, ports } = reported;
  return {
    containerId: endpoint?.containerId ?? '',
    ifname: endpoint?.interface ?? '',
    network: '',
    netns: '',
    hostInterface,
    pod: {
      namespace: endpoint?.podNamespace ?? '',
      name: endpoint?.podName ?? '',
      uid: endpoint?.podUid ?? '',
      labels,
      serviceAccount,
      ports: ports.map(({ name, protocol, port }) => ({ name, protocol: protocolOf(protocol), port })),
    },
  };
}

function protocolOf(text: string): 'TCP' | 'UDP' | 'SCTP' {
  return text === 'UDP' || text === 'SCTP' ? text : 'TCP';
}

/** The handle under which the attachment holds its addresses. */
export function handleOf({ network, containerId, ifname }: Attachment): string {
  return `${network}/${containerId}/${ifname}`;
}

/** `containerId/ifname`, under which policy and the hub know an endpoint. */
export function endpointId(record: { readonly containerId: string; readonly ifname: string }): string {
  return `${record.containerId}/${record.ifname}`;
}

export function localEndpointOf(record: EndpointRecord, addresses: readonly string[]): LocalEndpoint {
  const { pod } = record;
  return {
    id: endpointId(record),
    interfaceName: record.hostInterface,
    addresses,
    pod: { ...pod, key: `${pod.namespace}/${pod.name}` },
  };
}

export function reportOf(record: EndpointRecord, addresses: readonly string[]): EndpointReport {
  const { pod, ...kept } = record;
  const { containerId, ifname } = record;
  return {
    endpoint: {
      containerId,
      interface: ifname,
      podNamespace: pod.namespace,
      podName: pod.name,
      podUid: pod.uid,
      addresses: addressesAsBytes(addresses),
    },
    labels: pod.labels,
    serviceAccount: pod.serviceAccount,
    ports: pod.ports,
    record: JSON.stringify(kept),
  };
}
