/** The BFD control packet of RFC 5880 section 4.1, without authentication. Times are in microseconds. */

/** In the order of their numbers. */
const states = ['AdminDown', 'Down', 'Init', 'Up'] as const;
export type BfdState = (typeof states)[number];

/** The diagnostic codes of section 4.1 that are used here. */
export const diagnostics = {
  none: 0,
  detectionTimeExpired: 1,
  neighborSignaledDown: 3,
  administrativelyDown: 7,
} as const;

export interface ControlPacket {
  readonly diagnostic: number;
  readonly state: BfdState;
  readonly poll: boolean;
  readonly final: boolean;
  readonly demand: boolean;
  readonly multiplier: number;
  readonly myDiscriminator: number;
  /** 0 while it is unknown. */
  readonly yourDiscriminator: number;
  readonly desiredMinTxUs: number;
  readonly requiredMinRxUs: number;
}

const version = 1;
const packetLength = 24;
const flags = { poll: 0x20, final: 0x10, authentication: 0x04, demand: 0x02, multipoint: 0x01 } as const;

export function encodePacket(packet: ControlPacket): Uint8Array {
  const view = new DataView(new ArrayBuffer(packetLength));
  view.setUint8(0, (version << 5) | packet.diagnostic);
  const set = (on: boolean, flag: number) => (on ? flag : 0);
  const bits = set(packet.poll, flags.poll) | set(packet.final, flags.final) | set(packet.demand, flags.demand);
  view.setUint8(1, (states.indexOf(packet.state) << 6) | bits);
  view.setUint8(2, packet.multiplier);
  view.setUint8(3, packetLength);
  view.setUint32(4, packet.myDiscriminator);
  view.setUint32(8, packet.yourDiscriminator);
  view.setUint32(12, packet.desiredMinTxUs);
  view.setUint32(16, packet.requiredMinRxUs);
  return new Uint8Array(view.buffer);
}

/** The packet; undefined when section 6.8.6 says that it is to be discarded, as one with authentication is here. */
export function decodePacket(bytes: Uint8Array): ControlPacket | undefined {
  if (bytes.length < packetLength) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const bits = view.getUint8(1);
  const packet = {
    diagnostic: view.getUint8(0) & 0x1f,
    state: states[bits >> 6],
    poll: (bits & flags.poll) !== 0,
    final: (bits & flags.final) !== 0,
    demand: (bits & flags.demand) !== 0,
    multiplier: view.getUint8(2),
    myDiscriminator: view.getUint32(4),
    yourDiscriminator: view.getUint32(8),
    desiredMinTxUs: view.getUint32(12),
    requiredMinRxUs: view.getUint32(16),
  };
  const length = view.getUint8(3);
  if (view.getUint8(0) >> 5 !== version || length < packetLength || length > bytes.length) return undefined;
  if (bits & (flags.authentication | flags.multipoint)) return undefined;
  if (packet.multiplier === 0 || packet.myDiscriminator === 0) return undefined;
  const early = packet.state === 'Down' || packet.state === 'AdminDown';
  if (packet.yourDiscriminator === 0 && !early) return undefined;
  return packet;
}
