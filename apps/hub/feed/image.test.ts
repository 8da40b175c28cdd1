import { fromBinary } from '@bufbuild/protobuf';
import type { StoredItem } from '@caracal/datastore';
import { addressFromBytes, formatAddress } from '@caracal/net';
import { FeedMessageSchema, PodUnpacker, podRow } from '@caracal/protocol';
import { expect, test } from 'vitest';
import { Image, type SnapshotForm } from './image.ts';

const pod = (i: number): StoredItem => ({
  item: 'resource',
  key: ['Pod', 'a', `p${i}`],
  value: {
    apiVersion: 'v1',
    kind: 'Pod',
    namespace: 'a',
    name: `p${i}`,
    uid: `u${i}`,
    labels: { app: `app-${i % 5}` },
    annotations: { much: 'text' },
    spec: {
      nodeName: `n${i % 3}`,
      serviceAccountName: 'default',
      ports: [
        { name: 'http', protocol: 'TCP', containerPort: 80 },
        { protocol: 'TCP', containerPort: 81 },
      ],
    },
    generation: 1n,
    revision: 1n,
  },
});
const endpoint = (i: number, podUid = `u${i}`): StoredItem => ({
  item: 'endpoint',
  key: [`n${i % 3}`, `c${i}`, 'eth0'],
  value: {
    node: `n${i % 3}`,
    containerId: `c${i}`,
    interface: 'eth0',
    podNamespace: 'a',
    podName: `p${i}`,
    podUid,
    addresses: [`10.0.0.${i % 250}`, `fd00::${i}`],
  },
});
const block: StoredItem = {
  item: 'block',
  key: ['10.0.0.0/26'],
  value: { cidr: '10.0.0.0/26', pool: 'p', node: 'n', incarnation: 'i' },
};

/** All that the frames say, as texts in the order of the alphabet. */
function said(image: Image, form: SnapshotForm): string[] {
  const unpacker = new PodUnpacker();
  const texts: string[] = [];
  const ofEndpoint = (e: {
    node: string;
    containerId: string;
    interface: string;
    podUid: string;
    addresses: readonly Uint8Array[];
  }) =>
    `endpoint ${e.node} ${e.containerId} ${e.interface} ${e.podUid} ${e.addresses.map((bytes) => formatAddress(addressFromBytes(bytes)))}`;
  for (const frame of image.frames(form)) {
    if (!frame) continue;
    const { payload } = frame;
    expect(payload.length).toBeLessThan(64 * 1024);
    const { message } = fromBinary(FeedMessageSchema, payload);
    if (message.case === 'packedPods') {
      expect(form).toBe('packed');
      for (const row of unpacker.unpack(message.value)) {
        texts.push(row.pod ? `pod ${JSON.stringify(row.pod)}` : ofEndpoint(row.endpoint!));
      }
    } else if (message.case === 'items') {
      for (const { item } of message.value.items) {
        if (item.case === 'resource')
          texts.push(`pod ${JSON.stringify(podRow(item.value, JSON.parse(item.value.specJson)))}`);
        else if (item.case === 'endpoint') texts.push(ofEndpoint(item.value));
        else if (item.case === 'block') texts.push(`block ${item.value.cidr}`);
      }
    }
  }
  return texts.sort();
}

test('both forms of a snapshot say the same, endpoints of unknown pods and what was changed included', () => {
  const image = new Image();
  image.put(block);
  for (let i = 0; i < 3000; i++) for (const item of [pod(i), endpoint(i)]) image.put(item);
  image.put(endpoint(3000, 'nobody'));
  image.put(endpoint(7, 'u8'));
  image.put({ ...pod(5), value: undefined } as StoredItem);
  image.put({ ...endpoint(6), value: undefined } as StoredItem);
  expect(image.size).toBe(1 + 2999 + 3000);
  const packed = said(image, 'packed');
  expect(packed).toHaveLength(image.size);
  expect(packed).toEqual(said(image, 'items'));
  expect(packed.filter((text) => text.includes('"p5"'))).toEqual([]);
});
