/** The rules of NetworkPolicy and GlobalNetworkPolicy, and what the two kinds share. */
import { parsePrefix } from '@caracal/net';
import * as z from 'zod';
import { integer, type Protocol, port, protocol } from '../fields/number.ts';
import { network, objectNameField, selector } from '../fields/text.ts';

const entityRule = z.strictObject({
  nets: z.array(network('')).optional().meta({ description: 'The address is in one of these.' }),
  notNets: z.array(network('')).optional().meta({ description: 'The address is in none of these.' }),
  selector: selector('The endpoint or network set that has the address is selected by this.').optional(),
  notSelector: selector('The endpoint or network set that has the address is not selected by this.').optional(),
  namespaceSelector: selector(
    'Where selector and serviceAccounts look: the namespaces that this selects. Absent: the namespace of a NetworkPolicy, everything for a GlobalNetworkPolicy. global(): outside namespaces.',
  ).optional(),
  ports: z.array(port('')).optional().meta({
    description:
      'The port is one of these; needs protocol TCP, UDP or SCTP. A name is a port of the pods that this side of the rule selects.',
  }),
  notPorts: z.array(port('')).optional().meta({
    description:
      'The port is none of these; needs protocol TCP, UDP or SCTP. A name is a port of the pods that this side of the rule selects.',
  }),
  serviceAccounts: z
    .strictObject({
      names: z
        .array(objectNameField(''))
        .optional()
        .meta({ description: 'The service account has one of these names.' }),
      selector: selector("The service account's labels are selected by this.").optional(),
    })
    .optional()
    .meta({ description: 'The pod with the address runs as such a service account.' }),
});

const icmp = z
  .strictObject({
    type: integer(0, 254, 'ICMP type.').optional(),
    code: integer(0, 255, 'ICMP code; needs a type.').optional(),
  })
  .superRefine((value, context) => {
    if (value.code === undefined || value.type !== undefined) return;
    context.addIssue({ code: 'custom', path: ['code'], message: 'needs a type beside it' });
  });

const rule = z
  .strictObject({
    action: z.enum(['Allow', 'Deny', 'Pass', 'Log']).meta({
      description: 'Pass leaves the decision to the next tier; Log writes a line and goes on with the next rule.',
    }),
    ipVersion: z
      .union([z.literal(4), z.literal(6)])
      .optional()
      .meta({ description: 'Only packets of this version of IP.' }),
    protocol: protocol('Only this protocol.').optional(),
    notProtocol: protocol('Not this protocol.').optional(),
    icmp: icmp.optional().meta({ description: 'Only this ICMP type and code; needs protocol ICMP or ICMPv6.' }),
    notICMP: icmp.optional().meta({ description: 'Not this ICMP type and code; needs protocol ICMP or ICMPv6.' }),
    source: entityRule.prefault({}).meta({ description: 'Where the packet comes from.' }),
    destination: entityRule.prefault({}).meta({ description: 'Where the packet goes to.' }),
    metadata: z
      .strictObject({
        annotations: z.record(z.string(), z.string()).optional().meta({ description: 'Any keys and values.' }),
      })
      .optional()
      .meta({ description: 'Notes that decide nothing.' }),
  })
  .superRefine((value, context) => {
    const wrong = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    for (const side of ['source', 'destination'] as const) {
      for (const field of ['ports', 'notPorts'] as const) {
        if (value[side][field]?.length && !hasPorts(value.protocol)) {
          wrong([side, field], `needs protocol TCP, UDP or SCTP beside it, not ${value.protocol ?? 'none'}`);
        }
      }
      for (const field of ['nets', 'notNets'] as const) {
        for (const [i, net] of (value[side][field] ?? []).entries()) {
          const family = parsePrefix(net)?.address.family;
          if (value.ipVersion === undefined || family === undefined || family === value.ipVersion) continue;
          context.addIssue({
            code: 'custom',
            path: [side, field, i],
            message: `${net} is IPv${family}, and the rule has ipVersion ${value.ipVersion}`,
          });
        }
      }
    }
    for (const field of ['icmp', 'notICMP'] as const) {
      if (value[field] && value.protocol !== 'ICMP' && value.protocol !== 'ICMPv6') {
        wrong([field], `needs protocol ICMP or ICMPv6 beside it, not ${value.protocol ?? 'none'}`);
      }
    }
    if (value.protocol === 'ICMP' && value.ipVersion === 6)
      wrong(['protocol'], 'ICMP is of IPv4; for ipVersion 6 use ICMPv6');
    if (value.protocol === 'ICMPv6' && value.ipVersion === 4)
      wrong(['protocol'], 'ICMPv6 is of IPv6; for ipVersion 4 use ICMP');
  });

export type EntityRule = z.output<typeof entityRule>;
export type PolicyRule = z.output<typeof rule>;

/** The fields that both kinds of policy have. */
export const policyFields = {
  tier: objectNameField('The Tier that the policy belongs to.').default('default'),
  order: z.number().optional().meta({
    description: 'Policies of a tier are tried in ascending order, then by name; without an order a policy is last.',
  }),
  selector: selector('The endpoints that the policy applies to.').default('all()'),
  serviceAccountSelector: selector('Of these, the pods whose service account this selects.').optional(),
  types: z
    .array(z.enum(['Ingress', 'Egress']))
    .optional()
    .meta({
      description:
        'Directions that the policy decides. Default: Egress when there are only egress rules, both when there are both, else Ingress.',
    }),
  ingress: z
    .array(rule)
    .default([])
    .meta({ description: 'Rules for packets to the endpoint; the first that matches decides.' }),
  egress: z
    .array(rule)
    .default([])
    .meta({ description: 'Rules for packets from the endpoint; the first that matches decides.' }),
  enforcement: z.enum(['Enforced', 'Staged']).default('Enforced').meta({
    description:
      "Staged: the policy is evaluated and reported, but decides nothing. In place of Calico's kinds StagedNetworkPolicy and StagedGlobalNetworkPolicy.",
  }),
} as const;

type Direction = 'Ingress' | 'Egress';

/** Calico's default for `types`, from the rules that are there; an empty list counts as none. */
export function withTypes<
  Spec extends {
    readonly types?: readonly Direction[];
    readonly ingress: readonly unknown[];
    readonly egress: readonly unknown[];
  },
>(spec: Spec): Omit<Spec, 'types'> & { types: readonly Direction[] } {
  if (spec.types?.length) return { ...spec, types: spec.types };
  if (spec.egress.length === 0) return { ...spec, types: ['Ingress'] };
  return { ...spec, types: spec.ingress.length === 0 ? ['Egress'] : ['Ingress', 'Egress'] };
}

function hasPorts(value: Protocol | undefined): boolean {
  return value === 'TCP' || value === 'UDP' || value === 'SCTP';
}
