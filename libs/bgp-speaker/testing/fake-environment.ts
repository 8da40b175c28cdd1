import type { Prefix } from '@caracal/net';
import { formatAddress, formatPrefix, parseAddress } from '@caracal/net';
import type { Connection, ConnectionListener, NextHop, SpeakerEnvironment, Timer } from '../environment.ts';

/** One end of a pair of connections in memory; bytes arrive when the fake clock runs. */
export interface FakeConnection extends Connection {
  readonly sent: Uint8Array[];
  readonly closed: boolean;
}

/** A clock that stands still until told, and connections between speakers in memory. */
export class FakeWorld {
  time = 0;
  /** All connections in the order in which they were made: the end that connects, the end that accepts. */
  readonly connections: [FakeConnection, FakeConnection][] = [];
  readonly #timers = new Set<{ at: number; run: () => void }>();
  readonly #listeners = new Map<string, (connection: Connection) => void>();
  readonly #soon: (() => void)[] = [];

  /** The environment of the speaker at an address; `routes` collects what its sink is told. */
  environment(address: string, routes = new Map<string, string[]>()): SpeakerEnvironment {
    return {
      clock: {
        now: () => this.time,
        monotonic: () => this.time,
        after: (milliseconds, run) => this.#after(milliseconds, run),
        soon: (run) => void this.#soon.push(run),
      },
      transport: { connect: ({ address: to }) => this.#connect(address, to) },
      random: () => 0.5,
      localAddresses: () => ({ ipv4: parseAddress(address), ipv6: parseAddress(`2001:db8::${address.split('.')[3]}`) }),
      routes: {
        setRoute: (prefix: Prefix, nextHops: readonly NextHop[], discard: boolean) => {
          if (discard) routes.set(formatPrefix(prefix), ['discard']);
          else if (nextHops.length === 0) routes.delete(formatPrefix(prefix));
          else
            routes.set(
              formatPrefix(prefix),
              nextHops.map((hop) => formatAddress(hop.address) + (hop.interface ? `%${hop.interface}` : '')).sort(),
            );
        },
      },
      onChange: () => {},
      log: () => {},
    };
  }

  /** Connections to the address go to `accept`. */
  listen(address: string, accept: (connection: Connection) => void): void {
    this.#listeners.set(address, accept);
  }

  /** Lets time pass, in steps of what is due. */
  advance(milliseconds: number): void {
    const end = this.time + milliseconds;
    this.#settle();
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.time = Math.max(this.time, due.at);
      due.run();
      this.#settle();
    }
    this.time = end;
  }

  /** A connection that the test holds the other end of: bytes for the speaker, and what it answers. */
  dial(from: string, to: string): { connection: FakeConnection; received: Uint8Array[]; closed: () => boolean } {
    const received: Uint8Array[] = [];
    let closed = false;
    const connection = this.#connect(from, to);
    connection.listen({
      onOpen: () => {},
      onData: (chunk) => void received.push(chunk),
      onClose: () => {
        closed = true;
      },
      onDrain: () => {},
    });
    this.advance(0);
    return { connection, received, closed: () => closed };
  }

  #after(milliseconds: number, run: () => void): Timer {
    const timer = { at: this.time + milliseconds, run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  #settle(): void {
    for (let run = this.#soon.shift(); run; run = this.#soon.shift()) run();
  }

  #connect(from: string, to: string): FakeConnection {
    const ours = new FakeEnd(true, from, to, (run) => void this.#soon.push(run));
    const theirs = new FakeEnd(false, to, from, (run) => void this.#soon.push(run));
    ours.other = theirs;
    theirs.other = ours;
    this.#soon.push(() => {
      const accept = this.#listeners.get(to);
      if (!accept) return ours.fail('connection refused');
      if (ours.closed) return;
      this.connections.push([ours, theirs]);
      ours.listener?.onOpen();
      accept(theirs);
    });
    return ours;
  }
}

class FakeEnd implements FakeConnection {
  readonly outgoing: boolean;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly sent: Uint8Array[] = [];
  other: FakeEnd | undefined;
  listener: ConnectionListener | undefined;
  closed = false;
  /** Bytes are on their way as soon as they are written. */
  readonly unsent = 0;
  readonly #soon: (run: () => void) => void;

  constructor(outgoing: boolean, localAddress: string, remoteAddress: string, soon: (run: () => void) => void) {
    this.outgoing = outgoing;
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
    this.#soon = soon;
  }

  listen(listener: ConnectionListener): void {
    this.listener = listener;
  }

  write(bytes: Uint8Array): boolean {
    this.sent.push(bytes);
    this.#soon(() => {
      if (!this.other?.closed) this.other?.listener?.onData(bytes);
    });
    return true;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#soon(() => this.other?.fail('connection closed by the peer'));
  }

  fail(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.listener?.onClose(reason);
  }
}
