import { type Protocol, protocolNumber } from '@caracal/api';
import type { PortRange } from '../model.ts';
import { ConversionError } from './policy-source.ts';

const portProtocols = new Map<number, 'tcp' | 'udp' | 'sctp'>([
  [6, 'tcp'],
  [17, 'udp'],
  [132, 'sctp'],
]);

/** The number of a rule's protocol, if it has one. */
export function checkedProtocol(protocol: Protocol | undefined, field: string): number | undefined {
  if (protocol === undefined) return undefined;
  // The schema refuses unknown names; what came past it must not become a rule without a protocol.
  const number: number | undefined = protocolNumber(protocol);
  if (number === undefined) throw new ConversionError(`${field}: ${protocol} is no protocol`);
  return number;
}

/** The name of a protocol that has ports, as ipset spells it. */
export function portProtocolName(protocol: number | undefined): 'tcp' | 'udp' | 'sctp' | undefined {
  return protocol === undefined ? undefined : portProtocols.get(protocol);
}

/** A port as Calico writes them: a number, a range `first:last`, or else a name. */
export function parsePort(port: string | number, field: string): PortRange | string {
  const match = /^(\d+)(?::(\d+))?$/.exec(String(port));
  if (!match) {
    if (typeof port === 'string' && port !== '') return port;
    throw new ConversionError(`${field}: ${port} is no port`);
  }
  const range = { first: Number(match[1]), last: Number(match[2] ?? match[1]) };
  if (range.first > range.last || range.last > 65535)
    throw new ConversionError(`${field}: ${port} is no range of ports`);
  return range;
}
