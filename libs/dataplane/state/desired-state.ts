import type { Family } from '@caracal/net';
import type { CompiledEndpoint, CompiledPolicy, Direction, PolicyDelta, PolicyId, Rule, SetId } from '@caracal/policy';
import { renderDispatchNode } from '../render/dispatch.ts';
import { type PolicyReference, renderEndpoint } from '../render/endpoint.ts';
import type { Marks } from '../render/marks.ts';
import {
  chains,
  dispatchChain,
  endpointChain,
  podInterfacePrefix,
  policyChain,
  setName,
  temporarySetName,
} from '../render/names.ts';
import { closedRules, renderPolicy } from '../render/policy.ts';
import { forwardRules, staticFilterChains } from '../render/static-chains.ts';
import { DesiredSets } from './desired-sets.ts';
import { DispatchTree } from './dispatch-tree.ts';
import { MultiMap } from './multi-map.ts';
import type { DataplaneProblem } from './problems.ts';
import { SetDirectory } from './set-directory.ts';

const directions: readonly Direction[] = ['ingress', 'egress'];

/** What its rules in one direction come to for those who jump to them. */
type Shape = 'empty' | 'allows' | 'decides';

/** A policy and the names of its chains, which cost a hash each. */
interface KnownPolicy {
  readonly policy: CompiledPolicy;
  readonly chains: Readonly<Record<Direction, string>>;
  readonly shapes: Readonly<Record<Direction, Shape>>;
}

/** Whose a chain is that can be closed without harm to others. */
type ChainOwner = Pick<DataplaneProblem, 'object'> & { readonly direction: Direction };

/**
 * The desired filter chains and sets of one family, kept up to date by deltas. A delta re-renders what it names and what
 * refers to that; nothing here walks all endpoints or all policies.
 */
export class DesiredState {
  readonly sets = new DesiredSets();
  readonly #chains: Map<string, readonly string[]>;
  readonly #changed = new Set<string>();
  readonly #owners = new Map<string, ChainOwner>();
  readonly #problems = new Map<string, DataplaneProblem>();
  /** Chains that the kernel refused; closed until their contents change. */
  readonly #refused = new Set<string>();
  /** Endpoints whose chains are to be rendered: of a policy that they refer to something has changed that shows in them. */
  readonly #stale = new Set<string>();
  /** Sets that were refused have another chance: what the kernel holds of them is not known. */
  #mended = false;
  readonly #family: Family;
  readonly #marks: Marks;
  readonly #directory = new SetDirectory();
  readonly #policies = new Map<PolicyId, KnownPolicy>();
  readonly #endpoints = new Map<string, CompiledEndpoint>();
  readonly #endpointsOfPolicy = new MultiMap<PolicyId, string>();
  readonly #policiesOfSet = new MultiMap<SetId, PolicyId>();
  /** The endpoint that an interface belongs to: the last one that claimed it. */
  readonly #interfaces = new Map<string, string>();
  readonly #tree = new DispatchTree();

  constructor(family: Family, marks: Marks) {
    this.#family = family;
    this.#marks = marks;
    this.#chains = new Map(staticFilterChains(family, marks));
    this.#renderDispatch([podInterfacePrefix]);
  }

  /** Every desired chain of the filter table. */
  get chains(): ReadonlyMap<string, readonly string[]> {
    return this.#chains;
  }

  get hasChangedChains(): boolean {
    return this.#changed.size > 0;
  }

  problems(): readonly DataplaneProblem[] {
    return [...this.#problems.values()];
  }

  /** Those that the next `takeChangedChains` gives. */
  changedChains(): Iterable<string> {
    return this.#changed;
  }

  /** The names of the chains that changed, appeared or vanished since the last call. */
  takeChangedChains(): string[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  update(delta: PolicyDelta): void {
    const rerender = new Set<PolicyId>();
    for (const change of delta.sets) {
      const { definition, added, removed } = change;
      if (definition.family !== this.#family) continue;
      const name = setName(definition);
      const type = definition.type === 'net' ? 'hash:net' : 'hash:ip,port';
      this.sets.change({ name, temporaryName: temporarySetName(definition), type }, added, removed);
      const appeared = this.#directory.define(definition);
      const mended = this.#problems.delete(name);
      this.#mended ||= mended;
      if (appeared || mended) this.#addPoliciesOf(definition.id, rerender);
    }
    for (const policy of delta.policies) {
      rerender.add(policy.id);
      this.#definePolicy(policy);
    }
    for (const endpoint of delta.endpoints) {
      this.#stale.add(endpoint.id);
      this.#defineEndpoint(endpoint);
    }
    for (const id of delta.removedEndpoints) this.#removeEndpoint(id);
    for (const id of delta.removedPolicies) this.#removePolicy(id);
    for (const id of delta.removedSets) {
      const definition = this.#directory.remove(id);
      if (!definition) continue;
      this.sets.remove(setName(definition));
      this.#problems.delete(setName(definition));
      this.#addPoliciesOf(id, rerender);
    }
    for (const id of rerender) this.#renderPolicy(id);
    this.#renderStale();
  }

  /** Ranges of services' addresses in the form that iptables prints. */
  setServiceRanges(ranges: readonly string[]): void {
    const rules = forwardRules(this.#family, ranges);
    if (this.#chains.get(chains.forward)?.join() !== rules.join()) this.#setChain(chains.forward, rules);
  }

  /** Whether the chain can be closed, so that only its owner suffers. */
  canClose(chain: string): boolean {
    return this.#owners.has(chain) && !this.#refused.has(chain);
  }

  /** The kernel has refused the chain: its owner fails closed until its contents change, or until `reopen`. */
  close(chain: string, message: string): DataplaneProblem | undefined {
    const owner = this.#owners.get(chain);
    if (!owner) return undefined;
    const problem = { ...owner, message };
    this.#setChain(chain, closedRules, owner, problem);
    this.#refused.add(chain);
    this.#renderStale();
    return problem;
  }

  /** What stands for a moment where nobody knows whether the kernel takes the chain: nothing, where all that it could do is to allow. */
  standIn(chain: string): readonly string[] {
    const owner = this.#owners.get(chain);
    return owner?.object.kind === 'policy' && this.#onlyAllows(owner.object.id, owner.direction) ? [] : closedRules;
  }

  /** The kernel has refused a set: the policies that use it fail closed until it changes, or until `reopen`. */
  breakSet(name: string, message: string): DataplaneProblem {
    const problem: DataplaneProblem = { object: { kind: 'set', id: name }, message };
    this.#problems.set(name, problem);
    const id = this.#directory.idOf(name);
    if (id !== undefined) for (const policy of this.#policiesOfSet.get(id)) this.#renderPolicy(policy);
    this.#renderStale();
    return problem;
  }

  /** Whether the kernel has refused the set as it is. */
  isBroken(setName: string): boolean {
    return this.#problems.has(setName);
  }

  /** Whether sets that were refused have changed since the last call, so that the kernel has to be read. */
  takeMended(): boolean {
    const mended = this.#mended;
    this.#mended = false;
    return mended;
  }

  /** Gives everything that the kernel refused another chance. */
  reopen(): void {
    const broken = [...this.#problems].filter(([, { object }]) => object.kind === 'set').map(([name]) => name);
    for (const name of broken) this.#problems.delete(name);
    const policies = new Set<PolicyId>();
    for (const name of broken) this.#addPoliciesOf(this.#directory.idOf(name) ?? '', policies);
    for (const chain of this.#refused) {
      const object = this.#owners.get(chain)?.object;
      if (object?.kind === 'policy') policies.add(object.id);
      if (object?.kind === 'endpoint') this.#stale.add(object.id);
    }
    for (const policy of policies) this.#renderPolicy(policy);
    this.#renderStale();
  }

  /** Whether all that the policy's chain can do is to allow: it is not closed either. */
  #onlyAllows(id: PolicyId, direction: Direction): boolean {
    const known = this.#policies.get(id);
    return known?.shapes[direction] === 'allows' && !this.#problems.has(known.chains[direction]);
  }

  #markEndpointsOf(policy: PolicyId): void {
    for (const endpoint of this.#endpointsOfPolicy.get(policy)) this.#stale.add(endpoint);
  }

  #renderStale(): void {
    for (const id of this.#stale) this.#renderEndpoint(id);
    this.#stale.clear();
  }

  #addPoliciesOf(set: SetId, to: Set<PolicyId>): void {
    for (const policy of this.#policiesOfSet.get(set)) to.add(policy);
  }

  #definePolicy(policy: CompiledPolicy): void {
    const before = this.#policies.get(policy.id);
    if (before) for (const set of setsOf(before.policy)) this.#policiesOfSet.delete(set, policy.id);
    for (const set of setsOf(policy)) this.#policiesOfSet.add(set, policy.id);
    const chains = before?.chains ?? {
      ingress: policyChain('ingress', policy.id),
      egress: policyChain('egress', policy.id),
    };
    const shapes = { ingress: shapeOf(policy.ingress), egress: shapeOf(policy.egress) };
    this.#policies.set(policy.id, { policy, chains, shapes });
    if (!directions.every((d) => before?.shapes[d] === shapes[d])) this.#markEndpointsOf(policy.id);
  }

  #removePolicy(id: PolicyId): void {
    const known = this.#policies.get(id);
    if (!known) return;
    this.#policies.delete(id);
    for (const set of setsOf(known.policy)) this.#policiesOfSet.delete(set, id);
    for (const direction of directions) this.#dropChain(known.chains[direction]);
    this.#markEndpointsOf(id);
  }

  #renderPolicy(id: PolicyId): void {
    const known = this.#policies.get(id);
    if (!known) return;
    const lookup = (set: SetId) => {
      const definition = this.#directory.get(set);
      if (!definition) return { problem: 'it does not exist' };
      const broken = this.#problems.get(setName(definition));
      return broken ? { problem: broken.message } : { definition };
    };
    for (const direction of directions) {
      const chain = known.chains[direction];
      if (known.policy[direction].length === 0) {
        this.#dropChain(chain);
        continue;
      }
      const { rules, problem } = renderPolicy(known.policy, direction, this.#family, this.#marks, lookup);
      const owner: ChainOwner = { object: { kind: 'policy', id }, direction };
      this.#setChain(chain, rules, owner, problem && { ...owner, ...problem });
    }
  }

  #defineEndpoint(endpoint: CompiledEndpoint): void {
    if (!/^cara[\w.-]{0,11}$/.test(endpoint.interfaceName)) {
      this.#removeEndpoint(endpoint.id);
      const message = `interface ${endpoint.interfaceName} is not cara and up to 11 of A-Z a-z 0-9 _ . -`;
      this.#problems.set(endpoint.id, { object: { kind: 'endpoint', id: endpoint.id }, message });
      return;
    }
    this.#problems.delete(endpoint.id);
    const before = this.#endpoints.get(endpoint.id);
    if (before) {
      for (const policy of policiesOf(before)) this.#endpointsOfPolicy.delete(policy, endpoint.id);
      if (before.interfaceName !== endpoint.interfaceName) this.#releaseInterface(before);
    }
    for (const policy of policiesOf(endpoint)) this.#endpointsOfPolicy.add(policy, endpoint.id);
    this.#endpoints.set(endpoint.id, endpoint);
    this.#interfaces.set(endpoint.interfaceName, endpoint.id);
    this.#renderDispatch(this.#tree.add(endpoint.interfaceName));
  }

  #removeEndpoint(id: string): void {
    this.#problems.delete(id);
    const endpoint = this.#endpoints.get(id);
    if (!endpoint) return;
    this.#endpoints.delete(id);
    for (const policy of policiesOf(endpoint)) this.#endpointsOfPolicy.delete(policy, id);
    this.#releaseInterface(endpoint);
  }

  #releaseInterface({ id, interfaceName }: CompiledEndpoint): void {
    if (this.#interfaces.get(interfaceName) !== id) return;
    this.#interfaces.delete(interfaceName);
    for (const direction of directions) this.#dropChain(endpointChain(direction, interfaceName));
    this.#renderDispatch(this.#tree.remove(interfaceName));
  }

  #renderEndpoint(id: string): void {
    const endpoint = this.#endpoints.get(id);
    if (!endpoint || this.#interfaces.get(endpoint.interfaceName) !== id) return;
    for (const direction of directions) {
      const find = (policy: PolicyId): PolicyReference => {
        const known = this.#policies.get(policy);
        if (!known) return 'missing';
        if (known.shapes[direction] === 'empty') return 'empty';
        return { chain: known.chains[direction], onlyAllows: this.#onlyAllows(policy, direction) };
      };
      const rules = renderEndpoint(endpoint, direction, this.#family, this.#marks, find);
      this.#setChain(endpointChain(direction, endpoint.interfaceName), rules, {
        object: { kind: 'endpoint', id },
        direction,
      });
    }
  }

  #renderDispatch(prefixes: Iterable<string>): void {
    for (const prefix of prefixes) {
      const node = this.#tree.node(prefix);
      for (const direction of directions) {
        const chain = dispatchChain(direction, prefix);
        if (node) this.#setChain(chain, renderDispatchNode(direction, node));
        else this.#dropChain(chain);
      }
    }
  }

  #setChain(chain: string, rules: readonly string[], owner?: ChainOwner, problem?: DataplaneProblem): void {
    this.#chains.set(chain, rules);
    this.#changed.add(chain);
    this.#refused.delete(chain);
    if (owner) this.#owners.set(chain, owner);
    // Whether it is closed.
    if (owner?.object.kind === 'policy' && this.#problems.has(chain) !== (problem !== undefined))
      this.#markEndpointsOf(owner.object.id);
    if (problem) this.#problems.set(chain, problem);
    else this.#problems.delete(chain);
  }

  #dropChain(chain: string): void {
    if (this.#chains.delete(chain)) this.#changed.add(chain);
    this.#refused.delete(chain);
    this.#owners.delete(chain);
    this.#problems.delete(chain);
  }
}

function shapeOf(rules: readonly Rule[]): Shape {
  if (rules.length === 0) return 'empty';
  return rules.every(({ action }) => action === 'Allow') ? 'allows' : 'decides';
}

function setsOf(policy: CompiledPolicy): Set<SetId> {
  const ids = new Set<SetId>();
  for (const rule of [...policy.ingress, ...policy.egress]) {
    for (const peer of [rule.source, rule.destination]) {
      for (const list of [peer.sets, peer.notSets, peer.namedPortSets, peer.notNamedPortSets]) {
        for (const id of list ?? []) ids.add(id);
      }
    }
  }
  return ids;
}

function policiesOf(endpoint: CompiledEndpoint): Set<PolicyId> {
  return new Set([...endpoint.ingress, ...endpoint.egress].flatMap((tier) => tier.policies));
}
