import { describe, expect, it } from 'vitest';
import type { FilterRule, PeerConfig, Policy, SpeakerConfig } from '../config.ts';
import { FakeWorld } from '../testing/fake-environment.ts';
import { config, peer, speakerAt } from '../testing/speakers.ts';

const filter = (rules: FilterRule[], otherwise: 'Accept' | 'Reject' = 'Accept'): Policy => ({
  ipv4Unicast: { rules, otherwise },
  ipv6Unicast: 'Accept',
});
const reject = (cidr: string): FilterRule => ({ action: 'Reject', cidr, matchOperator: 'In' });

const addresses: Readonly<Record<string, [string, number]>> = {
  one: ['10.0.0.1', 65001],
  two: ['10.0.0.2', 65002],
  inside: ['10.0.0.3', 65010],
  client: ['10.0.0.4', 65010],
};

const peers = (changes: Readonly<Record<string, Partial<PeerConfig>>> = {}, names = Object.keys(addresses)) =>
  names.map((name) => peer(name, ...addresses[name], { passive: true, ...changes[name] }));

const base = (changes: Parameters<typeof peers>[0] = {}, more: Partial<SpeakerConfig> = {}): SpeakerConfig => ({
  ...config(65010, '10.0.0.10', peers(changes), ['10.7.0.0/16', '10.8.1.0/24']),
  kernel: { enabled: true, protocol: 201 },
  ...more,
});

/** Four real peers of a speaker, each with prefixes of its own and some that others have too. */
function topology(first: SpeakerConfig) {
  const world = new FakeWorld();
  const { speaker, routes } = speakerAt(world, '10.0.0.10');
  speaker.configure(first);
  for (const [i, [, [address, as]]] of Object.entries(addresses).entries()) {
    const own = [`10.${i + 1}.0.0/16`, '10.20.0.0/16', '10.8.2.0/24', `2001:db8:${i + 1}::/48`];
    if (i === 1) own.push('0.0.0.0/0');
    const tagged = own.map((prefix) => ({ prefix, communities: ['65000:7'] }));
    const neighbour = peer('middle', '10.0.0.10', 65010, {
      addPaths: i === 3 ? { receive: true, send: 'None', bestPaths: 2 } : undefined,
    });
    speakerAt(world, address).speaker.configure({ ...config(as, address, [neighbour]), originate: tagged });
  }
  world.advance(30_000);
  const seen = () => ({
    told: new Map(
      Object.keys(addresses).map((name) => {
        const byPrefix = new Map<string, string>();
        for (const { prefix, nextHop, asPath, attributes } of speaker.advertised(name) ?? []) {
          byPrefix.set(prefix, `${byPrefix.get(prefix) ?? ''}${JSON.stringify([nextHop, asPath, attributes])}`);
        }
        return [name, byPrefix] as const;
      }),
    ),
    kernel: new Map([...routes].map(([prefix, hops]) => [prefix, hops.join(' ')])),
    sessions: new Map(speaker.status().map(({ name, sinceMs }) => [name, sinceMs])),
  });
  return { world, speaker, seen };
}

function difference(who: string, before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((prefix) => {
    const [was, is] = [before.get(prefix), after.get(prefix)];
    if (was === is) return [];
    return [`${was === undefined ? '+' : is === undefined ? '-' : '~'} ${who} ${prefix}`];
  });
}

const signs = { gains: '+', loses: '-', changes: '~' };

const cases: readonly (readonly [string, SpeakerConfig, SpeakerConfig])[] = [
  ['nothing', base(), base()],
  ['another route of our own', base(), base({}, { originate: [{ prefix: '10.9.0.0/16' }, { prefix: '10.7.0.0/16' }] })],
  ['our own route has communities', base(), base({}, { originate: [{ prefix: '10.7.0.0/16', communities: ['1:2'] }] })],
  ['our own route is one that peers have', base(), base({}, { originate: [{ prefix: '10.20.0.0/16' }] })],
  ['an export filter', base(), base({ one: { exportAction: filter([reject('10.0.0.0/13')]) } })],
  [
    'an export filter that changes routes',
    base({ two: { exportAction: filter([reject('10.2.0.0/15')]) } }),
    base({ two: { exportAction: filter([{ action: 'Accept', operations: [{ setMED: 7 }] }]) } }),
  ],
  [
    'an import filter',
    base(),
    base({ one: { importAction: filter([reject('10.20.0.0/16'), reject('10.1.0.0/16')]) } }),
  ],
  ['no import at all', base(), base({ one: { importAction: 'Reject' } })],
  [
    'an import filter that changes routes',
    base(),
    base({ inside: { importAction: filter([{ action: 'Accept', operations: [{ setLocalPref: 200 }] }]) } }),
  ],
  ['a peer that goes', base(), { ...base(), peers: peers({}, ['one', 'inside', 'client']) }],
  ['a peer that is new', { ...base(), peers: peers({}, ['one', 'two', 'inside']) }, base()],
  ['a peer that is shut down', base(), base({ two: { shutdown: {} } })],
  ['a session that restarts', base(), base({ two: { holdTimeSeconds: 12 } })],
  ['a family less', base(), base({ two: { families: ['ipv4Unicast'] } })],
  ['a client', base(), base({ client: { reflectorClient: true } })],
  ['a default route of our own', base(), base({ one: { defaultOriginate: true }, two: { defaultOriginate: true } })],
  ['no default route any more', base({ one: { defaultOriginate: true } }), base()],
  ['an aggregate', base(), base({}, { aggregates: [{ prefix: '10.8.0.0/16' }] })],
  [
    'an aggregate within another',
    base({}, { aggregates: [{ prefix: '10.8.0.0/16' }] }),
    base({}, { aggregates: [{ prefix: '10.8.0.0/14', summaryOnly: true }, { prefix: '10.8.0.0/16' }] }),
  ],
  ['an aggregate of nothing', base({}, { aggregates: [{ prefix: '10.7.0.0/16' }] }), base()],
  [
    'an aggregate that loses a route and stays',
    base({}, { aggregates: [{ prefix: '10.8.0.0/16' }] }),
    base({}, { aggregates: [{ prefix: '10.8.0.0/16' }], originate: [] }),
  ],
  [
    'several paths are told',
    base({ client: { addPaths: { receive: false, send: 'Best', bestPaths: 2 }, reflectorClient: true } }),
    base({ client: { addPaths: { receive: false, send: 'All', bestPaths: 2 }, reflectorClient: true } }),
  ],
  ['next hops', base(), base({ inside: { nextHopMode: 'Self' } })],
  [
    'less goes to the kernel',
    base(),
    base({}, { kernel: { enabled: true, protocol: 201, importCidrs: ['10.2.0.0/15'] } }),
  ],
  ['another AS number', base(), { ...base(), localAs: 65011 }],
];

describe('a plan says what happens', () => {
  it.each(cases)('%s', (what, before, after) => {
    const { world, speaker, seen } = topology(before);
    const was = seen();
    const rows = [...(speaker.plan(after) ?? [])].flat();
    const sets = speaker.memory().find(({ table }) => table === 'attribute sets')?.count;
    world.advance(1000);
    // Planning changes nothing.
    expect(seen()).toEqual(was);
    expect(speaker.memory().find(({ table }) => table === 'attribute sets')?.count).toBe(sets);

    speaker.configure(after);
    world.advance(60_000);
    const is = seen();
    const planned = rows.flatMap((row) =>
      row.kind === 'session'
        ? []
        : [`${signs[row.change]} ${row.kind === 'kernel' ? 'kernel' : row.peer} ${row.prefix}`],
    );
    // The kernel's sink of the test knows nothing of importCidrs and protocols: apps/bgp does.
    const kernel = what === 'less goes to the kernel' ? planned.filter((line) => line.includes('kernel')) : [];
    const happened = [
      ...[...is.told].flatMap(([name, told]) => difference(name, was.told.get(name) ?? new Map(), told)),
      ...difference('kernel', was.kernel, is.kernel),
      ...kernel,
    ];
    // Nobody can know what a new peer has to say.
    const known = what === 'a peer that is new' ? happened.filter((line) => line.includes(' client ')) : happened;
    // With another AS number of ours internal peers are not that any more: they refuse the sessions.
    if (what !== 'another AS number') expect(planned.sort()).toEqual(known.sort());
    const ended = [...was.sessions].filter(([name, since]) => is.sessions.get(name) !== since).map(([name]) => name);
    const restarted = rows.filter((row) => row.kind === 'session' && !['asksAgain', 'begins'].includes(row.change));
    expect(restarted.map((row) => row.kind === 'session' && row.peer).sort()).toEqual(ended.sort());
    if (what === 'nothing') expect(rows).toEqual([]);
  });
});

it('names the settings for which a session restarts, and the peers that are asked again', () => {
  const { speaker } = topology(base());
  const sessions = (after: SpeakerConfig) =>
    [...(speaker.plan(after) ?? [])].flat().filter(({ kind }) => kind === 'session');
  expect(sessions(base({ two: { holdTimeSeconds: 12, connectRetrySeconds: 1 } }))).toEqual([
    { kind: 'session', peer: 'two', change: 'restarts', settings: ['holdTimeSeconds', 'connectRetrySeconds'] },
  ]);
  const changing = filter([{ action: 'Accept', operations: [{ setLocalPref: 1 }] }]);
  expect(sessions(base({ one: { importAction: changing } }))).toEqual([
    { kind: 'session', peer: 'one', change: 'asksAgain', settings: [] },
  ]);
});
