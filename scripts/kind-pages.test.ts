import { readdirSync, readFileSync } from 'node:fs';
import { checkTogether, factsOf, kindNames, parseAll } from '@caracal/api';
import { describe, expect, it } from 'vitest';
import { examplesIn } from './kind-examples.ts';
import { type Definition, kindTables } from './kind-tables.ts';

const folder = new URL('../docs/kinds/', import.meta.url);
const page = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const own = kindNames.filter((kind) => factsOf(kind).apiVersion === 'caracal.network/v1');

describe('the pages of the kinds', () => {
  it.each(own)('%s has an example of it that is right as it stands', (kind) => {
    const documents = examplesIn(page(`${kind.toLowerCase()}.md`));
    const { resources, problems } = parseAll(documents);
    expect(problems).toEqual([]);
    expect(checkTogether(resources.map(({ resource }) => resource))).toEqual([]);
    expect(resources.map(({ resource }) => resource.kind)).toContain(kind);
  });

  it('are all in the list of kinds, and none is of a kind that is not', () => {
    const pages = readdirSync(folder).filter((name) => name !== 'README.md');
    const listed = [...page('README.md').matchAll(/\]\((\S+\.md)\)/g)].map(([, name]) => name!);
    expect(pages.sort()).toEqual([...own, 'CaracalStatus'].map((kind) => `${kind.toLowerCase()}.md`).sort());
    expect([...new Set(listed)].sort()).toEqual(pages);
  });

  it('tell of each field once: type, default, limits, and where the same fields are', () => {
    const peer = { type: 'object', properties: { port: { type: 'integer', minimum: 1, maximum: 9 } } };
    const schema = {
      properties: {
        spec: {
          required: ['from'],
          properties: {
            from: peer,
            to: { type: 'array', items: peer, default: [], description: 'Where | to.' },
            mode: { type: 'string', enum: ['A', 'B'], default: 'A' },
            any: { 'x-kubernetes-int-or-string': true },
            labels: { type: 'object', additionalProperties: { type: 'string' } },
          },
        },
      },
    };
    const columns = [{ name: 'From' }, { name: 'Wide', priority: 1 }];
    const versions = [{ additionalPrinterColumns: columns, schema: { openAPIV3Schema: schema } }] as const;
    const names = { kind: 'Way', plural: 'ways', shortNames: ['w'] };
    expect(kindTables({ spec: { scope: 'Cluster', names, versions } } satisfies Definition).split('\n')).toEqual([
      '`ways`, `w`: of the whole cluster. `kubectl get` shows from.',
      '',
      '| `spec`      | type              | default  | meaning                           |',
      '| ----------- | ----------------- | -------- | --------------------------------- |',
      '| `from`      | object            | required |                                   |',
      '| `from.port` | integer           |          | From 1 to 9.                      |',
      '| `to`        | list of object    | `[]`     | Where \\| to. Fields as of `from`. |',
      '| `mode`      | string            | `"A"`    | One of `A`, `B`.                  |',
      '| `any`       | integer or string |          |                                   |',
      '| `labels`    | map to string     |          |                                   |',
    ]);
  });
});
