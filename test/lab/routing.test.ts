// Pods' addresses travel: from a node's block over BGP to a real router, to the other nodes' kernels, and packets follow.
import { fileURLToPath } from 'node:url';
import { routeProtocols } from '@caracal/netlink';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, type PodRecord, upTemporaryLab } from './index.ts';
import { eventually, uniqueName } from './testing.ts';

const caracalBgp = fileURLToPath(new URL('../../apps/bgp/main.ts', import.meta.url));

interface KernelRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly type?: string;
  readonly dev?: string;
}

let lab: Lab;
let pods: PodRecord[];

beforeAll(async () => {
  lab = await upTemporaryLab({ name: uniqueName('route'), nodes: 3 });
  pods = await Promise.all(['n1', 'n2', 'n3'].map((node) => lab.pod.add({ node, name: `on-${node}` })));
});
afterAll(() => lab?.down());

async function kernelRoutes(place: string, protocol: string | number): Promise<KernelRoute[]> {
  const { stdout } = await lab.exec(place, 'ip', ['-j', '-4', 'route', 'show', 'proto', String(protocol)]);
  return JSON.parse(stdout || '[]');
}

const ping = async (from: string, to: string) => (await lab.exec(from, 'ping', ['-c1', '-W3', to])).code === 0;

/** The block of each node, as BIRD learned it from that node. */
async function blocks(): Promise<Map<string, string>> {
  const learned = lab.topology.nodeList.map(async ({ name }): Promise<[string, string]> => {
    const cidr = await eventually(`BIRD has a block from ${name}`, async () => {
      return /^(10\.244\.\d+\.\d+\/26)\s/m.exec(await lab.birdc(`show route protocol ${name}`))?.[1];
    });
    return [name, cidr];
  });
  return new Map(await Promise.all(learned));
}

describe('routing', () => {
  it('gives each node a block of its own, which BIRD learns with its AS', async () => {
    const learned = await blocks();
    expect(new Set(learned.values()).size).toBe(3);
    const table = await lab.birdc('show route');
    for (const { asNumber } of lab.topology.nodeList) expect(table).toContain(`[AS${asNumber}i]`);
  });

  it('puts the blocks into the kernels of the router and of the other nodes', async () => {
    const learned = await blocks();
    const expected = (except: string) =>
      lab.topology.nodeList
        .filter((node) => node.name !== except)
        .map((node) => `${learned.get(node.name)} via ${node.address}`)
        .sort();
    const present = async (place: string, protocol: string | number) =>
      (await kernelRoutes(place, protocol))
        .filter((route) => route.dst.startsWith('10.244.'))
        .map((route) => `${route.dst} via ${route.gateway}`)
        .sort();
    for (const [place, protocol] of [
      ['tor', 'bird'],
      ...lab.topology.nodeList.map(({ name }) => [name, routeProtocols.bgp] as const),
    ] as const) {
      await eventually(`${place} has the routes ${expected(place)}`, async () => {
        return JSON.stringify(await present(place, protocol)) === JSON.stringify(expected(place));
      });
    }
  });

  it('keeps packets for unused addresses of a block from circling: the block is a blackhole on its node', async () => {
    const learned = await blocks();
    for (const { name } of lab.topology.nodeList) {
      const routes = await kernelRoutes(name, routeProtocols.pod);
      expect(routes).toContainEqual(expect.objectContaining({ type: 'blackhole', dst: learned.get(name) }));
    }
  });

  it('lets the client behind the router reach every pod', async () => {
    for (const pod of pods) {
      await eventually(`the client reaches ${pod.name}`, () => ping('client', pod.ips[0]));
    }
  });

  it('lets every pod reach every other, and the client', async () => {
    for (const from of pods) {
      for (const to of pods) {
        if (from !== to) expect(await ping(from.name, to.ips[0]), `${from.name} to ${to.name}`).toBe(true);
      }
      expect(await ping(from.name, lab.topology.client.address), `${from.name} to client`).toBe(true);
    }
  });

  it('lets a node reach its own pods and those of others', async () => {
    for (const pod of pods) expect(await ping('n1', pod.ips[0]), pod.name).toBe(true);
  });

  it('has no IPv6 in pods but that of the loopback interface', async () => {
    for (const pod of pods) {
      const { stdout } = await lab.exec(pod.name, 'ip', ['-6', '-br', 'address']);
      expect(stdout).toMatch(/^lo +UNKNOWN +::1\/128 *$/);
    }
    // Nor could a pod that gave itself an address get anything through its node.
    for (const { name } of lab.topology.nodeList) {
      const { stdout } = await lab.exec(name, 'ip6tables', ['-S']);
      expect(stdout).toMatch(/-A FORWARD .*cara/);
    }
  });
});

/** The prefixes below 192.0.2.0/24 and 198.51.100.0/24 that a node's speaker has, each with where it came from. */
async function paths({ bgpSocket }: { bgpSocket: string }): Promise<string[]> {
  const { stdout } = await execa(process.execPath, [caracalBgp, 'show', 'routes', '-o', 'json', '--socket', bgpSocket]);
  const rows: { prefix: string; peer: string }[] = JSON.parse(stdout);
  return rows.filter(({ prefix }) => /^(192|198)/.test(prefix)).map(({ prefix, peer }) => `${prefix} ${peer}`);
}

/** Each sees to services by itself. */
async function expectNodesTellNothingOfServices(mesh: Lab): Promise<void> {
  const [n1, n2] = mesh.topology.nodeList;
  const object = (apiVersion: string, kind: string, name: string, spec: object) => ({
    apiVersion,
    kind,
    metadata: { name, ...(apiVersion.startsWith('caracal') ? {} : { namespace: 'default' }) },
    spec,
  });
  const announcing = (spec: object) =>
    object('caracal.network/v1', 'BGPConfiguration', 'default', {
      serviceExternalIPs: [{ cidr: '192.0.2.0/24' }],
      ...spec,
    });
  const service = { externalIPs: ['192.0.2.9'], externalTrafficPolicy: 'Local' };
  await mesh.apply([
    announcing({}),
    object('v1', 'Service', 'web', service),
    object('discovery.k8s.io/v1', 'EndpointSlice', 'web-1', { service: 'web', nodes: ['n1'] }),
  ]);
  const own = ['192.0.2.0/24 local', '192.0.2.9/32 local'];
  await eventually('n1 has its routes of services', async () => `${await paths(n1!)}` === `${own}`);
  // What n1 announces now comes behind anything that it might have said of them.
  await mesh.apply([announcing({ originate: [{ cidr: '198.51.100.0/24' }] })]);
  const told = () => paths(n2!);
  await eventually('n2 hears of a later route of n1', async () => (await told()).includes('198.51.100.0/24 mesh-n1'));
  expect((await told()).filter((path) => path.startsWith('192'))).toEqual(['192.0.2.0/24 local']);
}

describe('without a router', () => {
  it('nodes speak BGP among each other, in one AS', async () => {
    const mesh = await upTemporaryLab({ name: uniqueName('mesh'), nodes: 3, tor: 'none' });
    try {
      const [first, second, third] = await Promise.all(
        ['n1', 'n2', 'n3'].map((node) => mesh.pod.add({ node, name: `on-${node}` })),
      );
      for (const [from, to] of [
        [first, second],
        [second, third],
        [third, first],
      ]) {
        await eventually(`${from.name} reaches ${to.name}`, async () => {
          return (await mesh.exec(from.name, 'ping', ['-c1', '-W1', to.ips[0]])).code === 0;
        });
      }
      await expectNodesTellNothingOfServices(mesh);
    } finally {
      await mesh.down();
    }
  });
});
