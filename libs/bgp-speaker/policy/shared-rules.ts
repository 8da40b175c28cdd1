import type { RouteFamily } from 'bgp-parser';
import type { Policy } from '../config.ts';
import { policyOf } from '../config.ts';
import { grow } from '../rib/grow.ts';

/** What one policy says about the best path of each route of a family: judged once for all peers that it is for. */
export interface RouteRules {
  /** The number that was kept for a route; undefined when none is. */
  get(route: number): number | undefined;
  /** Keeps a number from −1 to 32000. */
  set(route: number, rule: number): void;
}

class Rules implements RouteRules {
  readonly family: RouteFamily;
  users = 0;
  /** Rule + 2; 0 for none. */
  #byRoute = new Int16Array(16);

  constructor(family: RouteFamily) {
    this.family = family;
  }

  get bytes(): number {
    return this.#byRoute.byteLength;
  }

  get(route: number): number | undefined {
    // Beyond the end it is undefined.
    const kept = this.#byRoute[route];
    return kept ? kept - 2 : undefined;
  }

  set(route: number, rule: number): void {
    if (route >= this.#byRoute.length) this.#byRoute = grow(this.#byRoute, route + 1);
    this.#byRoute[route] = rule + 2;
  }

  forget(route: number): void {
    if (route < this.#byRoute.length) this.#byRoute[route] = 0;
  }
}

/** The rules of export filters by what the filters say: peers with equal ones share them. */
export class SharedRules {
  readonly #byPolicy = new Map<string, Rules>();

  /** How many policies there are, and what their rules occupy. */
  get size(): { readonly count: number; readonly bytes: number } {
    let bytes = 0;
    for (const rules of this.#byPolicy.values()) bytes += rules.bytes;
    return { count: this.#byPolicy.size, bytes };
  }

  /** The rules of a policy, with one more user; undefined when it needs none. */
  take(policy: Policy, family: RouteFamily): RouteRules | undefined {
    const own = policyOf(policy, family);
    if (typeof own === 'string') return undefined;
    const key = keyOf(policy, family);
    const rules = this.#byPolicy.get(key) ?? new Rules(family);
    this.#byPolicy.set(key, rules);
    rules.users++;
    return rules;
  }

  giveBack(policy: Policy, family: RouteFamily): void {
    const key = keyOf(policy, family);
    const rules = this.#byPolicy.get(key);
    if (rules && --rules.users === 0) this.#byPolicy.delete(key);
  }

  /** Another path of the route is best now. */
  forget(family: RouteFamily, route: number): void {
    for (const rules of this.#byPolicy.values()) if (rules.family === family) rules.forget(route);
  }
}

function keyOf(policy: Policy, family: RouteFamily): string {
  return `${family} ${JSON.stringify(policyOf(policy, family))}`;
}
