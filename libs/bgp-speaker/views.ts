import { type Address, formatAddress } from '@caracal/net';
import { formatAsPath, formatAttributes, type PathAttributes, type RouteFamily } from 'bgp-parser';
import type { State } from './fsm/table.ts';
import { excluded } from './rib/path-store.ts';

/** One peer as the agent and people see it. */
export interface PeerStatus {
  readonly name: string;
  readonly address: string;
  /** The configured one. */
  readonly asNumber: number;
  readonly state: State;
  /** When it entered the state, Unix milliseconds. */
  readonly sinceMs: number;
  /** Prefixes accepted into the Adj-RIB-In. */
  readonly received: number;
  readonly advertised: number;
  /** Empty when there is none. */
  readonly lastError: string;
}

/** One path as people see it. */
export interface RouteView {
  readonly prefix: string;
  readonly family: RouteFamily;
  /** The peer's name, or `local`. */
  readonly peer: string;
  readonly nextHop: string;
  readonly asPath: string;
  readonly best: boolean;
  /** Why it takes no part in the decision; empty when it does. */
  readonly excluded: string;
  /** The other attributes as name and text. */
  readonly attributes: Readonly<Record<string, string>>;
}

const exclusionNames: readonly (readonly [number, string])[] = [
  [excluded.byPolicy, 'import policy'],
  [excluded.asLoop, 'own AS in path'],
  [excluded.reflectionLoop, 'own id in ORIGINATOR_ID or CLUSTER_LIST'],
  [excluded.nextHop, 'unusable next hop'],
];

export function formatExclusion(bits: number): string {
  return exclusionNames
    .filter(([bit]) => bits & bit)
    .map(([, name]) => name)
    .join(', ');
}

/** The parts of a view that come from the attributes. */
export function viewAttributes(attributes: PathAttributes, nextHop: Address | undefined) {
  const shown = formatAttributes(attributes).filter(({ name }) => !['asPath', 'nextHop', 'mpReach'].includes(name));
  return {
    nextHop: nextHop ? formatAddress(nextHop) : '',
    asPath: formatAsPath(attributes.asPath ?? []),
    attributes: Object.fromEntries(shown.map(({ name, text }) => [name, text])),
  };
}
