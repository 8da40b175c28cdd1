import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { StoredItem } from '@caracal/datastore';
import { FeedMessageSchema } from '@caracal/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeItem, packFrames } from './encode.ts';

const block = (cidr: string): StoredItem => ({
  item: 'block',
  key: [cidr],
  value: { cidr, pool: 'p', node: 'n', incarnation: 'i' },
});

test('items that were encoded one by one are what protobuf makes of the whole message', () => {
  const items: StoredItem[] = [
    block('10.0.0.0/26'),
    { item: 'block', key: ['10.0.0.64/26'] },
    {
      item: 'endpoint',
      key: ['n', 'c', 'eth0'],
      value: {
        node: 'n',
        containerId: 'c',
        interface: 'eth0',
        podNamespace: 's',
        podName: 'p',
        podUid: 'u',
        addresses: ['10.0.0.1', 'fd00::1'],
      },
    },
    { item: 'endpoint', key: ['n', 'c', 'eth0'] },
    {
      item: 'resource',
      key: ['Tier', '', 't'],
      value: {
        apiVersion: 'caracal.network/v1',
        kind: 'Tier',
        namespace: '',
        name: 't',
        uid: 'u',
        labels: { a: 'b' },
        annotations: {},
        spec: { order: 1 },
        generation: 3n,
        revision: 9n,
      },
    },
    { item: 'resource', key: ['Tier', '', 't'] },
  ];
  const [frame, ...others] = packFrames(items.map(encodeItem));
  expect(others).toEqual([]);
  const decoded = fromBinary(FeedMessageSchema, frame.payload);
  expect(toBinary(FeedMessageSchema, decoded)).toEqual(frame.payload);
  expect(decoded.message).toMatchObject({
    case: 'items',
    value: {
      items: [
        { item: { case: 'block', value: { cidr: '10.0.0.0/26', pool: 'p', node: 'n' } } },
        { item: { case: 'blockDeleted', value: '10.0.0.64/26' } },
        { item: { case: 'endpoint', value: { podUid: 'u', addresses: [{ length: 4 }, { length: 16 }] } } },
        { item: { case: 'endpointDeleted', value: { node: 'n', containerId: 'c', interface: 'eth0' } } },
        {
          item: { case: 'resource', value: { name: 't', labels: { a: 'b' }, specJson: '{"order":1}', generation: 3n } },
        },
        { item: { case: 'resourceDeleted', value: { kind: 'Tier', name: 't' } } },
      ],
    },
  });
});

test('frames keep the order, lose nothing, and exceed 64 KiB only for one item that is larger', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(90_000), { maxLength: 12 }), (sizes) => {
      const cidrs = sizes.map((size, i) => `${i}:`.padEnd(size, 'x'));
      const frames = [...packFrames(cidrs.map((cidr) => encodeItem(block(cidr))))];
      const contents = frames.map(({ payload }) => {
        const { message } = fromBinary(FeedMessageSchema, payload);
        const items = message.case === 'items' ? message.value.items : [];
        expect(payload.length <= 64 * 1024 || items.length === 1).toBe(true);
        return items;
      });
      expect(contents.flat().map(({ item }) => item.case === 'block' && item.value.cidr)).toEqual(cidrs);
    }),
    { numRuns: 50 },
  );
});

test('no items are no frame', () => {
  expect([...packFrames([])]).toEqual([]);
});
