import { describe, expect, test } from 'vitest';
import { parseDocuments } from './documents.ts';
import { problemLines } from './report-problems.ts';

const text = `# first
kind: A
metadata: {name: a}
---
---
kind: B
spec:
  ingress:
    - action: Allow
      source:
        nets:
          - 10.0.0.0/8
metadata:
  labels:
    a.b/c: d
---
apiVersion: v1
kind: List
items:
  - kind: C
    spec: {x: 1}
`;

describe('parseDocuments', () => {
  const documents = parseDocuments('f.yaml', text);

  test('numbers documents, leaves out empty ones, takes lists apart', () => {
    expect(documents.map(({ where }) => where)).toEqual([
      'f.yaml document 1',
      'f.yaml document 3',
      'f.yaml document 4 item 1',
    ]);
    expect(documents[2].value).toEqual({ kind: 'C', spec: { x: 1 } });
  });

  test('finds the line of a field, or of what is around one that is not there', () => {
    const line = (field: string) => documents[1].lineOf(field);
    expect(line('kind')).toBe(6);
    expect(line('spec.ingress[0].action')).toBe(9);
    expect(line('spec.ingress[0].source.nets[0]')).toBe(12);
    expect(line('spec.ingress[0].source.missing')).toBe(10);
    expect(line('spec.ingress[7]')).toBe(8);
    expect(line('metadata.labels["a.b/c"]')).toBe(15);
    expect(line('')).toBe(6);
    expect(documents[2].lineOf('spec.x')).toBe(21);
  });

  test('says where a problem was written', () => {
    const problem = { document: 1, object: 'B/x', field: 'spec.ingress[0].action', message: 'is wrong' };
    expect(problemLines([problem], documents)).toEqual([
      'f.yaml document 3, line 9: B/x: spec.ingress[0].action: is wrong',
    ]);
  });

  test('JSON is taken as it is', () => {
    expect(parseDocuments('f.json', '{"kind":"A","spec":{"n":null}}')[0].value).toEqual({
      kind: 'A',
      spec: { n: null },
    });
  });

  test('what is no YAML names document and line, all at once', () => {
    expect(() => parseDocuments('f.yaml', 'a: 1\n---\nb: [1\n---\nc: 1\nc: 2\n')).toThrow(
      /^f\.yaml document 2, line \d+: .*end with a \]\nf\.yaml document 3, line 6: Map keys must be unique$/,
    );
  });
});
