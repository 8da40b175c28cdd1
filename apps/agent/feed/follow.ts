import type { Logger } from 'pino';
import type { FeedEntry } from './entries.ts';
import { type FeedChange, type FeedPosition, FeedState } from './feed-state.ts';
import { openLastGood, storedFrames } from './last-good.ts';
import { Turn } from './turn.ts';

/** When the frames after the stored snapshot have grown beyond this, a new snapshot is cheaper to keep. */
const longestTailBytes = 32 * 1024 * 1024;

/** Who acts on the feed. A change comes in parts between which other things happen; none of it may show before its end. */
export interface FeedTarget {
  begin(change: Pick<FeedChange, 'snapshot' | 'hasIpv6Pool'>): void;
  take(entries: readonly FeedEntry[]): void;
  /** Works out what follows from what was taken until `isOver()`; true when nothing is left to do. */
  settle(isOver: () => boolean): boolean;
  /** All was taken. */
  end(change: FeedPosition & Pick<FeedChange, 'snapshot'>): void;
}

export interface FollowOptions {
  readonly lastGoodPath: string;
  readonly logger: Logger;
  readonly target: FeedTarget;
  /** The subscription should start again from `position()`. */
  onSnapshotWanted(): void;
}

/** The feed as the node follows it: frames in, committed changes out, a copy on disk. */
export interface FollowedFeed {
  /** Hands out what a former run left on disk, as one change; call it once, when everything is connected and before the first frame. */
  replay(): Promise<void>;
  /** Takes a frame; the next one may be given when this has resolved. Rejects when it makes no sense: the stream is to be ended. */
  receive(payload: Uint8Array): Promise<void>;
  /** Has everything said once more, to somebody who did not listen the first time. */
  wantSnapshot(): void;
  /** The stream ended: what was not committed is dropped. */
  interrupted(): void;
  position(): FeedPosition;
  close(): Promise<void>;
}

export async function followFeed(options: FollowOptions): Promise<FollowedFeed> {
  const { lastGoodPath, logger, target, onSnapshotWanted } = options;
  const turn = new Turn();
  let snapshotWanted = false;
  let replaying: Promise<void> | undefined;
  const stored = await recall(lastGoodPath, turn, logger);
  let state = stored.state;
  const recalled = { revision: state.revision, nonce: state.nonce };
  const lastGood = openLastGood(lastGoodPath, stored.wholeBytes, (error) =>
    logger.error(
      { path: lastGoodPath, reason: error.message },
      'the last good state is not on disk: after a reboot pods wait for a hub',
    ),
  );

  function wantSnapshot(): void {
    if (snapshotWanted) return;
    snapshotWanted = true;
    onSnapshotWanted();
  }

  /** Takes a change's entries, with the event loop running in between. */
  async function take(change: FeedChange): Promise<void> {
    for (const batch of change.batches()) {
      // Decoding what this batch is of has taken its time already.
      if (turn.overNow()) await turn.rest();
      target.take(batch);
      while (turn.overNow() || !target.settle(turn.over)) await turn.rest();
    }
  }

  async function apply(change: FeedChange): Promise<void> {
    try {
      target.begin(change);
      await take(change);
      target.end(change);
    } catch (error) {
      // Some of it was taken, so where we stand has no revision.
      snapshotWanted = true;
      throw error;
    }
  }

  /** The stored frames once more, and what they come to. */
  async function replay(): Promise<void> {
    if (recalled.revision === 0n) return;
    logger.info({ revision: Number(recalled.revision) }, 'enforcing the last good state until a hub is reached');
    state = new FeedState();
    target.begin({ snapshot: false, hasIpv6Pool: stored.hasIpv6Pool });
    for await (const { payload, end } of storedFrames(lastGoodPath)) {
      const { change } = state.advance(payload);
      if (change) await take(change);
      if (end >= stored.wholeBytes) break;
    }
    target.end({ ...recalled, snapshot: false });
  }

  return {
    replay() {
      replaying = replay().finally(() => {
        replaying = undefined;
      });
      return replaying;
    },
    async receive(payload) {
      if (replaying) await replaying;
      if (turn.overNow()) await turn.rest();
      const step = state.advance(payload);
      if (step.message === 'snapshotBegin') snapshotWanted = false;
      lastGood.append(payload, step.message);
      if (!step.change) return;
      await apply(step.change);
      if (lastGood.tailBytes > longestTailBytes) wantSnapshot();
    },
    wantSnapshot,
    interrupted() {
      state.discardPending();
      lastGood.interrupted();
    },
    position() {
      if (snapshotWanted) return { revision: 0n, nonce: 0n };
      return replaying ? recalled : { revision: state.revision, nonce: state.nonce };
    },
    close: () => lastGood.close(),
  };
}

/** Reads the stored frames up to the last commit, to see that they can be and where they lead; damage makes them count as absent. */
async function recall(
  path: string,
  turn: Turn,
  logger: Logger,
): Promise<{ state: FeedState; wholeBytes: number; hasIpv6Pool: boolean }> {
  const state = new FeedState();
  let wholeBytes = 0;
  let hasIpv6Pool = false;
  try {
    for await (const { payload, end } of storedFrames(path)) {
      const { change } = state.advance(payload);
      if (turn.overNow()) await turn.rest();
      if (!change) continue;
      wholeBytes = end;
      hasIpv6Pool ||= change.hasIpv6Pool;
    }
  } catch (error) {
    logger.error({ path, reason: String(error) }, 'the last good state on disk is damaged: ignored');
    return { state: new FeedState(), wholeBytes: 0, hasIpv6Pool: false };
  }
  state.discardPending();
  return { state, wholeBytes, hasIpv6Pool };
}
