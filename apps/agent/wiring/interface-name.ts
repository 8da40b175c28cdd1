import { hash } from 'node:crypto';

/** Every host interface of ours starts with this; iptables matches all of them as `cara+`. */
export const hostInterfacePrefix = 'cara';

/**
 * The name of the host's end: fixed by the attachment, so that DEL finds it without a journal. 15 characters, the
 * kernel's limit (IFNAMSIZ); the 44 bits of the hash keep 250 pods of a node apart.
 */
export function hostInterfaceName(containerId: string, ifname: string): string {
  return hostInterfacePrefix + hash('sha1', `${containerId}/${ifname}`).slice(0, 11);
}
