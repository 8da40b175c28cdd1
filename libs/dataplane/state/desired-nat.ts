import type { Family } from '@caracal/net';
import { type HostPort, hairpinMember, hostPortChain, hostPortRoot, hostPortRules } from '../render/host-ports.ts';
import { chains, fixedSets } from '../render/names.ts';
import { postroutingRules } from '../render/static-chains.ts';
import type { DesiredSets } from './desired-sets.ts';

/** The desired chains of the nat table: translation of what pods send, and the node's ports that lead to pods. */
export class DesiredNat {
  readonly #chains = new Map<string, readonly string[]>();
  #changed = new Set<string>();
  readonly #family: Family;
  readonly #sets: DesiredSets;
  readonly #portsOf = new Map<string, readonly HostPort[]>();
  /** By range; of each range in the order in which they came. */
  readonly #ranges = new Map<string, HostPort[]>();
  /** Ranges that the kernel refused, and why: they are empty until they change, or until `reopen`. */
  readonly #refused = new Map<string, string>();

  constructor(family: Family, sets: DesiredSets) {
    this.#family = family;
    this.#sets = sets;
    this.#set(chains.postrouting, postroutingRules(family));
    this.#set(chains.hostPorts, []);
    this.#sets.change(this.#hairpin(), [], []);
  }

  get chains(): ReadonlyMap<string, readonly string[]> {
    return this.#chains;
  }

  /** Those that the next `takeChangedChains` gives. */
  changedChains(): Iterable<string> {
    return this.#changed;
  }

  takeChangedChains(): Set<string> {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  /** The node's ports that lead to this endpoint, in place of those of before. Whether that changes anything. */
  setHostPorts(endpoint: string, ports: readonly HostPort[]): boolean {
    const before = this.#portsOf.get(endpoint) ?? [];
    if (before.length === 0 && ports.length === 0) return false;
    const changed = new Set([...before, ...ports].map(hostPortChain));
    for (const port of before) {
      const chain = hostPortChain(port);
      this.#ranges.set(
        chain,
        (this.#ranges.get(chain) ?? []).filter((each) => each !== port),
      );
    }
    for (const port of ports) {
      const chain = hostPortChain(port);
      this.#ranges.set(chain, [...(this.#ranges.get(chain) ?? []), port]);
    }
    if (ports.length > 0) this.#portsOf.set(endpoint, ports);
    else this.#portsOf.delete(endpoint);
    const after = new Set(ports.map(hairpinMember));
    const gone = before.map(hairpinMember).filter((member) => !after.has(member));
    this.#sets.change(this.#hairpin(), after, gone);
    for (const chain of changed) this.#render(chain);
    this.#renderRoot();
    return true;
  }

  /** The other endpoints that want one of these ports as well, by what they want. */
  rivals(endpoint: string): readonly HostPort[] {
    const own = this.#portsOf.get(endpoint) ?? [];
    return own.flatMap((port) =>
      (this.#ranges.get(hostPortChain(port)) ?? []).filter(
        (each) =>
          !own.includes(each) &&
          each.hostPort === port.hostPort &&
          (!each.hostAddress || !port.hostAddress || each.hostAddress === port.hostAddress),
      ),
    );
  }

  /** The kernel refuses a chain: its ports lead nowhere. Whether it is one that can be emptied. */
  refuse(chain: string, message: string): boolean {
    if (!this.#ranges.has(chain) || this.#refused.has(chain)) return false;
    this.#refused.set(chain, message);
    this.#set(chain, []);
    return true;
  }

  /** Gives what was refused another chance. */
  reopen(): void {
    for (const chain of [...this.#refused.keys()]) this.#render(chain);
  }

  /** Why ports of the endpoint are not in the kernel. */
  problemOf(endpoint: string): string | undefined {
    const refused = (this.#portsOf.get(endpoint) ?? []).map((port) => this.#refused.get(hostPortChain(port)));
    return refused.find((message) => message !== undefined);
  }

  #render(chain: string): void {
    this.#refused.delete(chain);
    const ports = this.#ranges.get(chain) ?? [];
    if (ports.length > 0) {
      this.#set(chain, hostPortRules(ports, this.#family));
      return;
    }
    this.#ranges.delete(chain);
    this.#chains.delete(chain);
    this.#changed.add(chain);
  }

  #renderRoot(): void {
    const rules = hostPortRoot(this.#ranges.keys());
    if (this.#chains.get(chains.hostPorts)?.join() !== rules.join()) this.#set(chains.hostPorts, rules);
  }

  #set(chain: string, rules: readonly string[]): void {
    this.#chains.set(chain, rules);
    this.#changed.add(chain);
  }

  #hairpin() {
    return { ...fixedSets[this.#family].hairpin, type: 'hash:ip,port,ip' as const };
  }
}
