import type { NodeIpam } from '@caracal/ipam';
import { type CniFailure, cniErrorCodes } from '../cni/pod-network.ts';
import { failure } from './refusals.ts';

export interface StatusParts {
  readonly ipam: NodeIpam;
  /** For each address of a pod that does not ask, the pools that it is drawn from. */
  pools(): readonly (readonly string[])[];
  /** Why no pod could start; nothing when one could. */
  notReady(): readonly string[];
}

/** STATUS. Blocks are claimed ahead of need: that none has a free address means that no more was to be had. */
export function statusOf({ ipam, pools: poolsOfPods, notReady }: StatusParts): { readonly ok: true } | CniFailure {
  const reasons = [...notReady()];
  for (const pools of reasons.length === 0 ? poolsOfPods() : []) {
    const blocks = ipam.blocks().filter(({ pool }) => pools.includes(pool));
    if (blocks.some(({ free }) => free > 0)) continue;
    reasons.push(`no address is free in this node's blocks (${blocks.map(({ cidr }) => cidr).join(', ')})`);
  }
  if (reasons.length === 0) return { ok: true };
  return failure(cniErrorCodes.notAvailable, 'no pod could start', reasons.join('; '));
}
