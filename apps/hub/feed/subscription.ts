import type { Position } from '@caracal/datastore';
import type { FeedFrame } from '@caracal/protocol';
import { frameOf } from './encode.ts';
import type { Feed } from './feed.ts';
import type { SnapshotForm } from './image.ts';

export interface SubscriptionOptions {
  /** The stream has closed, or the hub drains. */
  readonly signal: AbortSignal;
  readonly heartbeatMs: number;
  /** How long one message may wait for a reader that takes none. */
  readonly stallMs: number;
  /** Ends the stream of such a reader: it answers pings, so nothing else would. */
  readonly onStall: () => void;
  /** Of a clock that only goes on; milliseconds. */
  readonly elapsed: () => number;
  /** What the reader reads. */
  readonly form: SnapshotForm;
}

/**
 * One stream of the feed: a heartbeat, what the reader lacks since `from` (or a snapshot, when that place is unknown), then
 * everything as it comes, and a heartbeat at once when the hub falls out of step with the database or comes back.
 * It is pulled: nothing is made before the stream has taken what came before.
 */
export async function* subscription(
  feed: Feed,
  from: Position,
  options: SubscriptionOptions,
): AsyncGenerator<FeedFrame> {
  const { signal, heartbeatMs, stallMs, onStall, elapsed, form } = options;
  let cursor: Position | undefined = from;
  let toldAt = Number.NEGATIVE_INFINITY;
  let toldLive: boolean | undefined;
  const stall = setTimeout(onStall, stallMs);
  stall.unref();
  try {
    while (!signal.aborted) {
      const { live, staleSinceMs } = feed.liveness();
      if (live !== toldLive || elapsed() - toldAt >= heartbeatMs) {
        toldLive = live;
        toldAt = elapsed();
        yield frameOf({ case: 'heartbeat', value: { live, staleSinceMs: BigInt(staleSinceMs) } });
        stall.refresh();
      }
      await feed.prepare(cursor, form);
      stall.refresh();
      const part = feed.next(cursor, form);
      if (part) {
        for (const frame of part.frames) {
          if (signal.aborted) return;
          yield frame;
          stall.refresh();
        }
        cursor = part.position;
      } else {
        // The reader is not behind, so it cannot stall.
        await feed.changed(Math.max(0, heartbeatMs - (elapsed() - toldAt)), signal);
        stall.refresh();
      }
    }
  } finally {
    clearTimeout(stall);
  }
}
