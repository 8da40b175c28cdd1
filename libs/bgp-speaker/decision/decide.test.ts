import type { PathAttributes } from 'bgp-parser';
import { expect, it } from 'vitest';
import { AttributeStore } from '../rib/attribute-store.ts';
import { localPeer, PathStore } from '../rib/path-store.ts';
import { decide, explain } from './decide.ts';
import type { PeerFacts } from './steps.ts';

/** Peers 1 to 9 are external, 11 to 19 internal; identifiers fall and addresses rise with the number. */
const facts: PeerFacts = {
  isExternal: (peer) => peer < 10,
  identifier: (peer) => 100 - peer,
  addressRank: (peer) => peer,
};
const path = (...asNumbers: number[]): PathAttributes => ({
  origin: 0,
  asPath: asNumbers.length > 0 ? [{ type: 'sequence', asNumbers }] : [],
});

interface Candidate {
  peer: number;
  attributes: PathAttributes;
  excluded?: true;
}

function run(candidates: Candidate[]) {
  const attributes = new AttributeStore();
  const paths = new PathStore();
  let first = -1;
  for (const candidate of candidates.toReversed()) {
    first = paths.allocate(candidate.peer, attributes.intern(candidate.attributes), candidate.excluded ? 1 : 0, first);
  }
  const input = { paths, attributes, peers: facts };
  const decision = decide(first, input);
  return {
    reasons: Object.fromEntries([...explain(first, input)].map(([one, reason]) => [paths.peer[one], reason])),
    best: decision.best < 0 ? undefined : paths.peer[decision.best],
    equal: decision.equal.map((one) => paths.peer[one]),
    decidedBy: decision.decidedBy,
  };
}

const rows: { name: string; candidates: Candidate[]; best?: number; equal: number[]; decidedBy: string }[] = [
  { name: 'nothing', candidates: [], equal: [], decidedBy: '' },
  {
    name: 'an excluded path',
    candidates: [{ peer: 1, attributes: path(1), excluded: true }],
    equal: [],
    decidedBy: '',
  },
  { name: 'a single path', candidates: [{ peer: 1, attributes: path(1) }], best: 1, equal: [1], decidedBy: '' },
  {
    name: 'a route of our own',
    candidates: [
      { peer: 1, attributes: { ...path(), localPref: 900 } },
      { peer: localPeer, attributes: path() },
    ],
    best: 0,
    equal: [0],
    decidedBy: 'originated here',
  },
  {
    name: 'LOCAL_PREF before the path',
    candidates: [
      { peer: 11, attributes: path(1) },
      { peer: 12, attributes: { ...path(1, 2, 3), localPref: 101 } },
    ],
    best: 12,
    equal: [12],
    decidedBy: 'highest LOCAL_PREF (9.1.1)',
  },
  {
    name: 'the shorter path, a set counting once',
    candidates: [
      { peer: 1, attributes: path(1, 2, 3) },
      {
        peer: 2,
        attributes: { origin: 2, asPath: [...(path(1).asPath ?? []), { type: 'set', asNumbers: [5, 6, 7] }] },
      },
    ],
    best: 2,
    equal: [2],
    decidedBy: 'shortest AS_PATH (9.1.2.2 a)',
  },
  {
    name: 'the lower ORIGIN',
    candidates: [
      { peer: 1, attributes: { ...path(1), origin: 2 } },
      { peer: 2, attributes: { ...path(2), origin: 1 } },
    ],
    best: 2,
    equal: [2],
    decidedBy: 'lowest ORIGIN (9.1.2.2 b)',
  },
  {
    name: 'MED within one neighbouring AS only: the best of each goes on',
    candidates: [
      { peer: 1, attributes: { ...path(7), med: 10 } },
      { peer: 2, attributes: { ...path(7), med: 5 } },
      { peer: 3, attributes: { ...path(8), med: 90 } },
    ],
    best: 3,
    equal: [2, 3],
    decidedBy: 'lowest BGP Identifier (9.1.2.2 f)',
  },
  {
    name: 'external before internal',
    candidates: [
      { peer: 11, attributes: path(1) },
      { peer: 1, attributes: path(2) },
    ],
    best: 1,
    equal: [1],
    decidedBy: 'external before internal (9.1.2.2 d)',
  },
  {
    name: 'the lower identifier, though all share the traffic',
    candidates: [
      { peer: 1, attributes: path(1) },
      { peer: 2, attributes: path(2) },
    ],
    best: 2,
    equal: [1, 2],
    decidedBy: 'lowest BGP Identifier (9.1.2.2 f)',
  },
  {
    name: 'ORIGINATOR_ID in place of the identifier, then the shorter CLUSTER_LIST',
    candidates: [
      { peer: 11, attributes: { ...path(1), originatorId: 5, clusterList: [1, 2] } },
      { peer: 12, attributes: { ...path(1), originatorId: 5, clusterList: [3] } },
      { peer: 13, attributes: path(1) },
    ],
    best: 12,
    equal: [11, 12, 13],
    decidedBy: 'shortest CLUSTER_LIST (RFC 4456 section 9)',
  },
  {
    name: 'the lower address',
    candidates: [
      { peer: 12, attributes: { ...path(1), originatorId: 5 } },
      { peer: 11, attributes: { ...path(1), originatorId: 5 } },
    ],
    best: 11,
    equal: [12, 11],
    decidedBy: 'lowest peer address (9.1.2.2 g)',
  },
];

it.each(rows)('prefers $name', ({ candidates, best, equal, decidedBy }) => {
  expect(run(candidates)).toMatchObject({ best, equal, decidedBy });
  // The order in which the paths came must not matter.
  expect(run(candidates.toReversed())).toMatchObject({ best, decidedBy });
});

it.each(rows)('says why it prefers $name', ({ candidates, best, decidedBy }) => {
  const { reasons } = run(candidates);
  for (const { peer, excluded } of candidates) {
    const lost = excluded ? 'takes no part' : expect.stringMatching(/^lost: ./);
    const won = decidedBy === '' ? 'the only one' : `best: ${decidedBy}`;
    expect(reasons[peer]).toEqual(peer === best ? won : lost);
  }
});

it('names the step at which each path lost', () => {
  const { reasons } = run([
    { peer: 1, attributes: path(1, 2) },
    { peer: 2, attributes: path(3) },
    { peer: 3, attributes: { ...path(4), origin: 2 } },
    { peer: 11, attributes: path(5) },
  ]);
  expect(reasons).toEqual({
    1: 'lost: shortest AS_PATH (9.1.2.2 a)',
    2: 'best: external before internal (9.1.2.2 d)',
    3: 'lost: lowest ORIGIN (9.1.2.2 b)',
    11: 'lost: external before internal (9.1.2.2 d)',
  });
});
