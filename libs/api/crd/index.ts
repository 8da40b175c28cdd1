/** The CustomResourceDefinitions of the kinds of our own group, made from their schemas. */
import { specSchemas } from '../kinds/index.ts';
import { factsOf, type Kind, kindNames } from '../kinds.ts';
import { objectRules, withRules } from './rules.ts';
import { columns, statusSchema } from './status.ts';
import { type StructuralSchema, structuralSchema } from './structural.ts';

const group = 'caracal.network';

/** The kinds that are custom resources in Kubernetes. */
const customKinds: readonly Kind[] = kindNames.filter((kind) => factsOf(kind).apiVersion === `${group}/v1`);

const descriptions: Partial<Record<Kind, string>> = {
  IPPool: 'Addresses for pods, cut into blocks that nodes claim.',
  IPReservation: 'Addresses that are never given out automatically.',
  BGPConfiguration: 'How the nodes speak BGP. There is one, named default.',
  BGPPeer: 'A router, or other nodes, that some nodes peer with.',
  BGPFilter: 'Which routes are taken from a peer and which are announced to it.',
  NodeConfiguration: 'Settings of one node (the object has its name), or of all nodes (named default).',
  Tier: 'A group of policies that decides before the tiers of higher order.',
  NetworkPolicy: 'What may reach, and be reached from, pods of one namespace.',
  GlobalNetworkPolicy: 'What may reach, and be reached from, endpoints of the whole cluster.',
  NetworkSet: 'Addresses of a namespace that selectors of rules find by the labels of the set.',
  GlobalNetworkSet: 'Addresses that selectors of rules find by the labels of the set.',
  HostEndpoint: 'An interface of a node. Stored; its policies are not enforced yet.',
};

/** One definition for each kind of ours, and for the status object `CaracalStatus`; plain values, in a fixed order. */
export function customResourceDefinitions(): Record<string, unknown>[] {
  const ofKinds = customKinds.map((kind) => {
    const { plural, shortNames, namespaced } = factsOf(kind);
    const spec = withRules(kind, structuralSchema(specSchemas[kind]));
    return definition(kind, {
      plural,
      shortNames,
      namespaced,
      description: descriptions[kind],
      spec,
      rules: objectRules[kind],
    });
  });
  const status = definition('CaracalStatus', {
    plural: 'caracalstatuses',
    shortNames: [],
    namespaced: false,
    description: 'Whether Caracal works, in one object, named default and written by the operator.',
  });
  return [...ofKinds, status];
}

interface DefinitionParts {
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  readonly description?: string;
  readonly spec?: StructuralSchema;
  readonly rules?: readonly unknown[];
}

function definition(kind: Kind | 'CaracalStatus', parts: DefinitionParts): Record<string, unknown> {
  const { plural, shortNames, namespaced, description, spec, rules } = parts;
  const metadataText = (subject: string) => ({
    type: 'string',
    description: `${subject}, as in every object of Kubernetes.`,
  });
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: { 'app.kubernetes.io/part-of': 'caracal' } },
    spec: {
      group,
      scope: namespaced ? 'Namespaced' : 'Cluster',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(shortNames.length > 0 && { shortNames }),
        categories: ['caracal'],
      },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns(kind),
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description,
              ...(spec && { required: ['spec'] }),
              properties: {
                apiVersion: metadataText('Group and version'),
                kind: metadataText('The kind'),
                metadata: { type: 'object' },
                ...(spec && { spec: { ...spec, description: 'What is wanted.' } }),
                status: statusSchema(kind),
              },
              ...(rules && { 'x-kubernetes-validations': rules }),
            },
          },
        },
      ],
    },
  };
}
