import * as z from 'zod';

const action = z.enum(['Accept', 'Reject']).meta({ description: 'What happens to the routes that the rule matches.' });
const rules = (description: string) => z.array(z.strictObject({ action })).default([]).meta({ description });

/**
 * Which routes are taken from a peer and which are announced to it. So far a rule matches all routes of its family; Calico's conditions (cidr,
 * prefixLength, source, interface) are refused, because a rule without them would match more than it says.
 */
export const bgpFilterSpec = z.strictObject({
  importV4: rules('IPv4 routes from the peer; the first rule decides, without one they are accepted.'),
  importV6: rules('IPv6 routes from the peer; the first rule decides, without one they are accepted.'),
  exportV4: rules('IPv4 routes to the peer; the first rule decides, without one they are announced.'),
  exportV6: rules('IPv6 routes to the peer; the first rule decides, without one they are announced.'),
});

export type BGPFilterSpec = z.output<typeof bgpFilterSpec>;
