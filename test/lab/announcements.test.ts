// What configuration says of addresses and announcements is what pods get and routers see.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, upTemporaryLab } from './index.ts';
import { eventually, uniqueName } from './testing.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await upTemporaryLab({ name: uniqueName('says'), nodes: 1 });
});
afterAll(() => lab?.down());

const own = (kind: string, name: string, spec: object) => ({
  apiVersion: 'caracal.network/v1',
  kind,
  metadata: { name },
  spec,
});

describe('an IPReservation', () => {
  it('keeps its addresses from pods', async () => {
    await lab.apply([own('IPReservation', 'router', { reservedCIDRs: ['10.244.0.0/30', '10.244.0.5'] })]);
    const pods = [];
    for (const name of ['a', 'b', 'c']) pods.push(await lab.pod.add({ node: 'n1', name }));
    expect(pods.map((pod) => pod.ips[0])).toEqual(['10.244.0.4', '10.244.0.6', '10.244.0.7']);
    for (const pod of pods) await lab.pod.remove(pod.name);
  });
});

describe('prefixAdvertisements', () => {
  it('put their communities on the blocks that BIRD learns', async () => {
    const [existing] = JSON.parse((await lab.ctl(['get', 'bgpconfigurations', '-o', 'json'])).stdout).items;
    const prefixAdvertisements = [{ cidr: '10.244.0.0/16', communities: ['gold', '65000:1:2'] }];
    const communities = [{ name: 'gold', value: '65000:100' }];
    await lab.apply([own('BGPConfiguration', 'default', { ...existing.spec, communities, prefixAdvertisements })]);
    const route = await eventually('communities on the block', async () => {
      const table = await lab.birdc('show route all where net ~ 10.244.0.0/16');
      return table.includes('BGP.community') && table;
    });
    expect(route).toMatch(/BGP\.community: \(65000,100\)/);
    expect(route).toMatch(/BGP\.large_community: \(65000, 1, 2\)/);
  });
});

describe('addresses of services', () => {
  const range = (cidr: string) => [{ cidr }];
  const webService = (externalTrafficPolicy: string) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { clusterIPs: ['10.96.0.9'], externalIPs: ['192.0.2.9'], externalTrafficPolicy },
  });
  const slice = (nodes: string[]) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace: 'default' },
    spec: { service: 'web', nodes },
  });
  /** What BIRD has from n1 besides blocks. */
  const announced = async () => {
    const table = await lab.birdc('show route protocol n1');
    return [...table.matchAll(/^(10\.96\.\S+|192\.0\.2\.\S+) /gm)].map(([, prefix]) => prefix).sort();
  };
  const eventuallyAnnounced = (prefixes: string[]) =>
    eventually(`BIRD has ${prefixes.join(', ') || 'none'}`, async () => `${await announced()}` === `${prefixes}`);

  it('are announced by their range, and one by one where traffic must stay on a node with a ready endpoint', async () => {
    const [existing] = JSON.parse((await lab.ctl(['get', 'bgpconfigurations', '-o', 'json'])).stdout).items;
    const services = { serviceClusterIPs: range('10.96.0.0/12'), serviceExternalIPs: range('192.0.2.0/24') };
    await lab.apply([
      own('BGPConfiguration', 'default', { ...existing.spec, ...services }),
      webService('Cluster'),
      slice(['n1']),
    ]);
    const ranges = ['10.96.0.0/12', '192.0.2.0/24'];
    await eventuallyAnnounced(ranges);
    await lab.apply([webService('Local')]);
    await eventuallyAnnounced(['10.96.0.0/12', '10.96.0.9/32', '192.0.2.0/24', '192.0.2.9/32']);
    await lab.apply([slice(['n2'])]);
    await eventuallyAnnounced(ranges);
    await lab.apply([own('BGPConfiguration', 'default', existing.spec)]);
    await eventuallyAnnounced([]);
  });
});
