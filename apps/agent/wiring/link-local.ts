import { type Address, type Family, type Prefix, parseAddress, parsePrefix } from '@caracal/net';

/**
 * The gateways of every pod: link-local addresses that lead to the fixed MAC of the host's end by a permanent neighbour entry, so that they
 * are never resolved. Nobody owns that of IPv4; that of IPv6 is of each host's end (the one that its MAC comes to, RFC 4291, appendix A),
 * because from it the host asks for the pod's MAC.
 */
export const gatewayTexts: Readonly<Record<Family, string>> = { 4: '169.254.1.1', 6: 'fe80::ecee:eeff:feee:eeee' };
export const gateways: Readonly<Record<Family, Address>> = {
  4: parseAddress(gatewayTexts[4])!,
  6: parseAddress(gatewayTexts[6])!,
};
export const hostMac = 'ee:ee:ee:ee:ee:ee';

export const everything: Readonly<Record<Family, Prefix>> = { 4: parsePrefix('0.0.0.0/0')!, 6: parsePrefix('::/0')! };

/** The length of one address. */
export const hostLengths: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };
