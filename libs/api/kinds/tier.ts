import * as z from 'zod';

/** A group of policies that decides before the tiers of higher order. */
export const tierSpec = z.strictObject({
  order: z
    .number()
    .optional()
    .meta({ description: 'Tiers are tried in ascending order; without one the tier is last.' }),
  defaultAction: z.enum(['Deny', 'Pass']).default('Deny').meta({
    description: 'What happens to traffic of endpoints that the tier selects when none of its rules decides.',
  }),
});

export type TierSpec = z.output<typeof tierSpec>;

/** The tier of policies that name none. It exists without being stored, and cannot be changed. */
export const defaultTier = { name: 'default', order: 1_000_000, defaultAction: 'Deny' } as const;

/** Where Kubernetes' NetworkPolicies stand within the tier `default`. */
export const kubernetesPolicyOrder = 1000;
