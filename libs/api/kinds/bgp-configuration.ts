import * as z from 'zod';
import { gracefulRestart } from '../fields/graceful-restart.ts';
import { asNumber, integer } from '../fields/number.ts';
import { strictCidr } from '../fields/text.ts';

/** RFC 1997 `AS:VALUE`, 16 bits each, or RFC 8092 `GLOBAL:LOCAL1:LOCAL2`, 32 bits each. */
const communityValue = z
  .string()
  .superRefine((text, context) => {
    if (isCommunity(text)) return;
    const message = `${JSON.stringify(text)} is no community: use AS:VALUE (0 to 65535 each) or GLOBAL:LOCAL1:LOCAL2 (0 to 4294967295 each)`;
    context.addIssue({ code: 'custom', message });
  })
  .meta({
    description: 'A community: AS:VALUE, or GLOBAL:LOCAL1:LOCAL2 for a large one.',
    pattern: '^([0-9]{1,5}:[0-9]{1,5}|[0-9]{1,10}:[0-9]{1,10}:[0-9]{1,10})$',
  });

/** Prefixes of services' addresses, as Calico has them. */
function serviceCidrs(what: string) {
  return z
    .array(z.strictObject({ cidr: strictCidr('A prefix.') }))
    .default([])
    .meta({
      description: `Ranges of ${what}, announced by every node; of a Service whose externalTrafficPolicy is Local each address too, by the nodes with a ready endpoint.`,
    });
}

/** How the nodes speak BGP. There is one, named `default`; what differs by node is in NodeConfiguration. */
export const bgpConfigurationSpec = z
  .strictObject({
    asNumber: asNumber('The AS number of nodes that have none of their own.').default(64512),
    nodeToNodeMeshEnabled: z
      .boolean()
      .default(true)
      .meta({ description: 'Whether every node peers with every other node.' }),
    listenPort: integer(1, 65535, 'The TCP port on which nodes accept BGP sessions.').default(179),
    communities: z
      .array(
        z.strictObject({
          name: z.string().min(1).max(253).meta({ description: 'The name of the community.' }),
          value: communityValue,
        }),
      )
      .default([])
      .meta({ description: 'Names for communities, to be used in prefixAdvertisements.' }),
    prefixAdvertisements: z
      .array(
        z.strictObject({
          cidr: strictCidr('Announced blocks within this prefix carry the communities.'),
          communities: z
            .array(z.string())
            .default([])
            .meta({ description: 'Communities by value, or by a name from spec.communities.' }),
        }),
      )
      .default([])
      .meta({ description: 'Communities on announced prefixes.' }),
    originate: z
      .array(
        z.strictObject({
          cidr: strictCidr('Announced to every peer, whether or not there is a route to it.'),
          communities: z
            .array(communityValue)
            .optional()
            .meta({ description: 'Communities that it is announced with.' }),
        }),
      )
      .optional()
      .meta({ description: "Prefixes that every node announces beside its blocks. Not among Calico's fields." }),
    aggregates: z
      .array(
        z.strictObject({
          cidr: strictCidr('Announced while a node has a route within it, with what that leads to nowhere dropped.'),
          summaryOnly: z.boolean().default(false).meta({
            description:
              'Whether external peers are told it alone, in place of the routes within. Internal peers, such as other nodes, need those and are told both.',
          }),
          communities: z
            .array(communityValue)
            .optional()
            .meta({ description: 'Communities that it is announced with.' }),
        }),
      )
      .optional()
      .meta({
        description:
          "Prefixes that stand for the routes within them (RFC 4271 9.2.2.2), with AGGREGATOR, and ATOMIC_AGGREGATE where AS numbers are left out. Not among Calico's fields.",
      }),
    serviceClusterIPs: serviceCidrs('the cluster IPs of services'),
    serviceExternalIPs: serviceCidrs('the external IPs of services'),
    serviceLoadBalancerIPs: serviceCidrs('the addresses of load balancers'),
    gracefulRestart: gracefulRestart(
      "Graceful restart (RFC 4724) between nodes, and with peers that have none of their own. Not among Calico's fields.",
    ).optional(),
  })
  .superRefine((spec, context) => {
    const names = new Set(spec.communities.map((community) => community.name));
    for (const [i, advertisement] of spec.prefixAdvertisements.entries()) {
      for (const [j, community] of advertisement.communities.entries()) {
        if (names.has(community) || isCommunity(community)) continue;
        const known = names.size > 0 ? `, of which there are ${[...names].join(', ')}` : '';
        context.addIssue({
          code: 'custom',
          path: ['prefixAdvertisements', i, 'communities', j],
          message: `${JSON.stringify(community)} is neither a community (65000:100) nor a name in spec.communities${known}`,
        });
      }
    }
  });

export type BGPConfigurationSpec = z.output<typeof bgpConfigurationSpec>;

function isCommunity(text: string): boolean {
  const parts = text.split(':');
  if (!parts.every((part) => /^(0|[1-9]\d{0,9})$/.test(part))) return false;
  if (parts.length === 2) return parts.every((part) => Number(part) <= 0xffff);
  return parts.length === 3 && parts.every((part) => Number(part) <= 0xffffffff);
}
