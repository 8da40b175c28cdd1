/**
 * The compiler, wired:
 *
 *     pods, endpoints, network sets ──▶ CarrierTable: which identity does each address carry?
 *                                            │ placements
 *     namespaces, service accounts ──▶ IdentityTable: which identities are there, which does a selector select?
 *                                            │ carried, dropped, relabelled
 *                                     ┌──────┴───────┐
 *                                     ▼              ▼
 *     policies ──▶ PolicyTable:              SetTable: which addresses does
 *                  which policies select     each selector in use select?
 *                  endpoints of this node? ──▶ │ acquires the sets of the rules that it compiles
 *                                     │        │
 *     tiers ──▶ TierTable ──▶ EndpointTable:   │
 *               in which order? what does each │
 *                               look like?     │
 *                                     ▼        ▼
 *                                    PolicyDelta
 *
 * apply() notes what has changed; flush() lets the consequences run from top to bottom once, settle() as far as time allows. Nothing below depends on
 * the order in which things above became known.
 */
import type { AnyResource } from '@caracal/api';
import type { Family } from '@caracal/net';
import { CarrierTable } from './graph/carriers.ts';
import { EndpointTable } from './graph/endpoints.ts';
import { IdentityTable } from './graph/identities.ts';
import type { CarrierNode, Identity } from './graph/nodes.ts';
import { PolicyTable } from './graph/policies.ts';
import { SetTable } from './graph/sets.ts';
import { TierTable } from './graph/tiers.ts';
import type { PolicyDelta } from './model.ts';
import { podOfResource } from './pod-resource.ts';
import { policyId } from './policy-id.ts';
import type { Compiler, PolicyProblem, Update } from './updates.ts';

/** A compiler that knows nothing yet. It compiles for one address family; addresses of the other are left out. */
export function createCompiler(options: { readonly family?: Family } = {}): Compiler {
  return new Graph(options.family ?? 4);
}

class Graph implements Compiler {
  readonly #identities = new IdentityTable();
  readonly #carriers: CarrierTable;
  readonly #sets: SetTable;
  readonly #policies: PolicyTable;
  readonly #tiers = new TierTable();
  readonly #endpoints = new EndpointTable(this.#tiers);
  /** Carried identities whose namespace or service account was relabelled. */
  readonly #relabelled = new Set<Identity>();

  constructor(family: Family) {
    this.#carriers = new CarrierTable(this.#identities, family);
    this.#sets = new SetTable(this.#identities, family);
    this.#policies = new PolicyTable(this.#sets, family);
  }

  apply(update: Update): void {
    switch (update.type) {
      case 'resource':
        // The hub stores nothing that is not valid for its kind.
        this.#setResource(update.resource as AnyResource);
        break;
      case 'resourceRemoved':
        this.#removeResource(update.kind, update.namespace ?? '', update.name);
        break;
      case 'pod':
        this.#carriers.setPod(update.pod);
        break;
      case 'podRemoved':
        this.#carriers.removePod(update.key);
        break;
      case 'endpoint':
        this.#carriers.setEndpoint(update.endpoint);
        break;
      case 'endpointRemoved':
        this.#carriers.removeEndpoint(update.endpoint);
        break;
      case 'localEndpoint':
        this.#carriers.setLocal(update.endpoint);
        break;
      case 'localEndpointRemoved':
        this.#carriers.removeLocal(update.id);
        break;
      case 'resyncBegin':
        this.#carriers.beginResync();
        break;
      case 'resyncEnd':
        this.#carriers.endResync();
        break;
    }
  }

  settle(isOver: () => boolean): boolean {
    const touch = (identity: Identity): void => this.#endpoints.touch(identity);
    if (!this.#policies.update(touch, isOver)) return false;
    if (!this.#carriers.sweep(isOver)) return false;
    let placed = 0;
    for (const carrier of this.#carriers.takeDirty()) {
      this.#place(carrier);
      if (++placed % 16 === 0 && isOver()) return false;
    }
    for (const identity of this.#relabelled) {
      this.#relabelled.delete(identity);
      if (identity.sources.size > 0) this.#sets.rematch(identity);
      if (identity.locals.size > 0) {
        this.#policies.select(identity);
        touch(identity);
      }
      if (isOver()) return false;
    }
    return true;
  }

  flush(): PolicyDelta {
    this.settle(() => false);
    this.#identities.sweep();
    const { policies, removedPolicies } = this.#policies.collect();
    const { endpoints, removedEndpoints } = this.#endpoints.collect();
    const { sets, removedSets } = this.#sets.collect();
    return { sets, removedSets, policies, removedPolicies, endpoints, removedEndpoints };
  }

  problems(): readonly PolicyProblem[] {
    return this.#policies.problems();
  }

  #setResource(resource: AnyResource): void {
    const { name, namespace = '', labels } = resource.metadata;
    switch (resource.kind) {
      case 'NetworkPolicy':
      case 'GlobalNetworkPolicy':
      case 'KubernetesNetworkPolicy':
        this.#policies.set(policyId(resource.kind, namespace, name), resource);
        break;
      case 'Tier':
        this.#tiers.set(name, resource.spec);
        this.#endpoints.touchAll();
        break;
      case 'NetworkSet':
      case 'GlobalNetworkSet':
        this.#carriers.setNetworkSet(resource);
        break;
      case 'Namespace':
        this.#relabel(this.#identities.setNamespaceLabels(name, labels));
        break;
      case 'ServiceAccount':
        this.#relabel(this.#identities.setServiceAccountLabels(namespace, name, labels));
        break;
      case 'Pod':
        this.#carriers.setPod(podOfResource(resource));
        break;
    }
  }

  #removeResource(kind: string, namespace: string, name: string): void {
    switch (kind) {
      case 'NetworkPolicy':
      case 'GlobalNetworkPolicy':
      case 'KubernetesNetworkPolicy':
        this.#policies.set(policyId(kind, namespace, name), undefined);
        break;
      case 'Tier':
        this.#tiers.delete(name);
        this.#endpoints.touchAll();
        break;
      case 'NetworkSet':
      case 'GlobalNetworkSet':
        this.#carriers.removeNetworkSet(namespace, name);
        break;
      case 'Namespace':
        this.#relabel(this.#identities.setNamespaceLabels(name, undefined));
        break;
      case 'ServiceAccount':
        this.#relabel(this.#identities.setServiceAccountLabels(namespace, name, undefined));
        break;
      case 'Pod':
        this.#carriers.removePod(`${namespace}/${name}`);
        break;
    }
  }

  #relabel(identities: Iterable<Identity>): void {
    for (const identity of identities) this.#relabelled.add(identity);
  }

  /** Moves a carrier's addresses to the identity that it has now. */
  #place(carrier: CarrierNode): void {
    const before = carrier.identity;
    const { identity, members, ports } = this.#carriers.placement(carrier);
    if (before !== identity || carrier.members !== members || carrier.ports !== ports) {
      if (before) this.#sets.withdraw(before, carrier);
      if (before && before !== identity) this.#leave(before, carrier);
      carrier.identity = identity;
      carrier.members = members;
      carrier.ports = ports;
      if (identity && before !== identity) this.#join(identity, carrier);
      if (identity) this.#sets.contribute(identity, carrier);
    }
    if (carrier.kind !== 'local') return;
    if (carrier.removed) this.#endpoints.delete(carrier);
    else this.#endpoints.set(carrier);
  }

  #join(identity: Identity, carrier: CarrierNode): void {
    if (identity.sources.size === 0) {
      this.#identities.carry(identity);
      this.#sets.carry(identity);
    }
    identity.sources.add(carrier);
    if (carrier.kind !== 'local') return;
    identity.locals.add(carrier);
    if (identity.locals.size === 1) this.#policies.select(identity);
  }

  #leave(identity: Identity, carrier: CarrierNode): void {
    identity.sources.delete(carrier);
    if (carrier.kind === 'local') {
      identity.locals.delete(carrier);
      if (identity.locals.size === 0) this.#policies.deselect(identity);
    }
    if (identity.sources.size > 0) return;
    this.#identities.drop(identity);
    this.#sets.drop(identity);
  }
}
