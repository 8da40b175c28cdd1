import type { Matcher } from './matcher.ts';
import type { Requirement } from './requirement.ts';
import { forEachLabel, type Subject } from './subject.ts';

/** What can be filed: something that selects. */
export interface Selecting {
  readonly matcher: Matcher;
  readonly requirements: readonly Requirement[];
}

interface Drawer<T> {
  /** By value; only what requires one of certain values. */
  readonly byValue: Map<string, Set<T>>;
  /** What requires only that the label is there. */
  readonly present: Set<T>;
}

/**
 * From a subject to the selectors that select it. Each selector is filed under the one of its requirements whose drawer
 * is emptiest, so that no drawer collects what others could share (every pod has `orchestrator`, few have `app=api`).
 */
export class SelectorIndex<T extends Selecting> {
  readonly #drawers = new Map<string, Drawer<T>>();
  /** Selectors that require nothing. */
  readonly #loose = new Set<T>();
  readonly #filedUnder = new Map<T, Requirement>();

  add(item: T): void {
    const requirement = this.#emptiest(item.requirements);
    if (!requirement) {
      this.#loose.add(item);
      return;
    }
    this.#filedUnder.set(item, requirement);
    const { key, values } = requirement;
    const drawer = this.#drawers.get(key) ?? { byValue: new Map(), present: new Set() };
    this.#drawers.set(key, drawer);
    if (!values) drawer.present.add(item);
    for (const value of values ?? []) {
      const items = drawer.byValue.get(value);
      if (items) items.add(item);
      else drawer.byValue.set(value, new Set([item]));
    }
  }

  delete(item: T): void {
    this.#loose.delete(item);
    const requirement = this.#filedUnder.get(item);
    if (!requirement) return;
    this.#filedUnder.delete(item);
    const { key, values } = requirement;
    const drawer = this.#drawers.get(key);
    if (!drawer) return;
    drawer.present.delete(item);
    for (const value of values ?? []) {
      const items = drawer.byValue.get(value);
      items?.delete(item);
      if (items?.size === 0) drawer.byValue.delete(value);
    }
    if (drawer.present.size === 0 && drawer.byValue.size === 0) this.#drawers.delete(key);
  }

  /** Everything filed that selects the subject. */
  matching(subject: Subject): T[] {
    const found: T[] = [];
    for (const item of this.#loose) if (item.matcher(subject)) found.push(item);
    if (this.#drawers.size === 0) return found;
    forEachLabel(subject, (key, value) => {
      const drawer = this.#drawers.get(key);
      if (!drawer) return;
      for (const item of drawer.present) if (item.matcher(subject)) found.push(item);
      for (const item of drawer.byValue.get(value) ?? []) if (item.matcher(subject)) found.push(item);
    });
    return found;
  }

  #emptiest(requirements: readonly Requirement[]): Requirement | undefined {
    let best: Requirement | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const requirement of requirements) {
      const drawer = this.#drawers.get(requirement.key);
      let load = 0;
      if (!requirement.values) load = 1 + (drawer?.present.size ?? 0) * 2;
      else for (const value of requirement.values) load += drawer?.byValue.get(value)?.size ?? 0;
      if (load < least) [best, least] = [requirement, load];
    }
    return best;
  }
}
