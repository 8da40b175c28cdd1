import { expect, test } from 'vitest';
import { kinds } from '../kinds.ts';
import { customResourceDefinitions } from './index.ts';

/** Every schema within a value, with the path to it. */
function schemasIn(value: unknown, path = ''): { path: string; schema: Record<string, unknown> }[] {
  if (typeof value !== 'object' || value === null) return [];
  const schema = value as Record<string, unknown>; // any map of fields
  const { properties = {}, items, additionalProperties } = schema;
  return [
    { path, schema },
    ...Object.entries(properties as object).flatMap(([name, field]) => schemasIn(field, `${path}.${name}`)),
    ...schemasIn(items, `${path}[]`),
    ...schemasIn(additionalProperties, `${path}{}`),
  ];
}

const definitions = customResourceDefinitions() as {
  metadata: { name: string };
  spec: { names: { kind: string; categories: string[] }; versions: { schema: { openAPIV3Schema: unknown } }[] };
}[];

test('there is one for each kind of our group, and one for the status object', () => {
  const own = Object.entries(kinds).filter(([, facts]) => facts.apiVersion === 'caracal.network/v1');
  expect(definitions.map(({ spec }) => spec.names.kind)).toEqual([...own.map(([kind]) => kind), 'CaracalStatus']);
  for (const { spec } of definitions) expect(spec.names.categories).toEqual(['caracal']);
});

test('every schema is structural: a type or int-or-string everywhere, nothing that Kubernetes forbids', () => {
  for (const { metadata, spec } of definitions) {
    for (const { path, schema } of schemasIn(spec.versions[0].schema.openAPIV3Schema)) {
      const where = `${metadata.name}${path}`;
      const typed = typeof schema.type === 'string' || schema['x-kubernetes-int-or-string'] === true;
      expect(typed, `${where} has a type`).toBe(true);
      for (const keyword of ['anyOf', 'const', '$ref', 'propertyNames'])
        expect(schema, where).not.toHaveProperty(keyword);
      if (schema.properties) expect(schema, where).not.toHaveProperty('additionalProperties');
    }
  }
});

test('every field at every depth is described, for kubectl explain', () => {
  const bare = definitions.flatMap(({ metadata, spec }) =>
    schemasIn(spec.versions[0].schema.openAPIV3Schema)
      // Of what a list holds, the list's own description tells.
      .filter(({ path, schema }) => !/[\]}]$/.test(path) && path !== '.metadata' && !schema.description)
      .map(({ path }) => metadata.name + path),
  );
  expect(bare).toEqual([]);
});
