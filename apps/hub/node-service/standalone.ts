// Without Kubernetes nobody else knows the pods and nodes: what ADD said of a pod, and what a node says of itself, become the
// resources that an operator would have mirrored.
import type { ResourcePut } from '@caracal/datastore';
import type { NodeStatus, ReportedEndpoint } from '@caracal/protocol';

/** The Pod, unless one of this uid is there (its labels may have been changed since), and its Namespace, unless there is one. */
export function podResources(node: string, reported: ReportedEndpoint): ResourcePut[] {
  const { endpoint, labels, serviceAccount, ports } = reported;
  if (!endpoint?.podNamespace || !endpoint.podName || !endpoint.podUid) return [];
  const { podNamespace: namespace, podName: name, podUid: uid } = endpoint;
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      namespace: '',
      name: namespace,
      labels: { 'kubernetes.io/metadata.name': namespace },
      spec: {},
      mode: 'ifMissing',
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      namespace,
      name,
      uid,
      labels,
      spec: {
        nodeName: node,
        serviceAccountName: serviceAccount || 'default',
        ports: ports.map(({ name: portName, protocol, port }) => ({
          ...(portName && { name: portName }),
          protocol: protocol || 'TCP',
          containerPort: port,
        })),
      },
      mode: 'ifOtherUid',
    },
  ];
}

/** The Node: the addresses and the AS number that others need to peer with it. Labels that were put on it stay. */
export function nodeResource(node: string, status: NodeStatus): ResourcePut {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    namespace: '',
    name: node,
    labels: { 'kubernetes.io/hostname': node },
    spec: {
      ...(status.addressV4 && { ipv4Address: status.addressV4 }),
      ...(status.addressV6 && { ipv6Address: status.addressV6 }),
      ...(status.asNumber && { asNumber: status.asNumber }),
    },
    mode: 'merge',
  };
}
