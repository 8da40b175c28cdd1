import type { ResourceOf } from '@caracal/api';
import type { Family } from '@caracal/net';
import { convertPolicy } from '../conversion/caracal-policy.ts';
import { convertKubernetesPolicy } from '../conversion/kubernetes-policy.ts';
import { type PolicySource, reasonOf } from '../conversion/policy-source.ts';
import type { CompiledPolicy, PolicyId } from '../model.ts';
import { lazyMatcher } from '../selectors/matcher.ts';
import { requirementsOf } from '../selectors/requirement.ts';
import { SelectorIndex } from '../selectors/selector-index.ts';
import type { PolicyProblem } from '../updates.ts';
import type { Identity, PolicyNode } from './nodes.ts';
import { compileRules } from './rules.ts';
import type { SetTable } from './sets.ts';
import { SmallSet } from './small-set.ts';

/** A policy as stored, before its selectors are read. */
export type PolicyResource =
  | ResourceOf<'NetworkPolicy'>
  | ResourceOf<'GlobalNetworkPolicy'>
  | ResourceOf<'KubernetesNetworkPolicy'>;

/**
 * The question of this node: which policies select endpoints of this node? Only those are compiled. A new local
 * identity finds its policies in the index; a new policy is held against the local identities.
 */
export class PolicyTable {
  readonly #sets: SetTable;
  readonly #family: Family;
  readonly #nodes = new Map<PolicyId, PolicyNode>();
  readonly #index = new SelectorIndex<PolicyNode>();
  readonly #localIdentities = new Set<Identity>();
  readonly #problems = new Map<PolicyId, string>();
  /** Policies whose resource changed since the last flush. */
  readonly #inputs = new Map<PolicyId, PolicyResource | undefined>();
  /** Policies that may have to be compiled or forgotten. */
  readonly #pending = new Set<PolicyNode>();
  /** What the dataplane holds, as JSON. */
  readonly #published = new Map<PolicyId, string>();

  constructor(sets: SetTable, family: Family) {
    this.#sets = sets;
    this.#family = family;
  }

  set(id: PolicyId, resource: PolicyResource | undefined): void {
    this.#inputs.set(id, resource);
  }

  problems(): PolicyProblem[] {
    return [...this.#problems].map(([policy, message]) => ({ policy, message }));
  }

  /** Takes in the changed policies until `isOver()`; calls `changed` with each local identity that a change concerns. True: all are taken. */
  update(changed: (identity: Identity) => void, isOver: () => boolean): boolean {
    for (const [id, resource] of this.#inputs) {
      this.#inputs.delete(id);
      this.#problems.delete(id);
      const old = this.#nodes.get(id);
      if (old) this.#remove(old, changed);
      const node = resource && this.#create(id, resource);
      if (node) this.#add(node, changed);
      if (isOver()) return this.#inputs.size === 0;
    }
    return true;
  }

  /** The identity has its first local endpoint, or its labels have changed: find the policies that select it. */
  select(identity: Identity): void {
    this.#localIdentities.add(identity);
    const matching = new Set(this.#index.matching(identity));
    for (const node of identity.policies) if (!matching.has(node)) this.#unlink(node, identity);
    for (const node of matching) if (!identity.policies.has(node)) this.#link(node, identity);
  }

  /** The identity has lost its last local endpoint. */
  deselect(identity: Identity): void {
    this.#localIdentities.delete(identity);
    for (const node of identity.policies) this.#unlink(node, identity);
  }

  /** Compiles what has become needed, forgets what is not, and returns the difference. */
  collect(): { policies: CompiledPolicy[]; removedPolicies: PolicyId[] } {
    const released: PolicyNode[] = [];
    const touched = new Set<PolicyId>();
    for (const node of this.#pending) {
      touched.add(node.id);
      if (node.selected.size === 0) released.push(node);
      else if (!node.compiled) this.#compile(node);
    }
    this.#pending.clear();
    // Released after all acquisitions, so that a set that a changed policy still uses is not built anew.
    for (const node of released) {
      for (const set of node.compiled?.sets ?? []) this.#sets.release(set);
      if (node.compiled && this.#nodes.get(node.id) === node) this.#problems.delete(node.id);
      node.compiled = undefined;
    }
    const policies: CompiledPolicy[] = [];
    const removedPolicies: PolicyId[] = [];
    for (const id of touched) {
      const policy = this.#nodes.get(id)?.compiled?.policy;
      const text = policy && JSON.stringify(policy);
      if (text === this.#published.get(id)) continue;
      if (policy && text !== undefined) {
        this.#published.set(id, text);
        policies.push(policy);
      } else {
        this.#published.delete(id);
        removedPolicies.push(id);
      }
    }
    return { policies, removedPolicies };
  }

  #compile(node: PolicyNode): void {
    const { problem, ...compiled } = compileRules(node.source, this.#sets);
    node.compiled = compiled;
    if (problem) this.#problems.set(node.id, problem);
    else this.#problems.delete(node.id);
  }

  /** The node of an enforced policy whose selectors can be read. */
  #create(id: PolicyId, resource: PolicyResource): PolicyNode | undefined {
    const source = this.#convert(id, resource);
    if (!source) return undefined;
    const matcher = lazyMatcher(source.selector);
    const requirements = requirementsOf(source.selector);
    return { id, source, matcher, requirements, selected: new SmallSet(), compiled: undefined };
  }

  #convert(id: PolicyId, resource: PolicyResource): PolicySource | undefined {
    const { name, namespace = '' } = resource.metadata;
    try {
      if (resource.kind === 'KubernetesNetworkPolicy') {
        return convertKubernetesPolicy(name, namespace, resource.spec, this.#family);
      }
      if (resource.spec.enforcement === 'Staged') return undefined;
      return convertPolicy(name, namespace, resource.spec, this.#family);
    } catch (error) {
      this.#problems.set(id, `${id}: ${reasonOf(error)}; nobody can tell whom it selects, so it has no effect`);
      return undefined;
    }
  }

  #add(node: PolicyNode, changed: (identity: Identity) => void): void {
    this.#nodes.set(node.id, node);
    this.#index.add(node);
    for (const identity of this.#localIdentities) {
      if (!node.matcher(identity)) continue;
      this.#link(node, identity);
      changed(identity);
    }
  }

  #remove(node: PolicyNode, changed: (identity: Identity) => void): void {
    this.#nodes.delete(node.id);
    this.#index.delete(node);
    for (const identity of node.selected) {
      this.#unlink(node, identity);
      changed(identity);
    }
  }

  #link(node: PolicyNode, identity: Identity): void {
    node.selected.add(identity);
    identity.policies.add(node);
    this.#pending.add(node);
  }

  #unlink(node: PolicyNode, identity: Identity): void {
    node.selected.delete(identity);
    identity.policies.delete(node);
    this.#pending.add(node);
  }
}
