import type { Bandwidth } from '../wiring/index.ts';
import type { NetworkConfiguration } from './configuration-schema.ts';
import type { CniEnvironment } from './environment.ts';
import type { AddRequest, WantedAddresses } from './pod-network.ts';

/**
 * What the runtime asks for a pod's interface, in the order in which CONVENTIONS.md prefers it: capabilities, then `args`, then
 * CNI_ARGS. The fields of `ipam` are the administrator's.
 */
export function wishesOf(
  { ipam, runtimeConfig, args }: NetworkConfiguration,
  environment: CniEnvironment,
): Pick<AddRequest, 'wanted' | 'mac' | 'hostPorts' | 'bandwidth'> {
  const ip = environment.args.get('IP')?.split('/')[0];
  const [addresses] = [runtimeConfig?.ips, args?.cni?.ips, ip ? [ip] : undefined].filter((list) => list?.length);
  const pools = [...(ipam?.ipv4_pools ?? []), ...(ipam?.ipv6_pools ?? [])];
  const chosen = ipam?.assign_ipv4 !== undefined || ipam?.assign_ipv6 !== undefined;
  const families = ([4, 6] as const).filter((family) =>
    family === 4 ? ipam?.assign_ipv4 !== false : ipam?.assign_ipv6,
  );
  const wanted: WantedAddresses = {
    ...(addresses && { addresses }),
    ...(pools.length > 0 && { pools }),
    ...(chosen && { families }),
  };
  const mac = runtimeConfig?.mac ?? environment.args.get('MAC')?.toLowerCase();
  // Runtimes pass ports that a container only declares with 0.
  const hostPorts = runtimeConfig?.portMappings?.filter(({ hostPort }) => hostPort > 0) ?? [];
  return {
    ...(Object.keys(wanted).length > 0 && { wanted }),
    ...(mac && { mac }),
    ...(hostPorts.length > 0 && { hostPorts }),
    ...(runtimeConfig?.bandwidth && { bandwidth: bandwidthOf(runtimeConfig.bandwidth) }),
  };
}

/** 0 is no limit (CONVENTIONS.md). */
function bandwidthOf(asked: NonNullable<NonNullable<NetworkConfiguration['runtimeConfig']>['bandwidth']>): Bandwidth {
  const { ingressRate, ingressBurst, egressRate, egressBurst } = asked;
  return {
    ...(ingressRate > 0 && { ingress: { bitsPerSecond: ingressRate, burstBits: ingressBurst } }),
    ...(egressRate > 0 && { egress: { bitsPerSecond: egressRate, burstBits: egressBurst } }),
  };
}
