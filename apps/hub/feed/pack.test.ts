// A large image is packed with pauses, in which it changes.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import type { Position, StoredItem } from '@caracal/datastore';
import { type FeedFrame, FeedMessageSchema, PodUnpacker } from '@caracal/protocol';
import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../clock.ts';
import { Feed } from './feed.ts';
import type { SnapshotForm } from './image.ts';

const endpoints = 20_000;

/** Of a slow machine: whatever is done between two looks takes as long as is packed without a pause. */
let elapsed = 0;
const slow: Clock = { ...systemClock, elapsed: () => (elapsed += 3) };

const endpoint = (i: number, node: string | undefined): StoredItem => ({
  item: 'endpoint',
  key: ['n', `c${i}`, 'eth0'],
  value:
    node === undefined
      ? undefined
      : {
          node: 'n',
          containerId: `c${i}`,
          interface: 'eth0',
          podNamespace: 'a',
          podName: node,
          podUid: node,
          addresses: [`10.0.${i >> 8}.${i & 255}`],
        },
});
const at = (revision: number): Position => ({ revision: BigInt(revision), nonce: 1n });

function largeFeed(): Feed {
  const feed = new Feed(slow);
  feed.snapshotBegin();
  feed.snapshotItems(Array.from({ length: endpoints }, (_, i) => endpoint(i, 'before')));
  feed.snapshotEnd(at(1), []);
  return feed;
}

/** Whose each container is, by the frames of one snapshot. */
function said(frames: readonly FeedFrame[]): Map<string, string> {
  const owners = new Map<string, string>();
  const unpacker = new PodUnpacker();
  for (const { payload } of frames) {
    const { message } = fromBinary(FeedMessageSchema, payload);
    if (message.case === 'packedPods')
      for (const row of unpacker.unpack(message.value))
        if (row.endpoint) owners.set(row.endpoint.containerId, row.endpoint.podUid);
    if (message.case !== 'items') continue;
    for (const { item } of message.value.items) {
      if (item.case === 'endpoint') owners.set(item.value.containerId, item.value.podUid);
      if (item.case === 'endpointDeleted') owners.delete(item.value.containerId);
    }
  }
  return owners;
}

test.each<SnapshotForm>(['packed', 'items'])('%s: what changes meanwhile is in the snapshot', async (form) => {
  const feed = largeFeed();
  const truth = said(feed.next(undefined, form)!.frames);
  feed.snapshotBegin();
  feed.snapshotItems(Array.from({ length: endpoints }, (_, i) => endpoint(i, 'before')));
  feed.snapshotEnd(at(1), []);

  let packed = false;
  const preparing = Promise.all([feed.prepare(undefined, form), feed.prepare(undefined, form)]).then(() => {
    packed = true;
  });
  let revision = 1;
  for (; !packed; await nextTurn()) {
    const [changed, gone, come] = [(revision * 997) % endpoints, (revision * 1009) % endpoints, endpoints + revision];
    const items = [endpoint(changed, 'after'), endpoint(gone, undefined), endpoint(come, 'new')];
    feed.revisions([{ ...at(++revision), items }]);
    truth.set(`c${changed}`, 'after').delete(`c${gone}`);
    truth.set(`c${come}`, 'new');
  }
  await preparing;
  expect(revision).toBeGreaterThan(2); // there were pauses
  const { frames, position } = feed.next(undefined, form)!;
  expect(position).toEqual(at(revision));
  expect(said(frames)).toEqual(truth);
});

test.each<SnapshotForm>(['packed', 'items'])('%s: with pauses or without, the same octets', async (form) => {
  const [paused, atOnce] = [largeFeed(), largeFeed()];
  await paused.prepare(undefined, form);
  const octets = ({ frames }: { frames: readonly FeedFrame[] }) => Buffer.concat(frames.map(({ payload }) => payload));
  expect(octets(paused.next(undefined, form)!).equals(octets(atOnce.next(undefined, form)!))).toBe(true);
});
