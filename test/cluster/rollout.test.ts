// Every agent and speaker replaced, while a hundred packets a second go between two pods.
import { beforeAll, expect, it } from 'vitest';
import { startServer, startStream } from '../support/probes.ts';
import { apply, kubectl } from './commands.ts';
import { clusterPlaces } from './places.ts';
import { rollOutAgents } from './release.ts';
import { addressOf, deletePods, denyAll, pod, startPods, useCluster } from './shared.ts';

beforeAll(useCluster);

it('a roll-out of the agents loses no packet, breaks no connection and opens nothing', async () => {
  await startPods(pod('from', 'n1'), pod('to', 'n2'), pod('closed', 'n2'));
  const [to, closed] = await Promise.all([addressOf('to'), addressOf('closed')]);
  const servers = await Promise.all(
    ['to', 'closed'].map((name) => startServer(clusterPlaces, name, { tcp: [8080], udp: [8080] })),
  );
  await apply(denyAll('closed'));
  const stream = await startStream(clusterPlaces, 'from', {
    address: to,
    udpPort: 8080,
    tcpPort: 8080,
    intervalMs: 10,
    newFlowEveryMs: 100,
    denied: { address: closed, port: 8080 },
  });
  await rollOutAgents();
  const result = await stream.stop();
  console.log(`roll-out under 100 packets a second: ${JSON.stringify(result)}`);
  await Promise.all(servers.map((server) => server.stop()));
  await deletePods('from', 'to', 'closed');
  await kubectl(['delete', 'networkpolicy', 'deny-closed']);

  expect(result.udp.sent).toBeGreaterThan(500);
  expect({ ...result.denied, attempts: 0 }).toEqual({ attempts: 0, passed: 0 });
  expect([result.udp.lost, result.tcp.lost, result.newFlows.failed]).toEqual([0, 0, 0]);
});
