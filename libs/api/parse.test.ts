import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { documentOf, formatProblem, type Kind, kindNames, parseAll, parseResource, specSchemas } from './index.ts';
import { document, own } from './testing/document.ts';
import { rightDocuments as right } from './testing/right-documents.ts';
import { wrongDocuments } from './testing/wrong-documents.ts';
import { wrongPolicies } from './testing/wrong-policies.ts';

/** All problems of a document as lines; the line `right` when there are none, and warnings after `warning: `. */
function verdict(value: unknown): string[] {
  const parsed = parseResource(value);
  if (!parsed.ok) return parsed.problems.map(formatProblem);
  return ['right', ...parsed.warnings.map((warning) => `warning: ${formatProblem(warning)}`)];
}

function specOf(value: unknown): unknown {
  const parsed = parseResource(value);
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'));
  return parsed.resource.spec;
}

const wrong = [...wrongDocuments, ...wrongPolicies];

describe('parseResource', () => {
  test.each(wrong)('refuses %s', (_name, value, lines) => {
    expect(verdict(value)).toEqual(lines);
  });

  test.each(right.map(([name, value, spec, warnings = []]) => ({ name, value, spec, warnings })))(
    'accepts $name',
    ({ value, spec, warnings }) => {
      expect(specOf(value)).toEqual(spec);
      expect(verdict(value)).toEqual(['right', ...warnings]);
    },
  );

  test('every kind is in both tables', () => {
    const kindsOf = (values: readonly (readonly [string, unknown, ...unknown[]])[]) =>
      new Set(values.map(([, value]) => (value as { kind?: string }).kind));
    const named = (kind: Kind) => (kind === 'KubernetesNetworkPolicy' ? 'NetworkPolicy' : kind);
    const withoutWrongForm: readonly Kind[] = ['NetworkSet', 'ServiceAccount'];
    for (const kind of kindNames) {
      expect(kindsOf(right)).toContain(named(kind));
      if (!withoutWrongForm.includes(kind)) expect(kindsOf(wrong)).toContain(named(kind));
    }
  });

  test.each(right)('the parsed form of %s parses to itself', (_name, value) => {
    const parsed = parseResource(value);
    if (!parsed.ok) throw new Error('wrong');
    const again = parseResource(documentOf(parsed.resource));
    expect(again).toEqual({ ok: true, resource: parsed.resource, warnings: expect.anything() });
  });

  test('gives a namespaced object the namespace default, and a Namespace its name as a label', () => {
    const policy = parseResource(document(own, 'NetworkPolicy', {}));
    expect(policy.ok && policy.resource.metadata).toEqual({
      name: 'x',
      namespace: 'default',
      labels: {},
      annotations: {},
    });
    const namespace = parseResource({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', labels: { a: 'b' } },
    });
    expect(namespace.ok && namespace.resource.metadata.labels).toEqual({
      a: 'b',
      'kubernetes.io/metadata.name': 'shop',
    });
  });
});

describe('parseAll', () => {
  test('numbers documents and refuses an object that appears twice', () => {
    const tier = document(own, 'Tier', {});
    const { resources, problems } = parseAll([tier, document(own, 'Tier', { order: 'x' }, { name: 'y' }), tier]);
    expect(resources.map(({ document: index }) => index)).toEqual([0, 2]);
    expect(problems).toEqual([
      { document: 1, object: 'Tier/y', field: 'spec.order', message: '"x" is text, not a number' },
      { document: 2, object: 'Tier/x', field: 'metadata.name', message: 'stands in document 1 already' },
    ]);
  });
});

test.each(kindNames)('the schema of %s can be written as JSON Schema', (kind) => {
  const schema = z.toJSONSchema(specSchemas[kind], { io: 'input' });
  expect(schema.type).toBe('object');
});
