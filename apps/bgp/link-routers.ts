import { formatAddress } from '@caracal/net';
import { advertiseRouter, type RouteSocket } from '@caracal/netlink';

/** As often as other routers of unnumbered sessions do. */
const advertiseMs = 10_000;

type Log = (message: string, fields: Readonly<Record<string, unknown>>) => void;

/**
 * The routers at the other ends of interfaces with an unnumbered peer: both sides advertise themselves (RFC 4861), and the
 * kernel keeps whom it has heard of among the neighbours.
 */
export class LinkRouters {
  readonly #table: Pick<RouteSocket, 'findLink' | 'listRouters'>;
  readonly #log: Log;
  #interfaces: readonly string[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** What was said last of an interface. */
  readonly #complaints = new Map<string, string>();

  constructor(table: Pick<RouteSocket, 'findLink' | 'listRouters'>, log: Log) {
    this.#table = table;
    this.#log = log;
  }

  /** Advertises on these interfaces from now on. */
  configure(interfaces: readonly string[]): void {
    this.#interfaces = interfaces;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (interfaces.length === 0) return;
    const advertise = () => {
      for (const name of this.#interfaces) this.#advertise(name);
    };
    advertise();
    this.#timer = setInterval(advertise, advertiseMs);
  }

  /** The link-local address of the router on an interface, when one has been heard of. */
  routerOn(name: string): string | undefined {
    const link = this.#table.findLink(name);
    const routers = this.#table.listRouters();
    if (!link.ok || !link.value || !routers.ok) return undefined;
    const { index } = link.value;
    const found = routers.value
      .filter(({ interfaceIndex }) => interfaceIndex === index)
      .map(({ address }) => formatAddress(address))
      .find((text) => /^fe[89ab]/.test(text));
    // Who has just come up has not heard of us either.
    if (found === undefined) this.#advertise(name);
    return found;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #advertise(name: string): void {
    const link = this.#table.findLink(name);
    const sent = link.ok && link.value && advertiseRouter(link.value);
    if (!sent) this.#complain(name, 'there is no such interface');
    else this.#complain(name, sent.ok ? '' : sent.error.message);
  }

  #complain(name: string, error: string): void {
    if ((this.#complaints.get(name) ?? '') === error) return;
    this.#complaints.set(name, error);
    if (error !== '') this.#log('cannot advertise a router', { interface: name, error });
  }
}
