import { type AtSize, benchHubAtSize } from './feed-hub.ts';
import { benchLatency, type Latency } from './feed-latency.ts';
import { benchSnapshot, type Snapshot } from './feed-snapshot.ts';

/** What the feed costs: a change on its way to the agents, the first snapshot of a node, the start of a hub at full size. */
export interface FeedBench {
  readonly latency: readonly Latency[];
  readonly snapshot?: Snapshot;
  readonly hub?: AtSize;
}

export interface FeedBenchOptions {
  /** Of `latency`, `snapshot` and `hub`; all when absent. */
  readonly only?: readonly string[];
  readonly onProgress: (line: string) => void;
}

export async function benchFeed({ only, ...options }: FeedBenchOptions): Promise<FeedBench> {
  const wanted = (part: string) => !only || only.includes(part);
  const latency: Latency[] = [];
  const sizes = [
    { agents: 1, hubs: 1 },
    { agents: 1000, hubs: 2 },
  ];
  for (const size of wanted('latency') ? sizes : []) latency.push(await benchLatency({ ...size, ...options }));
  const snapshot = wanted('snapshot') ? await benchSnapshot(options) : undefined;
  return { latency, snapshot, hub: wanted('hub') ? await benchHubAtSize(options) : undefined };
}

export function formatFeedBench({ latency, snapshot, hub }: FeedBench): string {
  const row = (name: string, ...cells: string[]) => name.padEnd(56) + cells.map((cell) => cell.padStart(12)).join('');
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const mib = (value: number) => `${value.toFixed(1)} MiB`;
  const lines: string[] = [];
  if (latency.length > 0) lines.push(row('a change until the agent has it, asking to write it included', 'p50', 'p99'));
  for (const { agents, hubs, changesPerSecond, toAgent } of latency) {
    const name = `  ${agents} agents, ${hubs} hubs, ${changesPerSecond} changes a second`;
    lines.push(row(name, ms(toAgent.p50), ms(toAgent.p99)));
  }
  if (snapshot) {
    const { pods, agent } = snapshot;
    const memory = [agent.idleMib, agent.peakMib, agent.afterMib].map(mib);
    lines.push(
      row(`snapshot of ${pods} pods to a stream`, ms(snapshot.streamMs), mib(snapshot.mib)),
      row('  until the agent enforces it', ms(agent.enforcedMs)),
      row('  memory of the agent: idle, at most, afterwards', ...memory),
      row(
        '  longest pause of the agent, longest on the processor',
        ms(agent.longestPause.ms),
        ms(agent.longestPause.cpuMs),
      ),
    );
  }
  if (hub) {
    lines.push(
      row(`start of a hub with ${hub.nodes} nodes, ${hub.addresses} addresses`, ms(hub.readyMs)),
      row('  its memory: ready, at most', mib(hub.readyMib), mib(hub.peakMib)),
    );
  }
  return lines.join('\n');
}
