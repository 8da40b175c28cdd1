import { parsePrefix } from '@caracal/net';
import * as z from 'zod';
import { asNumber, integer } from '../fields/number.ts';
import { network, strictCidr } from '../fields/text.ts';

const communityPattern =
  '^([a-z-]+|[0-9]{1,10}:([0-9]{1,10}|[*])|[0-9]{1,10}:([0-9]{1,10}|[*]):([0-9]{1,10}|[*])|(rt|soo):[0-9]{1,10}:[0-9]{1,10}|0x[0-9a-f]{16})$';

/** A community of any kind. */
const community = (description: string) =>
  z
    .string()
    .regex(new RegExp(communityPattern), {
      error: (issue) =>
        `${JSON.stringify(issue.input)} is no community: use 65000:100, a well-known name (no-export), 65000:1:2, rt:65000:100, soo:65000:100 or 0x and 16 digits`,
    })
    .meta({ description, pattern: communityPattern, maxLength: 40 });

const communityValue = (description: string) =>
  z.strictObject({ value: community('The community.') }).meta({ description });

const operation = z
  .strictObject({
    addCommunity: communityValue('Adds a community.').optional(),
    removeCommunity: communityValue("Takes a community away. Not among Calico's fields.").optional(),
    setCommunities: z
      .strictObject({ values: z.array(community('A community.')).meta({ description: 'Communities.' }) })
      .meta({ description: "The communities in place of all that are there. Not among Calico's fields." })
      .optional(),
    prependASPath: z
      .strictObject({
        prefix: z.array(asNumber('An AS number.')).min(1).max(20).meta({ description: 'AS numbers, the first first.' }),
      })
      .meta({
        description: 'Puts AS numbers in front of the path; towards an external peer our own comes before them.',
      })
      .optional(),
    setOrigin: z
      .enum(['IGP', 'EGP', 'Incomplete'])
      .meta({ description: "The ORIGIN. Not among Calico's fields." })
      .optional(),
    setMED: integer(0, 0xffffffff, "The MULTI_EXIT_DISC. Not among Calico's fields.").optional(),
    setLocalPref: integer(0, 0xffffffff, "The LOCAL_PREF. Not among Calico's fields.").optional(),
  })
  .superRefine((one, context) => {
    const count = Object.keys(one).length;
    if (count === 1) return;
    context.addIssue({
      code: 'custom',
      message: `has ${count} operations: one an entry, in the order in which they apply`,
    });
  });

function rule(family: 4 | 6) {
  const bits = family === 4 ? 32 : 128;
  return z
    .strictObject({
      action: z.enum(['Accept', 'Reject']).meta({ description: 'What happens to the routes that the rule matches.' }),
      cidr: strictCidr('Compared with the prefix of the route, as matchOperator says.').optional(),
      matchOperator: z
        .enum(['In', 'NotIn', 'Equal', 'NotEqual'])
        .meta({ description: 'Whether the prefix of the route lies within cidr, or is cidr, or not.' })
        .optional(),
      prefixLength: z
        .strictObject({
          min: integer(0, bits, 'The shortest.').optional(),
          max: integer(0, bits, 'The longest.').optional(),
        })
        .meta({ description: 'The length that the prefix of the route must have.' })
        .optional(),
      source: z
        .enum(['RemotePeers'])
        .meta({ description: 'RemotePeers: only routes that were learned by BGP, not those of the node itself.' })
        .optional(),
      communities: z
        .strictObject({
          values: z.array(community('A community; `*` for any number.')).min(1).meta({ description: 'Communities.' }),
        })
        .meta({ description: 'The route has one of these communities.' })
        .optional(),
      asPathPrefix: z
        .array(asNumber('An AS number.'))
        .min(1)
        .meta({ description: 'The AS path begins with these.' })
        .optional(),
      asPathContains: z
        .array(asNumber('An AS number.'))
        .min(1)
        .meta({ description: "One of these is in the AS path. Not among Calico's fields." })
        .optional(),
      asPathOrigin: z
        .array(asNumber('An AS number.'))
        .min(1)
        .meta({ description: "The AS path ends with one of these. Not among Calico's fields." })
        .optional(),
      nextHop: network("The next hop of the route lies within. Not among Calico's fields.").optional(),
      operations: z
        .array(operation)
        .default([])
        .meta({ description: 'What is changed of an accepted route, in this order.' }),
    })
    .superRefine((one, context) => {
      const wrong = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message });
      if (one.cidr !== undefined && one.matchOperator === undefined)
        wrong('matchOperator', 'is missing beside cidr: In, NotIn, Equal or NotEqual');
      if (one.matchOperator !== undefined && one.cidr === undefined) wrong('cidr', 'is missing beside matchOperator');
      const prefix = one.cidr === undefined ? undefined : parsePrefix(one.cidr);
      if (prefix && prefix.address.family !== family) wrong('cidr', `is no IPv${family} prefix`);
      const { min = 0, max = bits } = one.prefixLength ?? {};
      if (min > max) wrong('prefixLength', `min ${min} is above max ${max}`);
      if (one.action === 'Reject' && one.operations.length > 0)
        wrong('operations', 'change nothing of a route that is rejected');
    });
}

const rules = (family: 4 | 6, description: string) => z.array(rule(family)).default([]).meta({ description });

/** Which routes are taken from a peer and which are announced to it, and what is changed of them. */
export const bgpFilterSpec = z.strictObject({
  importV4: rules(4, 'IPv4 routes from the peer; the first rule that matches decides, without one they are accepted.'),
  importV6: rules(6, 'IPv6 routes from the peer; the first rule that matches decides, without one they are accepted.'),
  exportV4: rules(4, 'IPv4 routes to the peer; the first rule that matches decides, without one they are announced.'),
  exportV6: rules(6, 'IPv6 routes to the peer; the first rule that matches decides, without one they are announced.'),
});

export type BGPFilterSpec = z.output<typeof bgpFilterSpec>;
