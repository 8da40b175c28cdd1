import { expect, test } from 'vitest';
import { goneNodesText, OutOfService } from './nodes.ts';

const node = (name: string, uid: string, ...taints: string[]) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, uid, resourceVersion: '1' },
  spec: { taints: taints.map((key) => ({ key, effect: 'NoExecute' })) },
});
const off = 'node.kubernetes.io/out-of-service';

test('a Node speaks for its machine with the taint, until it loses it or another takes its name', () => {
  const known = new OutOfService([]);
  known.seen(node('a', '1', 'node.kubernetes.io/unreachable'));
  expect(known.has('a')).toBe(false);
  known.seen(node('a', '1', 'node.kubernetes.io/unreachable', off));
  known.seen(node('b', '2'));
  expect([known.has('a'), known.has('b')]).toEqual([true, false]);
  known.seen(node('a', '1'));
  expect(known.has('a')).toBe(false);
  known.seen(node('a', '1', off));
  known.seen(node('a', '3'));
  expect(known.has('a')).toBe(false);
});

test('what was stored of a Node is known after a restart', () => {
  const stored = (kind: string, name: string, spec: object) => ({ kind, name, uid: name, spec });
  const known = new OutOfService([
    stored('Node', 'a', { outOfService: true }),
    stored('Node', 'b', {}),
    stored('Tier', 'c', { outOfService: true }),
  ]);
  expect(['a', 'b', 'c'].map((name) => known.has(name))).toEqual([true, false, false]);
});

test('many gone nodes are told in few words', () => {
  const gone = Array.from({ length: 7 }, (_, i) => ({ node: `n${i}`, blocks: i + 1, examples: ['10.0.0.0/26'] }));
  expect(goneNodesText(gone.slice(0, 2))).toBe('n0 owns 10.0.0.0/26; n1 owns 10.0.0.0/26, 1 more');
  expect(goneNodesText(gone)).toMatch(/n4 owns 10\.0\.0\.0\/26, 4 more; 2 nodes more$/);
});
