import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type FeedItem, FeedMessageSchema } from '@caracal/protocol';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { followFeed } from './follow.ts';
import { readLastGood } from './last-good.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caracal-feed-'));
});
afterEach(() => rm(folder, { recursive: true }));

type Message = NonNullable<MessageInitShape<typeof FeedMessageSchema>['message']>;
const frame = (message: Message) => toBinary(FeedMessageSchema, create(FeedMessageSchema, { message }));
const snapshot = () => frame({ case: 'snapshotBegin', value: {} });
const pod = (...names: string[]) =>
  frame({
    case: 'items',
    value: {
      items: names.map((name) => ({ item: { case: 'resource', value: { kind: 'Pod', namespace: 'a', name } } })),
    },
  });
const commit = (revision: number) =>
  frame({ case: 'commit', value: { revision: BigInt(revision), nonce: BigInt(revision * 7) } });

/** A change as text: `+NAME` for an upsert, `-NAME` for a deletion. */
const words = (items: readonly FeedItem[]) =>
  items.map(({ item }) =>
    item.case === 'resource' ? `+${item.value.name}` : item.case === 'resourceDeleted' ? `-${item.value.name}` : '?',
  );

async function follow() {
  const changes: string[][] = [];
  const feed = await followFeed({
    lastGoodPath: join(folder, 'feed'),
    logger: pino({ level: 'silent' }),
    onChange: (change) => changes.push(words(change.items)),
    onSnapshotWanted: () => {},
  });
  return { feed, changes, receive: (...frames: Uint8Array[]) => frames.forEach(feed.receive) };
}

describe('the feed as a node follows it', () => {
  it('shows nothing before its commit, and drops what an ended stream left unfinished', async () => {
    const { feed, changes, receive } = await follow();
    receive(snapshot(), pod('x'));
    expect(changes).toEqual([]);
    expect(feed.position()).toEqual({ revision: 0n, nonce: 0n });
    feed.interrupted();
    receive(snapshot(), pod('y'), commit(5));
    expect(changes).toEqual([['+y']]);
    expect(feed.position()).toEqual({ revision: 5n, nonce: 35n });
    receive(pod('z'));
    feed.interrupted();
    receive(pod('w'), commit(6));
    expect(changes.at(-1)).toEqual(['+w']);
    await feed.close();
  });

  it('makes a later snapshot the difference to what was known', async () => {
    const { feed, changes, receive } = await follow();
    receive(snapshot(), pod('x', 'y'), commit(1), snapshot(), pod('y', 'z'), commit(9));
    expect(changes.at(-1)).toEqual(['+y', '+z', '-x']);
    await feed.close();
  });

  it('enforces after a restart what it knew before, up to the last whole commit, whatever byte the file ends at', async () => {
    const first = await follow();
    first.receive(snapshot(), pod('x'), commit(1));
    await first.feed.close();
    const committed = (await readFile(join(folder, 'feed'))).length;
    const second = await follow();
    second.receive(pod('y'), commit(2));
    await second.feed.close();
    const whole = await readFile(join(folder, 'feed'));
    for (let length = committed; length <= whole.length; length++) {
      await writeFile(join(folder, 'feed'), whole);
      await truncate(join(folder, 'feed'), length);
      const { feed, changes } = await follow();
      feed.replay();
      expect(changes).toEqual([length === whole.length ? ['+x', '+y'] : ['+x']]);
      expect(feed.position().revision).toBe(length === whole.length ? 2n : 1n);
      // What is appended now must not join onto half a frame.
      feed.receive(pod('z'));
      feed.receive(commit(3));
      await feed.close();
      const later = await follow();
      later.feed.replay();
      expect(later.changes[0]).toContain('+z');
      await later.feed.close();
    }
  });

  it('keeps the former snapshot on disk until the next one is whole', async () => {
    const { feed, receive } = await follow();
    receive(snapshot(), pod('x'), commit(1), snapshot(), pod('y'));
    await feed.close();
    const again = await follow();
    again.feed.replay();
    expect(again.changes).toEqual([['+x']]);
    await again.feed.close();
  });

  it('ignores a file that is no feed', async () => {
    await writeFile(join(folder, 'feed'), Buffer.from([3, 0, 0, 0, 0xff, 0xff, 0xff]));
    expect((await readLastGood(join(folder, 'feed'))).frames).toHaveLength(1);
    const { feed, changes } = await follow();
    feed.replay();
    expect(changes).toEqual([]);
    expect(feed.position().revision).toBe(0n);
    await feed.close();
  });
});
