import { parseAddress } from '@caracal/net';
import { z } from 'zod';
import { type AddRequest, type CniFailure, cniErrorCodes, type WantedAddresses } from '../cni/pod-network.ts';

/** Annotations of pods that choose addresses: our names, and those that Calico's users have. */
const prefixes = ['cni.caracal.network/', 'cni.projectcalico.org/'] as const;

const addresses = z
  .array(z.string().refine((text) => parseAddress(text) !== undefined, 'must be an IP address'))
  .min(1);
const pools = z.array(z.string().min(1)).min(1);
const mac = z
  .string()
  .regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i, 'must be a unicast MAC address such as c2:11:22:33:44:55')
  .transform((text) => text.toLowerCase());

/** Annotations of Calico's that would change which traffic flows, and that nothing here can do. */
const refused = ['ipAddrsNoIpam', 'floatingIPs'] as const;

export type Wishes = Pick<AddRequest, 'wanted' | 'mac'>;

/**
 * What a pod's annotations ask for, joined with what the runtime asked: the runtime's addresses and MAC come first, the
 * annotation's pools before those of the network configuration, as with Calico. A failure names the annotation.
 */
export function joinAnnotations(
  request: Wishes,
  annotations: Readonly<Record<string, string>>,
): ({ readonly ok: true } & Wishes) | CniFailure {
  const found: { addresses?: string[]; pools?: string[]; mac?: string } = {};
  const problems: string[] = [];
  function read<T>(name: string, schema: z.ZodType<T>, isJson: boolean): T | undefined {
    const key = prefixes.map((prefix) => prefix + name).find((candidate) => annotations[candidate] !== undefined);
    if (!key) return undefined;
    const parsed = schema.safeParse(isJson ? parseJson(annotations[key]) : annotations[key]);
    if (parsed.success) return parsed.data;
    problems.push(`annotation ${key}: ${parsed.error.issues.map(({ message }) => message).join('; ')}`);
    return undefined;
  }
  found.addresses = read('ipAddrs', addresses, true);
  found.mac = read('hwAddr', mac, false);
  const named = [read('ipv4pools', pools, true), read('ipv6pools', pools, true)];
  if (named.some(Boolean)) found.pools = named.flatMap((list) => list ?? []);
  for (const name of refused) {
    if (annotations[`cni.projectcalico.org/${name}`] !== undefined) {
      problems.push(`annotation cni.projectcalico.org/${name}: is not supported, every address comes from a pool`);
    }
  }
  if (problems.length > 0) {
    return { ok: false, code: cniErrorCodes.invalidNetworkConfig, message: problems.join('; ') };
  }
  const wanted: WantedAddresses = {
    ...request.wanted,
    ...(found.pools && { pools: found.pools }),
    ...(!request.wanted?.addresses && found.addresses && { addresses: found.addresses }),
  };
  return { ok: true, wanted, mac: request.mac ?? found.mac };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
