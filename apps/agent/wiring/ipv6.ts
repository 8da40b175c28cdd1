import { listSysctls, NamespaceSysctls, readSysctl } from '@caracal/netlink';

/** IPv6 of a network namespace's interfaces. A kernel without IPv6 has none of these settings. */

const conf = ['net', 'ipv6', 'conf'] as const;

/**
 * In this thread's namespace: interfaces that are made from now on have IPv6, at once (no duplicate address detection, RFC 4862), and no router
 * but ours. `forwarding`: whether they may forward between each other.
 */
export function openNamespaceToIpv6(forwarding: boolean): void {
  const sysctls = new NamespaceSysctls(['ipv6']);
  try {
    for (const scope of ['all', 'default']) {
      write(sysctls, [...conf, scope, 'accept_dad'], 0);
      write(sysctls, [...conf, scope, 'accept_ra'], 0);
    }
    for (const scope of ['default', 'lo']) write(sysctls, [...conf, scope, 'disable_ipv6'], 0);
    write(sysctls, [...conf, 'all', 'forwarding'], forwarding ? 1 : 0);
  } finally {
    sysctls.close();
  }
}

/** An interface of the host without IPv6: it would answer the pod on its link-local address. */
export function switchOffIpv6(host: NamespaceSysctls, name: string): void {
  write(host, [...conf, name, 'disable_ipv6'], 1);
}

/** The host's end with the addresses that it is given, and no others. */
export function prepareHostEnd(host: NamespaceSysctls, name: string): void {
  write(host, [...conf, name, 'accept_dad'], 0);
  write(host, [...conf, name, 'accept_ra'], 0);
  // In6_addr_gen_mode_none (linux/if_link.h): no link-local address of the kernel's choice.
  write(host, [...conf, name, 'addr_gen_mode'], 1);
  write(host, [...conf, name, 'disable_ipv6'], 0);
}

let forwards = false;

/** The host forwards IPv6, and goes on to learn routers where it did: a host that forwards stops unless told otherwise (accept_ra 2). */
export function forwardIpv6(host: NamespaceSysctls): void {
  if (forwards) return;
  if (readSysctl([...conf, 'all', 'forwarding']) === '0') {
    for (const name of listSysctls(conf)) {
      if (readSysctl([...conf, name, 'accept_ra']) === '1') write(host, [...conf, name, 'accept_ra'], 2);
    }
    write(host, [...conf, 'all', 'forwarding'], 1);
  }
  forwards = true;
}

function write(sysctls: NamespaceSysctls, name: readonly ['net', 'ipv6', ...string[]], value: number): void {
  try {
    sysctls.write(name, value);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
