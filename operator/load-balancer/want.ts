/** What a Service asks of a load balancer, read from its fields and annotations. */
import type { KubeObject } from '@caracal/kube';
import { type Family, familyOf, formatAddress, parseAddress } from '@caracal/net';
import * as z from 'zod';

/** The load balancer that this is, as `spec.loadBalancerClass` names it. */
export const ownClass = 'caracal.network/load-balancer';

export interface Want {
  /** One address of each, in the order of the Service. */
  readonly families: readonly Family[];
  /** An address of every family or none at all. */
  readonly all: boolean;
  /** Exactly these, at most one a family; canonical. */
  readonly addresses: readonly string[];
  /** Names or CIDRs of pools, by family; of a family without them any pool will do. */
  readonly pools: Readonly<Partial<Record<Family, readonly string[]>>>;
}

export type WantResult =
  | { readonly ok: true; readonly want: Want }
  /** Names the field that is wrong, and what would be right. */
  | { readonly ok: false; readonly message: string };

/** Annotations in the order in which they count: our names, then those that Calico's users have. */
const names = {
  addresses: ['caracal.network/load-balancer-ips', 'projectcalico.org/loadBalancerIPs'],
  4: ['caracal.network/ipv4pools', 'projectcalico.org/ipv4pools'],
  6: ['caracal.network/ipv6pools', 'projectcalico.org/ipv6pools'],
} as const;

/** Every annotation that is read of a Service. */
export const readAnnotations: readonly string[] = Object.values(names).flat();

interface ServiceSpec {
  readonly type?: string;
  readonly loadBalancerClass?: string;
  readonly loadBalancerIP?: string;
  readonly ipFamilies?: readonly string[];
  readonly ipFamilyPolicy?: string;
}

const specOf = (service: KubeObject) => (service.spec ?? {}) as ServiceSpec; // of the API

/** Whose the Service is: it names our class, or none, or it is another controller's or wants no load balancer at all. */
export function claimOf(service: KubeObject): 'ours' | 'anybody' | 'none' {
  const { type, loadBalancerClass } = specOf(service);
  if (type !== 'LoadBalancer') return 'none';
  if (loadBalancerClass === undefined) return 'anybody';
  return loadBalancerClass === ownClass ? 'ours' : 'none';
}

const list = z.array(z.string().min(1)).min(1);

export function wantOf(service: KubeObject): WantResult {
  const { loadBalancerIP, ipFamilies = ['IPv4'], ipFamilyPolicy } = specOf(service);
  const families = ipFamilies.map((family): Family => (family === 'IPv6' ? 6 : 4));
  const problems: string[] = [];
  const annotations = service.metadata.annotations ?? {};
  function read(candidates: readonly string[], what: string): { field: string; values: string[] } | undefined {
    const name = candidates.find((candidate) => annotations[candidate] !== undefined);
    if (!name) return undefined;
    const parsed = list.safeParse(parseJson(annotations[name]));
    if (parsed.success) return { field: `annotation ${name}`, values: parsed.data };
    problems.push(`annotation ${name}: must be a JSON list of ${what}`);
    return undefined;
  }
  const asked =
    read(names.addresses, 'addresses, such as ["203.0.113.7"]') ??
    (loadBalancerIP ? { field: 'spec.loadBalancerIP', values: [loadBalancerIP] } : undefined);
  const addresses: string[] = [];
  for (const text of asked?.values ?? []) {
    const address = parseAddress(text);
    const problem = !address
      ? `"${text}" is no IP address`
      : !families.includes(address.family)
        ? `${text} is IPv${address.family}, and spec.ipFamilies is ${ipFamilies.join(' and ')}`
        : addresses.some((other) => familyOf(other) === address.family)
          ? `has several addresses of IPv${address.family}; a Service has one of each family`
          : undefined;
    if (problem) problems.push(`${asked!.field}: ${problem}`);
    else addresses.push(formatAddress(address!));
  }
  const pools = { 4: read(names[4], 'IPPools')?.values, 6: read(names[6], 'IPPools')?.values };
  if (problems.length > 0) return { ok: false, message: problems.join('; ') };
  return { ok: true, want: { families, all: ipFamilyPolicy === 'RequireDualStack', addresses, pools } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
