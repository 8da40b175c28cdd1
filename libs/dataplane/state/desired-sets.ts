import type { IpsetType } from 'iptables-wrapper';

/** A set that should be in the kernel. */
export interface DesiredSet {
  readonly name: string;
  /** The name under which a large change is built before the two are swapped. */
  readonly temporaryName: string;
  readonly type: IpsetType;
  readonly members: Set<string>;
}

/** Members to add (true) and to delete (false). The last word on a member counts. */
export type MemberChanges = Map<string, boolean>;

/** What is to be written of one set. */
export interface SetChanges {
  readonly members: MemberChanges;
  /** The set is new, so that a set of that name in the kernel is another one, with members that nobody deletes. */
  readonly isNew: boolean;
}

/** The sets that should be in the kernel, and what has changed since the last take. */
export class DesiredSets {
  readonly #sets = new Map<string, DesiredSet>();
  #changed = new Map<string, SetChanges>();

  get(name: string): DesiredSet | undefined {
    return this.#sets.get(name);
  }

  names(): Iterable<string> {
    return this.#sets.keys();
  }

  /** Adds and removes members of a set, which is made if it does not exist. */
  change(set: Omit<DesiredSet, 'members'>, added: Iterable<string>, removed: Iterable<string>): void {
    let known = this.#sets.get(set.name);
    const isNew = !known;
    if (!known) {
      known = { ...set, members: new Set() };
      this.#sets.set(set.name, known);
    }
    const changes = this.#changes(set.name, isNew);
    for (const member of removed) {
      known.members.delete(member);
      changes.set(member, false);
    }
    for (const member of added) {
      known.members.add(member);
      changes.set(member, true);
    }
  }

  /** Makes the set hold exactly these members. */
  replace(set: Omit<DesiredSet, 'members'>, members: ReadonlySet<string>): void {
    const before = this.#sets.get(set.name)?.members ?? new Set<string>();
    const added = [...members].filter((member) => !before.has(member));
    const removed = [...before].filter((member) => !members.has(member));
    this.change(set, added, removed);
  }

  remove(name: string): void {
    if (this.#sets.delete(name)) this.#changed.set(name, { members: new Map(), isNew: false });
  }

  /** The kernel was read: these changes, and no others, make its set the desired one. */
  note(name: string, members: MemberChanges): void {
    if (members.size > 0) this.#changed.set(name, { members, isNew: false });
    else this.forgetChanges(name);
  }

  /** Nothing of the set is to be written for now. */
  forgetChanges(name: string): void {
    this.#changed.delete(name);
  }

  /** The kernel was read and has no such set. */
  noteMissing(name: string): void {
    this.#changed.set(name, { members: new Map(), isNew: true });
  }

  changedNames(): Iterable<string> {
    return this.#changed.keys();
  }

  /** What has changed, by name; removed sets are in it and no longer known. The caller takes care of it from here. */
  take(): Map<string, SetChanges> {
    const changed = this.#changed;
    this.#changed = new Map();
    return changed;
  }

  #changes(name: string, isNew: boolean): MemberChanges {
    let changes = this.#changed.get(name);
    if (!changes || isNew) {
      changes = { members: new Map(), isNew };
      this.#changed.set(name, changes);
    }
    return changes.members;
  }
}
