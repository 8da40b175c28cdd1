import { parseAddress } from '@caracal/net';
import { z } from 'zod';
import { type AddRequest, type CniFailure, cniErrorCodes, type WantedAddresses } from '../cni/pod-network.ts';
import type { Bandwidth } from '../wiring/index.ts';

/** Annotations of pods that choose addresses: our names, and those that Calico's users have. */
const prefixes = ['cni.caracal.network/', 'cni.projectcalico.org/'] as const;

const chosen = { addresses: 'ipAddrs', mac: 'hwAddr', ipv4Pools: 'ipv4pools', ipv6Pools: 'ipv6pools' } as const;

const addresses = z
  .array(z.string().refine((text) => parseAddress(text) !== undefined, 'must be an IP address'))
  .min(1);
const pools = z.array(z.string().min(1)).min(1);
const mac = z
  .string()
  .regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i, 'must be a unicast MAC address such as c2:11:22:33:44:55')
  .transform((text) => text.toLowerCase());

/** Annotations that limit bandwidth, in bits and bits a second as Kubernetes writes quantities: ours, Kubernetes', Calico's. */
const rates = {
  ingress: [
    'cni.caracal.network/ingressBandwidth',
    'kubernetes.io/ingress-bandwidth',
    'qos.projectcalico.org/ingressBandwidth',
  ],
  egress: [
    'cni.caracal.network/egressBandwidth',
    'kubernetes.io/egress-bandwidth',
    'qos.projectcalico.org/egressBandwidth',
  ],
  ingressBurst: ['cni.caracal.network/ingressBurst', 'qos.projectcalico.org/ingressBurst'],
  egressBurst: ['cni.caracal.network/egressBurst', 'qos.projectcalico.org/egressBurst'],
} as const;

const multipliers: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

const quantity = z.string().transform((text, context) => {
  const [, digits, suffix] = /^([0-9]+(?:\.[0-9]+)?)([kMGTP]|[KMGTP]i)?$/.exec(text) ?? [];
  const value = Math.floor(Number(digits) * multipliers[suffix ?? '']);
  if (value >= 1000 && value <= 1e15) return value;
  context.addIssue(`${JSON.stringify(text)} is no quantity from 1k to 1P, such as 10M`);
  return z.NEVER;
});

/** Annotations of Calico's that would change which traffic flows, and that nothing here can do. */
const refused = ['ipAddrsNoIpam', 'floatingIPs'] as const;

/** What Calico's plugin writes on a pod by itself. */
const written = ['podIP', 'podIPs', 'containerID'] as const;

/** Annotations whose names are ours or Calico's to say, and which mean nothing here: a slip of the pen, or a wish that stays one. */
export function unknownAnnotations(annotations: Readonly<Record<string, string>>): string[] {
  return Object.keys(annotations).filter((key) => speaking.some((prefix) => key.startsWith(prefix)) && !known.has(key));
}

const speaking = [...prefixes, 'qos.projectcalico.org/'];
const known: ReadonlySet<string> = new Set([
  ...prefixes.flatMap((prefix) => [...Object.values(chosen), ...refused, ...written].map((name) => prefix + name)),
  ...Object.values(rates).flat(),
]);

export type Wishes = Pick<AddRequest, 'wanted' | 'mac' | 'bandwidth'>;

/**
 * What a pod's annotations ask for, joined with what the runtime asked: the runtime's addresses and MAC come first, the
 * annotation's pools before those of the network configuration, as with Calico. `shapes`: limits of
 * bandwidth are ours to keep. A failure names the annotation.
 */
export function joinAnnotations(
  request: Wishes,
  annotations: Readonly<Record<string, string>>,
  shapes = true,
): ({ readonly ok: true } & Wishes) | CniFailure {
  const found: { addresses?: string[]; pools?: string[]; mac?: string } = {};
  const problems: string[] = [];
  function read<T>(names: string | readonly string[], schema: z.ZodType<T>, isJson: boolean): T | undefined {
    const candidates = typeof names === 'string' ? prefixes.map((prefix) => prefix + names) : names;
    const key = candidates.find((candidate) => annotations[candidate] !== undefined);
    if (!key) return undefined;
    const parsed = schema.safeParse(isJson ? parseJson(annotations[key]) : annotations[key]);
    if (parsed.success) return parsed.data;
    problems.push(`annotation ${key}: ${parsed.error.issues.map(({ message }) => message).join('; ')}`);
    return undefined;
  }
  found.addresses = read(chosen.addresses, addresses, true);
  found.mac = read(chosen.mac, mac, false);
  const named = [read(chosen.ipv4Pools, pools, true), read(chosen.ipv6Pools, pools, true)];
  if (named.some(Boolean)) found.pools = named.flatMap((list) => list ?? []);
  const limit = (direction: 'ingress' | 'egress') => {
    const bitsPerSecond = read(rates[direction], quantity, false);
    const burstBits = read(rates[`${direction}Burst`], quantity, false);
    return bitsPerSecond === undefined ? {} : { [direction]: { bitsPerSecond, ...(burstBits && { burstBits }) } };
  };
  const bandwidth: Bandwidth = { ...limit('ingress'), ...limit('egress') };
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
  // The runtime has its limits from the same annotations, where it passes them on at all.
  const limited = request.bandwidth ?? (shapes && Object.keys(bandwidth).length > 0 ? bandwidth : undefined);
  return { ok: true, wanted, mac: request.mac ?? found.mac, ...(limited && { bandwidth: limited }) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
