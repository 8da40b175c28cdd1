import { createHash } from 'node:crypto';
import type { Selector } from '@caracal/api';
import type { Family } from '@caracal/net';
import type { SetChange, SetId } from '../model.ts';
import { compileMatcher } from '../selectors/matcher.ts';
import { selectorText } from '../selectors/normalise.ts';
import { requirementsOf } from '../selectors/requirement.ts';
import { SelectorIndex } from '../selectors/selector-index.ts';
import type { IdentityTable } from './identities.ts';
import { type Identity, noSets, type SetNode, type Source } from './nodes.ts';

/**
 * The question of this node: which addresses does each selector in use select? Equal selectors share a set; members
 * are counted, because several sources can give the same one; changes are kept until collected.
 */
export class SetTable {
  readonly #identities: IdentityTable;
  readonly #family: Family;
  readonly #byText = new Map<string, SetNode>();
  readonly #index = new SelectorIndex<SetNode>();
  readonly #changed = new Set<SetNode>();
  readonly #unused = new Map<string, SetNode>();

  constructor(identities: IdentityTable, family: Family) {
    this.#identities = identities;
    this.#family = family;
  }

  /** The set of a normalised selector, or of a named port on what it selects. Release it as often as acquired. */
  acquire(selector: Selector, port?: SetNode['port']): SetNode {
    const text = port ? `${port.protocol}:${port.name}@${selectorText(selector)}` : selectorText(selector);
    let set = this.#byText.get(text);
    if (!set) {
      set = this.#create(text, selector, port);
      this.#byText.set(text, set);
    }
    if (set.users === 0) this.#unused.delete(text);
    set.users++;
    return set;
  }

  release(set: SetNode): void {
    set.users--;
    if (set.users === 0) this.#unused.set(set.text, set);
  }

  /** The identity has got its first source: the sets that it belongs to. */
  carry(identity: Identity): void {
    const sets = this.#index.matching(identity);
    identity.sets = sets.length > 0 ? sets : noSets;
    for (const set of identity.sets) set.identities.add(identity);
  }

  /** The identity has lost its last source. */
  drop(identity: Identity): void {
    for (const set of identity.sets) set.identities.delete(identity);
    identity.sets = noSets;
  }

  /** The source, which carries the identity, counts for its sets from now on. */
  contribute(identity: Identity, source: Source): void {
    for (const set of identity.sets) this.#adjust(set, source, 1);
  }

  withdraw(identity: Identity, source: Source): void {
    for (const set of identity.sets) this.#adjust(set, source, -1);
  }

  /** Labels of the identity's namespace or service account have changed. */
  rematch(identity: Identity): void {
    const before = new Set(identity.sets);
    const after = this.#index.matching(identity);
    for (const set of after) {
      if (before.delete(set)) continue;
      set.identities.add(identity);
      for (const source of identity.sources) this.#adjust(set, source, 1);
    }
    for (const set of before) {
      set.identities.delete(identity);
      for (const source of identity.sources) this.#adjust(set, source, -1);
    }
    identity.sets = after;
  }

  /** What has changed since the last call; sets that nobody uses are forgotten. */
  collect(): { sets: SetChange[]; removedSets: SetId[] } {
    const removedSets: SetId[] = [];
    for (const [text, set] of this.#unused) {
      this.#byText.delete(text);
      this.#index.delete(set);
      this.#changed.delete(set);
      for (const identity of set.identities) identity.sets = identity.sets.filter((each) => each !== set);
      if (set.published) removedSets.push(set.definition.id);
    }
    this.#unused.clear();
    const sets: SetChange[] = [];
    for (const set of this.#changed) {
      const change = set.published ? changesOf(set) : { added: [...set.members.keys()], removed: [] };
      if (!set.published || change.added.length + change.removed.length > 0) {
        sets.push({ definition: set.definition, ...change });
      }
      set.published = true;
      set.touched.clear();
    }
    this.#changed.clear();
    return { sets, removedSets };
  }

  #create(text: string, selector: Selector, port: SetNode['port']): SetNode {
    const set: SetNode = {
      text,
      definition: { id: setId(text, this.#family), type: port ? 'ip,port' : 'net', family: this.#family },
      matcher: compileMatcher(selector),
      requirements: requirementsOf(selector),
      ...(port && { port }),
      users: 0,
      identities: new Set(),
      members: new Map(),
      touched: new Map(),
      published: false,
    };
    for (const identity of this.#identities.select(set.matcher, set.requirements)) {
      if (identity.sets === noSets) identity.sets = [set];
      else identity.sets.push(set);
      set.identities.add(identity);
      for (const source of identity.sources) this.#adjust(set, source, 1);
    }
    this.#index.add(set);
    this.#changed.add(set);
    return set;
  }

  #adjust(set: SetNode, source: Source, by: 1 | -1): void {
    for (const member of membersOf(set, source)) {
      const count = set.members.get(member) ?? 0;
      if (count + by === 0) set.members.delete(member);
      else set.members.set(member, count + by);
      const flips = by === 1 ? count === 0 : count === 1;
      if (!flips) continue;
      if (set.published && !set.touched.has(member)) set.touched.set(member, count > 0);
      this.#changed.add(set);
    }
  }
}

function membersOf(set: SetNode, source: Source): readonly string[] {
  const { port } = set;
  if (!port) return source.members;
  const members = new Set<string>();
  for (const { name, protocol, port: number } of source.ports) {
    if (name !== port.name || protocol.toLowerCase() !== port.protocol) continue;
    for (const address of source.members) members.add(`${address},${port.protocol}:${number}`);
  }
  return [...members];
}

function changesOf(set: SetNode): { added: string[]; removed: string[] } {
  const added: string[] = [];
  const removed: string[] = [];
  for (const [member, before] of set.touched) {
    const now = set.members.has(member);
    if (now && !before) added.push(member);
    if (!now && before) removed.push(member);
  }
  return { added, removed };
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/** 100 bits of a hash in 20 characters: short enough for the name of an ipset, too many to find two that are equal. */
function setId(text: string, family: Family): SetId {
  const digest = createHash('sha256').update(`${family} ${text}`).digest();
  let id = '';
  for (let i = 0; i < 20; i++) id += alphabet[digest[i] & 31];
  return id;
}
