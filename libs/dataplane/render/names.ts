import { createHash } from 'node:crypto';
import type { Family } from '@caracal/net';
import type { Direction, PolicyId, SetDefinition } from '@caracal/policy';

/** Every chain of ours begins so. iptables takes names of up to 28 characters. */
export const chainPrefix = 'cara-';

/** The interfaces that are ours: the host's ends of pods' pairs. */
export const podInterfaces = 'cara+';
export const podInterfacePrefix = 'cara';

/** Sets of ours begin so; ipset takes names of up to 31 characters. */
export const setPrefix = { 4: 'cara4-', 6: 'cara6-' } as const;

/** The fixed chains. Those that only set a mark exist so that other chains can do it by a jump (see static-chains). */
export const chains = {
  forward: 'cara-FORWARD',
  input: 'cara-INPUT',
  postrouting: 'cara-POSTROUTING',
  hostPorts: 'cara-hostports',
  conntrack: 'cara-conntrack',
  accept: 'cara-accept',
  pass: 'cara-pass',
  clear: 'cara-clear',
  clearPass: 'cara-clear-pass',
  setMatch: 'cara-match',
  clearMatch: 'cara-no-match',
  setAny: 'cara-any',
  clearAny: 'cara-no-any',
} as const;

/** Whether a pod's packets come from it (its egress) or go to it (its ingress). */
const directionLetters = { egress: 'f', ingress: 't' } as const;

/** The chain of a node of the dispatch tree: `cara-fd-` (from pods) or `cara-td-` (to pods) and the interfaces' prefix. */
export function dispatchChain(direction: Direction, interfacePrefix: string): string {
  return `${chainPrefix}${directionLetters[direction]}d-${interfacePrefix.slice(podInterfacePrefix.length)}`;
}

const dispatchChains = new RegExp(`^${chainPrefix}[${Object.values(directionLetters).join('')}]d-`);

export function isDispatchChain(chain: string): boolean {
  return dispatchChains.test(chain);
}

/** The chain of one endpoint: `cara-fw-` or `cara-tw-` and what follows `cara` in its interface's name (at most 11). */
export function endpointChain(direction: Direction, interfaceName: string): string {
  return `${chainPrefix}${directionLetters[direction]}w-${interfaceName.slice(podInterfacePrefix.length)}`;
}

/**
 * The chain of a policy's rules of one direction: `cara-pi-` or `cara-po-`, up to eight characters of its name for the
 * reader, and 51 bits of a hash of its identity.
 */
export function policyChain(direction: Direction, id: PolicyId): string {
  const name = id.slice(id.lastIndexOf('/') + 1);
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '-')
    .slice(0, 8);
  const bits = createHash('sha256').update(id).digest().readBigUInt64BE() >> 13n;
  const hash = bits.toString(36).padStart(10, '0');
  return `${chainPrefix}p${direction === 'ingress' ? 'i' : 'o'}-${slug}-${hash}`;
}

/** The set of an id of the compiled state (at most 20 characters of it). The type is part of the name: sets of one name and two types could not be swapped. */
export function setName(definition: SetDefinition): string {
  return `${setPrefix[definition.family]}${definition.type === 'net' ? 'n' : 'p'}-${definition.id}`;
}

/** The set in which a large change is built up before it is swapped in. */
export function temporarySetName(definition: SetDefinition): string {
  return `${setPrefix[definition.family]}t-${definition.id}`;
}

/** A set with a fixed name, and the name under which a large change of it is built. */
export interface FixedSet {
  readonly name: string;
  readonly temporaryName: string;
}

/** The fixed sets of a family. */
export interface FixedSets {
  /** All pools. */
  readonly pools: FixedSet;
  /** Those of them whose pods leave with the node's address. */
  readonly masquerade: FixedSet;
  /** Pods that reach themselves by a port of their node: their answer must come back by the node. */
  readonly hairpin: FixedSet;
}

function fixedSetsOf(family: Family): FixedSets {
  const named = (name: string) => ({
    name: setPrefix[family] + name,
    temporaryName: `${setPrefix[family]}t-${name}`,
  });
  return { pools: named('pools-all'), masquerade: named('pools-masq'), hairpin: named('hairpin') };
}

export const fixedSets: Readonly<Record<Family, FixedSets>> = { 4: fixedSetsOf(4), 6: fixedSetsOf(6) };
