import type { CompiledEndpoint } from '../model.ts';
import type { Identity, LocalNode } from './nodes.ts';
import type { TierTable } from './tiers.ts';

/** The question of this node: what does each local endpoint look like to the dataplane, and has that changed? */
export class EndpointTable {
  readonly #tiers: TierTable;
  readonly #nodes = new Map<string, LocalNode>();
  readonly #dirty = new Set<string>();
  /** What the dataplane holds, as JSON. */
  readonly #published = new Map<string, string>();

  constructor(tiers: TierTable) {
    this.#tiers = tiers;
  }

  set(node: LocalNode): void {
    this.#nodes.set(node.id, node);
    this.#dirty.add(node.id);
  }

  delete(node: LocalNode): void {
    if (this.#nodes.get(node.id) === node) this.#nodes.delete(node.id);
    this.#dirty.add(node.id);
  }

  /** Policies of the identity have changed. */
  touch(identity: Identity): void {
    for (const node of identity.locals) this.#dirty.add(node.id);
  }

  touchAll(): void {
    for (const id of this.#nodes.keys()) this.#dirty.add(id);
  }

  collect(): { endpoints: CompiledEndpoint[]; removedEndpoints: string[] } {
    const endpoints: CompiledEndpoint[] = [];
    const removedEndpoints: string[] = [];
    for (const id of this.#dirty) {
      const node = this.#nodes.get(id);
      const endpoint = node && this.#render(node);
      const text = endpoint && JSON.stringify(endpoint);
      if (text === this.#published.get(id)) continue;
      if (endpoint && text !== undefined) {
        this.#published.set(id, text);
        endpoints.push(endpoint);
      } else {
        this.#published.delete(id);
        removedEndpoints.push(id);
      }
    }
    this.#dirty.clear();
    return { endpoints, removedEndpoints };
  }

  #render({ id, interfaceName, addresses, identity }: LocalNode): CompiledEndpoint {
    return {
      id,
      interfaceName,
      addresses,
      ingress: identity ? this.#tiers.arrange(identity, 'ingress') : [],
      egress: identity ? this.#tiers.arrange(identity, 'egress') : [],
    };
  }
}
