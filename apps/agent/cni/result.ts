import type { Reply } from './frame.ts';
import { type CniVersion, isAtLeast } from './network-configuration.ts';
import type { AddRequest, AddSuccess, CniFailure } from './pod-network.ts';

/** The reply of an ADD that succeeded (specification, section "Success"). */
export function formatResult(version: CniVersion, request: AddRequest, success: AddSuccess): Reply {
  const pod = { name: request.ifname, mac: success.podMac, sandbox: request.netns };
  const result = {
    cniVersion: version,
    interfaces: [
      { name: success.hostInterface, mac: success.hostMac },
      // Interfaces have an MTU since 1.1.0.
      isAtLeast(version, '1.1.0') && success.mtu ? { ...pod, mtu: success.mtu } : pod,
    ],
    ips: success.addresses.map(({ address, prefixLength }) => ({
      // The family was said in a field of its own before 1.0.0.
      ...(isAtLeast(version, '1.0.0') ? {} : { version: address.includes(':') ? '6' : '4' }),
      address: `${address}/${prefixLength}`,
      gateway: success.gateway,
      interface: 1,
    })),
    routes: [{ dst: '0.0.0.0/0', gw: success.gateway }],
    dns: {},
  };
  return { exitCode: 0, stdout: `${JSON.stringify(result)}\n` };
}

/** The reply of a failure (section "Error"). */
export function formatFailure(version: string | undefined, { code, message, details }: CniFailure): Reply {
  // The newest that we know, where the configuration does not say.
  const error = { cniVersion: version ?? '1.1.0', code, msg: message, ...(details ? { details } : {}) };
  return { exitCode: 1, stdout: `${JSON.stringify(error)}\n` };
}

/** What DEL, CHECK, STATUS and GC print when they succeed. */
export const emptyReply: Reply = { exitCode: 0, stdout: '' };
