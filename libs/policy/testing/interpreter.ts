/** What the dataplane does with deltas and packets, in a few lines: the meaning of model.ts that tests hold to. */
import { parseAddress, parsePrefix, prefixContains } from '@caracal/net';
import type {
  CompiledEndpoint,
  CompiledPolicy,
  Direction,
  PeerMatch,
  PolicyDelta,
  PortRange,
  Rule,
  SetDefinition,
} from '../model.ts';

/** The compiled state that a sequence of deltas leads to. */
export interface State {
  readonly sets: Map<string, { definition: SetDefinition; members: Set<string> }>;
  readonly policies: Map<string, CompiledPolicy>;
  readonly endpoints: Map<string, CompiledEndpoint>;
}

export function emptyState(): State {
  return { sets: new Map(), policies: new Map(), endpoints: new Map() };
}

/** Applies a delta in the order of model.ts; throws on anything that a kernel would refuse, and on dangling references. */
export function applyDelta(state: State, delta: PolicyDelta): void {
  for (const { definition, added, removed } of delta.sets) {
    const set = state.sets.get(definition.id) ?? { definition, members: new Set<string>() };
    state.sets.set(definition.id, set);
    for (const member of removed) if (!set.members.delete(member)) throw new Error(`${member} was not in the set`);
    for (const member of added) {
      if (set.members.has(member)) throw new Error(`${member} was in the set already`);
      set.members.add(member);
    }
  }
  for (const policy of delta.policies) {
    state.policies.set(policy.id, policy);
    for (const id of setsOf(policy)) if (!state.sets.has(id)) throw new Error(`${policy.id} refers to no set ${id}`);
  }
  for (const endpoint of delta.endpoints) {
    state.endpoints.set(endpoint.id, endpoint);
    for (const tier of [...endpoint.ingress, ...endpoint.egress]) {
      for (const id of tier.policies) if (!state.policies.has(id)) throw new Error(`${endpoint.id}: no policy ${id}`);
    }
  }
  for (const id of delta.removedEndpoints) if (!state.endpoints.delete(id)) throw new Error(`no endpoint ${id}`);
  for (const id of delta.removedPolicies) if (!state.policies.delete(id)) throw new Error(`no policy ${id}`);
  for (const id of delta.removedSets) if (!state.sets.delete(id)) throw new Error(`no set ${id}`);
  for (const endpoint of state.endpoints.values()) {
    for (const tier of [...endpoint.ingress, ...endpoint.egress]) {
      for (const id of tier.policies) if (!state.policies.has(id)) throw new Error(`${id} was removed while in use`);
    }
  }
  for (const policy of state.policies.values()) {
    for (const id of setsOf(policy)) if (!state.sets.has(id)) throw new Error(`${id} was removed while in use`);
  }
}

function setsOf({ ingress, egress }: CompiledPolicy): string[] {
  return [...ingress, ...egress].flatMap(({ source, destination }) =>
    [source, destination].flatMap((peer) => [
      ...(peer.sets ?? []),
      ...(peer.notSets ?? []),
      ...(peer.namedPortSets ?? []),
      ...(peer.notNamedPortSets ?? []),
    ]),
  );
}

/** The state as plain sorted data, to be compared. */
export function plain(state: State): unknown {
  const sorted = <T>(map: ReadonlyMap<string, T>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    sets: sorted(state.sets).map(([id, { definition, members }]) => ({ id, definition, members: [...members].sort() })),
    policies: sorted(state.policies),
    endpoints: sorted(state.endpoints),
  };
}

export interface Packet {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly port?: number;
  readonly icmp?: { readonly type: number; readonly code?: number };
}

/** Whether a local endpoint lets the packet through in one direction. */
export function permits(state: State, endpointId: string, direction: Direction, packet: Packet): boolean {
  const endpoint = state.endpoints.get(endpointId);
  if (!endpoint) throw new Error(`no endpoint ${endpointId}`);
  nextTier: for (const tier of endpoint[direction]) {
    for (const id of tier.policies) {
      for (const rule of state.policies.get(id)?.[direction] ?? []) {
        if (!matches(state, rule, packet) || rule.action === 'Log') continue;
        if (rule.action === 'Pass') continue nextTier;
        return rule.action === 'Allow';
      }
    }
    if (tier.defaultAction === 'Deny') return false;
  }
  return true;
}

function matches(state: State, rule: Rule, packet: Packet): boolean {
  const isIcmp = ({ type, code }: NonNullable<Rule['icmp']>) =>
    packet.icmp?.type === type && (code === undefined || packet.icmp.code === code);
  if (rule.protocol !== undefined && rule.protocol !== packet.protocol) return false;
  if (rule.notProtocol !== undefined && rule.notProtocol === packet.protocol) return false;
  if (rule.icmp && !isIcmp(rule.icmp)) return false;
  if (rule.notIcmp && isIcmp(rule.notIcmp)) return false;
  return (
    peerMatches(state, rule.source, packet.source, packet.protocol, packet.sourcePort) &&
    peerMatches(state, rule.destination, packet.destination, packet.protocol, packet.port)
  );
}

function peerMatches(state: State, peer: PeerMatch, address: string, protocol: number, port?: number): boolean {
  const inSet = (id: string) => [...(state.sets.get(id)?.members ?? [])].some((member) => contains(member, address));
  const named = `${address},${{ 6: 'tcp', 17: 'udp', 132: 'sctp' }[protocol]}:${port}`;
  const inNamedSet = (id: string) => state.sets.get(id)?.members.has(named) ?? false;
  const inRange = ({ first, last }: PortRange) => port !== undefined && first <= port && port <= last;
  const { nets = [], notNets = [], sets = [], notSets = [] } = peer;
  const { ports = [], namedPortSets = [], notPorts = [], notNamedPortSets = [] } = peer;
  if (nets.length > 0 && !nets.some((net) => contains(net, address))) return false;
  if (notNets.some((net) => contains(net, address))) return false;
  if (!sets.every(inSet) || notSets.some(inSet)) return false;
  if (ports.length + namedPortSets.length > 0 && !ports.some(inRange) && !namedPortSets.some(inNamedSet)) return false;
  return !notPorts.some(inRange) && !notNamedPortSets.some(inNamedSet);
}

function contains(net: string, address: string): boolean {
  const prefix = parsePrefix(net.includes('/') ? net : `${net}/32`);
  const parsed = parseAddress(address);
  if (!prefix || !parsed) throw new Error(`${net} or ${address} is malformed`);
  return prefixContains(prefix, parsed);
}
