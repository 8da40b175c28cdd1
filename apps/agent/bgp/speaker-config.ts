import { type ResourceOf, splitPeerIP } from '@caracal/api';
import {
  type FilterRule,
  type PeerConfig,
  type Policy,
  peerOptions,
  policyOfRules,
  type SpeakerConfig,
} from '@caracal/bgp-speaker';
import { parsePrefix, prefixCovers } from '@caracal/net';
import { routeProtocols } from '@caracal/netlink';
import { selectsLabels } from '@caracal/policy';
import { type ServiceInputs, serviceRanges, serviceRoutes } from './service-routes.ts';

/** What the BGP configuration of a node is derived from. */
export interface SpeakerInputs extends ServiceInputs {
  readonly node: { readonly name: string; readonly address: string; readonly labels: Readonly<Record<string, string>> };
  readonly nodeConfigurations: ReadonlyMap<string, ResourceOf<'NodeConfiguration'>>;
  readonly peers: readonly ResourceOf<'BGPPeer'>[];
  readonly filters: ReadonlyMap<string, ResourceOf<'BGPFilter'>>;
  readonly pools: ReadonlyMap<string, ResourceOf<'IPPool'>>;
  readonly blocks: ReadonlyArray<{ readonly cidr: string; readonly pool: string }>;
}

const defaultAs = 64512;
/** The longest wait between attempts to connect, when the BGPPeer names none. */
const defaultConnectRetrySeconds = 5;

/** The AS of a node: its own NodeConfiguration, the one named `default`, the BGPConfiguration, 64512, in this order. */
export function asNumberOf(
  nodeName: string,
  inputs: Pick<SpeakerInputs, 'bgpConfiguration' | 'nodeConfigurations'>,
): number {
  return (
    inputs.nodeConfigurations.get(nodeName)?.spec.bgp.asNumber ??
    inputs.nodeConfigurations.get('default')?.spec.bgp.asNumber ??
    inputs.bgpConfiguration?.spec.asNumber ??
    defaultAs
  );
}

/** Derives the whole configuration of a node's speaker from what is wanted; pure, so that it can be compared and shown. */
export function speakerConfig(inputs: SpeakerInputs): SpeakerConfig {
  const { node, bgpConfiguration } = inputs;
  const address = inputs.nodeConfigurations.get(node.name)?.spec.bgp.ipv4Address ?? node.address;
  const mesh = bgpConfiguration?.spec.nodeToNodeMeshEnabled ?? true;
  return {
    localAs: asNumberOf(node.name, inputs),
    routerId: address,
    clusterId: inputs.nodeConfigurations.get(node.name)?.spec.bgp.routeReflectorClusterID,
    listenPort: bgpConfiguration?.spec.listenPort ?? 179,
    originate: [
      ...inputs.blocks
        .filter((block) => !inputs.pools.get(block.pool)?.spec.disableBGPExport)
        .map((block) => ({ prefix: block.cidr, communities: communitiesOf(block.cidr, bgpConfiguration) })),
      ...serviceRoutes(inputs).map((prefix) => ({ prefix, communities: communitiesOf(prefix, bgpConfiguration) })),
      ...(bgpConfiguration?.spec.originate ?? []).map(({ cidr, communities }) => ({ prefix: cidr, communities })),
    ].sort((a, b) => (a.prefix < b.prefix ? -1 : 1)),
    aggregates: bgpConfiguration?.spec.aggregates?.map(({ cidr, ...rest }) => ({ prefix: cidr, ...rest })),
    peers: [...configuredPeers(inputs, address), ...(mesh ? meshPeers(inputs, address) : [])].sort((a, b) =>
      a.name < b.name ? -1 : 1,
    ),
    kernel: { enabled: true, protocol: routeProtocols.bgp },
  };
}

/** The communities of every prefixAdvertisement that covers the block, each once; names are looked up. */
function communitiesOf(cidr: string, configuration: SpeakerInputs['bgpConfiguration']): string[] {
  const { communities = [], prefixAdvertisements = [] } = configuration?.spec ?? {};
  const values = new Map(communities.map(({ name, value }) => [name, value]));
  const block = parsePrefix(cidr);
  const chosen = prefixAdvertisements.flatMap((advertisement) => {
    const prefix = parsePrefix(advertisement.cidr);
    return prefix && block && prefixCovers(prefix, block) ? advertisement.communities : [];
  });
  return [...new Set(chosen.map((community) => values.get(community) ?? community))];
}

function configuredPeers(inputs: SpeakerInputs, localAddress: string): PeerConfig[] {
  return inputs.peers
    .filter(({ spec }) => spec.node === undefined || spec.node === inputs.node.name)
    .filter(({ spec }) => spec.nodeSelector === undefined || selectsLabels(spec.nodeSelector, inputs.node.labels))
    .flatMap((peer) => {
      if (peer.spec.peerSelector !== undefined) return selectedPeers(inputs, peer, localAddress);
      const target = peer.spec.peerIP === undefined ? undefined : splitPeerIP(peer.spec.peerIP);
      const { interface: name, peerPrefix } = peer.spec;
      const asNumber = peer.spec.asNumber ?? peer.spec.remoteAS ?? peer.spec.asNumbers;
      if ((!target && name === undefined && peerPrefix === undefined) || asNumber === undefined) return [];
      const session = { name: peer.metadata.name, ...target, interface: name, asNumber };
      return [sessionOf(inputs, peer, session, localAddress)];
    });
}

/** Peers that are nodes themselves, e.g. route reflectors. */
function selectedPeers(inputs: SpeakerInputs, peer: ResourceOf<'BGPPeer'>, localAddress: string): PeerConfig[] {
  const selector = peer.spec.peerSelector ?? 'all()';
  return inputs.nodes
    .filter((node) => node.metadata.name !== inputs.node.name && selectsLabels(selector, node.metadata.labels))
    .flatMap((node) => {
      const address = addressOf(node, inputs);
      if (!address) return [];
      const name = `${peer.metadata.name}-${node.metadata.name}`;
      const asNumber = asNumberOf(node.metadata.name, inputs);
      return [sessionOf(inputs, peer, { name, address, asNumber, node: node.metadata.name }, localAddress)];
    });
}

/** The other end of a session: an address, an interface, or neither when it is known by a prefix. */
interface SessionTarget {
  readonly name: string;
  readonly address?: string;
  readonly port?: number;
  readonly interface?: string;
  readonly asNumber: PeerConfig['peerAs'];
  /** The node that it is. */
  readonly node?: string;
}

function sessionOf(
  inputs: SpeakerInputs,
  { spec }: ResourceOf<'BGPPeer'>,
  target: SessionTarget,
  localAddress: string,
): PeerConfig {
  return {
    name: target.name,
    ...(target.interface !== undefined && { interface: target.interface }),
    ...(target.address !== undefined && { peerAddress: target.address }),
    ...(target.port === undefined ? {} : { peerPort: target.port }),
    peerAs: target.asNumber,
    // The node's IPv4 address can start no session with an IPv6 peer.
    ...(spec.sourceAddress === 'UseNodeIP' && target.address?.includes('.') ? { localAddress } : {}),
    holdTimeSeconds: spec.holdTimeSeconds,
    connectRetrySeconds: spec.connectRetrySeconds ?? defaultConnectRetrySeconds,
    passive: spec.passive,
    families: spec.families,
    importAction: policyOf(inputs, spec.filters, 'import'),
    exportAction: policyOf(inputs, spec.filters, 'export'),
    ...peerOptions({
      ...spec,
      gracefulRestart: spec.gracefulRestart ?? inputs.bgpConfiguration?.spec.gracefulRestart,
      routeReflectorClient: spec.routeReflectorClient ?? isClient(inputs, target),
    }),
  };
}

/** Internal peers of a reflector are its clients, but for the other reflectors of its cluster. */
function isClient(inputs: SpeakerInputs, target: SessionTarget): boolean | undefined {
  const clusterOf = (node: string) => inputs.nodeConfigurations.get(node)?.spec.bgp.routeReflectorClusterID;
  const own = clusterOf(inputs.node.name);
  if (own === undefined || target.asNumber !== asNumberOf(inputs.node.name, inputs)) return undefined;
  return target.node === undefined || clusterOf(target.node) !== own;
}

function meshPeers(inputs: SpeakerInputs, localAddress: string): PeerConfig[] {
  const exportAction = withoutServices(serviceRanges(inputs.bgpConfiguration));
  return inputs.nodes.flatMap((node): PeerConfig[] => {
    const address = addressOf(node, inputs);
    if (node.metadata.name === inputs.node.name || !address) return [];
    return [
      {
        name: `mesh-${node.metadata.name}`,
        peerAddress: address,
        peerAs: asNumberOf(node.metadata.name, inputs),
        localAddress,
        holdTimeSeconds: 90,
        connectRetrySeconds: defaultConnectRetrySeconds,
        passive: false,
        families: ['ipv4Unicast'],
        importAction: 'Accept',
        exportAction,
        gracefulRestart: inputs.bgpConfiguration?.spec.gracefulRestart,
      },
    ];
  });
}

/**
 * Every node sees to services by itself, so nodes do not tell each other of them. One that did would pass on to routers what the other announces, and get
 * traffic that must stay on the other. Blocks have other lengths than these.
 */
function withoutServices(ranges: readonly string[]): Policy {
  const rules = (family: 'ipv4' | 'ipv6') =>
    ranges
      .filter((cidr) => cidr.includes(':') === (family === 'ipv6'))
      .flatMap((cidr): FilterRule[] => [
        { action: 'Reject', cidr, matchOperator: 'Equal' },
        { action: 'Reject', cidr, matchOperator: 'In', prefixLength: { min: family === 'ipv4' ? 32 : 128 } },
      ]);
  return {
    ipv4Unicast: policyOfRules(rules('ipv4'), 'Accept'),
    ipv6Unicast: policyOfRules(rules('ipv6'), 'Accept'),
  };
}

function addressOf(node: ResourceOf<'Node'>, inputs: SpeakerInputs): string | undefined {
  return inputs.nodeConfigurations.get(node.metadata.name)?.spec.bgp.ipv4Address ?? node.spec.ipv4Address;
}

/** The rules of all filters in order. A filter that does not exist closes the direction: an unknown intention announces nothing. */
function policyOf(inputs: SpeakerInputs, names: readonly string[], direction: 'import' | 'export'): Policy {
  const rulesOf = (family: 'V4' | 'V6') =>
    names.flatMap((name): readonly FilterRule[] => {
      return inputs.filters.get(name)?.spec[`${direction}${family}`] ?? [rejectAll];
    });
  return {
    ipv4Unicast: policyOfRules(rulesOf('V4'), 'Accept'),
    ipv6Unicast: policyOfRules(rulesOf('V6'), 'Accept'),
  };
}

const rejectAll: FilterRule = { action: 'Reject' };
