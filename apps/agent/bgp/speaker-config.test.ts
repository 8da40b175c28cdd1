import { parseResource, type ResourceOf } from '@caracal/api';
import { describe, expect, it } from 'vitest';
import { type SpeakerInputs, speakerConfig } from './speaker-config.ts';

type OwnKind = 'BGPConfiguration' | 'BGPPeer' | 'BGPFilter' | 'IPPool' | 'NodeConfiguration';

function resource<K extends OwnKind | 'Node'>(kind: K, name: string, spec: object, labels = {}): ResourceOf<K> {
  const apiVersion = kind === 'Node' ? 'v1' : 'caracal.network/v1';
  const parsed = parseResource({ apiVersion, kind, metadata: { name, labels }, spec });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  // The kind is the one that was asked for.
  return parsed.resource as ResourceOf<K>;
}

const named = <K extends OwnKind>(...resources: ResourceOf<K>[]) =>
  new Map(resources.map((each) => [each.metadata.name, each] as const));

function inputs(overrides: Partial<SpeakerInputs> = {}): SpeakerInputs {
  return {
    node: { name: 'n1', address: '192.0.2.11', labels: { rack: 'a' } },
    nodeConfigurations: new Map(),
    peers: [],
    filters: new Map(),
    services: [],
    slices: [],
    nodes: [
      resource('Node', 'n1', { ipv4Address: '192.0.2.11' }),
      resource('Node', 'n2', { ipv4Address: '192.0.2.12' }, { reflector: 'yes' }),
      resource('Node', 'n3', {}),
    ],
    pools: named(resource('IPPool', 'p', { cidr: '10.0.0.0/16' })),
    blocks: [
      { cidr: '10.0.0.64/26', pool: 'p' },
      { cidr: '10.0.0.0/26', pool: 'p' },
    ],
    ...overrides,
  };
}

const withoutMesh = resource('BGPConfiguration', 'default', { nodeToNodeMeshEnabled: false, asNumber: 64600 });

describe('the configuration of a speaker', () => {
  it('meshes with every node that has an address, when nothing is configured', () => {
    const config = speakerConfig(inputs());
    expect(config).toMatchObject({ localAs: 64512, routerId: '192.0.2.11', listenPort: 179 });
    expect(config.peers.map(({ name, peerAddress, peerAs }) => [name, peerAddress, peerAs])).toEqual([
      ['mesh-n2', '192.0.2.12', 64512],
    ]);
    expect(config.originate.map((route) => route.prefix)).toEqual(['10.0.0.0/26', '10.0.0.64/26']);
  });

  it('announces services to its peers, and not to the other nodes of a mesh', () => {
    const spec = { serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] };
    const bgpConfiguration = resource('BGPConfiguration', 'default', spec);
    const peers = [resource('BGPPeer', 'tor', { peerIP: '192.0.2.1', asNumber: 65000 })];
    const config = speakerConfig(inputs({ bgpConfiguration, peers }));
    expect(config.originate.map((route) => route.prefix)).toContain('10.96.0.0/12');
    const actions = Object.fromEntries(config.peers.map(({ name, exportAction }) => [name, exportAction]));
    const everything = { ipv4Unicast: 'Accept', ipv6Unicast: 'Accept' };
    const rules = [
      { action: 'Reject', cidr: '10.96.0.0/12', matchOperator: 'Equal' },
      { action: 'Reject', cidr: '10.96.0.0/12', matchOperator: 'In', prefixLength: { min: 32 } },
    ];
    expect(actions).toEqual({
      tor: everything,
      'mesh-n2': { ...everything, ipv4Unicast: { rules, otherwise: 'Accept' } },
    });
    expect(speakerConfig(inputs()).peers[0]?.exportAction).toEqual(everything);
  });

  it('takes the AS from the node, the default of nodes, then the BGPConfiguration', () => {
    const own = resource('NodeConfiguration', 'n1', { bgp: { asNumber: 65011 } });
    const all = resource('NodeConfiguration', 'default', { bgp: { asNumber: 65000 } });
    const asOf = (...of: ResourceOf<'NodeConfiguration'>[]) =>
      speakerConfig(inputs({ bgpConfiguration: withoutMesh, nodeConfigurations: named(...of) })).localAs;
    expect([asOf(all, own), asOf(all), asOf()]).toEqual([65011, 65000, 64600]);
  });

  it('peers as node, nodeSelector and peerSelector say', () => {
    const router = { peerIP: '192.0.2.1:1179', asNumber: 65000 };
    const peersOf = (spec: object) =>
      speakerConfig(inputs({ bgpConfiguration: withoutMesh, peers: [resource('BGPPeer', 'x', spec)] })).peers;
    expect(peersOf(router)).toMatchObject([
      { name: 'x', peerAddress: '192.0.2.1', peerPort: 1179, peerAs: 65000, localAddress: '192.0.2.11' },
    ]);
    expect(peersOf({ ...router, node: 'n2' })).toEqual([]);
    expect(peersOf({ ...router, nodeSelector: "rack == 'a'" })).toHaveLength(1);
    expect(peersOf({ ...router, nodeSelector: "rack == 'b'" })).toEqual([]);
    expect(peersOf({ peerSelector: "reflector == 'yes'" })).toMatchObject([
      { name: 'x-n2', peerAddress: '192.0.2.12', peerAs: 64600 },
    ]);
  });

  it('peers by interface, with whatever AS is there, and hands on what is ours', () => {
    const peers = [
      resource('BGPPeer', 'tor', { interface: 'eth1', remoteAS: 'External', defaultOriginate: true }),
      resource('BGPPeer', 'wide', {
        peerIP: '2001:db8::1',
        asNumber: 65000,
        extendedNextHop: true,
        addPaths: { send: 'All' },
      }),
      resource('BGPPeer', 'tors', { peerPrefix: '10.98.0.0/16', asNumbers: {} }),
    ];
    const spec = { nodeToNodeMeshEnabled: false, aggregates: [{ cidr: '10.0.0.0/16', communities: ['64512:1'] }] };
    const config = speakerConfig(inputs({ bgpConfiguration: resource('BGPConfiguration', 'default', spec), peers }));
    expect(config.aggregates).toEqual([{ prefix: '10.0.0.0/16', summaryOnly: false, communities: ['64512:1'] }]);
    const [tor, tors, wide] = config.peers;
    expect(tors).toMatchObject({ peerPrefix: '10.98.0.0/16', peerAs: { min: 1, max: 4294967295 } });
    expect(tors.localAddress).toBeUndefined();
    expect(tor).toMatchObject({ name: 'tor', interface: 'eth1', peerAs: 'External', defaultOriginate: true });
    expect([tor.peerAddress, tor.localAddress]).toEqual([undefined, undefined]);
    expect(wide).toMatchObject({
      peerAddress: '2001:db8::1',
      extendedNextHop: true,
      addPaths: { receive: false, send: 'All', bestPaths: 2 },
    });
    expect(wide.localAddress).toBeUndefined();
  });

  it('filters each family by the first rule, and closes what names a filter that is not there', () => {
    const filter = resource('BGPFilter', 'f', { importV6: [{ action: 'Reject' }], exportV4: [{ action: 'Reject' }] });
    const policies = (filters: string[]) => {
      const peer = resource('BGPPeer', 'x', { peerIP: '192.0.2.1', asNumber: 65000, filters });
      const { peers } = speakerConfig(inputs({ bgpConfiguration: withoutMesh, filters: named(filter), peers: [peer] }));
      return [peers[0].importAction, peers[0].exportAction];
    };
    expect(policies(['f'])).toEqual([
      { ipv4Unicast: 'Accept', ipv6Unicast: 'Reject' },
      { ipv4Unicast: 'Reject', ipv6Unicast: 'Accept' },
    ]);
    expect(policies(['absent'])[0]).toEqual({ ipv4Unicast: 'Reject', ipv6Unicast: 'Reject' });
  });

  it('gives blocks the communities of the advertisements that cover them, names looked up', () => {
    const bgpConfiguration = resource('BGPConfiguration', 'default', {
      communities: [{ name: 'gold', value: '65000:100' }],
      prefixAdvertisements: [
        { cidr: '10.0.0.0/26', communities: ['gold', '65000:1:2'] },
        { cidr: '10.0.0.0/16', communities: ['65000:200', 'gold'] },
      ],
    });
    expect(speakerConfig(inputs({ bgpConfiguration })).originate).toEqual([
      { prefix: '10.0.0.0/26', communities: ['65000:100', '65000:1:2', '65000:200'] },
      { prefix: '10.0.0.64/26', communities: ['65000:200', '65000:100'] },
    ]);
  });

  it('announces no block of a pool that says so', () => {
    const pools = named(resource('IPPool', 'p', { cidr: '10.0.0.0/16', disableBGPExport: true }));
    expect(speakerConfig(inputs({ pools })).originate).toEqual([]);
  });
});
