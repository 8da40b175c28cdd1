import { readU16, readU32, u16, u32 } from './bytes.ts';
import { capabilityCodes } from './iana.ts';

/** An address family as its numbers: what a peer names need not be one that we route. */
export interface FamilyNumbers {
  readonly afi: number;
  readonly safi: number;
}

/** The capabilities of an OPEN (RFC 5492), one variant for each that has a row below. */
export type Capability =
  | ({ readonly name: 'multiprotocol' } & FamilyNumbers)
  | { readonly name: 'routeRefresh' }
  | { readonly name: 'extendedNextHop'; readonly entries: readonly (FamilyNumbers & { readonly nextHopAfi: number })[] }
  | { readonly name: 'extendedMessage' }
  | { readonly name: 'bgpRole'; readonly role: number }
  | {
      readonly name: 'gracefulRestart';
      /** The R bit: the sender has restarted. */
      readonly restarting: boolean;
      /** The N bit: a NOTIFICATION keeps routes too (RFC 8538). */
      readonly notification: boolean;
      readonly restartTimeSeconds: number;
      readonly families: readonly (FamilyNumbers & { readonly forwardingKept: boolean })[];
    }
  | { readonly name: 'fourOctetAs'; readonly asNumber: number }
  | {
      readonly name: 'addPath';
      /** 1 receive, 2 send, 3 both (RFC 7911 section 4). */
      readonly families: readonly (FamilyNumbers & { readonly mode: number })[];
    }
  | { readonly name: 'enhancedRouteRefresh' }
  | {
      readonly name: 'longLivedGracefulRestart';
      readonly families: readonly (FamilyNumbers & {
        readonly forwardingKept: boolean;
        readonly staleTimeSeconds: number;
      })[];
    }
  | UnknownCapability;

/** A capability without a row: carried as it came (RFC 5492 section 3). */
interface UnknownCapability {
  readonly name: 'unknown';
  readonly code: number;
  readonly value: Uint8Array;
}

type Known = Exclude<Capability['name'], 'unknown'>;
type Named<N extends Capability['name']> = Extract<Capability, { name: N }>;

interface Row<N extends Known> {
  readonly code: number;
  /** The value, or undefined when its length is none that the capability can have. Reserved bits have no meaning. */
  decode(value: Uint8Array): Named<N> | undefined;
  encode(capability: Named<N>): readonly number[];
}

/** The octets `width` at a time, or undefined when they do not divide. */
function entries<T>(value: Uint8Array, from: number, width: number, read: (at: number) => T): T[] | undefined {
  if (value.length < from || (value.length - from) % width !== 0) return undefined;
  const list: T[] = [];
  for (let at = from; at < value.length; at += width) list.push(read(at));
  return list;
}

const table: { readonly [N in Known]: Row<N> } = {
  // RFC 4760 section 8
  multiprotocol: {
    code: capabilityCodes.multiprotocol,
    decode: (value) =>
      value.length === 4 ? { name: 'multiprotocol', afi: readU16(value, 0), safi: value[3] } : undefined,
    encode: (capability) => [...u16(capability.afi), 0, capability.safi],
  },
  // RFC 2918 section 2
  routeRefresh: {
    code: capabilityCodes.routeRefresh,
    decode: (value) => (value.length === 0 ? { name: 'routeRefresh' } : undefined),
    encode: () => [],
  },
  // RFC 8950 section 4: the SAFI has two octets here
  extendedNextHop: {
    code: capabilityCodes.extendedNextHop,
    decode: (value) => {
      const list = entries(value, 0, 6, (at) => ({
        afi: readU16(value, at),
        safi: readU16(value, at + 2),
        nextHopAfi: readU16(value, at + 4),
      }));
      return list && { name: 'extendedNextHop', entries: list };
    },
    encode: (capability) =>
      capability.entries.flatMap((entry) => [...u16(entry.afi), ...u16(entry.safi), ...u16(entry.nextHopAfi)]),
  },
  // RFC 8654 section 2
  extendedMessage: {
    code: capabilityCodes.extendedMessage,
    decode: (value) => (value.length === 0 ? { name: 'extendedMessage' } : undefined),
    encode: () => [],
  },
  // RFC 9234 section 4.1
  bgpRole: {
    code: capabilityCodes.bgpRole,
    decode: (value) => (value.length === 1 ? { name: 'bgpRole', role: value[0] } : undefined),
    encode: (capability) => [capability.role],
  },
  // RFC 4724 section 3, RFC 8538 section 2
  gracefulRestart: {
    code: capabilityCodes.gracefulRestart,
    decode: (value) => {
      if (value.length < 2) return undefined;
      const families = entries(value, 2, 4, (at) => ({
        afi: readU16(value, at),
        safi: value[at + 2],
        forwardingKept: (value[at + 3] & 0x80) !== 0,
      }));
      return (
        families && {
          name: 'gracefulRestart',
          restarting: (value[0] & 0x80) !== 0,
          notification: (value[0] & 0x40) !== 0,
          restartTimeSeconds: readU16(value, 0) & 0x0fff,
          families,
        }
      );
    },
    encode: (capability) => [
      (capability.restarting ? 0x80 : 0) | (capability.notification ? 0x40 : 0) | (capability.restartTimeSeconds >> 8),
      capability.restartTimeSeconds & 255,
      ...capability.families.flatMap((f) => [...u16(f.afi), f.safi, f.forwardingKept ? 0x80 : 0]),
    ],
  },
  // RFC 6793 section 3
  fourOctetAs: {
    code: capabilityCodes.fourOctetAs,
    decode: (value) => (value.length === 4 ? { name: 'fourOctetAs', asNumber: readU32(value, 0) } : undefined),
    encode: (capability) => [...u32(capability.asNumber)],
  },
  // RFC 7911 section 4
  addPath: {
    code: capabilityCodes.addPath,
    decode: (value) => {
      const families = entries(value, 0, 4, (at) => ({
        afi: readU16(value, at),
        safi: value[at + 2],
        mode: value[at + 3],
      }));
      return families && { name: 'addPath', families };
    },
    encode: (capability) => capability.families.flatMap((f) => [...u16(f.afi), f.safi, f.mode]),
  },
  // RFC 7313 section 3.1
  enhancedRouteRefresh: {
    code: capabilityCodes.enhancedRouteRefresh,
    decode: (value) => (value.length === 0 ? { name: 'enhancedRouteRefresh' } : undefined),
    encode: () => [],
  },
  // RFC 9494 section 3.1
  longLivedGracefulRestart: {
    code: capabilityCodes.longLivedGracefulRestart,
    decode: (value) => {
      const families = entries(value, 0, 7, (at) => ({
        afi: readU16(value, at),
        safi: value[at + 2],
        forwardingKept: (value[at + 3] & 0x80) !== 0,
        staleTimeSeconds: (value[at + 4] << 16) | readU16(value, at + 5),
      }));
      return families && { name: 'longLivedGracefulRestart', families };
    },
    encode: (capability) =>
      capability.families.flatMap((f) => [
        ...u16(f.afi),
        f.safi,
        f.forwardingKept ? 0x80 : 0,
        f.staleTimeSeconds >> 16,
        ...u16(f.staleTimeSeconds & 0xffff),
      ]),
  },
};

const byCode = new Map<number, Row<Known>>(
  // A row decodes to its own variant only; as a member of this map it is used for decoding alone.
  Object.values(table).map((row) => [row.code, row as unknown as Row<Known>]),
);

/** One capability of the code and value of an OPEN; undefined when it is known, but not with a value of this length. */
export function decodeCapability(code: number, value: Uint8Array): Capability | undefined {
  const row = byCode.get(code);
  return row ? row.decode(value) : { name: 'unknown', code, value: value.slice() };
}

/** The capability as code, length, value. */
export function encodeCapability(capability: Capability): Uint8Array {
  if (capability.name === 'unknown') {
    return Uint8Array.of(capability.code, capability.value.length, ...capability.value);
  }
  // The row of a name takes exactly the variant of that name; the compiler cannot follow the correlation.
  const row = table[capability.name] as unknown as Row<Known>;
  const value = row.encode(capability as Named<Known>);
  return Uint8Array.of(row.code, value.length, ...value);
}
