import { create } from '@bufbuild/protobuf';
import { type AnyResource, formatProblem, parseResource } from '@caracal/api';
import { parseAddress } from '@caracal/net';
import { EndpointSchema, NodeEntrySchema } from '@caracal/protocol';
import { describe, expect, test } from 'vitest';
import { parseFlows } from './flows.ts';
import { lagLines } from './lag.ts';
import { type Known, worldOf } from './world.ts';

describe('parseFlows', () => {
  test('pods and addresses, protocols by name and number', () => {
    const flows = parseFlows(
      '[{"from":"shop/web","to":"10.0.0.1","port":80,"id":7},{"from":"a/b","to":"c/d","protocol":"1"}]',
    );
    expect(flows.map(({ flow }) => flow)).toEqual([
      { source: { pod: 'shop/web' }, destination: { address: '10.0.0.1' }, protocol: 'TCP', port: 80 },
      { source: { pod: 'a/b' }, destination: { pod: 'c/d' }, protocol: 1 },
    ]);
    expect(flows[0].asked).toEqual({ from: 'shop/web', to: '10.0.0.1', protocol: 'TCP', port: 80 });
  });

  test.each([
    ['{', '--flows: that is no JSON'],
    ['{}', '--flows: give a JSON array'],
    ['[1]', 'flow 0: give an object'],
    ['[{"from":"a/b","to":"c","port":1}]', 'flow 0: to c: give NAMESPACE/POD or an address'],
    ['[{"from":"a/b","to":"c/d"}]', 'flow 0: a flow of TCP needs a destination port'],
    ['[{"from":"a/b","to":"c/d","protocol":[]}]', 'flow 0: protocol: give a name or a number'],
  ])('%s is refused', (text, message) => {
    expect(() => parseFlows(text)).toThrow(message);
  });
});

function resource(document: object): AnyResource {
  const parsed = parseResource(document);
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'));
  return parsed.resource;
}

const pod = (labels: Record<string, string>, uid?: string) =>
  resource({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', labels, uid },
    spec: { nodeName: 'n1' },
  });

describe('worldOf', () => {
  const known: Known = {
    revision: 7n,
    nodes: [],
    resources: [pod({ app: 'web' }, 'u1')],
    endpoints: [
      create(EndpointSchema, { node: 'n1', podUid: 'u1', addresses: [parseAddress('10.0.0.1')!.bytes] }),
      create(EndpointSchema, { node: 'n2', podUid: 'u2', addresses: [parseAddress('10.0.0.2')!.bytes] }),
    ],
  };

  test('joins pods with their endpoints on the uid', () => {
    expect(worldOf(known).pods).toEqual([
      expect.objectContaining({ key: 'shop/web', labels: { app: 'web' }, addresses: ['10.0.0.1'], node: 'n1' }),
    ]);
  });

  test('an overlaid pod keeps its endpoints, and what is overlaid replaces', () => {
    const policy = resource({
      apiVersion: 'caracal.network/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'p', namespace: 'shop' },
      spec: {},
    });
    const world = worldOf(known, [pod({ app: 'db' }), policy]);
    expect(world.pods).toEqual([expect.objectContaining({ labels: { app: 'db' }, addresses: ['10.0.0.1'] })]);
    expect(world.resources.map(({ kind }) => kind)).toEqual(['Pod', 'NetworkPolicy']);
  });
});

test('who does not enforce the revision yet', () => {
  const node = (name: string, enforcedRevision: bigint, connected = true) =>
    create(NodeEntrySchema, { name, connected, status: { enforcedRevision } });
  expect(lagLines([], 5n)).toEqual(['by revision 5; no node has reported yet']);
  expect(lagLines([node('n1', 5n), node('n2', 6n)], 5n)).toEqual(['by revision 5, which every node enforces']);
  expect(lagLines([node('n1', 5n), node('n2', 3n, false), node('n3', 0n)], 5n)).toEqual([
    'by revision 5, which not every node enforces:',
    '  n2 still enforces 3 (2 behind), and is not connected',
    '  n3 enforces nothing yet',
  ]);
  expect(
    lagLines(
      Array.from({ length: 7 }, (_, i) => node(`n${i}`, 1n)),
      5n,
    ).at(-1),
  ).toBe('  and 2 more nodes');
});
