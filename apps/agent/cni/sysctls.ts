import type { Sysctl } from '../wiring/index.ts';

/**
 * The parts of a sysctl's name as sysctl(8) takes it: what comes first, "." or "/", separates, and the other stands for itself. Undefined when
 * it is none of a network namespace's own, which are all that a container may have set.
 */
export function sysctlPath(name: string): string[] | undefined {
  const slashes = /^[^./]*\//.test(name);
  const parts = slashes ? name.split('/') : name.split('.').map((part) => part.replaceAll('/', '.'));
  const valid = parts.length > 1 && parts.every((part) => /^[\w.:@-]+$/.test(part) && !/^\.+$/.test(part));
  return valid && parts[0] === 'net' ? parts : undefined;
}

/** `sysctl` of the network configuration, as the `tuning` plugin has it; IFNAME stands for the container's interface. */
export function sysctlsOf(sysctl: Readonly<Record<string, string>>, ifname: string): Sysctl[] {
  return Object.entries(sysctl).map(([name, value]) => ({
    name,
    path: (sysctlPath(name) ?? []).map((part) => (part === 'IFNAME' ? ifname : part)),
    value,
  }));
}
