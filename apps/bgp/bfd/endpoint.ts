import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { familyOf } from '@caracal/net';
import { openUdpSocket } from '@caracal/netlink';
import type { BfdReport } from './messages.ts';
import { decodePacket } from './packet.ts';
import { type BfdEnvironment, BfdSession, type BfdTimes } from './session.ts';

/** RFC 5881 section 4: single-hop control packets. */
const port = 3784;
/** RFC 5881 section 4: the range of source ports. */
const sourcePorts = { first: 49152, count: 16384 } as const;
/** RFC 5881 section 5: sent with this TTL, and taken only with it. */
const ttl = 255;

interface Entry {
  readonly session: BfdSession;
  readonly remote: string;
  readonly socket: Socket;
}

/** BFD sessions over UDP: one socket a family that hears all of them, one each that sends. */
export class BfdEndpoint {
  readonly #clock: BfdEnvironment['clock'];
  readonly #report: (report: BfdReport) => void;
  readonly #entries = new Map<number, Entry>();
  readonly #byDiscriminator = new Map<number, Entry>();
  readonly #listeners = new Map<4 | 6, Socket>();

  constructor(clock: BfdEnvironment['clock'], report: (report: BfdReport) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  open(id: number, local: string, remote: string, times: BfdTimes): void {
    const family = familyOf(remote);
    this.#listen(family);
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    // What a socket cannot send is noticed by the silence that follows.
    socket.on('error', () => {});
    this.#bind(socket, local);
    let discriminator = 0;
    while (discriminator === 0 || this.#byDiscriminator.has(discriminator)) {
      discriminator = Math.floor(Math.random() * 2 ** 32);
    }
    const session = new BfdSession(discriminator, times, {
      clock: this.#clock,
      random: Math.random,
      send: (bytes) => socket.send(bytes, port, remote, () => {}),
      onChange: (state, failed) => this.#report({ type: 'state', id, state, failed }),
    });
    const entry = { session, remote, socket };
    this.#entries.set(id, entry);
    this.#byDiscriminator.set(discriminator, entry);
    session.start();
  }

  close(id: number): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    this.#byDiscriminator.delete(entry.session.localDiscr);
    entry.session.stop();
    // The last packet has gone by then.
    setTimeout(() => entry.socket.close(), 100);
  }

  #bind(socket: Socket, local: string): void {
    const attempt = () =>
      socket.bind({
        address: local,
        port: sourcePorts.first + Math.floor(Math.random() * sourcePorts.count),
        exclusive: true,
      });
    socket.on('listening', () => socket.setTTL(ttl));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') attempt();
    });
    attempt();
  }

  #listen(family: 4 | 6): void {
    if (this.#listeners.has(family)) return;
    try {
      const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
      socket.on('message', (bytes, from) => this.#receive(bytes, from));
      socket.on('error', (error) => this.#report({ type: 'trouble', message: error.message }));
      socket.bind({ fd: openUdpSocket(family, port, ttl) });
      this.#listeners.set(family, socket);
    } catch (error) {
      // The next session tries again.
      this.#report({ type: 'trouble', message: error instanceof Error ? error.message : String(error) });
    }
  }

  /** RFC 5880 section 6.8.6 and RFC 5881 section 3: by our discriminator, or by the sender while it does not know it. */
  #receive(bytes: Uint8Array, { address }: RemoteInfo): void {
    const packet = decodePacket(bytes);
    if (!packet) return;
    const { yourDiscriminator } = packet;
    const entry =
      yourDiscriminator === 0
        ? [...this.#entries.values()].find(({ remote }) => remote === address)
        : this.#byDiscriminator.get(yourDiscriminator);
    if (entry?.remote === address) entry.session.receive(packet);
  }
}
