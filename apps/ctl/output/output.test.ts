import { describe, expect, test } from 'vitest';
import { columnsOf, labelSelectorText, type ShownResource } from './columns.ts';
import { formatDuration } from './duration.ts';
import { formatTable } from './table.ts';

describe('formatTable', () => {
  const columns = [
    { title: 'NAME', cell: (row: { name: string; routes: number }) => row.name },
    { title: 'ROUTES', cell: (row: { name: string; routes: number }) => row.routes },
  ];

  test('aligns words left and numbers right, with lines below a row', () => {
    const rows = [
      { name: 'tor', routes: 12 },
      { name: '', routes: 3 },
    ];
    expect(formatTable(rows, columns, (row) => (row.routes === 12 ? ['Bad Peer AS'] : []))).toBe(
      ['NAME  ROUTES', 'tor       12', '  Bad Peer AS', '-          3', ''].join('\n'),
    );
  });

  test('colours take no room', () => {
    const green = '\u001b[32mup\u001b[39m';
    const table = formatTable([{ name: green, routes: 1 }], columns);
    expect(table).toBe(`NAME  ROUTES\n${green}         1\n`);
  });
});

test.each([
  [-5, '0s'],
  [59_999, '59s'],
  [60_000, '1m'],
  [192_000, '3m12s'],
  [600_000, '10m'],
  [3_600_000, '1h'],
  [9 * 3_600_000 + 61_000, '9h1m'],
  [47 * 3_600_000, '47h'],
  [52 * 3_600_000, '2d4h'],
  [400 * 86_400_000, '400d'],
])('%i ms are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

describe('columns of get', () => {
  const pool: ShownResource = {
    metadata: { name: 'default', labels: { a: 'b' } },
    spec: { cidr: '10.244.0.0/16', blockSize: 26, natOutgoing: true, disabled: false, nodeSelector: 'all()' },
  };

  test('a pool', () => {
    const columns = columnsOf('IPPool', { namespace: false });
    expect(
      formatTable(
        [pool],
        columns.filter((column) => !column.wide),
      ),
    ).toBe('NAME     CIDR           BLOCK  NAT   DISABLED\ndefault  10.244.0.0/16  /26    true  false\n');
    expect(formatTable([pool], columns)).toContain('LABELS\n');
  });

  test('a pod of any namespace, with its labels', () => {
    const pod: ShownResource = {
      metadata: { name: 'web', namespace: 'shop', labels: { app: 'web', tier: 'front' } },
      spec: { nodeName: 'n1', serviceAccountName: 'default' },
    };
    expect(formatTable([pod], columnsOf('Pod', { namespace: true }))).toBe(
      'NAMESPACE  NAME  NODE  ACCOUNT  LABELS\nshop       web   n1    default  app=web,tier=front\n',
    );
  });

  test('label selectors of Kubernetes on one line', () => {
    expect(labelSelectorText({})).toBe('all');
    expect(
      labelSelectorText({
        matchLabels: { app: 'web' },
        matchExpressions: [
          { key: 'tier', operator: 'NotIn', values: ['a', 'b'] },
          { key: 'x', operator: 'Exists' },
          { key: 'y', operator: 'DoesNotExist' },
        ],
      }),
    ).toBe('app=web,tier notin (a,b),x,!y');
  });
});
