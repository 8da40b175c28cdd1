import { createFramer, decodeMessage, encodeMessage, initialContext, type Message } from 'bgp-parser';
import { describe, expect, it } from 'vitest';
import type { Speaker } from './speaker.ts';
import { FakeWorld } from './testing/fake-environment.ts';
import { config, peer, speakerAt } from './testing/speakers.ts';

const states = (speaker: Speaker) => speaker.status().map((status) => status.state);
/** The messages of a byte stream, however it was cut. */
function messages(chunks: readonly Uint8Array[]): (Message | undefined)[] {
  const framer = createFramer();
  for (const chunk of chunks) framer.push(chunk);
  const list: (Message | undefined)[] = [];
  for (let next = framer.next(initialContext); next; next = framer.next(initialContext)) {
    if ('kind' in next) break;
    const decoded = decodeMessage(next, initialContext);
    list.push(decoded.ok ? decoded.message : undefined);
  }
  return list;
}
const bytes = (message: Message) => encodeMessage(message, initialContext);
const open: Message = {
  type: 'open',
  asNumber: 64512,
  holdTimeSeconds: 9,
  bgpIdentifier: 0x0a000002,
  capabilities: [{ name: 'fourOctetAs', asNumber: 64512 }],
};

describe('two speakers', () => {
  it.each([
    { ids: ['10.0.0.1', '10.0.0.2'], survivor: '10.0.0.2' },
    { ids: ['10.0.0.2', '10.0.0.1'], survivor: '10.0.0.1' },
  ])('of identifiers $ids that connect at once keep one session, and exchange routes', ({ ids, survivor }) => {
    const world = new FakeWorld();
    const a = speakerAt(world, '10.0.0.1');
    const b = speakerAt(world, '10.0.0.2');
    a.speaker.configure(config(65001, ids[0], [peer('b', '10.0.0.2', 65002)], ['10.1.0.0/24', '2001:db8:1::/48']));
    b.speaker.configure(config(65002, ids[1], [peer('a', '10.0.0.1', 65001)], ['10.2.0.0/24']));
    world.advance(1000);
    expect([...states(a.speaker), ...states(b.speaker)]).toEqual(['Established', 'Established']);
    // RFC 4271 section 6.8: the connection that the higher identifier started.
    const alive = world.connections.filter(([ours]) => !ours.closed);
    expect(alive.map(([ours]) => ours.localAddress)).toEqual([survivor]);
    expect(world.connections).toHaveLength(2);
    expect(a.speaker.status()[0].lastError).toBe('');
    expect(a.routes).toEqual(new Map([['10.2.0.0/24', ['10.0.0.2']]]));
    expect(b.routes).toEqual(
      new Map([
        ['10.1.0.0/24', ['10.0.0.1']],
        ['2001:db8:1::/48', ['2001:db8::1']],
      ]),
    );
    expect([a.speaker.awaited(), b.speaker.awaited()]).toEqual([[], []]);

    world.advance(60_000);
    expect(world.connections).toHaveLength(2);
    a.speaker.stop();
    world.advance(0);
    expect(b.routes.size).toBe(0);
    expect(b.speaker.status()[0].lastError).toBe('received Cease: Administrative Shutdown');
  });

  it('meet when one comes later', () => {
    const world = new FakeWorld();
    const a = speakerAt(world, '10.0.0.1');
    a.speaker.configure(config(65001, '10.0.0.1', [peer('b', '10.0.0.2', 65001)]));
    world.advance(20_000);
    expect(a.speaker.status()[0].lastError).toBe('connection refused');
    const b = speakerAt(world, '10.0.0.2');
    b.speaker.configure(config(65001, '10.0.0.2', [peer('a', '10.0.0.1', 65001)]));
    world.advance(6000);
    expect([...states(a.speaker), ...states(b.speaker)]).toEqual(['Established', 'Established']);
  });

  it('pass routes of internal peers to external ones only', () => {
    const world = new FakeWorld();
    const middle = speakerAt(world, '10.0.0.1');
    const internal = speakerAt(world, '10.0.0.2');
    const other = speakerAt(world, '10.0.0.3');
    const external = speakerAt(world, '10.0.0.4');
    const peers = [peer('i', '10.0.0.2', 65001), peer('o', '10.0.0.3', 65001), peer('e', '10.0.0.4', 65004)];
    middle.speaker.configure(config(65001, '10.0.0.1', peers));
    internal.speaker.configure(config(65001, '10.0.0.2', [peer('m', '10.0.0.1', 65001)], ['10.2.0.0/24']));
    other.speaker.configure(config(65001, '10.0.0.3', [peer('m', '10.0.0.1', 65001)]));
    external.speaker.configure(config(65004, '10.0.0.4', [peer('m', '10.0.0.1', 65001)], ['10.4.0.0/24']));
    world.advance(1000);
    expect(middle.routes.get('10.2.0.0/24')).toEqual(['10.0.0.2']);
    // Next hop kept inside, ours outside.
    expect(other.routes).toEqual(new Map([['10.4.0.0/24', ['10.0.0.4']]]));
    expect(external.routes).toEqual(new Map([['10.2.0.0/24', ['10.0.0.1']]]));
  });

  it('do not take their own routes back', () => {
    const world = new FakeWorld();
    const trio = [1, 2, 3].map((n) => speakerAt(world, `10.0.0.${n}`));
    trio.forEach(({ speaker }, i) => {
      // The third takes nothing from the first, so that it has the route from the second and tells the first.
      const importAction = (n: number) => (i === 2 && n === 1 ? 'Reject' : 'Accept');
      const others = [1, 2, 3]
        .filter((n) => n !== i + 1)
        .map((n) => peer(`p${n}`, `10.0.0.${n}`, 65000 + n, { importAction: importAction(n) }));
      speaker.configure(config(65001 + i, `10.0.0.${i + 1}`, others, i === 0 ? ['10.1.0.0/24'] : []));
    });
    world.advance(2000);
    expect(trio.map(({ routes }) => routes.get('10.1.0.0/24'))).toEqual([undefined, ['10.0.0.1'], ['10.0.0.2']]);
    expect(trio[0].speaker.routes()?.map((route) => route.excluded)).toEqual(
      expect.arrayContaining(['own AS in path', '']),
    );
    trio[0].speaker.configure({ ...config(65001, '10.0.0.1', []), peers: trio[0].speaker.config?.peers ?? [] });
    world.advance(1000);
    expect(trio.map(({ speaker }) => speaker.routes()?.length)).toEqual([0, 0, 0]);
  });
});

describe('a session', () => {
  function established() {
    const world = new FakeWorld();
    const { speaker, routes } = speakerAt(world, '10.0.0.1');
    speaker.configure(config(65001, '10.0.0.1', [peer('x', '10.0.0.2', 64512, { passive: true })], ['10.1.0.0/24']));
    const far = world.dial('10.0.0.2', '10.0.0.1');
    far.connection.write(bytes(open));
    far.connection.write(bytes({ type: 'keepalive' }));
    world.advance(0);
    expect(states(speaker)).toEqual(['Established']);
    return { world, speaker, routes, far };
  }

  it('sends OPEN, KEEPALIVE, its routes and End-of-RIB', () => {
    const { far } = established();
    expect(messages(far.received).map((message) => message?.type)).toEqual(['open', 'keepalive', 'update', 'update']);
    expect(messages(far.received)[3]).toEqual({ type: 'update', withdrawn: [], attributes: {}, announced: [] });
  });

  it('ends when the peer is silent for the hold time, and not while it speaks', () => {
    const { world, speaker, far } = established();
    for (let i = 0; i < 5; i++) {
      world.advance(6000);
      far.connection.write(bytes({ type: 'keepalive' }));
    }
    expect(states(speaker)).toEqual(['Established']);
    world.advance(8900);
    expect(states(speaker)).toEqual(['Established']);
    world.advance(200);
    expect(states(speaker)).not.toEqual(['Established']);
    expect(messages(far.received).at(-1)).toMatchObject({ type: 'notification', code: 4, subcode: 0 });
    expect(speaker.status()[0].lastError).toBe('Hold Timer Expired');
    // RFC 4271 section 4.4: about a third of the hold time lies between ours.
    const keepalives = messages(far.received).filter((message) => message?.type === 'keepalive').length;
    expect(keepalives).toBeGreaterThanOrEqual(13);
  });

  it('answers what it cannot read with the NOTIFICATION of the error', () => {
    const { world, speaker, far } = established();
    far.connection.write(new Uint8Array(19));
    world.advance(0);
    expect(messages(far.received).at(-1)).toMatchObject({ type: 'notification', code: 1, subcode: 1 });
    expect(far.closed()).toBe(true);
    expect(speaker.status()[0].lastError).toMatch(/^Connection Not Synchronized/);
  });

  it.each([
    { name: 'an OPEN in Established', message: open, code: 5, subcode: 3 },
    { name: 'another AS', message: { ...open, capabilities: [], asNumber: 64999 }, code: 2, subcode: 2, fresh: true },
    {
      name: 'a KEEPALIVE before the OPEN',
      message: { type: 'keepalive' } as Message,
      code: 5,
      subcode: 1,
      fresh: true,
    },
  ])('answers $name with $code/$subcode', ({ message, code, subcode, fresh }) => {
    const { world, speaker, far } = established();
    let end = far;
    if (fresh) {
      far.connection.close();
      world.advance(1000);
      end = world.dial('10.0.0.2', '10.0.0.1');
    }
    end.connection.write(bytes(message));
    world.advance(0);
    expect(messages(end.received).at(-1)).toMatchObject({ type: 'notification', code, subcode });
    if (code === 2) expect(speaker.status()[0].lastError).toBe('Bad Peer AS: expected 64512, received 64999');
  });

  it('takes the routes of an UPDATE with a malformed attribute as withdrawn, and goes on', () => {
    const { world, speaker, routes, far } = established();
    const prefix = { address: { family: 4 as const, bytes: Uint8Array.of(10, 9, 0, 0) }, length: 16 };
    const update: Message = {
      type: 'update',
      withdrawn: [],
      attributes: {
        origin: 0,
        asPath: [{ type: 'sequence', asNumbers: [64512] }],
        nextHop: { family: 4, bytes: Uint8Array.of(10, 0, 0, 2) },
      },
      announced: [{ prefix }],
    };
    far.connection.write(bytes(update));
    world.advance(0);
    expect(routes.get('10.9.0.0/16')).toEqual(['10.0.0.2']);
    const malformed = bytes(update);
    // The value of ORIGIN: header, two lengths, flags, code, length.
    malformed[19 + 4 + 3] = 9;
    far.connection.write(malformed);
    world.advance(0);
    expect(routes.size).toBe(0);
    expect(states(speaker)).toEqual(['Established']);
    // The path of an external peer begins with its AS (RFC 4271 section 6.3).
    const path = [{ type: 'sequence' as const, asNumbers: [64513, 64512] }];
    far.connection.write(bytes({ ...update, attributes: { ...update.attributes, asPath: path } }));
    world.advance(0);
    expect(routes.size).toBe(0);
  });

  it('tells everything again when asked for a refresh', () => {
    const { world, far } = established();
    const before = far.received.length;
    far.connection.write(bytes({ type: 'routeRefresh', afi: 1, subtype: 0, safi: 1 }));
    world.advance(0);
    expect(messages(far.received.slice(before))).toMatchObject([{ type: 'update', announced: [{}] }]);
  });

  it('refuses a second connection while it is established, and a stranger always', () => {
    const { world, speaker } = established();
    const second = world.dial('10.0.0.2', '10.0.0.1');
    expect(messages(second.received)).toMatchObject([{ type: 'notification', code: 6, subcode: 7 }]);
    expect(second.closed()).toBe(true);
    expect(world.dial('10.0.0.77', '10.0.0.1').closed()).toBe(true);
    expect(states(speaker)).toEqual(['Established']);
  });
});

it('a passive peer starts no connection, not even after a broken one', () => {
  const world = new FakeWorld();
  const { speaker } = speakerAt(world, '10.0.0.1');
  let dialled = 0;
  world.listen('10.0.0.2', () => dialled++);
  speaker.configure(config(65001, '10.0.0.1', [peer('x', '10.0.0.2', 64512, { passive: true })]));
  const far = world.dial('10.0.0.2', '10.0.0.1');
  expect(states(speaker)).toEqual(['OpenSent']);
  far.connection.close();
  world.advance(600_000);
  expect(states(speaker)).toEqual(['Active']);
  expect(dialled).toBe(0);
});

it('of two connections that wait for an OPEN the one that does not break goes on', () => {
  const world = new FakeWorld();
  const { speaker } = speakerAt(world, '10.0.0.1');
  const accepted: { close(): void }[] = [];
  world.listen('10.0.0.2', (connection) => accepted.push(connection));
  speaker.configure(config(65001, '10.0.0.1', [peer('x', '10.0.0.2', 64512)]));
  world.advance(0);
  const far = world.dial('10.0.0.2', '10.0.0.1');
  accepted[0].close();
  // Longer than any wait between attempts.
  world.advance(8000);
  expect(accepted).toHaveLength(1);
  far.connection.write(bytes(open));
  far.connection.write(bytes({ type: 'keepalive' }));
  world.advance(8000);
  expect(accepted).toHaveLength(1);
  expect(states(speaker)).toEqual(['Established']);
});

describe('configuration', () => {
  it('touches only the sessions whose settings change', () => {
    const world = new FakeWorld();
    const a = speakerAt(world, '10.0.0.1');
    for (const n of [2, 3, 4]) {
      const { speaker } = speakerAt(world, `10.0.0.${n}`);
      speaker.configure(config(65000 + n, `10.0.0.${n}`, [peer('a', '10.0.0.1', 65001)], [`10.${n}.0.0/16`]));
    }
    const peers = [2, 3, 4].map((n) => peer(`p${n}`, `10.0.0.${n}`, 65000 + n));
    a.speaker.configure(config(65001, '10.0.0.1', peers));
    world.advance(2000);
    expect(states(a.speaker)).toEqual(['Established', 'Established', 'Established']);
    const since = a.speaker.status().map((status) => status.sinceMs);

    a.speaker.configure(config(65001, '10.0.0.1', [peers[0], { ...peers[1], holdTimeSeconds: 30 }], ['10.1.0.0/24']));
    world.advance(2000);
    const after = a.speaker.status();
    expect(after.map((status) => `${status.name} ${status.state}`)).toEqual(['p2 Established', 'p3 Established']);
    expect(after[0].sinceMs).toBe(since[0]);
    expect(after[1].sinceMs).toBeGreaterThan(since[1]);
    expect([...a.routes.keys()].sort()).toEqual(['10.2.0.0/16', '10.3.0.0/16']);
  });

  it('leaves the second of two peers with one address idle, and says why', () => {
    const world = new FakeWorld();
    const a = speakerAt(world, '10.0.0.1');
    const twins = [peer('one', '10.0.0.2', 65002), peer('two', '10.0.0.2', 65002)];
    a.speaker.configure(config(65001, '10.0.0.1', twins));
    world.advance(10_000);
    expect(a.speaker.status()[1]).toMatchObject({ state: 'Idle', lastError: 'peer one has the address 10.0.0.2 too' });
    const b = speakerAt(world, '10.0.0.2');
    b.speaker.configure(config(65002, '10.0.0.2', [peer('a', '10.0.0.1', 65001)]));
    a.speaker.configure(config(65001, '10.0.0.1', twins.slice(1)));
    world.advance(10_000);
    expect(states(a.speaker)).toEqual(['Established']);
  });
});
