import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FeedMessageSchema, PodPacker } from '@caracal/protocol';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { FeedEntry } from './entries.ts';
import { type FeedTarget, followFeed } from './follow.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caracal-feed-'));
});
afterEach(() => rm(folder, { recursive: true }));

type Message = NonNullable<MessageInitShape<typeof FeedMessageSchema>['message']>;
const frame = (message: Message) => toBinary(FeedMessageSchema, create(FeedMessageSchema, { message }));
const snapshot = () => frame({ case: 'snapshotBegin', value: {} });
const names = (kind: string, ...list: string[]) =>
  frame({
    case: 'items',
    value: {
      items: list.map((name) => ({
        item: { case: 'resource', value: { kind, namespace: 'a', name, uid: name, specJson: '{}' } },
      })),
    },
  });
const tier = (...list: string[]) => names('Tier', ...list);
const commit = (revision: number) =>
  frame({ case: 'commit', value: { revision: BigInt(revision), nonce: BigInt(revision * 7) } });
const podRow = (name: string) => ({
  namespace: 'a',
  name,
  uid: name,
  node: 'n',
  serviceAccount: '',
  labels: { app: 'x' },
  ports: [],
});
/** Some pods in as many messages, each but the first without what the first has said. */
function packed(...list: string[]): Uint8Array[] {
  const packer = new PodPacker();
  return list.map((name) => {
    packer.add(podRow(name), [
      { node: 'n', containerId: `c-${name}`, interface: 'eth0', podUid: name, addresses: [Uint8Array.of(10, 0, 0, 1)] },
    ]);
    return frame({ case: 'packedPods', value: packer.take()! });
  });
}

/** An entry as text: `+NAME` for what is, `-NAME` for what is not any more. */
function word(entry: FeedEntry): string[] {
  switch (entry.case) {
    case 'resource':
    case 'pod':
      return [`+${entry.value.name}`];
    case 'endpoint':
      return [`+${entry.value.containerId}`];
    case 'resourceDeleted':
      return [`-${entry.value.name}`];
    default:
      return [];
  }
}

/** What was told at the end of each change, and the calls so far of the one that is under way. */
async function follow(own: Partial<FeedTarget> = {}) {
  const changes: string[][] = [];
  const calls: string[] = [];
  let words: string[] = [];
  const target: FeedTarget = {
    begin: () => void calls.push('begin'),
    take: (entries) => {
      calls.push('take');
      words.push(...entries.flatMap(word));
    },
    settle: () => true,
    end: () => {
      calls.push('end');
      changes.push(words);
      words = [];
    },
    ...own,
  };
  const feed = await followFeed({
    lastGoodPath: join(folder, 'feed'),
    logger: pino({ level: 'silent' }),
    target,
    onSnapshotWanted: () => {},
  });
  const receive = async (...frames: Uint8Array[]) => {
    for (const each of frames) await feed.receive(each);
  };
  return { feed, changes, calls, receive };
}

/** Follows with somebody who needs so many milliseconds; says in which turns of the event loop that was. */
async function followSlowly(onTake: (entries: readonly FeedEntry[]) => void, takeMs: number, settleMs: number) {
  let turn = 0;
  const count = () => {
    turn++;
    counting = setImmediate(count);
  };
  let counting = setImmediate(count);
  onTestFinished(() => clearImmediate(counting));
  const turnsOf = { take: [] as number[], settle: [] as number[] };
  const { feed } = await follow({
    take(entries) {
      turnsOf.take.push(turn);
      onTake(entries);
      busy(takeMs);
    },
    settle() {
      turnsOf.settle.push(turn);
      busy(settleMs);
      return true;
    },
  });
  return { feed, turnsOf };
}

function busy(ms: number): void {
  for (const start = performance.now(); performance.now() - start < ms; );
}

/** What a restart finds on the disk. */
async function stored(): Promise<string[]> {
  const { feed, changes } = await follow();
  await feed.replay();
  await feed.close();
  return changes.flat();
}

/** More than are handed on at once. */
const many = Array.from({ length: 40 }, (_, i) => `t${i}`);

describe('the feed as a node follows it', () => {
  it('shows nothing before its commit, and drops what an ended stream left unfinished', async () => {
    const { feed, changes, calls, receive } = await follow();
    await receive(snapshot(), tier('x'));
    expect(calls).toEqual([]);
    expect(feed.position()).toEqual({ revision: 0n, nonce: 0n });
    feed.interrupted();
    await receive(snapshot(), tier('y'), commit(5));
    expect(changes).toEqual([['+y']]);
    expect(feed.position()).toEqual({ revision: 5n, nonce: 35n });
    await receive(tier('z'));
    feed.interrupted();
    await receive(tier('w'), commit(6));
    expect(changes.at(-1)).toEqual(['+w']);
    await feed.close();
  });

  it('lets the event loop run between the few resources that are handed on at once, however many come in one message', async () => {
    const sizes: number[] = [];
    const { feed, turnsOf } = await followSlowly((entries) => sizes.push(entries.length), 4, 0);
    for (const each of [snapshot(), tier(...many), commit(1), tier(...many), commit(2)]) await feed.receive(each);
    await feed.close();
    expect(new Set(turnsOf.take).size).toBe(turnsOf.take.length);
    expect(Math.max(...sizes)).toBeLessThan(10);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(82); // with the entries that begin and end a snapshot
  });

  it('lets the event loop run before what follows from them, also when it ran just before they were handed on', async () => {
    const { feed, turnsOf } = await followSlowly(() => {}, 4, 4);
    for (const each of [snapshot(), tier(...many), commit(1)]) await feed.receive(each);
    await feed.close();
    expect(turnsOf.take.length).toBeGreaterThan(5);
    expect(turnsOf.take.filter((turn) => turnsOf.settle.includes(turn))).toEqual([]);
  });

  it('makes a later snapshot the difference to what was known', async () => {
    const { feed, changes, receive } = await follow();
    await receive(snapshot(), tier('x', 'y'), commit(1), snapshot(), tier('y', 'z'), commit(9));
    expect(changes.at(-1)).toEqual(['+y', '+z', '-x']);
    await feed.close();
  });

  it('cut at any message of a snapshot, goes on from the former state, also on disk', async () => {
    const before = [snapshot(), tier('old'), ...packed('p'), commit(1)];
    const frames = [snapshot(), tier('new'), ...packed('q', 'r'), names('Pod', 's'), commit(9)];
    for (let cut = 0; cut < frames.length; cut++) {
      const { feed, changes, calls, receive } = await follow();
      await receive(...before);
      calls.length = 0;
      await receive(...frames.slice(0, cut));
      feed.interrupted();
      expect(calls).toEqual([]);
      expect(feed.position().revision).toBe(1n);
      // Another hub knows where we stand, and says only what came since.
      await receive(tier('since'), commit(2));
      expect(changes).toEqual([['+old', '+p', '+c-p'], ['+since']]);
      await feed.close();
      expect(await stored()).toEqual(['+old', '+p', '+c-p', '+since']);
    }
    const { feed, changes, receive } = await follow();
    await receive(...before, ...frames);
    expect(changes.at(-1)).toEqual(['+new', '+q', '+c-q', '+r', '+c-r', '+s', '-old']);
    await feed.close();
    expect(await stored()).toEqual(['+new', '+q', '+c-q', '+r', '+c-r', '+s']);
  });

  it('takes a large snapshot with other things in between, and what follows it in order', async () => {
    // Every second time there is something left to do.
    let asked = 0;
    const { feed, changes, calls, receive } = await follow({ settle: () => ++asked % 2 === 0 });
    const pods = Array.from({ length: 200 }, (_, i) => `p${i}`);
    let others = 0;
    const other = () => {
      others++;
      if (others < 60) setImmediate(other);
    };
    setImmediate(other);
    await receive(snapshot(), ...packed(...pods), commit(1));
    expect(others).toBe(60);
    await receive(tier('after'), commit(2));
    expect(changes.map((change) => change.length)).toEqual([400, 1]);
    expect(changes[1]).toEqual(['+after']);
    expect(calls.filter((call) => call !== 'take')).toEqual(['begin', 'end', 'begin', 'end']);
    await feed.close();
  });

  it('refuses packed pods that make no sense, before anything of the snapshot is told', async () => {
    const [, second] = packed('q', 'r');
    const { feed, calls, receive } = await follow();
    await expect(receive(second)).rejects.toThrow('packed pods are of a snapshot, and none has begun');
    await receive(snapshot(), tier('x'));
    await expect(feed.receive(second)).rejects.toThrow('there is no packed');
    expect(calls).toEqual([]);
    await feed.close();
  });

  it('asks for a snapshot when a change could not be taken', async () => {
    const { feed, receive } = await follow({
      settle: () => {
        throw new Error('a fault');
      },
    });
    await expect(receive(snapshot(), tier('x'), commit(4))).rejects.toThrow('a fault');
    expect(feed.position().revision).toBe(0n);
    await feed.close();
  });

  it('enforces after a restart what it knew before, up to the last whole commit, whatever byte the file ends at', async () => {
    const first = await follow();
    await first.receive(snapshot(), tier('x'), commit(1));
    await first.feed.close();
    const committed = (await readFile(join(folder, 'feed'))).length;
    const second = await follow();
    await second.receive(tier('y'), commit(2));
    await second.feed.close();
    const whole = await readFile(join(folder, 'feed'));
    for (let length = committed; length <= whole.length; length++) {
      await writeFile(join(folder, 'feed'), whole);
      await truncate(join(folder, 'feed'), length);
      const { feed, changes, receive } = await follow();
      await feed.replay();
      expect(changes).toEqual([length === whole.length ? ['+x', '+y'] : ['+x']]);
      expect(feed.position().revision).toBe(length === whole.length ? 2n : 1n);
      // What is appended now must not join onto half a frame.
      await receive(tier('z'), commit(3));
      await feed.close();
      expect(await stored()).toContain('+z');
    }
  });

  it('reads a file that is larger than what it reads at once', async () => {
    const first = await follow();
    const large = Array.from({ length: 12 }, (_, i) => `${i}`.padEnd(50_000, 'x'));
    await first.receive(snapshot(), ...large.map((name) => tier(name)), tier('y'.repeat(300_000)), commit(1));
    await first.feed.close();
    expect(await stored()).toEqual([...large, 'y'.repeat(300_000)].map((name) => `+${name}`));
  });

  it('keeps the former snapshot on disk until the next one is whole', async () => {
    const { feed, receive } = await follow();
    await receive(snapshot(), tier('x'), commit(1), snapshot(), tier('y'));
    await feed.close();
    expect(await stored()).toEqual(['+x']);
  });

  it('reads the file of a former version, and is not misread by it', async () => {
    const frames = [snapshot(), tier('x'), names('Pod', 'p'), commit(3)];
    const bytes = frames.flatMap((payload) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(payload.length);
      return [length, payload];
    });
    await writeFile(join(folder, 'feed'), Buffer.concat(bytes));
    expect(await stored()).toEqual(['+x', '+p']);
    const { feed, receive } = await follow();
    await receive(snapshot(), ...packed('q'), commit(4));
    await feed.close();
    // The former version takes the first four bytes for the length of a frame, and finds the file too short for it.
    expect((await readFile(join(folder, 'feed'))).readUInt32LE(0)).toBeGreaterThan(2 ** 30);
  });

  it('ignores a file that is no feed', async () => {
    await writeFile(join(folder, 'feed'), Buffer.from([3, 0, 0, 0, 0xff, 0xff, 0xff]));
    const { feed, changes } = await follow();
    await feed.replay();
    expect(changes).toEqual([]);
    expect(feed.position().revision).toBe(0n);
    await feed.close();
  });
});
