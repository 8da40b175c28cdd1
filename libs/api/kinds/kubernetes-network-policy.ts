import { parsePrefix, prefixCovers } from '@caracal/net';
import * as z from 'zod';
import { integer } from '../fields/number.ts';
import { network } from '../fields/text.ts';

const labelSelector = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).optional(),
  matchExpressions: z
    .array(
      z
        .strictObject({
          key: z.string().min(1),
          operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
          values: z.array(z.string()).optional(),
        })
        .superRefine((requirement, context) => {
          const many = requirement.values?.length ?? 0;
          const needs = requirement.operator === 'In' || requirement.operator === 'NotIn';
          if (needs === many > 0) return;
          const message = needs
            ? `is empty: ${requirement.operator} needs at least one value`
            : `is not empty: ${requirement.operator} takes no values`;
          context.addIssue({ code: 'custom', path: ['values'], message });
        }),
    )
    .optional(),
});

const ipBlock = z
  .strictObject({
    cidr: network('Addresses that may.'),
    except: z.array(network('')).optional().meta({ description: 'Addresses within cidr that may not.' }),
  })
  .superRefine((block, context) => {
    const outer = parsePrefix(block.cidr);
    for (const [i, text] of (block.except ?? []).entries()) {
      const inner = parsePrefix(text);
      if (!outer || !inner || (prefixCovers(outer, inner) && outer.length < inner.length)) continue;
      context.addIssue({
        code: 'custom',
        path: ['except', i],
        message: `${text} is not strictly within ${block.cidr}`,
      });
    }
  });

const peer = z
  .strictObject({
    podSelector: labelSelector.optional(),
    namespaceSelector: labelSelector.optional(),
    ipBlock: ipBlock.optional(),
  })
  .superRefine((value, context) => {
    const selects = value.podSelector !== undefined || value.namespaceSelector !== undefined;
    if (selects !== (value.ipBlock !== undefined)) return;
    const message = selects
      ? 'has ipBlock beside a selector: put them in two items of the list'
      : 'is empty: name podSelector, namespaceSelector or ipBlock (podSelector: {} is every pod of the namespace)';
    context.addIssue({ code: 'custom', path: [], message });
  });

const port = z
  .strictObject({
    protocol: z.enum(['TCP', 'UDP', 'SCTP']).default('TCP'),
    port: z.union([z.number(), z.string()]).optional().meta({ 'x-kubernetes-int-or-string': true }),
    endPort: integer(1, 65535, 'The last of a range that begins at port.').optional(),
  })
  .superRefine((value, context) => {
    const wrong = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message });
    if (typeof value.port === 'number' && !(Number.isInteger(value.port) && value.port >= 1 && value.port <= 65535)) {
      wrong('port', `${value.port} is not a whole number between 1 and 65535`);
    }
    if (typeof value.port === 'string' && !isPortName(value.port)) {
      wrong(
        'port',
        `${JSON.stringify(value.port)} is no name of a port: at most 15 lower-case letters, digits and -, with a letter (a number stands without quotes)`,
      );
    }
    if (value.endPort === undefined) return;
    if (typeof value.port !== 'number') wrong('endPort', 'needs a numeric port beside it');
    else if (value.endPort < value.port) wrong('endPort', `${value.endPort} is below port ${value.port}`);
  });

const ports = z.array(port).optional().meta({ description: 'Ports; absent or empty: any.' });

/** Kubernetes' own NetworkPolicy (networking.k8s.io/v1), all of it. */
export const kubernetesNetworkPolicySpec = z
  .strictObject({
    podSelector: labelSelector
      .prefault({})
      .meta({ description: 'The pods of the namespace that the policy applies to; empty: all.' }),
    policyTypes: z.array(z.enum(['Ingress', 'Egress'])).optional(),
    ingress: z
      .array(z.strictObject({ from: z.array(peer).optional(), ports }))
      .default([])
      .meta({ description: 'Traffic to the pods that is allowed; from absent or empty: from anywhere.' }),
    egress: z
      .array(z.strictObject({ to: z.array(peer).optional(), ports }))
      .default([])
      .meta({ description: 'Traffic from the pods that is allowed; to absent or empty: to anywhere.' }),
  })
  .transform((spec) => ({ ...spec, policyTypes: spec.policyTypes?.length ? spec.policyTypes : defaultTypes(spec) }));

export type KubernetesNetworkPolicySpec = z.output<typeof kubernetesNetworkPolicySpec>;
export type LabelSelector = z.output<typeof labelSelector>;
export type KubernetesPeer = z.output<typeof peer>;
export type KubernetesPort = z.output<typeof port>;

/** As the API server does: always Ingress, and Egress when there are egress rules. */
function defaultTypes(spec: { readonly egress: readonly unknown[] }): ('Ingress' | 'Egress')[] {
  return spec.egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
}

/** RFC 6335 section 5.1. */
function isPortName(text: string): boolean {
  return text.length <= 15 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(text) && /[a-z]/.test(text);
}
