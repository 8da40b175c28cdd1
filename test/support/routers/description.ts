import type { Netns } from '../netns.ts';

/** What a router is asked for; each kind of router writes it in its own language. */
export interface RouterDescription {
  readonly as: number;
  /** Dotted quad. */
  readonly routerId: string;
  readonly neighbors: readonly NeighborDescription[];
  /** What it originates. */
  readonly routes: readonly OwnRoute[];
  /** What it learns goes to the kernel of its namespace, and stays there while it restarts. */
  readonly forwards?: boolean;
}

export interface NeighborDescription {
  readonly address: string;
  readonly as: number;
  /** Both when absent. */
  readonly families?: readonly (4 | 6)[];
  readonly password?: string;
  readonly reflectorClient?: boolean;
  /** Speaks as routers did before RFC 6793. */
  readonly twoOctetAs?: boolean;
  readonly bfd?: boolean;
  /** Several paths to a prefix in both directions (RFC 7911). */
  readonly addPaths?: boolean;
}

export interface OwnRoute {
  readonly prefix: string;
  /** Of an IPv6 route where the router does not find one by itself. */
  readonly nextHop?: string;
  readonly communities?: readonly string[];
  /** Route targets such as `65001:100`. */
  readonly routeTargets?: readonly string[];
  readonly largeCommunities?: readonly string[];
  /** Before its own AS number. */
  readonly asPath?: readonly number[];
  readonly med?: number;
}

/** The best path to a prefix, as a router shows it; lists are sorted. */
export interface SeenRoute {
  readonly nextHop: string;
  /** AS numbers with a space between. */
  readonly asPath: string;
  readonly communities: readonly string[];
  readonly routeTargets: readonly string[];
  readonly largeCommunities: readonly string[];
  readonly med?: number;
  readonly localPref?: number;
  readonly originatorId?: string;
  readonly clusterList?: readonly string[];
  /** Kept while the peer that announced it restarts. */
  readonly stale?: boolean;
}

export type RouterKind = 'BIRD' | 'FRR' | 'GoBGP';

/** A real router in a network namespace. */
export interface Router {
  readonly kind: RouterKind;
  readonly netns: Netns;
  /** Whether the sessions with all neighbours are established. */
  established(): Promise<boolean>;
  route(prefix: string): Promise<SeenRoute | undefined>;
  /** Ends it with SIGKILL, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, as one that has restarted and kept forwarding. */
  restart(): Promise<void>;
  /** Runs a command of the router's own client. */
  client(...args: string[]): Promise<string>;
  /** Ends it, and removes its files. */
  stop(): Promise<void>;
}

export function is6(text: string): boolean {
  return text.includes(':');
}

export function familiesOf(neighbor: NeighborDescription): readonly (4 | 6)[] {
  return neighbor.families ?? [4, 6];
}
