import type { CompiledEndpoint, CompiledPolicy, Direction, PeerMatch, Rule } from '@caracal/policy';

/**
 * What the rules say about a flow, straight from the meaning of the compiled model: the oracle for the kernel's verdicts.
 * Kept apart from the renderer, as plain as can be.
 */
export interface Packet {
  /** IP protocol number. */
  readonly protocol: 1 | 6 | 17;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Of ICMP: echo request is type 8, code 0. */
  readonly icmp?: { readonly type: number; readonly code: number };
}

export interface RuleWorld {
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>;
  readonly policies: ReadonlyMap<string, CompiledPolicy>;
  readonly endpoints: readonly CompiledEndpoint[];
}

/** Whether both ends, as far as they are endpoints of the node, allow the packet that begins a flow. */
export function allows(world: RuleWorld, packet: Packet): boolean {
  const endpointOf = (address: string) => world.endpoints.find(({ addresses }) => addresses.includes(address));
  const source = endpointOf(packet.source);
  const destination = endpointOf(packet.destination);
  return (
    (!source || allowedBy(world, source, 'egress', packet)) &&
    (!destination || allowedBy(world, destination, 'ingress', packet))
  );
}

function allowedBy(world: RuleWorld, endpoint: CompiledEndpoint, direction: Direction, packet: Packet): boolean {
  for (const tier of endpoint[direction]) {
    const action = decidedIn(world, tier.policies, direction, packet) ?? tier.defaultAction;
    if (action !== 'Pass') return action === 'Allow';
  }
  return true;
}

function decidedIn(world: RuleWorld, policies: readonly string[], direction: Direction, packet: Packet) {
  for (const id of policies) {
    for (const rule of world.policies.get(id)?.[direction] ?? []) {
      if (rule.action !== 'Log' && matches(world, rule, packet)) return rule.action;
    }
  }
  return undefined;
}

function matches(world: RuleWorld, rule: Rule, packet: Packet): boolean {
  const { protocol, icmp } = packet;
  if (rule.protocol !== undefined && rule.protocol !== protocol) return false;
  if (rule.notProtocol !== undefined && rule.notProtocol === protocol) return false;
  const isIcmp = (match: { type: number; code?: number }) =>
    icmp !== undefined && icmp.type === match.type && (match.code === undefined || match.code === icmp.code);
  if (rule.icmp && !isIcmp(rule.icmp)) return false;
  if (rule.notIcmp && isIcmp(rule.notIcmp)) return false;
  return (
    sideMatches(world, rule.source, packet.source, packet.sourcePort, protocol) &&
    sideMatches(world, rule.destination, packet.destination, packet.destinationPort, protocol)
  );
}

function sideMatches(world: RuleWorld, peer: PeerMatch, address: string, port: number | undefined, protocol: number) {
  const inNamed = (id: string) =>
    port !== undefined && (world.sets.get(id)?.has(`${address},${protocol === 6 ? 'tcp' : 'udp'}:${port}`) ?? false);
  const inRange = ({ first, last }: { first: number; last: number }) =>
    port !== undefined && first <= port && port <= last;
  const inSet = (id: string) => [...(world.sets.get(id) ?? [])].some((net) => contains(net, address));
  const { nets = [], ports = [], namedPortSets = [] } = peer;
  return (
    (nets.length === 0 || nets.some((net) => contains(net, address))) &&
    !(peer.notNets ?? []).some((net) => contains(net, address)) &&
    (peer.sets ?? []).every(inSet) &&
    !(peer.notSets ?? []).some(inSet) &&
    (ports.length + namedPortSets.length === 0 || ports.some(inRange) || namedPortSets.some(inNamed)) &&
    !(peer.notPorts ?? []).some(inRange) &&
    !(peer.notNamedPortSets ?? []).some(inNamed)
  );
}

function contains(net: string, address: string): boolean {
  const [base, length = '32'] = net.split('/');
  const number = (text: string) => text.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - Number(length));
  return Math.floor(number(base) / size) === Math.floor(number(address) / size);
}
