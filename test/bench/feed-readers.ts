// A process of its own with many agents' streams; says "standing" when all have their snapshot, and how long each change took at the end.
import { fromBinary } from '@bufbuild/protobuf';
import { createHubTransport, FeedMessageSchema, NodeService, protocolVersion } from '@caracal/protocol';
import { createClient } from '@connectrpc/connect';

export interface ReadersOrder {
  readonly addresses: readonly string[];
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly count: number;
  /** That will come. */
  readonly changes: number;
}

/** One of so many reads what it gets; the others only take it, as they are here to be a load for the hub and not for the machine. */
const readingShare = 20;

process.once('message', async (order: ReadersOrder) => {
  const { addresses, changes, count, ...identity } = order;
  let standing = 0;
  const onStanding = () => {
    if (++standing === count) process.send?.('standing');
  };
  const reading = Array.from({ length: count }, (_, i) => read(i, onStanding));
  const took = await Promise.all(reading.filter((_, i) => i % readingShare === 0));
  process.send?.(took.flat());

  async function read(i: number, onStanding: () => void): Promise<number[]> {
    const patience = { pingIntervalMs: 60_000, pingTimeoutMs: 60_000 };
    const transport = createHubTransport({ address: addresses[i % addresses.length], ...identity, ...patience });
    const times: number[] = [];
    let begun = false;
    let pending: number[] = [];
    for await (const { payload } of createClient(NodeService, transport).subscribe({ protocolVersion })) {
      if (begun && i % readingShare !== 0) continue;
      const { message } = fromBinary(FeedMessageSchema, payload);
      if (message.case === 'items') {
        for (const { item } of message.value.items) {
          if (item.case !== 'resource') continue;
          const { askedAt } = JSON.parse(item.value.specJson);
          if (typeof askedAt === 'number') pending.push(askedAt);
        }
      } else if (message.case === 'commit') {
        if (!begun) onStanding();
        begun = true;
        const now = performance.timeOrigin + performance.now();
        for (const askedAt of pending) times.push(now - askedAt);
        pending = [];
        if (times.length >= changes) break;
      }
    }
    return times;
  }
});
