/** Conditions of rules that do not concern labels: each gives no words when it holds, else why it does not. */
import { type Protocol, protocolNumber } from '@caracal/api';
import type { IcmpMatch } from '../model.ts';
import type { End, Holder } from './ends.ts';
import { isIn } from './ends.ts';

/** What the conditions look at. */
export interface Packet {
  readonly source: End;
  readonly destination: End;
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly port?: number;
  readonly icmp?: IcmpMatch;
}

export type Side = 'source' | 'destination';

type Ports = readonly (number | string)[] | undefined;

export function protocolMisses(packet: Packet, wanted: Protocol | undefined): string[] {
  if (wanted === undefined || protocolNumber(wanted) === packet.protocol) return [];
  return [`protocol is ${protocolWords(packet.protocol)}, the rule wants ${protocolWords(wanted)}`];
}

export function notProtocolMisses(packet: Packet, excluded: Protocol | undefined): string[] {
  if (excluded === undefined || protocolNumber(excluded) !== packet.protocol) return [];
  return [`protocol is ${protocolWords(packet.protocol)}, which the rule excludes`];
}

export function netsMisses(side: Side, end: End, nets: readonly string[] | undefined): string[] {
  if (!nets || nets.length === 0 || nets.some((net) => isIn(end.address, net))) return [];
  return [`${side}: ${end.address} is not in ${nets.join(', ')}`];
}

export function notNetsMisses(side: Side, end: End, nets: readonly string[] | undefined): string[] {
  const within = nets?.find((net) => isIn(end.address, net));
  return within === undefined ? [] : [`${side}: ${end.address} is in ${within}, which the rule excludes`];
}

/** `ports` as rules have them: numbers, `first:last`, names, which are looked up on the carriers. */
export function portMisses(side: Side, packet: Packet, ports: Ports, carriers: readonly Holder[]): string[] {
  if (!ports || ports.length === 0 || ports.some((port) => isPort(side, packet, port, carriers))) return [];
  const number = portOf(side, packet);
  const fact = number === undefined ? 'no port is given' : `port is ${number}`;
  const named = ports.filter((port) => typeof port === 'string' && !/^\d/.test(port));
  const { address } = packet[side];
  const resolved = named.map((name) => nameWords(address, String(name), carriers)).join('; ');
  return [`${side}: ${fact}, the rule wants ${ports.map(portWords).join(' or ')}${resolved && ` (${resolved})`}`];
}

export function notPortMisses(side: Side, packet: Packet, ports: Ports, carriers: readonly Holder[]): string[] {
  const excluded = ports?.find((port) => isPort(side, packet, port, carriers));
  return excluded === undefined ? [] : [`${side}: port is ${portWords(excluded)}, which the rule excludes`];
}

export function icmpMisses(packet: Packet, wanted: Partial<IcmpMatch> | undefined): string[] {
  if (wanted?.type === undefined || isIcmp(packet, wanted)) return [];
  const { icmp } = packet;
  return [`ICMP is ${icmp ? icmpWords(icmp) : 'not given'}, the rule wants ${icmpWords(wanted)}`];
}

export function notIcmpMisses(packet: Packet, excluded: Partial<IcmpMatch> | undefined): string[] {
  if (excluded?.type === undefined || !isIcmp(packet, excluded)) return [];
  return [`ICMP is ${icmpWords(excluded)}, which the rule excludes`];
}

function isIcmp({ icmp }: Packet, wanted: Partial<IcmpMatch>): boolean {
  return icmp?.type === wanted.type && (wanted.code === undefined || icmp?.code === wanted.code);
}

function portOf(side: Side, packet: Packet): number | undefined {
  return side === 'source' ? packet.sourcePort : packet.port;
}

function isPort(side: Side, packet: Packet, port: number | string, carriers: readonly Holder[]): boolean {
  const number = portOf(side, packet);
  if (number === undefined) return false;
  const range = /^(\d+)(?::(\d+))?$/.exec(String(port));
  if (range) return number >= Number(range[1]) && number <= Number(range[2] ?? range[1]);
  return carriers.some(({ ports }) =>
    ports.some(
      (each) => each.name === port && each.port === number && protocolNumber(each.protocol) === packet.protocol,
    ),
  );
}

function nameWords(address: string, name: string, carriers: readonly Holder[]): string {
  const numbers = carriers.flatMap(({ ports }) => ports.filter((port) => port.name === name));
  if (numbers.length === 0) return `nothing at ${address} that the rule selects names a port ${name}`;
  return `${name} is ${numbers.map((port) => `${port.port}/${port.protocol}`).join(', ')} here`;
}

function portWords(port: number | string): string {
  return String(port).replace(/^(\d+):(\d+)$/, '$1 to $2');
}

function icmpWords({ type, code }: Partial<IcmpMatch>): string {
  return code === undefined ? `type ${type}` : `type ${type} code ${code}`;
}

const protocolNames = new Map([
  [1, 'ICMP'],
  [6, 'TCP'],
  [17, 'UDP'],
  [58, 'ICMPv6'],
  [132, 'SCTP'],
  [136, 'UDPLite'],
]);

/** The name of a protocol, or its number. */
export function protocolWords(protocol: Protocol): string {
  return typeof protocol === 'string' ? protocol : (protocolNames.get(protocol) ?? `protocol ${protocol}`);
}
