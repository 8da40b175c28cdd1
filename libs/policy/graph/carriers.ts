import type { ResourceOf } from '@caracal/api';
import type { Family } from '@caracal/net';
import { canonicalAddress, canonicalCidr, setMembers } from '../conversion/nets.ts';
import type { Endpoint, EndpointKey, LocalEndpoint, NamedPort, Pod } from '../updates.ts';
import type { IdentityTable } from './identities.ts';
import { MultiMap } from './multi-map.ts';
import {
  type CarrierNode,
  EndpointNode,
  type Identity,
  type LocalNode,
  type NetworkSetNode,
  noMembers,
  noPorts,
  type PodNode,
  type Source,
} from './nodes.ts';

/** Where a source belongs now: undefined while its pod is unknown. */
export interface Placement {
  readonly identity: Identity | undefined;
  readonly members: readonly string[];
  readonly ports: readonly NamedPort[];
}

/**
 * The question of this node: which identity does each address carry? Pods and endpoints join on the pod's uid, in
 * whichever order they come; network sets carry their own labels. What may have moved is kept until asked for.
 */
export class CarrierTable {
  readonly #identities: IdentityTable;
  readonly #family: Family;
  readonly #pods = new Map<string, PodNode>();
  readonly #podsByUid = new MultiMap<string, PodNode>();
  readonly #endpoints = new Map<string, EndpointNode>();
  readonly #locals = new Map<string, LocalNode>();
  readonly #carriersByUid = new MultiMap<string, EndpointNode | LocalNode>();
  readonly #networkSets = new Map<string, NetworkSetNode>();
  readonly #dirty = new Set<CarrierNode>();
  #resync = 0;
  /** A resync has ended, and this is what is left to do for it. */
  #sweep: Generator<void> | undefined;

  constructor(identities: IdentityTable, family: Family) {
    this.#identities = identities;
    this.#family = family;
  }

  setPod(pod: Pod): void {
    const node = this.#podNode(pod);
    const previous = this.#pods.get(pod.key);
    if (previous && samePod(previous, node)) {
      this.#identities.release(node.identity);
      previous.resync = this.#resync;
      return;
    }
    this.removePod(pod.key);
    this.#pods.set(pod.key, node);
    if (!node.uid) return;
    this.#podsByUid.add(node.uid, node);
    this.#touch(node.uid);
  }

  removePod(key: string): void {
    const node = this.#pods.get(key);
    if (!node) return;
    this.#pods.delete(key);
    this.#identities.release(node.identity);
    if (!node.uid) return;
    this.#podsByUid.delete(node.uid, node);
    this.#touch(node.uid);
  }

  setEndpoint(endpoint: Endpoint): void {
    const key = endpointKey(endpoint);
    const addresses = this.#addresses(endpoint.addresses);
    const previous = this.#endpoints.get(key);
    if (previous && previous.uid === endpoint.podUid && sameTexts(previous.addresses, addresses)) {
      previous.resync = this.#resync;
      return;
    }
    if (previous) this.#removeCarrier(previous);
    const node = new EndpointNode(endpoint.podUid, addresses, this.#resync);
    this.#endpoints.set(key, node);
    this.#addCarrier(node);
  }

  removeEndpoint(endpoint: EndpointKey): void {
    const key = endpointKey(endpoint);
    const node = this.#endpoints.get(key);
    if (!node) return;
    this.#endpoints.delete(key);
    this.#removeCarrier(node);
  }

  setLocal(endpoint: LocalEndpoint): void {
    this.removeLocal(endpoint.id);
    const node: LocalNode = {
      kind: 'local',
      id: endpoint.id,
      interfaceName: endpoint.interfaceName,
      ...unplaced,
      pod: this.#podNode(endpoint.pod),
      uid: endpoint.pod.uid,
      addresses: this.#addresses(endpoint.addresses),
      removed: false,
    };
    this.#locals.set(endpoint.id, node);
    this.#addCarrier(node);
  }

  removeLocal(id: string): void {
    const node = this.#locals.get(id);
    if (!node) return;
    this.#locals.delete(id);
    this.#identities.release(node.pod.identity);
    this.#removeCarrier(node);
  }

  setNetworkSet({ metadata, spec }: ResourceOf<'NetworkSet'> | ResourceOf<'GlobalNetworkSet'>): void {
    const { name, namespace = '', labels } = metadata;
    this.removeNetworkSet(namespace, name);
    const nets = spec.nets.flatMap((net) => canonicalCidr(net, this.#family) ?? []);
    const node: NetworkSetNode = {
      kind: 'networkSet',
      ...unplaced,
      own: this.#identities.acquire('networkSet', namespace, '', labels),
      addresses: [...new Set(nets.flatMap((net) => setMembers(net, this.#family)))],
      removed: false,
    };
    this.#networkSets.set(`${namespace}/${name}`, node);
    this.#dirty.add(node);
  }

  removeNetworkSet(namespace: string, name: string): void {
    const key = `${namespace}/${name}`;
    const node = this.#networkSets.get(key);
    if (!node) return;
    this.#networkSets.delete(key);
    this.#identities.release(node.own);
    node.removed = true;
    this.#dirty.add(node);
  }

  /** From here on pods and endpoints are told from those that were said before. */
  beginResync(): void {
    this.sweep(() => false);
    this.#resync++;
  }

  /** The pods and endpoints that were not said since {@link beginResync} are to go; {@link sweep} sees to it. */
  endResync(): void {
    this.#sweep = this.#sweepSteps();
  }

  /** Removes what a resync has not said, until `isOver()`; true when nothing of it is left. */
  sweep(isOver: () => boolean): boolean {
    while (this.#sweep) {
      if (this.#sweep.next().done) this.#sweep = undefined;
      else if (isOver()) return false;
    }
    return true;
  }

  *#sweepSteps(): Generator<void> {
    let looked = 0;
    for (const [key, pod] of this.#pods) {
      if (pod.resync !== this.#resync) this.removePod(key);
      if (++looked % 64 === 0) yield;
    }
    for (const [key, endpoint] of this.#endpoints) {
      if (endpoint.resync !== this.#resync) {
        this.#endpoints.delete(key);
        this.#removeCarrier(endpoint);
      }
      if (++looked % 64 === 0) yield;
    }
  }

  /** The carriers whose place may have changed, each taken as it is given. */
  *takeDirty(): Iterable<CarrierNode> {
    for (const carrier of this.#dirty) {
      this.#dirty.delete(carrier);
      yield carrier;
    }
  }

  placement(node: CarrierNode): Placement {
    if (node.removed) return { identity: undefined, members: noMembers, ports: noPorts };
    if (node.kind === 'networkSet') return { identity: node.own, members: node.addresses, ports: noPorts };
    const pod = this.#podOf(node.uid) ?? (node.kind === 'local' ? node.pod : undefined);
    return { identity: pod?.identity, members: node.addresses, ports: pod?.ports ?? noPorts };
  }

  /** The feed's pod of a uid; of several, which no cluster has, always the same one. */
  #podOf(uid: string): PodNode | undefined {
    let first: PodNode | undefined;
    if (uid) for (const pod of this.#podsByUid.get(uid)) if (!first || pod.key < first.key) first = pod;
    return first;
  }

  #podNode(pod: Pod): PodNode {
    return {
      key: pod.key,
      uid: pod.uid,
      identity: this.#identities.acquire('pod', pod.namespace, pod.serviceAccount, pod.labels),
      ports: pod.ports.length > 0 ? pod.ports : noPorts,
      resync: this.#resync,
    };
  }

  #addCarrier(node: EndpointNode | LocalNode): void {
    if (node.uid) this.#carriersByUid.add(node.uid, node);
    this.#dirty.add(node);
  }

  #removeCarrier(node: EndpointNode | LocalNode): void {
    if (node.uid) this.#carriersByUid.delete(node.uid, node);
    node.removed = true;
    this.#dirty.add(node);
  }

  #touch(uid: string): void {
    for (const carrier of this.#carriersByUid.get(uid)) this.#dirty.add(carrier);
  }

  #addresses(addresses: readonly string[]): readonly string[] {
    const canonical = new Set<string>();
    for (const address of addresses) {
      const text = canonicalAddress(address, this.#family);
      if (text !== undefined) canonical.add(text);
    }
    return canonical.size === 0 ? noMembers : Array.from(canonical);
  }
}

const unplaced: Source = { identity: undefined, members: noMembers, ports: noPorts };

function samePod(a: PodNode, b: PodNode): boolean {
  if (a.uid !== b.uid || a.identity !== b.identity || a.ports.length !== b.ports.length) return false;
  return a.ports.every(({ name, protocol, port }, i) => {
    const other = b.ports[i];
    return name === other.name && protocol === other.protocol && port === other.port;
  });
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}

const hexDigits = /^(?:[0-9a-f]{2})+$/;

/** A runtime's id of a container is 64 hexadecimal digits, and this text is kept for each: two digits a character is half of it. */
function endpointKey({ node, containerId, interface: name }: EndpointKey): string {
  if (!hexDigits.test(containerId)) return `${node}/${containerId}/${name}`;
  return `${node}//${name}/${Buffer.from(containerId, 'hex').toString('latin1')}`;
}
