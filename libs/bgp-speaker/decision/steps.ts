import type { AttributeStore } from '../rib/attribute-store.ts';
import { localPeer, type PathStore } from '../rib/path-store.ts';

/** What the decision process knows about the peers, by their numbers. */
export interface PeerFacts {
  isExternal(peer: number): boolean;
  /** The BGP Identifier that the peer's OPEN gave. */
  identifier(peer: number): number;
  /** Orders peers by address: lower wins. */
  addressRank(peer: number): number;
}

export interface DecisionInput {
  readonly paths: PathStore;
  readonly attributes: AttributeStore;
  readonly peers: PeerFacts;
}

/** A step keeps, of the paths that are still equal, the best ones: those with the lowest value. */
export interface DecisionStep {
  readonly name: string;
  readonly value: (path: number, input: DecisionInput) => number;
  /** Compared only among paths whose key is the same. */
  readonly within?: (path: number, input: DecisionInput) => number;
}

const attributesOf = (path: number, { paths }: DecisionInput) => paths.attributes[path];

/** Paths that are equal after these are equally good for forwarding (ECMP). */
export const preferenceSteps: readonly DecisionStep[] = [
  { name: 'originated here', value: (path, { paths }) => (paths.peer[path] === localPeer ? 0 : 1) },
  // RFC 4271 section 9.1.1
  {
    name: 'highest LOCAL_PREF (9.1.1)',
    value: (path, input) => -input.attributes.localPref[attributesOf(path, input)],
  },
  {
    name: 'shortest AS_PATH (9.1.2.2 a)',
    value: (path, input) => input.attributes.pathLength[attributesOf(path, input)],
  },
  { name: 'lowest ORIGIN (9.1.2.2 b)', value: (path, input) => input.attributes.origin[attributesOf(path, input)] },
  {
    name: 'lowest MED of one neighbouring AS (9.1.2.2 c)',
    value: (path, input) => input.attributes.med[attributesOf(path, input)],
    within: (path, input) => input.attributes.neighborAs[attributesOf(path, input)],
  },
  {
    name: 'external before internal (9.1.2.2 d)',
    value: (path, { paths, peers }) => (peers.isExternal(paths.peer[path]) ? 0 : 1),
  },
  // Every next hop is taken to be on the link: all interior costs are equal.
  { name: 'lowest interior cost (9.1.2.2 e)', value: () => 0 },
];

/** These only choose one of equals. */
export const tieBreakingSteps: readonly DecisionStep[] = [
  {
    // RFC 4456 section 9: ORIGINATOR_ID stands for the BGP Identifier.
    name: 'lowest BGP Identifier (9.1.2.2 f)',
    value: (path, input) =>
      input.attributes.originatorId[attributesOf(path, input)] || input.peers.identifier(input.paths.peer[path]),
  },
  {
    name: 'shortest CLUSTER_LIST (RFC 4456 section 9)',
    value: (path, input) => input.attributes.clusterListLength[attributesOf(path, input)],
  },
  {
    name: 'lowest peer address (9.1.2.2 g)',
    value: (path, { paths, peers }) => peers.addressRank(paths.peer[path]),
  },
  { name: 'lowest path identifier (RFC 7911)', value: (path, { paths }) => paths.id(path) },
];
