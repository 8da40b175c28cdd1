import type { Logger } from 'pino';
import { type FeedChange, FeedState } from './feed-state.ts';
import { openLastGood, readLastGood } from './last-good.ts';

/** When the frames after the stored snapshot have grown beyond this, a new snapshot is cheaper to keep. */
const longestTailBytes = 32 * 1024 * 1024;

export interface FollowOptions {
  readonly lastGoodPath: string;
  readonly logger: Logger;
  onChange(change: FeedChange): void;
  /** The subscription should start again from `position()`. */
  onSnapshotWanted(): void;
}

/** The feed as the node follows it: frames in, committed changes out, a copy on disk. */
export interface FollowedFeed {
  /** Hands out what a former run left on disk, as one change; call it once, when everything is connected. */
  replay(): void;
  receive(payload: Uint8Array): void;
  /** Has everything said once more, to somebody who did not listen the first time. */
  wantSnapshot(): void;
  /** The stream ended: what was not committed is dropped. */
  interrupted(): void;
  position(): { revision: bigint; nonce: bigint };
  close(): Promise<void>;
}

export async function followFeed({
  lastGoodPath,
  logger,
  onChange,
  onSnapshotWanted,
}: FollowOptions): Promise<FollowedFeed> {
  let state = new FeedState();
  let snapshotWanted = false;
  const stored = await readLastGood(lastGoodPath);
  const lastGood = openLastGood(lastGoodPath, stored.wholeBytes, (error) =>
    logger.error(
      { path: lastGoodPath, reason: error.message },
      'the last good state is not on disk: after a reboot pods wait for a hub',
    ),
  );
  const former = recall();

  /** Reads the stored frames into the state; damage makes them count as absent. */
  function recall(): FeedChange | undefined {
    const items: FeedChange['items'][number][] = [];
    try {
      for (const frame of stored.frames) items.push(...(state.advance(frame).change?.items ?? []));
    } catch (error) {
      logger.error({ path: lastGoodPath, reason: String(error) }, 'the last good state on disk is damaged: ignored');
      state = new FeedState();
      return undefined;
    }
    state.discardPending();
    return state.revision > 0n ? { items, revision: state.revision, nonce: state.nonce, snapshot: false } : undefined;
  }

  function wantSnapshot(): void {
    if (snapshotWanted) return;
    snapshotWanted = true;
    onSnapshotWanted();
  }

  return {
    replay() {
      if (!former) return;
      logger.info({ revision: Number(former.revision) }, 'enforcing the last good state until a hub is reached');
      onChange(former);
    },
    receive(payload) {
      const step = state.advance(payload);
      if (step.message === 'snapshotBegin') snapshotWanted = false;
      lastGood.append(payload, step.message);
      if (!step.change) return;
      onChange(step.change);
      if (lastGood.tailBytes > longestTailBytes) wantSnapshot();
    },
    wantSnapshot,
    interrupted: () => state.discardPending(),
    position: () => (snapshotWanted ? { revision: 0n, nonce: 0n } : { revision: state.revision, nonce: state.nonce }),
    close: () => lastGood.close(),
  };
}
