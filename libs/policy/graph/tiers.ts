import { defaultTier, type TierSpec } from '@caracal/api';
import { comparePlaces, compareText } from '../conversion/policy-source.ts';
import type { Direction, EndpointTier } from '../model.ts';
import type { Identity, PolicyNode } from './nodes.ts';

interface Tier {
  readonly name: string;
  readonly order: number;
  readonly defaultAction: 'Deny' | 'Pass';
}

/**
 * The question of this node: in which order are policies tried? Tiers by order, then name; those without an order last.
 * `default` exists without a resource; a tier that a policy names and nobody defines is as if it had the defaults.
 */
export class TierTable {
  readonly #tiers = new Map<string, Tier>();

  set(name: string, spec: TierSpec): void {
    const order = spec.order ?? defaultOrder(name);
    this.#tiers.set(name, { name, order, defaultAction: spec.defaultAction });
  }

  delete(name: string): void {
    this.#tiers.delete(name);
  }

  /** The policies of an identity in one direction, as an endpoint has them. */
  arrange(identity: Identity, direction: Direction): EndpointTier[] {
    const byTier = new Map<string, PolicyNode[]>();
    for (const node of identity.policies) {
      if (!node.source.directions[direction]) continue;
      const nodes = byTier.get(node.source.tier);
      if (nodes) nodes.push(node);
      else byTier.set(node.source.tier, [node]);
    }
    const tiers = [...byTier.keys()].map((name) => this.#tier(name));
    tiers.sort((a, b) => (a.order === b.order ? compareText(a.name, b.name) : a.order < b.order ? -1 : 1));
    return tiers.map(({ name, defaultAction }) => {
      const nodes = byTier.get(name) ?? [];
      nodes.sort((a, b) => comparePlaces(a.source, b.source));
      return { name, policies: nodes.map((node) => node.id), defaultAction };
    });
  }

  #tier(name: string): Tier {
    return this.#tiers.get(name) ?? { name, order: defaultOrder(name), defaultAction: 'Deny' };
  }
}

function defaultOrder(name: string): number {
  return name === defaultTier.name ? defaultTier.order : Number.POSITIVE_INFINITY;
}
