import * as z from 'zod';
import { policyFields, withTypes } from './policy-rule.ts';

/** What may reach, and be reached from, pods of one namespace. */
export const networkPolicySpec = z.strictObject(policyFields).transform(withTypes);

export type NetworkPolicySpec = z.output<typeof networkPolicySpec>;
