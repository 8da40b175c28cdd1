import { encodeMessage, initialContext } from 'bgp-parser';
import type { Connection, ConnectionListener } from '../../environment.ts';
import { Speaker } from '../../speaker.ts';
import { config, peer } from '../speakers.ts';
import { nextMessage } from './mutate.ts';
import { randomOf } from './random.ts';
import { judge, type Verdict } from './verdict.ts';

/** What the fuzz has seen. */
export interface FuzzCounts {
  messages: number;
  readonly verdicts: Record<Verdict, number>;
}

/** A speaker of AS 65009 in memory, whose external peer of AS 65001 writes octets to it; time stands still. */
class Victim {
  closed = true;
  #listener: ConnectionListener | undefined;
  readonly #soon: (() => void)[] = [];
  readonly speaker = new Speaker({
    clock: {
      now: () => 0,
      monotonic: () => 0,
      after: () => ({ cancel: () => {} }),
      soon: (run) => void this.#soon.push(run),
    },
    transport: {
      connect: () => {
        throw new Error('the peer is passive');
      },
    },
    random: () => 0.5,
    localAddresses: () => ({}),
    onChange: () => {},
    log: () => {},
  });

  constructor() {
    const gracefulRestart = { mode: 'Off', restartTimeSeconds: 0 } as const;
    const passive = peer('peer', '10.99.1.1', 65001, { passive: true, holdTimeSeconds: 90, gracefulRestart });
    this.speaker.configure(config(65009, '10.0.0.9', [passive], ['203.0.113.0/24']));
  }

  /** A new session, up to Established. */
  connect(): void {
    this.closed = false;
    const connection: Connection = {
      outgoing: false,
      localAddress: '10.99.2.2',
      remoteAddress: '10.99.1.1',
      unsent: 0,
      listen: (listener) => {
        this.#listener = listener;
      },
      write: () => true,
      close: () => {
        this.closed = true;
      },
    };
    this.speaker.accept(connection);
    const families = [1, 2].map((afi) => ({ name: 'multiprotocol', afi, safi: 1 }) as const);
    const capabilities = [...families, { name: 'fourOctetAs', asNumber: 65001 } as const];
    const open = {
      type: 'open',
      asNumber: 65001,
      holdTimeSeconds: 90,
      bgpIdentifier: 0x0a630101,
      capabilities,
    } as const;
    this.receive(encodeMessage(open, initialContext));
    this.receive(encodeMessage({ type: 'keepalive' }, initialContext));
    const [status] = this.speaker.status();
    if (status.state !== 'Established') throw new Error(`no session: ${status.state}, ${status.lastError}`);
  }

  /** Paths of the peer that are used. */
  get received(): number {
    return this.speaker.status()[0].received;
  }

  receive(bytes: Uint8Array): void {
    if (!this.closed) this.#listener?.onData(bytes);
  }

  /** Ends the session; nothing of it is left. */
  end(): void {
    this.receive(new Uint8Array(4200));
    this.settle();
    if (this.speaker.routes('peer')?.length !== 0) throw new Error('routes are left when the session is over');
  }

  /** Works off what the octets have caused. */
  settle(): void {
    for (let run = this.#soon.shift(); run; run = this.#soon.shift()) run();
  }
}

/**
 * Sends mutated real messages through a session's byte path, cut at random, and compares what becomes of the session
 * with the second judge: no reset that no RFC asks for, and none left out. Throws with the message otherwise.
 */
export function fuzz(options: {
  seed: number;
  messages: number;
  onProgress?: (counts: FuzzCounts) => void;
}): FuzzCounts {
  const random = randomOf(options.seed);
  const victim = new Victim();
  const counts: FuzzCounts = { messages: 0, verdicts: { accept: 0, withdraw: 0, reset: 0 } };
  for (; counts.messages < options.messages; counts.messages++) {
    if (victim.closed) victim.connect();
    const message = nextMessage(random);
    const verdict = judge(message);
    counts.verdicts[verdict]++;
    const wrong = (what: string) =>
      new Error(`seed ${options.seed}, message ${counts.messages}: ${what}: ${message.toString('hex')}`);
    const before = victim.received;
    try {
      deliver(victim, message, random);
      victim.settle();
    } catch (error) {
      throw new Error(wrong('thrown at').message, { cause: error });
    }
    // A header of another length puts the stream out of step: no verdict, and a new session.
    if (message.length !== message.readUInt16BE(16)) {
      victim.end();
      if (!victim.closed) throw wrong('a stream out of step goes on');
    } else if (victim.closed !== (verdict === 'reset')) {
      throw wrong(victim.closed ? `reset in place of ${verdict}: ${victim.speaker.status()[0].lastError}` : 'no reset');
    } else if (verdict === 'withdraw' && victim.received > before) {
      throw wrong('a route is accepted in place of withdrawn');
    }
    if (options.onProgress && (counts.messages & 0xffff) === 0) {
      victim.end();
      options.onProgress(counts);
    }
  }
  victim.end();
  return counts;
}

function deliver(victim: Victim, message: Buffer, random: (below: number) => number): void {
  if (random(8) > 0) {
    victim.receive(message);
    return;
  }
  for (let at = 0; at < message.length; ) {
    const end = at + 1 + random(30);
    victim.receive(message.subarray(at, end));
    at = end;
  }
}
