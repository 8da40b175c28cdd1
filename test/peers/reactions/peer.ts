import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { Collector } from './collector.ts';
import { Connection } from './connection.ts';
import type { Process } from './process.ts';
import type { PeerSettings, Row } from './row.ts';
import {
  attribute,
  type Hex,
  hexOf,
  keepalive,
  mandatoryInternal,
  nextHop,
  type OpenFields,
  octets,
  open,
  origin,
  route,
  types,
} from './wire.ts';

/** How far a session went. */
type State = 'OpenSent' | 'OpenConfirm' | 'Established';

/** The peer that a row speaks for: an address of its own, and a prefix of its own. */
export class Peer {
  readonly number: number;
  readonly address: string;
  readonly name: string;
  readonly asNumber: number;
  readonly settings: PeerSettings;
  readonly process: Process;
  readonly collector: Collector;
  readonly connections: Connection[] = [];
  #server: Server | undefined;
  readonly #accepted: Connection[] = [];
  #settlements = 0;

  constructor(number: number, row: Row, world: { process: Process; collector: Collector }) {
    this.number = number;
    this.address = addressOf(number);
    this.name = nameOf(number);
    this.settings = row.peer ?? {};
    this.asNumber = this.settings.asNumber ?? 65002;
    this.process = world.process;
    this.collector = world.collector;
  }

  /** Takes connections of the process at the peer's address. */
  async listen(port: number): Promise<void> {
    const server = createServer((socket) => {
      const connection = new Connection(socket);
      this.connections.push(connection);
      this.#accepted.push(connection);
    });
    this.#server = server;
    server.listen(port, this.address);
    await once(server, 'listening');
  }

  octets(text: Hex): Uint8Array {
    return octets(text, this.number);
  }

  /** A TCP connection of the peer with the process. */
  async connect(): Promise<Connection> {
    const connection = await Connection.open(this.address, this.process.port);
    this.connections.push(connection);
    return connection;
  }

  /** The next connection that the process has started. */
  async accept(): Promise<Connection> {
    for (let tries = 0; tries < 300; tries++) {
      const connection = this.#accepted.shift();
      if (connection) return connection;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`${this.name}: caracal-bgp did not connect`);
  }

  /** The OPEN of the peer: its AS number and an identifier of its own, unless the fields say something else. */
  open(fields: OpenFields = {}): Uint8Array {
    return this.octets(open({ asNumber: this.asNumber, identifier: 0x0a800000 + this.number, ...fields }));
  }

  /** A session of the peer in a state; the connection may have ended on the way. */
  async session(state: State = 'Established', fields: OpenFields = {}): Promise<Connection> {
    const connection = await this.connect();
    await connection.next(types.open);
    return this.proceed(connection, state, fields);
  }

  /** Goes on after the OPEN of the process. */
  async proceed(connection: Connection, state: State = 'Established', fields: OpenFields = {}): Promise<Connection> {
    if (state === 'OpenSent') return connection;
    await connection.send(this.open(fields));
    await connection.next(types.keepalive);
    if (state === 'OpenConfirm') return connection;
    await connection.send(octets(keepalive));
    return connection;
  }

  /** A plain route of the peer to the NLRI, in the form that its session uses. */
  plain(nlri: Hex, extra: Hex = '', fields: OpenFields = {}): Hex {
    if (this.asNumber === 65001) return route(`${mandatoryInternal} ${extra}`, nlri);
    const wide = !fields.capabilities || fields.capabilities.some((text) => text.startsWith('41'));
    const first = wide ? this.asNumber.toString(16).padStart(8, '0') : this.asNumber.toString(16).padStart(4, '0');
    return route(`${origin} ${attribute(0x40, 2, `02 01 ${first}`)} ${nextHop} ${extra}`, nlri);
  }

  /** Waits until all that was sent before has been worked off: answers false when the session ended instead. */
  async settled(connection: Connection, fields: OpenFields = {}): Promise<boolean> {
    const nlri = `18 0b${this.number.toString(16).padStart(4, '0')}`;
    const community = `fffe${(++this.#settlements).toString(16).padStart(4, '0')}`;
    const heard = () => this.collector.route(nlri.replace(' ', ''))?.get(8)?.endsWith(community) ?? false;
    await connection.send(octets(this.plain(nlri, attribute(0xc0, 8, community), fields)));
    const ended = connection.until(() => connection.closed || undefined, 'end').catch(() => undefined);
    await Promise.race([this.collector.until(heard, `barrier of ${this.name}; there: ${connection.summary()}`), ended]);
    return !connection.closed;
  }

  wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  /** The NLRI of the row's IPv4 prefix, without blanks. */
  get prefix(): Hex {
    return hexOf(this.octets('P4'));
  }

  end(): void {
    this.#server?.close();
    for (const connection of this.connections) connection.close();
  }
}

/** The address of row `number`'s peer. */
export function addressOf(number: number): string {
  return `127.10.${number >> 8}.${number & 255}`;
}

export function nameOf(number: number): string {
  return `row-${number}`;
}
