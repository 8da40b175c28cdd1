import { create } from '@bufbuild/protobuf';
import { NodeEntrySchema } from '@caracal/protocol';
import { expect, test } from 'vitest';
import type { Io } from '../io.ts';
import { peersTable } from './bgp.ts';
import { parseLabelChange } from './label.ts';
import { enforced } from './node.ts';

const io: Io = {
  env: {},
  now: () => 1_000_000,
  colours: false,
  out: () => {},
  err: () => {},
  readStdin: async () => '',
};

test('labels to set and to remove', () => {
  expect(parseLabelChange('app=web')).toEqual(['app', 'web']);
  expect(parseLabelChange('app=a=b')).toEqual(['app', 'a=b']);
  expect(parseLabelChange('app-')).toEqual(['app', '']);
  for (const text of ['app', 'app=', '=web', '-', '']) expect(() => parseLabelChange(text)).toThrow('changes no label');
});

test('BGP peers, with the last error under the session', () => {
  const peer = { $typeName: 'caracal.v1.BgpPeerStatus', address: '192.0.2.1', asNumber: 64512, lastError: '' } as const;
  const rows = [
    { ...peer, node: 'n1', name: 'tor', state: 'Established', sinceMs: 808_000n, received: 2, advertised: 13 },
    {
      ...peer,
      node: 'n10',
      name: 'tor',
      state: 'Active',
      sinceMs: 0n,
      received: 0,
      advertised: 0,
      lastError: 'Bad Peer AS: expected 64512, received 64999',
    },
  ];
  expect(peersTable(rows, false, io)).toBe(
    [
      'NODE  PEER     AS  STATE        SINCE  RECEIVED  ADVERTISED',
      'n1    tor   64512  Established  3m12s         2          13',
      'n10   tor   64512  Active       -             0           0',
      '  Bad Peer AS: expected 64512, received 64999',
      '',
    ].join('\n'),
  );
});

test('how far a node is behind', () => {
  const node = (enforcedRevision: bigint) =>
    create(NodeEntrySchema, { name: 'n1', connected: true, status: { enforcedRevision } });
  expect(enforced(node(812n), 812n)).toBe('812');
  expect(enforced(node(809n), 812n)).toBe('809 (3 behind)');
  expect(enforced(node(0n), 812n)).toBe('nothing yet');
});
