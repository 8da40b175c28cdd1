import { fromBinary } from '@bufbuild/protobuf';
import { type FeedItem, FeedMessageSchema, type NodeService } from '@caracal/protocol';
import type { Client } from '@connectrpc/connect';

/** One thing that a stream said, decoded; `label` is short and readable. */
export interface FeedEvent {
  readonly case: 'snapshotBegin' | 'items' | 'packedPods' | 'commit' | 'heartbeat';
  readonly items: readonly FeedItem[];
  readonly revision: bigint;
  readonly nonce: bigint;
  readonly live: boolean;
  readonly bytes: number;
}

export interface FeedReader {
  readonly events: FeedEvent[];
  /** Resolves with the first event, seen or to come, from index `from` on, for which `wanted` holds. */
  until(wanted: (event: FeedEvent) => boolean, from?: number): Promise<FeedEvent>;
  /** Resolves when the stream has ended, with its error if it had one. */
  readonly ended: Promise<unknown>;
  close(): Promise<void>;
}

/** Subscribes and keeps what comes; to version 1, unless told otherwise, pods come as items too. */
export function readFeed(
  client: Client<typeof NodeService>,
  from = { revision: 0n, nonce: 0n },
  protocolVersion = 1,
): FeedReader {
  const events: FeedEvent[] = [];
  const aborting = new AbortController();
  let over = false;
  let wake = () => {};
  const run = async () => {
    try {
      for await (const frame of client.subscribe({ protocolVersion, ...from }, { signal: aborting.signal })) {
        const { message } = fromBinary(FeedMessageSchema, frame.payload);
        if (!message.case) continue;
        const blank = { items: [], revision: 0n, nonce: 0n, live: true };
        events.push({ ...blank, ...message.value, case: message.case, bytes: frame.payload.length });
        wake();
      }
      return undefined;
    } catch (error) {
      return error;
    } finally {
      over = true;
      wake();
    }
  };
  const ended = run();
  return {
    events,
    ended,
    until: async (wanted, start = 0) => {
      for (let i = start; ; i++) {
        while (i >= events.length) {
          if (over) throw new Error(`the stream ended before what was waited for: ${await ended}`);
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        if (wanted(events[i])) return events[i];
      }
    },
    close: async () => {
      aborting.abort();
      await ended;
    },
  };
}

export const isCommit = (event: FeedEvent) => event.case === 'commit';
