import { type AddressRequest, type NodeIpam, type PoolCandidate, type WishesResult, wishesFor } from '@caracal/ipam';
import { type Address, type Prefix, parsePrefix, prefixContains } from '@caracal/net';
import { selectsLabels } from '@caracal/policy';
import type { Logger } from 'pino';
import type { BgpLink } from './bgp/link.ts';
import { serviceRanges } from './bgp/service-routes.ts';
import { asNumberOf, type SpeakerInputs, speakerConfig } from './bgp/speaker-config.ts';
import type { AgentConfig } from './config.ts';
import { Configuration, isConfigurationKind } from './feed/configuration.ts';
import type { FeedEntry } from './feed/entries.ts';
import type { Wiring } from './wiring/index.ts';

/** What the node view needs of the dataplane. */
export interface NatTarget {
  setPools(pools: ReadonlyArray<{ readonly cidr: string; readonly natOutgoing: boolean }>): Promise<void>;
  setServiceRanges(cidrs: readonly string[]): Promise<void>;
}

export interface NodeViewOptions {
  readonly config: AgentConfig;
  readonly ipam: NodeIpam;
  readonly wiring: Wiring;
  readonly dataplane: NatTarget;
  readonly speaker: Pick<BgpLink, 'configure'>;
  readonly logger: Logger;
}

/**
 * The configuration as it concerns this node, and what follows from it: the speaker's configuration, the pools that are
 * translated, the blackholes of our blocks, the pools that pods draw from. Derived whole, every time.
 */
export interface NodeView {
  /** Reads what the feed says; nothing of it counts before {@link commit}. */
  take(entries: readonly FeedEntry[]): void;
  commit(): void;
  /** Something that is derived from has changed beside the feed: a block was claimed. */
  changed(): void;
  /** Claims a block of the pool that pods draw from first, when there is none of it yet. */
  prepareBlock(): void;
  /** For each address of a pod that does not ask, the pools that it is drawn from, in order; of namespaces that each selects. */
  pools(): readonly (readonly string[])[];
  /** What a request for addresses comes to, for a pod of a namespace. */
  wishes(namespace: string, request: AddressRequest): WishesResult;
  /** Whether this node may still have blocks of a pool; true while no pool is known. */
  isPoolUsable(pool: string): boolean;
  /** Whether an IPReservation covers the address. */
  isReserved(address: Address): boolean;
  asNumber(): number;
}

export function createNodeView({ config, ipam, wiring, dataplane, speaker, logger }: NodeViewOptions): NodeView {
  const configuration = new Configuration(logger);
  /** Labels of every namespace. */
  const namespaces = new Map<string, Readonly<Record<string, string>>>();
  let reserved: Prefix[] = [];
  let derived = false;
  /** What the feed has said and not committed. */
  let pending: (() => void)[] = [];
  let relevant = false;

  const labels = () =>
    configuration.get('Node', config.nodeName)?.metadata.labels ?? { 'kubernetes.io/hostname': config.nodeName };

  function candidates(selectsNamespace: (selector: string) => boolean): PoolCandidate[] {
    return configuration.all('IPPool').map(({ metadata, spec }) => ({
      name: metadata.name,
      cidr: spec.cidr,
      disabled: spec.disabled,
      assignmentMode: spec.assignmentMode,
      allowedUses: spec.allowedUses,
      selectsNode: selectsLabels(spec.nodeSelector, labels()),
      selectsNamespace: spec.namespaceSelector === undefined || selectsNamespace(spec.namespaceSelector),
    }));
  }

  function wishes(namespace: string, request: AddressRequest): WishesResult {
    const ofNamespace = namespaces.get(namespace) ?? { 'kubernetes.io/metadata.name': namespace };
    return wishesFor(
      candidates((selector) => selectsLabels(selector, ofNamespace)),
      request,
    );
  }

  function pools(): readonly (readonly string[])[] {
    const result = wishesFor(
      candidates(() => true),
      {},
    );
    return result.ok ? result.wishes.map((wish) => wish.pools) : [];
  }

  function speakerInputs(): SpeakerInputs {
    const byName = <T extends { metadata: { name: string } }>(resources: T[]) =>
      new Map(resources.map((resource) => [resource.metadata.name, resource]));
    return {
      node: { name: config.nodeName, address: config.nodeAddress, labels: labels() },
      bgpConfiguration: configuration.get('BGPConfiguration', 'default'),
      nodeConfigurations: byName(configuration.all('NodeConfiguration')),
      peers: configuration.all('BGPPeer'),
      filters: byName(configuration.all('BGPFilter')),
      nodes: configuration.all('Node'),
      pools: byName(configuration.all('IPPool')),
      blocks: ipam.blocks(),
      services: configuration.all('Service'),
      slices: configuration.all('EndpointSlice'),
    };
  }

  function derive(): void {
    derived = true;
    reserved = configuration
      .all('IPReservation')
      .flatMap(({ spec }) => spec.reservedCIDRs.flatMap((cidr) => parsePrefix(cidr) ?? []));
    const complain = (what: string) => (error: Error) =>
      logger.error({ reason: error.message }, `${what} is not as wanted`);
    speaker.configure(speakerConfig(speakerInputs()));
    wiring.setBlocks(ipam.blocks().map((block) => block.cidr)).then((outcome) => {
      if (!outcome.ok) complain('the blackhole of a block')(new Error(outcome.message));
    }, complain('the blackhole of a block'));
    const translated = configuration
      .all('IPPool')
      .map(({ spec }) => ({ cidr: spec.cidr, natOutgoing: spec.natOutgoing }));
    dataplane.setPools(translated).catch(complain('address translation'));
    const ranges = serviceRanges(configuration.get('BGPConfiguration', 'default'));
    dataplane.setServiceRanges(ranges).catch(complain('the refusal of addresses that no service has'));
    prepareBlock();
  }

  function prepareBlock(): void {
    ipam.prepare(pools().flatMap((list) => list.slice(0, 1)));
  }

  return {
    take(entries) {
      for (const entry of entries) {
        if (entry.case !== 'resource' && entry.case !== 'resourceDeleted') continue;
        const { kind, namespace, name } = entry.value;
        if (isConfigurationKind(kind)) {
          relevant = true;
          if (entry.case === 'resource') pending.push(configuration.read(entry.value, entry.spec));
          else pending.push(() => configuration.remove(kind, namespace, name));
        } else if (kind === 'Namespace') {
          const labels = entry.case === 'resource' ? entry.value.labels : undefined;
          pending.push(() => (labels ? namespaces.set(name, labels) : namespaces.delete(name)));
        }
      }
    },
    commit() {
      for (const change of pending) change();
      pending = [];
      // Also of a network without any configuration something follows.
      if (relevant || !derived) derive();
      relevant = false;
    },
    changed: derive,
    prepareBlock,
    pools,
    wishes,
    isPoolUsable(name) {
      const known = candidates(() => true);
      return known.length === 0 || known.some((pool) => pool.name === name && !pool.disabled && pool.selectsNode);
    },
    isReserved: (address) => reserved.some((prefix) => prefixContains(prefix, address)),
    asNumber: () => asNumberOf(config.nodeName, speakerInputs()),
  };
}
