import { create } from '@bufbuild/protobuf';
import { parseAddress } from '@caracal/net';
import { NodeEntrySchema } from '@caracal/protocol';
import { describe, expect, test } from 'vitest';
import type { Io } from '../io.ts';
import { peersTable } from './bgp.ts';
import { checkAddresses } from './ipam-check.ts';
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

describe('checkAddresses', () => {
  const pools = [{ name: 'p', cidr: '10.0.0.0/16' }];
  const block = (cidr: string, node: string, pool = 'p') => ({ cidr, node, pool });
  const endpoint = (node: string, pod: string, ...addresses: string[]) => ({
    node,
    pod,
    addresses: addresses.map((text) => parseAddress(text)!),
  });

  test('a network in order', () => {
    expect(
      checkAddresses(
        pools,
        [block('10.0.0.0/26', 'n1'), block('10.0.0.64/26', 'n2')],
        [endpoint('n1', 's/a', '10.0.0.1'), endpoint('n2', 's/b', '10.0.0.65')],
      ),
    ).toEqual([]);
    expect(checkAddresses([], [], [])).toEqual([]);
  });

  test('each contradiction in a line', () => {
    expect(
      checkAddresses(
        pools,
        [
          block('10.0.0.0/26', 'n1'),
          block('10.0.0.32/27', 'n2'),
          block('10.0.0.64/26', 'n2'),
          block('10.1.0.0/26', 'n3'),
          block('10.2.0.0/26', 'n3', 'gone'),
        ],
        [
          endpoint('n1', 's/a', '10.0.0.1'),
          endpoint('n1', 's/b', '10.0.0.1'),
          endpoint('n1', 's/c', '10.0.0.65'),
          endpoint('n1', 's/d', '192.0.2.1'),
        ],
      ),
    ).toEqual([
      'block 10.1.0.0/26 of node n3 lies outside of its pool p',
      'block 10.2.0.0/26 of node n3: its pool gone does not exist',
      'block 10.0.0.32/27 of node n2 overlaps 10.0.0.0/26 of node n1',
      '10.0.0.1 is held twice: by s/a on n1 and by s/b on n1',
      '10.0.0.65 of s/c on n1 lies in block 10.0.0.64/26, which node n2 owns',
      '192.0.2.1 of s/d on n1 lies in no block',
    ]);
  });
});
