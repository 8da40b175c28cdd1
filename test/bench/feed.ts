import { type AtSize, benchHubAtSize } from './feed-hub.ts';
import { benchLatency, type Latency } from './feed-latency.ts';
import { benchSnapshot, type Snapshot } from './feed-snapshot.ts';

/** What the feed costs: a change on its way to the agents, the first snapshot of a node, the start of a hub at full size. */
export interface FeedBench {
  readonly latency: readonly Latency[];
  readonly snapshot: Snapshot;
  readonly hub: AtSize;
}

export async function benchFeed(options: { readonly onProgress: (line: string) => void }): Promise<FeedBench> {
  const latency: Latency[] = [];
  for (const size of [
    { agents: 1, hubs: 1 },
    { agents: 1000, hubs: 2 },
  ]) {
    latency.push(await benchLatency({ ...size, ...options }));
  }
  return { latency, snapshot: await benchSnapshot(options), hub: await benchHubAtSize(options) };
}

export function formatFeedBench({ latency, snapshot, hub }: FeedBench): string {
  const row = (name: string, ...cells: string[]) => name.padEnd(56) + cells.map((cell) => cell.padStart(12)).join('');
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const mib = (value: number) => `${value.toFixed(1)} MiB`;
  const { pods, agent } = snapshot;
  return [
    row('a change until the agent has it, asking to write it included', 'p50', 'p99'),
    ...latency.map(({ agents, hubs, changesPerSecond, toAgent }) => {
      const name = `  ${agents} agents, ${hubs} hubs, ${changesPerSecond} changes a second`;
      return row(name, ms(toAgent.p50), ms(toAgent.p99));
    }),
    row(`snapshot of ${pods} pods to a stream`, ms(snapshot.streamMs), mib(snapshot.mib)),
    row('  until the agent enforces it', ms(agent.enforcedMs)),
    row(
      '  memory of the agent: idle, at most, afterwards',
      mib(agent.idleMib),
      mib(agent.peakMib),
      mib(agent.afterMib),
    ),
    row('  longest pause of the agent', ms(agent.longestPauseMs)),
    row(`start of a hub with ${hub.nodes} nodes, ${hub.addresses} addresses`, ms(hub.readyMs)),
    row('  its memory: ready, at most', mib(hub.readyMib), mib(hub.peakMib)),
  ].join('\n');
}
