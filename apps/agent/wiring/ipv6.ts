import { readFileSync } from 'node:fs';
import { listSysctls, readSysctl, writeSysctl } from '@caracal/netlink';

/** IPv6 of interfaces, in this thread's network namespace. A kernel without IPv6 has none of these settings. */

const conf = ['net', 'ipv6', 'conf'];

/**
 * For interfaces that are made from now on, and for all there are unless one has an address already: each attachment of a pod chooses for
 * itself.
 */
export function closeNamespaceToIpv6(): void {
  // What is written for all is the default as well (net/ipv6/addrconf.c: addrconf_disable_ipv6).
  write([...conf, hasAddresses() ? 'default' : 'all', 'disable_ipv6'], 1);
}

/** Interfaces that are made from now on have IPv6, at once: no duplicate address detection (RFC 4862), and no router but ours. */
export function openNamespaceToIpv6(): void {
  for (const scope of ['all', 'default']) {
    write([...conf, scope, 'accept_dad'], 0);
    write([...conf, scope, 'accept_ra'], 0);
  }
  for (const scope of ['default', 'lo']) write([...conf, scope, 'disable_ipv6'], 0);
}

/** Whether the namespace's interfaces may forward between each other. */
export function setIpv6Forwarding(forwarding: boolean): void {
  write([...conf, 'all', 'forwarding'], forwarding ? 1 : 0);
}

/** The host's end without IPv6: it would answer the pod on its link-local address. */
export function switchOffIpv6(name: string): void {
  write([...conf, name, 'disable_ipv6'], 1);
}

/** The host's end with the addresses that it is given, and no others. */
export function prepareHostEnd(name: string): void {
  write([...conf, name, 'accept_dad'], 0);
  write([...conf, name, 'accept_ra'], 0);
  // In6_addr_gen_mode_none (linux/if_link.h): no link-local address of the kernel's choice.
  write([...conf, name, 'addr_gen_mode'], 1);
  write([...conf, name, 'disable_ipv6'], 0);
}

let forwards = false;

/** The host forwards IPv6, and goes on to learn routers where it did: a host that forwards stops unless told otherwise (accept_ra 2). */
export function forwardIpv6(): void {
  if (forwards) return;
  if (readSysctl([...conf, 'all', 'forwarding']) === '0') {
    for (const name of listSysctls(conf)) {
      if (readSysctl([...conf, name, 'accept_ra']) === '1') write([...conf, name, 'accept_ra'], 2);
    }
    setIpv6Forwarding(true);
  }
  forwards = true;
}

/** Whether an interface other than the loopback one has an address of IPv6 that is not link-local. */
function hasAddresses(): boolean {
  try {
    // Of this thread: /proc/net is that of the process' first thread.
    const lines = readFileSync('/proc/thread-self/net/if_inet6', 'utf8').split('\n');
    return lines.some((line) => line !== '' && !line.endsWith(' lo') && !line.startsWith('fe80'));
  } catch {
    return false;
  }
}

function write(name: readonly string[], value: number): void {
  try {
    writeSysctl(name, value);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
