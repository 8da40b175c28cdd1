/** Services and what is behind them, reduced to what decides which node announces their addresses. */
import * as z from 'zod';
import { address, objectNameField } from '../fields/text.ts';

const addresses = (description: string) =>
  z.array(address('An address, without a length.')).default([]).meta({ description });

/**
 * A Service: its addresses by their kind, and whether traffic from outside stays on the node that it reaches. A full Service of Kubernetes is taken
 * too, without the addresses of its load balancer, which stand in its status.
 */
export const serviceSpec = z
  .object({
    clusterIP: z.string().optional(),
    clusterIPs: z.array(z.string()).optional().meta({ description: 'Its addresses in the cluster; None is left out.' }),
    externalIPs: addresses('Addresses of which somebody else sees to it that they reach a node.'),
    loadBalancerIPs: addresses("Addresses of its load balancer. Not among Kubernetes' fields."),
    externalTrafficPolicy: z
      .enum(['Cluster', 'Local'])
      .default('Cluster')
      .meta({ description: 'Whether every node takes its traffic, or only those with a ready endpoint.' }),
  })
  .transform(({ clusterIP, clusterIPs, ...spec }) => ({
    ...spec,
    clusterIPs: (clusterIPs ?? [clusterIP ?? '']).filter((text) => text !== '' && text !== 'None'),
  }));

/** Some of the endpoints of a Service: only on which nodes ready ones are. The operator makes it of Kubernetes' EndpointSlice. */
export const endpointSliceSpec = z.object({
  service: objectNameField('The Service, in the same namespace.'),
  nodes: z
    .array(objectNameField('The name of a node.'))
    .default([])
    .meta({ description: 'The nodes that have a ready endpoint, each once, in order.' }),
});
