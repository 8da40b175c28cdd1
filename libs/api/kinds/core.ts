/**
 * The kinds of Kubernetes' core group, reduced to what policy and routing read. Their documents may hold anything else: it is left out.
 */
import * as z from 'zod';
import { asNumber, integer } from '../fields/number.ts';
import { address, objectNameField } from '../fields/text.ts';

/** A Namespace; only its labels matter. */
export const namespaceSpec = z.object({}).prefault({});

/** A ServiceAccount; only its labels matter. */
export const serviceAccountSpec = z.object({}).prefault({});

const podPort = z.object({
  name: z.string().optional(),
  protocol: z.enum(['TCP', 'UDP', 'SCTP']).default('TCP'),
  containerPort: integer(1, 65535, 'The number of the port.'),
});
const container = z.object({ ports: z.array(podPort).optional() });

/** A Pod: where it runs, as whom, and its named ports (in a full Pod they are taken from its containers). */
export const podSpec = z
  .object({
    nodeName: objectNameField('The node that runs the pod.').optional(),
    serviceAccountName: objectNameField('The service account that the pod runs as.').default('default'),
    ports: z
      .array(podPort)
      .optional()
      .meta({ description: "The ports of all containers. Not among Kubernetes' fields." }),
    containers: z.array(container).optional(),
    initContainers: z.array(container).optional(),
  })
  .transform(({ containers = [], initContainers = [], ...spec }) => ({
    ...spec,
    ports: spec.ports ?? [...initContainers, ...containers].flatMap((each) => each.ports ?? []),
  }));

export type PodSpec = z.output<typeof podSpec>;

/** A Node as its agent reports it. */
export const nodeSpec = z
  .object({
    ipv4Address: address('The IPv4 address of the node.', 4).optional(),
    ipv6Address: address('The IPv6 address of the node.', 6).optional(),
    asNumber: asNumber('The AS number from which the node speaks BGP.').optional(),
    unschedulable: z.boolean().optional().meta({ description: 'Whether the node is cordoned; absent when it is not.' }),
    outOfService: z
      .boolean()
      .optional()
      .meta({ description: 'Whether somebody says that the machine is off; absent when nobody does.' }),
  })
  .prefault({});

export type NodeSpec = z.output<typeof nodeSpec>;
