import { type AnyResource, parseAll, type ResourceOf, splitPeerIP } from '@caracal/api';
import {
  type FilterRule,
  type PeerConfig,
  type Policy,
  type PolicyAction,
  peerOptions,
  policyOfRules,
  type SpeakerConfig,
} from '@caracal/bgp-speaker';
import { routeProtocols } from '@caracal/netlink';
import { parseAllDocuments } from 'yaml';
import { type ParsedConfig, parseConfig } from './config.ts';

/** What a file does not say. */
export interface FileOptions {
  /** Dotted quad; a NodeConfiguration's ipv4Address when absent. */
  readonly routerId?: string;
}

/**
 * The configuration of a speaker that runs alone, from the resources of a YAML text: BGPConfiguration and
 * NodeConfiguration `default`, every BGPPeer with an address, and BGPFilters. Every problem is named with its object and
 * field; selectors and nodes have no meaning here.
 */
export function configFromResources(text: string, options: FileOptions): ParsedConfig {
  const documents = parseAllDocuments(text);
  const syntax = documents.flatMap((document) => document.errors).map((error) => error.message);
  if (syntax.length > 0) return { ok: false, message: syntax.join('; ') };
  const parsed = parseAll(documents.map((document) => document.toJS()).filter((value) => value !== null));
  if (parsed.problems.length > 0) {
    const lines = parsed.problems.map(({ object, field, message }) => `${object}: ${field}: ${message}`);
    return { ok: false, message: lines.join('; ') };
  }
  const resources = parsed.resources.map(({ resource }) => resource);
  const bgp = resources.find((resource) => resource.kind === 'BGPConfiguration')?.spec;
  const node = resources.find((resource) => resource.kind === 'NodeConfiguration')?.spec.bgp;
  const routerId = options.routerId ?? node?.ipv4Address;
  if (routerId === undefined) {
    const message = 'there is no router id: use --router-id, or spec.bgp.ipv4Address of a NodeConfiguration';
    return { ok: false, message };
  }
  const localAs = node?.asNumber ?? bgp?.asNumber ?? 64512;
  const config = {
    localAs,
    routerId,
    clusterId: node?.routeReflectorClusterID,
    listenPort: bgp?.listenPort,
    originate: (bgp?.originate ?? []).map(({ cidr, communities }) => ({ prefix: cidr, communities })),
    aggregates: bgp?.aggregates?.map(({ cidr, ...rest }) => ({ prefix: cidr, ...rest })),
    peers: resources
      .filter((resource) => resource.kind === 'BGPPeer')
      .flatMap((peer) => peerOf(peer, localAs, filtersOf(resources), bgp)),
    kernel: { enabled: true, protocol: routeProtocols.bgp } satisfies SpeakerConfig['kernel'],
  };
  return parseConfig(config);
}

function filtersOf(resources: readonly AnyResource[]): ReadonlyMap<string, ResourceOf<'BGPFilter'>> {
  const filters = resources.filter((resource) => resource.kind === 'BGPFilter');
  return new Map(filters.map((filter) => [filter.metadata.name, filter]));
}

function peerOf(
  { metadata, spec }: ResourceOf<'BGPPeer'>,
  localAs: number,
  filters: ReadonlyMap<string, ResourceOf<'BGPFilter'>>,
  bgp: ResourceOf<'BGPConfiguration'>['spec'] | undefined,
): Partial<PeerConfig>[] {
  const target = spec.peerIP === undefined ? undefined : splitPeerIP(spec.peerIP);
  const peerAs = spec.asNumber ?? spec.remoteAS ?? spec.asNumbers;
  if ((!target && spec.interface === undefined && spec.peerPrefix === undefined) || peerAs === undefined) return [];
  // RFC 8212: without a policy an external peer is told nothing, and nothing of it is used.
  const otherwise: PolicyAction = spec.filters.length === 0 && peerAs !== localAs ? 'Reject' : 'Accept';
  return [
    {
      name: metadata.name,
      peerAddress: target?.address,
      peerPort: target?.port,
      interface: spec.interface,
      peerAs,
      holdTimeSeconds: spec.holdTimeSeconds,
      connectRetrySeconds: spec.connectRetrySeconds,
      passive: spec.passive,
      families: spec.families,
      importAction: policyOf(spec.filters, filters, 'import', otherwise),
      exportAction: policyOf(spec.filters, filters, 'export', otherwise),
      ...peerOptions({ ...spec, gracefulRestart: spec.gracefulRestart ?? bgp?.gracefulRestart }),
    },
  ];
}

/** The rules of all filters in order; a filter that is not there lets nothing through. */
function policyOf(
  names: readonly string[],
  filters: ReadonlyMap<string, ResourceOf<'BGPFilter'>>,
  direction: 'import' | 'export',
  otherwise: PolicyAction,
): Policy {
  const rulesOf = (family: 'V4' | 'V6') =>
    names.flatMap((name): readonly FilterRule[] => filters.get(name)?.spec[`${direction}${family}`] ?? [rejectAll]);
  return {
    ipv4Unicast: policyOfRules(rulesOf('V4'), otherwise),
    ipv6Unicast: policyOfRules(rulesOf('V6'), otherwise),
  };
}

const rejectAll: FilterRule = { action: 'Reject' };
