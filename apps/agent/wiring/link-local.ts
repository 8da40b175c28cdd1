/**
 * The gateway of every pod: a link-local address that nobody owns. The pod has a permanent neighbour entry that leads
 * it to the fixed MAC of the host's end, so it is never resolved by ARP.
 */
export const gatewayAddress = '169.254.1.1';
export const hostMac = 'ee:ee:ee:ee:ee:ee';
