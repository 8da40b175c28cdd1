import { bitsOf, familyOf, parsePrefix } from '@caracal/net';
import * as z from 'zod';
import { selector, strictCidr } from '../fields/text.ts';

/** Block sizes by family: the default is Calico's, the bounds keep a block between one and 4,096 addresses. */
const blockSizes = { 4: { min: 20, max: 32, default: 26 }, 6: { min: 116, max: 128, default: 122 } } as const;

const encapsulation = z
  .enum(['Never'], {
    error: ({ input }) =>
      input === 'Always' || input === 'CrossSubnet'
        ? `${input} asks for an overlay, which Caracal does not have; Never is what it does: pod addresses are routed by BGP`
        : undefined,
  })
  .default('Never');

/** Addresses for pods, cut into blocks that nodes claim. */
export const ipPoolSpec = z
  .strictObject({
    cidr: strictCidr('The addresses of the pool. Pools do not overlap. It cannot change once blocks are in use.'),
    blockSize: z.int().optional().meta({
      minimum: 20,
      maximum: 128,
      description: 'Prefix length of a block: 20 to 32 for IPv4 (default 26), 116 to 128 for IPv6 (default 122).',
    }),
    natOutgoing: z.boolean().default(false).meta({
      description:
        'Whether packets from pods of this pool to addresses outside all pools leave with the address of the node.',
    }),
    disabled: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether no new addresses are given out from this pool.' }),
    disableBGPExport: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether blocks of this pool are not announced over BGP.' }),
    nodeSelector: selector('The nodes that may claim blocks of this pool.').default('all()'),
    namespaceSelector: selector('The namespaces whose pods may have addresses of this pool.').optional(),
    allowedUses: z
      .array(z.enum(['Workload', 'Tunnel', 'LoadBalancer']))
      .default(['Workload', 'Tunnel'])
      .meta({
        description:
          'What addresses of this pool may be used for; LoadBalancer stands alone, and such a pool has no blocks.',
      }),
    assignmentMode: z.enum(['Automatic', 'Manual']).default('Automatic').meta({
      description: 'Manual: addresses are given only to pods that ask for this pool or for an address in it.',
    }),
    ipipMode: encapsulation.meta({ description: 'IP-in-IP overlay; only Never.' }),
    vxlanMode: encapsulation.meta({ description: 'VXLAN overlay; only Never.' }),
  })
  .superRefine((spec, context) => {
    for (const complaint of [blockSizeComplaint(spec.cidr, spec.blockSize), usesComplaint(spec)])
      if (complaint) context.addIssue({ code: 'custom', ...complaint });
  })
  .transform((spec) => ({ ...spec, blockSize: spec.blockSize ?? blockSizes[familyOf(spec.cidr)].default }));

export type IPPoolSpec = z.output<typeof ipPoolSpec>;

interface Complaint {
  readonly path: string[];
  readonly message: string;
}

/** Nodes claim blocks of a pool for pods and tunnels; addresses of services belong to no node. As in Calico one pool is not for both. */
function usesComplaint(spec: { allowedUses: readonly string[]; nodeSelector: string }): Complaint | undefined {
  if (!spec.allowedUses.includes('LoadBalancer')) return undefined;
  const others = spec.allowedUses.filter((use) => use !== 'LoadBalancer');
  if (others.length > 0) {
    const message = `LoadBalancer excludes ${others.join(' and ')} in one pool: write [LoadBalancer], and make another pool for the rest`;
    return { path: ['allowedUses'], message };
  }
  if (spec.nodeSelector === 'all()') return undefined;
  const message = 'no node claims a block of a pool for LoadBalancer: leave it out, or write all()';
  return { path: ['nodeSelector'], message };
}

function blockSizeComplaint(cidr: string, chosen: number | undefined): Complaint | undefined {
  const prefix = parsePrefix(cidr);
  if (!prefix) return undefined;
  const family = prefix.address.family;
  const sizes = blockSizes[family];
  const blockSize = chosen ?? sizes.default;
  if (blockSize < sizes.min || blockSize > sizes.max) {
    const message = `${blockSize} is not between ${sizes.min} and ${sizes.max} for an IPv${family} pool`;
    return { path: ['blockSize'], message };
  }
  if (prefix.length <= blockSize) return undefined;
  const set = chosen === undefined ? 'the default' : 'spec.blockSize';
  const smallest = Math.min(prefix.length, bitsOf(family));
  const remedy =
    smallest <= sizes.max ? `set spec.blockSize to ${smallest} or more, or widen the pool` : 'widen the pool';
  return { path: ['cidr'], message: `${cidr} is smaller than one block (/${blockSize}, ${set}): ${remedy}` };
}
