import * as z from 'zod';
import { onlyFalse } from '../fields/not-yet.ts';
import { selector } from '../fields/text.ts';
import { policyFields, withTypes } from './policy-rule.ts';

/** What may reach, and be reached from, endpoints of the whole cluster. */
export const globalNetworkPolicySpec = z
  .strictObject({
    ...policyFields,
    namespaceSelector: selector('Of the selected endpoints, the pods of namespaces that this selects.').optional(),
    doNotTrack: onlyFalse(
      'Whether the rules apply before connection tracking.',
      'policies of host endpoints are not enforced',
    ),
    preDNAT: onlyFalse(
      'Whether the rules apply before destination NAT.',
      'policies of host endpoints are not enforced',
    ),
    applyOnForward: onlyFalse(
      'Whether the rules apply to traffic that host endpoints forward.',
      'policies of host endpoints are not enforced',
    ),
  })
  .transform(withTypes);

export type GlobalNetworkPolicySpec = z.output<typeof globalNetworkPolicySpec>;
