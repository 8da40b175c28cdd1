import { fromBinary } from '@bufbuild/protobuf';
import type { Position, Revision, StoredItem } from '@caracal/datastore';
import { type FeedFrame, FeedMessageSchema } from '@caracal/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { setClockBack } from '../../../test/support/set-clock-back.ts';
import { systemClock } from '../clock.ts';
import { Feed } from './feed.ts';
import { subscription } from './subscription.ts';

const block = (cidr: string, node?: string): StoredItem => ({
  item: 'block',
  key: [cidr],
  value: node === undefined ? undefined : { cidr, pool: 'p', node, incarnation: 'i' },
});
const stopped = { now: () => 0, elapsed: () => 0 };
const at = (revision: number, nonce = revision * 1000): Position => ({
  revision: BigInt(revision),
  nonce: BigInt(nonce),
});
const revision = (number: number, ...items: StoredItem[]): Revision => ({ ...at(number), items });

function feedAt(number: number, items: StoredItem[] = [], recent: Revision[] = []): Feed {
  const feed = new Feed(stopped);
  feed.snapshotBegin();
  feed.snapshotItems(items);
  feed.snapshotEnd(at(number), recent);
  feed.contact();
  return feed;
}

/** A reader as an agent is one: items count when they are committed. */
class Reader {
  state = new Map<string, string>();
  position: Position | undefined;
  snapshots = 0;
  #pending: (() => void)[] = [];

  take(frames: readonly FeedFrame[]): void {
    for (const { payload } of frames) {
      const { message } = fromBinary(FeedMessageSchema, payload);
      if (message.case === 'snapshotBegin') {
        this.snapshots++;
        this.#pending = [() => this.state.clear()];
      } else if (message.case === 'items') {
        for (const { item } of message.value.items) {
          if (item.case === 'block') this.#pending.push(() => this.state.set(item.value.cidr, item.value.node));
          if (item.case === 'blockDeleted') this.#pending.push(() => this.state.delete(item.value));
        }
      } else if (message.case === 'commit') {
        for (const change of this.#pending.splice(0)) change();
        this.position = { revision: message.value.revision, nonce: message.value.nonce };
      }
    }
  }

  /** Takes parts until there is nothing more. */
  follow(feed: Feed): void {
    for (let part = feed.next(this.position); part; part = feed.next(this.position)) this.take(part.frames);
  }
}

describe('a reader', () => {
  test('gets nothing before the first snapshot, then all of it, then the changes', () => {
    const reader = new Reader();
    expect(new Feed(stopped).next(undefined)).toBeUndefined();
    const feed = feedAt(5, [block('a', 'n1'), block('b', 'n1')]);
    reader.follow(feed);
    expect([...reader.state]).toEqual([
      ['a', 'n1'],
      ['b', 'n1'],
    ]);
    expect(reader.position).toEqual(at(5));
    feed.revisions([revision(6, block('a', 'n2')), revision(7, block('b'), block('c', 'n3'))]);
    reader.follow(feed);
    expect([...reader.state]).toEqual([
      ['a', 'n2'],
      ['c', 'n3'],
    ]);
    expect(reader.position).toEqual(at(7));
    expect(reader.snapshots).toBe(1);
  });

  test('that was here under an earlier hub resumes from the revisions that the database still told', () => {
    const feed = feedAt(
      5,
      [block('a', 'n2')],
      [revision(3), revision(4, block('a', 'n1')), revision(5, block('a', 'n2'))],
    );
    expect(feed.contains(at(3))).toBe(true);
    const reader = new Reader();
    reader.position = at(4);
    reader.follow(feed);
    expect([reader.snapshots, ...reader.state]).toEqual([0, ['a', 'n2']]);
  });

  test('of another history, of the future, or from before the log, gets a snapshot', () => {
    const feed = feedAt(5, [block('a', 'n')]);
    for (const position of [at(5, 1), at(6), at(4), at(0, 0), { revision: 2n ** 63n, nonce: 0n }]) {
      const reader = new Reader();
      reader.position = position;
      reader.follow(feed);
      expect({ snapshots: reader.snapshots, position: reader.position }).toEqual({ snapshots: 1, position: at(5) });
    }
  });

  test('that stood in a history which is gone gets a snapshot of the new one', () => {
    const feed = feedAt(5, [block('a', 'n')]);
    const reader = new Reader();
    reader.follow(feed);
    feed.snapshotBegin();
    feed.snapshotItems([block('b', 'n')]);
    feed.snapshotEnd(at(5, 77), []);
    reader.follow(feed);
    expect([reader.snapshots, ...reader.state.keys()]).toEqual([2, 'b']);
  });

  test('that the log has left behind gets a snapshot, and memory stays bounded', () => {
    const feed = feedAt(1);
    const slow = new Reader();
    slow.follow(feed);
    for (let number = 2; number <= 12_500; number += 500) {
      feed.revisions(Array.from({ length: 500 }, (_, i) => revision(number + i, block('x', String(number + i)))));
    }
    expect(feed.contains(at(2000))).toBe(false);
    expect(feed.contains(at(3000))).toBe(true);
    slow.follow(feed);
    expect(slow.snapshots).toBe(2);
    expect([...slow.state]).toEqual([['x', feed.head!.revision.toString()]]);
  });

  test('sees what everybody sees, wherever it stops, starts and resumes', () => {
    const change = fc.record({
      cidr: fc.constantFrom('a', 'b', 'c', 'd'),
      node: fc.option(fc.constantFrom('1', '2'), { nil: undefined }),
    });
    const step = fc.oneof(
      fc.record({ change: fc.array(change, { minLength: 1, maxLength: 3 }) }),
      fc.record({ read: fc.nat(2) }),
      fc.record({ restart: fc.nat(2) }),
      fc.record({ failover: fc.constant(true) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const truth = new Map<string, string>();
        const image = () => [...truth].map(([cidr, node]) => block(cidr, node));
        const feed = feedAt(1);
        const readers = [new Reader(), new Reader(), new Reader()];
        let number = 1;
        let history = 0;
        for (const each of steps) {
          if ('change' in each) {
            for (const { cidr, node } of each.change) node === undefined ? truth.delete(cidr) : truth.set(cidr, node);
            number++;
            const items = each.change.map(({ cidr, node }) => block(cidr, node));
            feed.revisions([{ revision: BigInt(number), nonce: BigInt(number * 1000 + history), items }]);
          } else if ('read' in each) readers[each.read].follow(feed);
          else if ('restart' in each) readers[each.restart] = new Reader();
          else {
            history++;
            truth.delete('a');
            feed.snapshotBegin();
            feed.snapshotItems(image());
            feed.snapshotEnd({ revision: BigInt(number), nonce: BigInt(number * 1000 + history) }, []);
          }
        }
        for (const reader of readers) {
          reader.follow(feed);
          expect(new Map(reader.state)).toEqual(truth);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('frames are made once for all who stand at the same place', () => {
    const feed = feedAt(5, [block('a', 'n')]);
    expect(feed.next(undefined)).toBe(feed.next(undefined));
    feed.revisions([revision(6, block('a', 'm'))]);
    expect(feed.next(at(5))).toBe(feed.next(at(5)));
    // The image is packed once; what came since is added to it.
    const [, first] = feed.next(undefined)!.frames;
    feed.revisions([revision(7, block('b', 'm'))]);
    expect(feed.next(undefined)!.frames[1]).toBe(first);
  });
});

describe('liveness', () => {
  test('is lost with the connection or with silence, and comes back with the next contact', () => {
    let elapsed = 0;
    let clockMs = 1000;
    const feed = new Feed({ now: () => clockMs + elapsed, elapsed: () => elapsed }, 3500);
    expect(feed.liveness()).toMatchObject({ live: false, staleSinceMs: 1000 });
    feed.snapshotBegin();
    feed.snapshotEnd(at(1), []);
    feed.contact();
    expect(feed.liveness()).toMatchObject({ live: true, staleSinceMs: 0, reason: undefined });
    elapsed += 500;
    feed.lost(new Error('gone'));
    elapsed += 500;
    expect(feed.liveness()).toMatchObject({ live: false, staleSinceMs: 1000, reason: 'gone' });
    feed.contact();
    expect(feed.liveness().live).toBe(true);
    clockMs -= 3_600_000; // the clock is set back an hour, and the database hangs
    elapsed += 3500;
    expect(feed.liveness()).toMatchObject({ live: false, staleSinceMs: 2000, reason: 'the database does not answer' });
  });
});

describe('a subscription', () => {
  test('sends its heartbeats though the clock is set back', async () => {
    const feed = new Feed(systemClock);
    const stop = new AbortController();
    const stream = subscription(feed, at(0, 0), {
      signal: stop.signal,
      heartbeatMs: 10,
      stallMs: 60_000,
      onStall: () => {},
      elapsed: systemClock.elapsed,
      form: 'packed',
    });
    await stream.next();
    const restore = setClockBack(3_600_000);
    try {
      const { value } = await stream.next();
      expect(fromBinary(FeedMessageSchema, value!.payload).message.case).toBe('heartbeat');
    } finally {
      restore();
      stop.abort();
    }
  });

  test('ends a stream that takes nothing, and not one that only has nothing to take', async () => {
    const feed = feedAt(1, [block('a', 'n')]);
    const stop = new AbortController();
    let stalled = () => {};
    const stall = new Promise<void>((resolve) => {
      stalled = resolve;
    });
    let early = false;
    const options = {
      signal: stop.signal,
      heartbeatMs: 10,
      stallMs: 60,
      elapsed: systemClock.elapsed,
      form: 'packed' as const,
    };
    const reading = subscription(feed, at(0, 0), { ...options, onStall: () => (early = true) });
    const idle = subscription(feed, at(0, 0), { ...options, onStall: stalled });
    await idle.next(); // and takes no more
    const taking = (async () => {
      for await (const _ of reading) if (stop.signal.aborted) break;
    })();
    await stall;
    expect(early).toBe(false);
    stop.abort();
    await taking;
    await idle.return(undefined);
  });
});
