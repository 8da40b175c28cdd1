/** What every sort of policy is converted to, before selectors become sets. */
import type { Selector } from '@caracal/api';
import type { Action, Direction, IcmpMatch, PolicyId, PortRange } from '../model.ts';

/** A policy's head: where it stands and whom it selects. Its rules are converted when an endpoint needs them. */
export interface PolicySource {
  readonly id: PolicyId;
  readonly name: string;
  readonly namespace: string;
  readonly tier: string;
  /** Infinity when the policy gives none. */
  readonly order: number;
  readonly selector: Selector;
  readonly directions: Readonly<Record<Direction, boolean>>;
  /** Throws {@link ConversionError} when a rule is wrong. */
  readonly rules: () => Readonly<Record<Direction, readonly RuleSource[]>>;
}

export interface RuleSource {
  readonly action: Action;
  readonly protocol?: number;
  readonly notProtocol?: number;
  readonly icmp?: IcmpMatch;
  readonly notIcmp?: IcmpMatch;
  readonly source: PeerSource;
  readonly destination: PeerSource;
  readonly index: number;
}

export interface PeerSource {
  readonly nets?: readonly string[];
  readonly notNets?: readonly string[];
  readonly selector?: Selector;
  readonly notSelector?: Selector;
  readonly ports?: readonly PortRange[];
  readonly namedPorts?: readonly NamedPortSource[];
  readonly notPorts?: readonly PortRange[];
  readonly notNamedPorts?: readonly NamedPortSource[];
}

/** The ports of this name and protocol on the pods that the selector selects. */
export interface NamedPortSource {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly selector: Selector;
}

/** A policy says something that has no meaning. The message tells the field. */
export class ConversionError extends Error {
  override readonly name = 'ConversionError';
}

/** What to tell about a policy that could not be converted; one that no schema checked can fail in any way. */
export function reasonOf(error: unknown): string {
  return error instanceof ConversionError ? error.message : `it cannot be read (${String(error)})`;
}

interface Placed {
  readonly order: number;
  readonly name: string;
  readonly namespace: string;
  readonly id: string;
}

/** The order in which the policies of one tier are tried: order, then name, namespace and kind. */
export function comparePlaces(a: Placed, b: Placed): number {
  if (a.order !== b.order) return a.order < b.order ? -1 : 1;
  return compareText(a.name, b.name) || compareText(a.namespace, b.namespace) || compareText(a.id, b.id);
}

export function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
