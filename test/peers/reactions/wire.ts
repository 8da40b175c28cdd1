/**
 * BGP messages as hexadecimal text, built without the codec under test: a row shows the octets that it sends. Blanks
 * are for reading. `P4` stands for the IPv4 prefix of the row (four octets as NLRI), `P6` for its IPv6 prefix (seven).
 */
export type Hex = string;

const placeholders: Readonly<Record<string, Hex>> = { P4: '18 0a0000', P6: '30 20010db80000' };

/** The octets of a text; placeholders stand for the prefixes of row `number`. */
export function octets(text: Hex, number = 0): Uint8Array {
  const low = number.toString(16).padStart(4, '0');
  const filled = text.replaceAll(/P[46]/g, (name) => placeholders[name].slice(0, -4) + low).replaceAll(/\s/g, '');
  if (!/^([0-9a-f]{2})*$/.test(filled)) throw new Error(`no whole octets in hexadecimal: ${text}`);
  return Uint8Array.from(Buffer.from(filled, 'hex'));
}

export function hexOf(bytes: Uint8Array): Hex {
  return Buffer.from(bytes).toString('hex');
}

function number(value: number, octetsWide: number): Hex {
  return value.toString(16).padStart(2 * octetsWide, '0');
}

const size = (text: Hex) => octets(text).length;
const u8 = (value: number) => number(value, 1);
const u16 = (value: number) => number(value, 2);
const u32 = (value: number) => number(value, 4);

export const types = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const;
export const marker = 'ff'.repeat(16);

/** A header with any length in front of any body. */
export function rawMessage(length: number, type: number, body: Hex = ''): Hex {
  return `${marker} ${u16(length)} ${u8(type)} ${body}`;
}

export function message(type: number, body: Hex = ''): Hex {
  return rawMessage(19 + size(body), type, body);
}

export const keepalive: Hex = message(types.keepalive);

export function notification(code: number, subcode: number, data: Hex = ''): Hex {
  return message(types.notification, `${u8(code)} ${u8(subcode)} ${data}`);
}

export function routeRefresh(afi: number, safi: number, subtype = 0): Hex {
  return message(types.routeRefresh, `${u16(afi)} ${u8(subtype)} ${u8(safi)}`);
}

/** An UPDATE of its three fields; a length can be given that is not the field's. */
export function update(fields: {
  withdrawn?: Hex;
  attributes?: Hex;
  nlri?: Hex;
  withdrawnLength?: number;
  attributesLength?: number;
}): Hex {
  const { withdrawn = '', attributes = '', nlri = '' } = fields;
  const { withdrawnLength = size(withdrawn), attributesLength = size(attributes) } = fields;
  return message(types.update, `${u16(withdrawnLength)} ${withdrawn} ${u16(attributesLength)} ${attributes} ${nlri}`);
}

/** A path attribute; its length takes two octets when it must. */
export function attribute(flags: number, code: number, value: Hex): Hex {
  const length = size(value);
  return length > 255
    ? `${u8(flags | 0x10)} ${u8(code)} ${u16(length)} ${value}`
    : `${u8(flags)} ${u8(code)} ${u8(length)} ${value}`;
}

export interface OpenFields {
  version?: number;
  /** The two-octet field; that of `asNumber` when absent. */
  asField?: number;
  asNumber?: number;
  holdTime?: number;
  identifier?: number;
  /** Capabilities as code, length, value, each. */
  capabilities?: readonly Hex[];
  /** All after the BGP Identifier, in place of one parameter with the capabilities. */
  parameters?: Hex;
}

/** A capability of an OPEN. */
export function capability(code: number, value: Hex = ''): Hex {
  return `${u8(code)} ${u8(size(value))} ${value}`;
}

export const capabilities = {
  ipv4: capability(1, '0001 00 01'),
  ipv6: capability(1, '0002 00 01'),
  routeRefresh: capability(2),
  extendedMessage: capability(6),
  enhancedRouteRefresh: capability(70),
  fourOctetAs: (asNumber: number) => capability(65, u32(asNumber)),
  /** Families as AFI, SAFI and flags, each. */
  gracefulRestart: (flagsAndTime: number, families: Hex = '') => capability(64, `${u16(flagsAndTime)} ${families}`),
};

export function open(fields: OpenFields): Hex {
  const { version = 4, asNumber = 65002, holdTime = 90, identifier = 0x0aff0001 } = fields;
  const { ipv4, ipv6, routeRefresh: refresh, fourOctetAs } = capabilities;
  const list = (fields.capabilities ?? [ipv4, ipv6, refresh, fourOctetAs(asNumber)]).join(' ');
  const parameter = size(list) === 0 ? '00' : `${u8(size(list) + 2)} 02 ${u8(size(list))} ${list}`;
  const asField = fields.asField ?? (asNumber > 0xffff ? 23456 : asNumber);
  const rest = fields.parameters ?? parameter;
  return message(types.open, `${u8(version)} ${u16(asField)} ${u16(holdTime)} ${u32(identifier)} ${rest}`);
}

/** Attributes of a route from AS 65002, whole and in order. */
export const origin = attribute(0x40, 1, '00');
export const asPath = attribute(0x40, 2, '02 01 0000fdea');
export const nextHop = attribute(0x40, 3, 'c0000201');
export const mandatory = `${origin} ${asPath} ${nextHop}`;
/** Of an internal peer: an empty path, and LOCAL_PREF. */
export const emptyPath = attribute(0x40, 2, '');
export const localPref = attribute(0x40, 5, '00000064');
export const mandatoryInternal = `${origin} ${emptyPath} ${nextHop} ${localPref}`;

export const nextHop6 = '20010db8ffff00000000000000000001';
/** MP_REACH_NLRI of IPv6 unicast. */
export function reach6(nlri: Hex = 'P6', hop: Hex = nextHop6): Hex {
  return attribute(0x80, 14, `0002 01 ${u8(size(hop))} ${hop} 00 ${nlri}`);
}
export function unreach6(nlri: Hex = 'P6'): Hex {
  return attribute(0x80, 15, `0002 01 ${nlri}`);
}

/** An UPDATE that announces the row's IPv4 prefix with these attributes. */
export function route(attributes: Hex, nlri: Hex = 'P4'): Hex {
  return update({ attributes, nlri });
}
