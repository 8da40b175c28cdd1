import { randomInt } from 'node:crypto';
import type { Matcher } from '../selectors/matcher.ts';
import type { Requirement } from '../selectors/requirement.ts';
import {
  labelReader,
  namespaceKey,
  namespaceLabels,
  namespacePrefix,
  serviceAccountLabels,
} from '../selectors/subject.ts';
import type { Labels } from '../updates.ts';
import { MultiMap } from './multi-map.ts';
import { Identity, type ParentNode } from './nodes.ts';

/** Looking at this many identities is cheaper than indexing another label. */
const fewIdentities = 256;
/** Labels that are indexed; beyond that, selectors are evaluated against what their best indexed label leaves. */
const maxIndexes = 64;

type LabelIndex = Map<string, Set<Identity>>;

/**
 * The question of this node: which identities are there, and which of them does a new selector select? Identities are
 * interned; those that a source carries are indexed by namespace, and by the labels that new selectors asked for.
 */
export class IdentityTable {
  /** By hash: the texts of a key would take as much memory as all else. */
  readonly #interned = new MultiMap<number, Identity>();
  readonly #namespaces = new Map<string, ParentNode>();
  readonly #serviceAccounts = new Map<string, ParentNode>();
  readonly #carried = new Set<Identity>();
  readonly #indexes = new Map<string, LabelIndex>();
  readonly #idle = new Set<Identity>();

  /** The identity of these properties; hold it until {@link release}. Empty namespace or service account: none. */
  acquire(kind: Identity['kind'], namespace: string, serviceAccount: string, labels: Labels): Identity {
    const hash = internHash(kind, namespace, serviceAccount, labels);
    let identity: Identity | undefined;
    for (const each of this.#interned.get(hash)) {
      if (each.kind === kind && isOf(each, namespace, serviceAccount) && sameLabels(each.labels, labels))
        identity = each;
    }
    if (!identity) {
      identity = new Identity(hash, {
        kind,
        labels,
        namespace: namespace ? this.#namespace(namespace) : undefined,
        serviceAccount: serviceAccount ? this.#serviceAccount(namespace, serviceAccount) : undefined,
      });
      this.#interned.add(hash, identity);
    }
    identity.holders++;
    return identity;
  }

  release(identity: Identity): void {
    identity.holders--;
    if (identity.holders === 0) this.#idle.add(identity);
  }

  /** Forgets identities that nobody holds any more; call when all sources are placed. */
  sweep(): void {
    for (const identity of this.#idle) {
      if (identity.holders === 0 && identity.sources.size === 0) this.#interned.delete(identity.hash, identity);
    }
    this.#idle.clear();
  }

  /** The namespace's labels from now on (undefined: unknown), and the carried identities that this concerns. */
  setNamespaceLabels(name: string, labels: Labels | undefined): Iterable<Identity> {
    return relabel(this.#namespace(name), namespaceLabels(name, labels ?? {}));
  }

  setServiceAccountLabels(namespace: string, name: string, labels: Labels | undefined): Iterable<Identity> {
    return relabel(this.#serviceAccount(namespace, name), serviceAccountLabels(name, labels ?? {}));
  }

  /** The identity has got its first source. */
  carry(identity: Identity): void {
    this.#carried.add(identity);
    identity.namespace?.identities.add(identity);
    identity.serviceAccount?.identities.add(identity);
    for (const [key, index] of this.#indexes) addToIndex(index, labelReader(key)(identity), identity);
  }

  /** The identity has lost its last source. */
  drop(identity: Identity): void {
    this.#carried.delete(identity);
    identity.namespace?.identities.delete(identity);
    identity.serviceAccount?.identities.delete(identity);
    for (const [key, index] of this.#indexes) {
      const value = labelReader(key)(identity);
      if (value !== undefined) index.get(value)?.delete(identity);
    }
  }

  /** The carried identities that a selector with these requirements selects. */
  select(matcher: Matcher, requirements: readonly Requirement[]): Identity[] {
    const found: Identity[] = [];
    for (const group of this.#candidates(requirements)) {
      for (const identity of group) if (matcher(identity)) found.push(identity);
    }
    return found;
  }

  /** Disjoint groups that together hold all that meets the requirements: the smallest that the indexes can give. */
  #candidates(requirements: readonly Requirement[]): Iterable<Identity>[] {
    let best: Set<Identity>[] = [this.#carried];
    const consider = (groups: Set<Identity>[] | undefined): void => {
      if (groups && sizeOf(groups) < sizeOf(best)) best = groups;
    };
    for (const requirement of requirements) consider(this.#indexed(requirement));
    if (sizeOf(best) > fewIdentities && this.#indexes.size < maxIndexes) {
      const wanted = requirements.find(({ key, values }) => values && isOwn(key) && !this.#indexes.has(key));
      if (wanted) {
        this.#addIndex(wanted.key);
        consider(this.#indexed(wanted));
      }
    }
    return best;
  }

  /** The groups under one requirement, when there is an index for it. */
  #indexed({ key, values }: Requirement): Set<Identity>[] | undefined {
    if (key === namespaceKey) return values?.flatMap((value) => this.#namespaces.get(value)?.identities ?? []);
    if (key.startsWith(namespacePrefix)) {
      const groups: Set<Identity>[] = [];
      for (const { labels, identities } of this.#namespaces.values()) {
        const value = labels.get(key);
        if (value !== undefined && (!values || values.includes(value))) groups.push(identities);
      }
      return groups;
    }
    const index = this.#indexes.get(key);
    if (!index) return undefined;
    return values ? values.flatMap((value) => index.get(value) ?? []) : [...index.values()];
  }

  #addIndex(key: string): void {
    const index: LabelIndex = new Map();
    const read = labelReader(key);
    for (const identity of this.#carried) addToIndex(index, read(identity), identity);
    this.#indexes.set(key, index);
  }

  #namespace(name: string): ParentNode {
    let node = this.#namespaces.get(name);
    if (!node) {
      node = { name, labels: namespaceLabels(name, {}), identities: new Set() };
      this.#namespaces.set(name, node);
    }
    return node;
  }

  #serviceAccount(namespace: string, name: string): ParentNode {
    const key = `${namespace}/${name}`;
    let node = this.#serviceAccounts.get(key);
    if (!node) {
      node = { name, labels: serviceAccountLabels(name, {}), identities: new Set() };
      this.#serviceAccounts.set(key, node);
    }
    return node;
  }
}

/** The identities that are concerned: none when the labels are those of before. */
function relabel(node: ParentNode, labels: ReadonlyMap<string, string>): Iterable<Identity> {
  const before = node.labels;
  if (before.size === labels.size && [...labels].every(([key, value]) => before.get(key) === value)) return [];
  node.labels = labels;
  return node.identities;
}

/** Whether the label is an object's own, not one that nearly all objects share or that its parents give it. */
function isOwn(key: string): boolean {
  return !key.startsWith('pcns.') && !key.startsWith('pcsa.') && !key.startsWith('projectcalico.org/');
}

function sizeOf(groups: readonly Set<Identity>[]): number {
  let size = 0;
  for (const group of groups) size += group.size;
  return size;
}

function addToIndex(index: LabelIndex, value: string | undefined, identity: Identity): void {
  if (value === undefined) return;
  const present = index.get(value);
  if (present) present.add(identity);
  else index.set(value, new Set([identity]));
}

function isOf({ namespace, serviceAccount }: Identity, namespaceName: string, serviceAccountName: string): boolean {
  return (namespace?.name ?? '') === namespaceName && (serviceAccount?.name ?? '') === serviceAccountName;
}

function sameLabels(a: Labels, b: Labels): boolean {
  if (a === b) return true;
  let more = 0;
  for (const key in a) {
    if (!Object.hasOwn(b, key) || a[key] !== b[key]) return false;
    more++;
  }
  for (const _ in b) more--;
  return more === 0;
}

/** Who chooses labels does not know it, so nobody can choose many of one hash. */
const seed = randomInt(2 ** 31);

/** 31 bits, so that it is a small integer to the machine. Labels count in whatever order they come. */
function internHash(kind: string, namespace: string, serviceAccount: string, labels: Labels): number {
  let hash = textHash(serviceAccount, textHash(namespace, textHash(kind, seed)));
  for (const key in labels) hash = (hash + textHash(labels[key], textHash(key, seed))) | 0;
  return hash >>> 1;
}

/** FNV-1a of UTF-16 units, with a last mixing (MurmurHash3's finalizer), since what it gives is added up. */
function textHash(text: string, start: number): number {
  let hash = start ^ 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
