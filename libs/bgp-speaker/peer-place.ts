import type { Address } from '@caracal/net';
import type { PeerConfig } from './config.ts';
import type { Connection, SpeakerEnvironment } from './environment.ts';
import { noConnection, parseScoped, placeOf } from './link-local.ts';

/** Where a peer is: at the configured address, or at the one that was found last on its interface. */
export class PeerPlace {
  /** Undefined while nobody was found. */
  address: Address | undefined;
  /** With the interface, as `fe80::1%eth0`; `%eth0` while nobody was found. */
  scoped: string;
  readonly #environment: Pick<SpeakerEnvironment, 'clock' | 'transport' | 'routerOn'>;

  constructor(config: PeerConfig, environment: Pick<SpeakerEnvironment, 'clock' | 'transport' | 'routerOn'>) {
    this.#environment = environment;
    this.scoped = placeOf(config);
    this.address = parseScoped(this.scoped).address;
  }

  /** For people: the address, or the interface while that is unknown. */
  get text(): string {
    return this.scoped.startsWith('%') ? this.scoped.slice(1) : this.scoped;
  }

  /** A connection has come from it. */
  heardFrom(config: PeerConfig, remoteAddress: string): void {
    if (config.peerAddress === undefined) this.#found(remoteAddress);
  }

  /** Begins a connection to it. */
  connect({ peerAddress, interface: name, localAddress, peerPort }: PeerConfig, defaultPort: number): Connection {
    const port = peerPort ?? defaultPort;
    if (peerAddress === undefined) {
      const found = name === undefined ? undefined : this.#environment.routerOn?.(name);
      if (found === undefined) return noConnection(this.#environment.clock, `no router has been heard of on ${name}`);
      this.#found(`${found}%${name}`);
    }
    return this.#environment.transport.connect({ address: peerAddress ?? this.scoped, port, localAddress });
  }

  #found(scoped: string): void {
    this.scoped = scoped;
    this.address = parseScoped(scoped).address;
  }
}
