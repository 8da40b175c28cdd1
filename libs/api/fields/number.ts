/** Building blocks of the schemas: numbers within bounds, and what may be a number or a name. */
import * as z from 'zod';

/** A whole number between two bounds, both included. */
export function integer(min: number, max: number, description: string) {
  const error = (issue: { input?: unknown }) =>
    typeof issue.input === 'number' ? `${issue.input} is not a whole number between ${min} and ${max}` : undefined;
  return z.int({ error }).min(min, { error }).max(max, { error }).meta({ description });
}

/** Whole numbers in text are accepted where a document may hold either. */
const intOrString = z.union([z.number(), z.string()]).meta({ 'x-kubernetes-int-or-string': true });

/** An AS number, plain (`64512`) or in RFC 5396's dotted form (`"1.10"`); a number in the result. */
export function asNumber(description: string) {
  return z
    .union([z.number(), z.string()])
    .meta({
      'x-kubernetes-int-or-string': true,
      minimum: 1,
      maximum: 0xffffffff,
      pattern: '^([0-9]{1,10}|[0-9]{1,5}[.][0-9]{1,5})$',
      description,
    })
    .transform((value, context) => {
      const number = asNumberOf(value);
      if (number !== undefined) return number;
      const message = `${JSON.stringify(value)} is no AS number, from 1 to 4294967295 (or in dotted form, "1.10")`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    });
}

function asNumberOf(value: number | string): number | undefined {
  const dotted = typeof value === 'string' ? /^(\d{1,5})\.(\d{1,5})$/.exec(value) : null;
  if (dotted) {
    const [high, low] = [Number(dotted[1]), Number(dotted[2])];
    return high <= 65535 && low <= 65535 && high + low > 0 ? high * 65536 + low : undefined;
  }
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= 0xffffffff
    ? number
    : undefined;
}

/** The protocols that have a name, with their IP protocol numbers. */
const protocolNumbers = { ICMP: 1, TCP: 6, UDP: 17, ICMPv6: 58, SCTP: 132, UDPLite: 136 } as const;

/** A protocol by name, or by number when it has none here. */
export type Protocol = keyof typeof protocolNumbers | number;

/** The IP protocol number of a protocol of a rule. */
export function protocolNumber(protocol: Protocol): number {
  return typeof protocol === 'number' ? protocol : protocolNumbers[protocol];
}

/** An IP protocol by name (in any case) or number 1 to 255; a name in the result when it has one. */
export function protocol(description: string) {
  const meta = {
    'x-kubernetes-int-or-string': true,
    minimum: 1,
    maximum: 255,
    pattern: '^([0-9]{1,3}|(?i:icmp|tcp|udp|icmpv6|sctp|udplite))$',
    description,
  };
  return intOrString.meta(meta).transform((value, context): Protocol => {
    const found = protocolOf(value);
    if (found !== undefined) return found;
    const names = Object.keys(protocolNumbers).join(', ');
    const message = `${JSON.stringify(value)} is no protocol: use ${names} or a number from 1 to 255`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

function protocolOf(value: number | string): Protocol | undefined {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  for (const [name, code] of Object.entries(protocolNumbers)) {
    // Object.entries forgets the type of its keys.
    if (number === code || String(number).toLowerCase() === name.toLowerCase())
      return name as keyof typeof protocolNumbers;
  }
  return typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= 255 ? number : undefined;
}

/**
 * A port of a rule: a number, a range in text (`"8000:8010"`) or the name of a port. In the result a lone number is a number, a range has its lower
 * bound first.
 */
export function port(description: string) {
  const meta = {
    'x-kubernetes-int-or-string': true,
    minimum: 0,
    maximum: 65535,
    pattern: '^([a-zA-Z0-9_.-]{1,128}|[0-9]{1,5}:[0-9]{1,5})$',
    description,
  };
  return intOrString.meta(meta).transform((value, context) => {
    const found = portOf(value);
    if (typeof found !== 'object') return found;
    context.addIssue({ code: 'custom', message: `${JSON.stringify(value)} ${found.complaint}` });
    return z.NEVER;
  });
}

function portOf(value: number | string): number | string | { complaint: string } {
  const text = String(value);
  if (typeof value === 'number' || /^\d+$/.test(text)) {
    const number = Number(value);
    if (Number.isInteger(number) && number >= 0 && number <= 65535) return number;
    return { complaint: 'is no port from 0 to 65535' };
  }
  const range = /^(\d+):(\d+)$/.exec(text);
  if (range) {
    const [first, last] = [Number(range[1]), Number(range[2])];
    if (first > 65535 || last > 65535) return { complaint: 'is no range of ports from 0 to 65535' };
    if (first > last) return { complaint: `is no range: ${first} is above ${last}` };
    return first === last ? first : `${first}:${last}`;
  }
  if (text.length <= 128 && /^[a-zA-Z0-9_.-]+$/.test(text)) return text;
  return { complaint: 'is no port: use a number (80), a range ("8000:8010") or the name of a port' };
}
