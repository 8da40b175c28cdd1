import { addressFromBytes, formatAddress, ipv4FromNumber } from '@caracal/net';
import { concat, formatHex, readU16, readU32, readU32s, u16, u32, u32s } from '../bytes.ts';
import type { DecodeContext } from '../context.ts';
import { attributeCodes, attributeFlags } from '../iana.ts';
import { formatNlri } from '../nlri.ts';
import { twoOctetAs } from '../two-octet-as.ts';
import { decodeAsPath, encodeAsPath, formatAsPath, inConfederation } from './as-path.ts';
import {
  decodeExtended,
  decodeIpv6Extended,
  decodeLarge,
  encodeExtended,
  formatCommunity,
  formatExtendedCommunity,
  formatLargeCommunity,
} from './communities.ts';
import { decodeMpReach, decodeMpUnreach, encodeMpReach, encodeMpUnreach } from './multiprotocol.ts';
import { type Aggregator, type AttributeName, bad, type DecodedValue, good, type PathAttributes } from './value.ts';

/** What the codec knows about one attribute. Adding an attribute is adding a row and a field of `PathAttributes`. */
interface AttributeRow<N extends AttributeName> {
  readonly name: N;
  readonly code: number;
  /** The Optional and Transitive bits that it must come with. */
  readonly flags: number;
  /** What a malformed value leads to (RFC 7606 section 7, or the attribute's own RFC). */
  readonly fault: 'treatAsWithdraw' | 'attributeDiscard';
  /** Meaningful inside an AS only: discarded when an external peer sends it. */
  readonly internalOnly?: true;
  decode(value: Uint8Array, context: DecodeContext): DecodedValue<NonNullable<PathAttributes[N]>>;
  encode(value: NonNullable<PathAttributes[N]>, context: DecodeContext): Uint8Array;
  format(value: NonNullable<PathAttributes[N]>): string;
}

const { optional, transitive } = attributeFlags;
const wellKnown = transitive;
const optionalTransitive = optional | transitive;

function fourOctets(value: Uint8Array): DecodedValue<number> {
  return value.length === 4 ? good(readU32(value, 0)) : bad(`length ${value.length} is not 4`);
}

/** The value cut into items of `width` octets, of which there must be at least one. */
function items<T>(value: Uint8Array, width: number, read: (value: Uint8Array) => T): DecodedValue<T> {
  if (value.length > 0 && value.length % width === 0) return good(read(value));
  return bad(`length ${value.length} is not a positive multiple of ${width}`);
}

function decodeAggregator(value: Uint8Array, width: 2 | 4): DecodedValue<Aggregator> {
  if (value.length !== width + 4) return bad(`length ${value.length} is not ${width + 4}`);
  const asNumber = width === 2 ? readU16(value, 0) : readU32(value, 0);
  if (asNumber === 0) return bad('AS number 0 (RFC 7607)');
  return good({ asNumber, address: addressFromBytes(value.slice(width)) });
}

const asWidth = (context: DecodeContext): 2 | 4 => (context.fourOctetAs ? 4 : 2);
const formatAggregator = (value: Aggregator): string => `${value.asNumber} ${formatAddress(value.address)}`;
const formatRouterId = (value: number): string => formatAddress(ipv4FromNumber(value));

const attributeTable: { readonly [N in AttributeName]: AttributeRow<N> } = {
  // RFC 4271 section 5.1.1; RFC 7606 section 7.1
  origin: {
    name: 'origin',
    code: attributeCodes.origin,
    flags: wellKnown,
    fault: 'treatAsWithdraw',
    decode: (value) => {
      if (value.length !== 1) return bad(`length ${value.length} is not 1`);
      return value[0] <= 2 ? good(value[0]) : bad(`value ${value[0]} is not 0, 1 or 2`);
    },
    encode: (value) => Uint8Array.of(value),
    format: (value) => ['IGP', 'EGP', 'incomplete'][value],
  },
  // RFC 4271 section 5.1.2; RFC 7606 section 7.2
  asPath: {
    name: 'asPath',
    code: attributeCodes.asPath,
    flags: wellKnown,
    fault: 'treatAsWithdraw',
    decode: (value, context) => {
      const path = decodeAsPath(value, asWidth(context));
      // RFC 5065 section 5: an error from a neighbor that is not in our confederation.
      const foreign = path.ok && !context.confederation && path.value.some(inConfederation);
      return foreign ? bad('confederation segments from outside a confederation') : path;
    },
    encode: (value, context) => encodeAsPath(value, asWidth(context)),
    format: formatAsPath,
  },
  // RFC 4271 section 5.1.3; RFC 7606 section 7.3
  nextHop: {
    name: 'nextHop',
    code: attributeCodes.nextHop,
    flags: wellKnown,
    fault: 'treatAsWithdraw',
    decode: (value) =>
      value.length === 4 ? good(addressFromBytes(value.slice())) : bad(`length ${value.length} is not 4`),
    encode: (value) => value.bytes,
    format: formatAddress,
  },
  // RFC 4271 section 5.1.4; RFC 7606 section 7.4
  med: {
    name: 'med',
    code: attributeCodes.med,
    flags: optional,
    fault: 'treatAsWithdraw',
    decode: fourOctets,
    encode: u32,
    format: String,
  },
  // RFC 4271 section 5.1.5; RFC 7606 section 7.5
  localPref: {
    name: 'localPref',
    code: attributeCodes.localPref,
    flags: wellKnown,
    fault: 'treatAsWithdraw',
    internalOnly: true,
    decode: fourOctets,
    encode: u32,
    format: String,
  },
  // RFC 4271 section 5.1.6; RFC 7606 section 7.6
  atomicAggregate: {
    name: 'atomicAggregate',
    code: attributeCodes.atomicAggregate,
    flags: wellKnown,
    fault: 'attributeDiscard',
    decode: (value) => (value.length === 0 ? good(true) : bad(`length ${value.length} is not 0`)),
    encode: () => new Uint8Array(0),
    format: () => 'yes',
  },
  // RFC 4271 section 5.1.7; RFC 7606 section 7.7
  aggregator: {
    name: 'aggregator',
    code: attributeCodes.aggregator,
    flags: optionalTransitive,
    fault: 'attributeDiscard',
    decode: (value, context) => decodeAggregator(value, asWidth(context)),
    encode: (value, context) =>
      concat([context.fourOctetAs ? u32(value.asNumber) : u16(twoOctetAs(value.asNumber)), value.address.bytes]),
    format: formatAggregator,
  },
  // RFC 1997; RFC 7606 section 7.8
  communities: {
    name: 'communities',
    code: attributeCodes.communities,
    flags: optionalTransitive,
    fault: 'treatAsWithdraw',
    decode: (value) => items(value, 4, readU32s),
    encode: u32s,
    format: (value) => value.map(formatCommunity).join(' '),
  },
  // RFC 4456 section 8; RFC 7606 section 7.9
  originatorId: {
    name: 'originatorId',
    code: attributeCodes.originatorId,
    flags: optional,
    fault: 'treatAsWithdraw',
    internalOnly: true,
    decode: fourOctets,
    encode: u32,
    format: formatRouterId,
  },
  // RFC 4456 section 8; RFC 7606 section 7.10
  clusterList: {
    name: 'clusterList',
    code: attributeCodes.clusterList,
    flags: optional,
    fault: 'treatAsWithdraw',
    internalOnly: true,
    decode: (value) => items(value, 4, readU32s),
    encode: u32s,
    format: (value) => value.map(formatRouterId).join(' '),
  },
  // RFC 4760 section 3
  mpReach: {
    name: 'mpReach',
    code: attributeCodes.mpReach,
    flags: optional,
    fault: 'treatAsWithdraw',
    decode: decodeMpReach,
    encode: encodeMpReach,
    format: (value) =>
      value.family === 'other'
        ? `AFI ${value.afi} SAFI ${value.safi}`
        : `${value.nlri.map(formatNlri).join(' ')} via ${value.nextHops.map(formatAddress).join(' ')}`,
  },
  // RFC 4760 section 4
  mpUnreach: {
    name: 'mpUnreach',
    code: attributeCodes.mpUnreach,
    flags: optional,
    fault: 'treatAsWithdraw',
    decode: decodeMpUnreach,
    encode: encodeMpUnreach,
    format: (value) =>
      value.family === 'other' ? `AFI ${value.afi} SAFI ${value.safi}` : value.nlri.map(formatNlri).join(' '),
  },
  // RFC 4360; RFC 7606 section 7.14
  extendedCommunities: {
    name: 'extendedCommunities',
    code: attributeCodes.extendedCommunities,
    flags: optionalTransitive,
    fault: 'treatAsWithdraw',
    decode: (value) => items(value, 8, decodeExtended),
    encode: encodeExtended,
    format: (value) => value.map(formatExtendedCommunity).join(' '),
  },
  // RFC 6793 section 6
  as4Path: {
    name: 'as4Path',
    code: attributeCodes.as4Path,
    flags: optionalTransitive,
    fault: 'attributeDiscard',
    decode: (value) => (value.length >= 6 ? decodeAsPath(value, 4) : bad(`length ${value.length} is less than 6`)),
    encode: (value) => encodeAsPath(value, 4),
    format: formatAsPath,
  },
  // RFC 6793 section 6
  as4Aggregator: {
    name: 'as4Aggregator',
    code: attributeCodes.as4Aggregator,
    flags: optionalTransitive,
    fault: 'attributeDiscard',
    decode: (value) => decodeAggregator(value, 4),
    encode: (value) => concat([u32(value.asNumber), value.address.bytes]),
    format: formatAggregator,
  },
  // RFC 5701; RFC 7606 section 7.15
  ipv6ExtendedCommunities: {
    name: 'ipv6ExtendedCommunities',
    code: attributeCodes.ipv6ExtendedCommunities,
    flags: optionalTransitive,
    fault: 'treatAsWithdraw',
    decode: (value) => items(value, 20, decodeIpv6Extended),
    encode: concat,
    format: (value) => value.map((community) => `0x${formatHex(community)}`).join(' '),
  },
  // RFC 8092 section 6
  largeCommunities: {
    name: 'largeCommunities',
    code: attributeCodes.largeCommunities,
    flags: optionalTransitive,
    fault: 'treatAsWithdraw',
    decode: (value) => items(value, 12, decodeLarge),
    encode: (value) => u32s(value.flat()),
    format: (value) => value.map(formatLargeCommunity).join(' '),
  },
  // RFC 9234 section 5
  onlyToCustomer: {
    name: 'onlyToCustomer',
    code: attributeCodes.onlyToCustomer,
    flags: optionalTransitive,
    fault: 'treatAsWithdraw',
    decode: fourOctets,
    encode: u32,
    format: String,
  },
};

/** A row seen without its value's type; {@link attributeTable} pairs them. */
type AnyRow = AttributeRow<AttributeName>;

// Each row encodes and formats only the field of its own name, which the loops over the table respect.
const rows = Object.values(attributeTable) as unknown as AnyRow[];

const byCode: (AnyRow | undefined)[] = [];
for (const row of rows) byCode[row.code] = row;

/** The row of an attribute code, or undefined. */
export function attributeRow(code: number): AnyRow | undefined {
  return byCode[code];
}

const first: number[] = [attributeCodes.mpReach, attributeCodes.mpUnreach];

/** The rows in the order of encoding: the multiprotocol attributes (RFC 7606 section 5.1), then by code. */
export const encodingOrder: readonly AnyRow[] = [
  ...rows.filter((row) => first.includes(row.code)),
  ...rows.filter((row) => !first.includes(row.code)).sort((a, b) => a.code - b.code),
];
