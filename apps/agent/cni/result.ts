import type { CniResult } from './configuration-schema.ts';
import type { Reply } from './frame.ts';
import type { AddRequest, AddSuccess, CniFailure } from './pod-network.ts';
import { type CniVersion, isAtLeast } from './versions.ts';

/** What of a result is not ours: of the plugins before us in the chain, and of the configuration. */
export interface ResultContext {
  readonly version: CniVersion;
  readonly before?: CniResult;
  readonly dns: object;
}

/** The reply of an ADD that succeeded (section 5, "ADD Success"). What `prevResult` holds stays, ahead of what is ours. */
export function formatResult(context: ResultContext, request: AddRequest, success: AddSuccess): Reply {
  const { version, before } = context;
  const pod = { name: request.ifname, mac: success.podMac, sandbox: request.netns };
  const interfaces = before?.interfaces ?? [];
  const routes = success.defaultRoutes.map((gw) => ({ dst: gw.includes(':') ? '::/0' : '0.0.0.0/0', gw }));
  const result = {
    ...before,
    cniVersion: version,
    interfaces: [
      ...interfaces,
      { name: success.hostInterface, mac: success.hostMac },
      // Interfaces have an MTU since 1.1.0.
      isAtLeast(version, '1.1.0') && success.mtu ? { ...pod, mtu: success.mtu } : pod,
    ],
    ips: [
      ...(before?.ips ?? []),
      ...success.addresses.map((each) => ({
        ...formatAddress(version, each),
        gateway: each.gateway,
        interface: interfaces.length + 1,
      })),
    ],
    routes: [...(before?.routes ?? []), ...routes],
    dns: { ...before?.dns, ...context.dns },
  };
  return { exitCode: 0, stdout: `${JSON.stringify(result)}\n` };
}

/** What `ips` says of an address itself; the family was said in a field of its own before 1.0.0. */
export function formatAddress(
  version: CniVersion,
  { address, prefixLength }: { readonly address: string; readonly prefixLength: number },
): object {
  const family = isAtLeast(version, '1.0.0') ? {} : { version: address.includes(':') ? '6' : '4' };
  return { ...family, address: `${address}/${prefixLength}` };
}

/** The reply of a failure (section 5, "Error"). */
export function formatFailure(version: string | undefined, { code, message, details }: CniFailure): Reply {
  // The newest that we know, where the configuration does not say.
  const error = { cniVersion: version ?? '1.1.0', code, msg: message, ...(details ? { details } : {}) };
  return { exitCode: 1, stdout: `${JSON.stringify(error)}\n` };
}

/** What DEL, CHECK, STATUS and GC print when they succeed. */
export const emptyReply: Reply = { exitCode: 0, stdout: '' };
