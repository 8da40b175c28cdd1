import { parseAddress, parsePrefix } from '@caracal/net';
import type { PathAttributes } from 'bgp-parser';
import { describe, expect, it } from 'vitest';
import type { FilterOperation, FilterRule } from '../config.ts';
import { FakeWorld } from '../testing/fake-environment.ts';
import { config, peer, speakerAt } from '../testing/speakers.ts';
import { Filter } from './filter.ts';

const attributes: PathAttributes = {
  origin: 0,
  asPath: [
    { type: 'sequence', asNumbers: [65002, 65003] },
    { type: 'set', asNumbers: [65010, 65011] },
  ],
  communities: [0xfde9_0064, 0xffff_ff01],
  largeCommunities: [[65001, 1, 2]],
  extendedCommunities: [0x0002_fde9_0000_0064n],
};
const route = (text: string, learned = true) => ({
  prefix: parsePrefix(text)!,
  attributes,
  nextHop: parseAddress('10.0.0.2'),
  learned,
});

describe('a rule matches', () => {
  it.each([
    [{}, '10.1.0.0/16', true],
    [{ cidr: '10.0.0.0/8', matchOperator: 'In' }, '10.1.0.0/16', true],
    [{ cidr: '10.0.0.0/8', matchOperator: 'In' }, '11.0.0.0/8', false],
    [{ cidr: '10.0.0.0/8', matchOperator: 'In' }, '0.0.0.0/0', false],
    [{ cidr: '10.0.0.0/8', matchOperator: 'NotIn' }, '10.1.0.0/16', false],
    [{ cidr: '10.0.0.0/8', matchOperator: 'NotIn' }, '11.0.0.0/8', true],
    [{ cidr: '10.0.0.0/8', matchOperator: 'Equal' }, '10.0.0.0/8', true],
    [{ cidr: '10.0.0.0/8', matchOperator: 'Equal' }, '10.0.0.0/9', false],
    [{ cidr: '10.0.0.0/8', matchOperator: 'NotEqual' }, '10.0.0.0/9', true],
    [{ cidr: '10.0.0.0/8', matchOperator: 'NotEqual' }, '10.0.0.0/8', false],
    [{ prefixLength: { min: 16, max: 24 } }, '10.1.0.0/16', true],
    [{ prefixLength: { min: 17 } }, '10.1.0.0/16', false],
    [{ prefixLength: { max: 15 } }, '10.1.0.0/16', false],
    [{ source: 'RemotePeers' }, '10.1.0.0/16', true],
    [{ communities: { values: ['65001:100'] } }, '10.1.0.0/16', true],
    [{ communities: { values: ['65001:*'] } }, '10.1.0.0/16', true],
    [{ communities: { values: ['65001:101'] } }, '10.1.0.0/16', false],
    [{ communities: { values: ['65001:101', 'no-export'] } }, '10.1.0.0/16', true],
    [{ communities: { values: ['65535:65281'] } }, '10.1.0.0/16', true],
    [{ communities: { values: ['65001:1:2'] } }, '10.1.0.0/16', true],
    [{ communities: { values: ['65001:*:3'] } }, '10.1.0.0/16', false],
    [{ communities: { values: ['rt:65001:100'] } }, '10.1.0.0/16', true],
    [{ communities: { values: ['soo:65001:100'] } }, '10.1.0.0/16', false],
    [{ communities: { values: ['0x0002fde900000064'] } }, '10.1.0.0/16', true],
    [{ asPathPrefix: [65002] }, '10.1.0.0/16', true],
    [{ asPathPrefix: [65002, 65003] }, '10.1.0.0/16', true],
    [{ asPathPrefix: [65003] }, '10.1.0.0/16', false],
    [{ asPathContains: [1, 65010] }, '10.1.0.0/16', true],
    [{ asPathContains: [1] }, '10.1.0.0/16', false],
    [{ asPathOrigin: [65011] }, '10.1.0.0/16', true],
    [{ asPathOrigin: [65002] }, '10.1.0.0/16', false],
    [{ nextHop: '10.0.0.0/24' }, '10.1.0.0/16', true],
    [{ nextHop: '10.0.1.0/24' }, '10.1.0.0/16', false],
    [{ nextHop: '2001:db8::/32' }, '10.1.0.0/16', false],
    [{ cidr: '10.0.0.0/8', matchOperator: 'In', asPathContains: [1] }, '10.1.0.0/16', false],
  ] satisfies [Omit<FilterRule, 'action'>, string, boolean][])('%j: %s %s', (conditions, prefix, matched) => {
    const filter = new Filter({ rules: [{ action: 'Accept', ...conditions }], otherwise: 'Reject' });
    expect(filter.judge(route(prefix)).action).toBe(matched ? 'Accept' : 'Reject');
  });

  it('our own route only when it need not be learned', () => {
    const filter = new Filter({ rules: [{ action: 'Reject', source: 'RemotePeers' }], otherwise: 'Accept' });
    expect([true, false].map((learned) => filter.judge(route('10.1.0.0/16', learned)).action)).toEqual([
      'Reject',
      'Accept',
    ]);
  });

  it('and the first that does decides', () => {
    const rules: FilterRule[] = [
      { action: 'Reject', cidr: '10.1.0.0/16', matchOperator: 'Equal' },
      { action: 'Accept', cidr: '10.0.0.0/8', matchOperator: 'In' },
    ];
    const filter = new Filter({ rules, otherwise: 'Reject' });
    expect(filter.judge(route('10.1.0.0/16'))).toEqual({ action: 'Reject', rule: 0 });
    expect(filter.judge(route('10.2.0.0/16'))).toEqual({ action: 'Accept', rule: 1 });
    expect(filter.judge(route('11.0.0.0/8'))).toEqual({ action: 'Reject', rule: -1 });
  });
});

it.each([
  [{ setMED: 5 }, { med: 5 }],
  [{ setLocalPref: 200 }, { localPref: 200 }],
  [{ setOrigin: 'Incomplete' }, { origin: 2 }],
  [{ addCommunity: { value: '65001:101' } }, { communities: [0xfde9_0064, 0xffff_ff01, 0xfde9_0065] }],
  [{ addCommunity: { value: '65001:100' } }, {}],
  [
    { addCommunity: { value: '65001:3:4' } },
    {
      largeCommunities: [
        [65001, 1, 2],
        [65001, 3, 4],
      ],
    },
  ],
  [
    { addCommunity: { value: 'soo:65001:1' } },
    { extendedCommunities: [0x0002_fde9_0000_0064n, 0x0003_fde9_0000_0001n] },
  ],
  [{ removeCommunity: { value: 'no-export' } }, { communities: [0xfde9_0064] }],
  [{ removeCommunity: { value: '65001:1:2' } }, { largeCommunities: undefined }],
  [
    { setCommunities: { values: ['65001:7'] } },
    { communities: [0xfde9_0007], largeCommunities: undefined, extendedCommunities: undefined },
  ],
  [
    { prependASPath: { prefix: [65004, 65005] } },
    {
      asPath: [
        { type: 'sequence', asNumbers: [65004, 65005, 65002, 65003] },
        { type: 'set', asNumbers: [65010, 65011] },
      ],
    },
  ],
] satisfies [FilterOperation, Partial<PathAttributes>][])('the operation %j', (operation, changed) => {
  const filter = new Filter({ rules: [{ action: 'Accept', operations: [operation] }], otherwise: 'Accept' });
  expect(filter.change(0, attributes)).toEqual({ ...attributes, ...changed });
});

describe('between speakers', () => {
  const own = ['10.1.0.0/16', '10.1.1.0/24', '10.2.0.0/16'];
  const both = (rules: FilterRule[]) => ({
    ipv4Unicast: { rules, otherwise: 'Reject' as const },
    ipv6Unicast: 'Accept' as const,
  });
  /** a originates, b receives, with a policy each. */
  function start(out: FilterRule[] | undefined, into: FilterRule[] | undefined) {
    const world = new FakeWorld();
    const [a, b] = [speakerAt(world, '10.0.0.1'), speakerAt(world, '10.0.0.2')];
    const configure = (out: FilterRule[] | undefined, into: FilterRule[] | undefined) => {
      const toB = peer('b', '10.0.0.2', 65002, out ? { exportAction: both(out) } : {});
      const toA = peer('a', '10.0.0.1', 65001, into ? { importAction: both(into) } : {});
      a.speaker.configure(config(65001, '10.0.0.1', [toB], own));
      b.speaker.configure(config(65002, '10.0.0.2', [toA]));
      world.advance(1000);
    };
    configure(out, into);
    const seen = () => Object.fromEntries((b.speaker.routes() ?? []).map((view) => [view.prefix, view] as const));
    return { world, a, b, configure, seen };
  }

  it('export rules choose and change routes, each by its prefix, and follow the configuration', () => {
    const { b, configure, seen } = start(
      [
        { action: 'Reject', prefixLength: { min: 24 } },
        { action: 'Accept', cidr: '10.1.0.0/16', matchOperator: 'In', operations: [{ setMED: 7 }] },
        { action: 'Accept', operations: [{ prependASPath: { prefix: [65001, 65001] } }] },
      ],
      undefined,
    );
    expect(Object.keys(seen())).toEqual(['10.1.0.0/16', '10.2.0.0/16']);
    expect(seen()['10.1.0.0/16']).toMatchObject({ asPath: '65001', attributes: { med: '7' } });
    expect(seen()['10.2.0.0/16'].asPath).toBe('65001 65001 65001');
    const since = b.speaker.status()[0].sinceMs;
    configure([{ action: 'Accept', cidr: '10.1.1.0/24', matchOperator: 'Equal' }], undefined);
    expect(Object.keys(seen())).toEqual(['10.1.1.0/24']);
    expect(b.speaker.status()[0].sinceMs).toBe(since);
  });

  it('import rules reject and change routes; what was rejected or changed is there again without them', () => {
    const { b, configure, seen } = start(undefined, [
      { action: 'Reject', cidr: '10.2.0.0/16', matchOperator: 'Equal' },
      { action: 'Accept', operations: [{ setLocalPref: 300 }] },
    ]);
    expect([...b.routes.keys()].sort()).toEqual(['10.1.0.0/16', '10.1.1.0/24']);
    expect(seen()['10.2.0.0/16'].excluded).toBe('import policy');
    expect(seen()['10.1.0.0/16'].attributes.localPref).toBe('300');
    const since = b.speaker.status()[0].sinceMs;
    // The peer is asked for its routes once more, as what came from it was changed.
    configure(undefined, undefined);
    expect(b.routes.size).toBe(3);
    expect(seen()['10.1.0.0/16'].attributes.localPref).toBeUndefined();
    configure(undefined, [{ action: 'Accept', cidr: '10.2.0.0/16', matchOperator: 'Equal' }]);
    expect([...b.routes.keys()]).toEqual(['10.2.0.0/16']);
    expect(b.speaker.status()[0].sinceMs).toBe(since);
  });
});
