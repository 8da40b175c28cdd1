export * from './attributes/as-path.ts';
export {
  formatCommunity,
  formatExtendedCommunity,
  formatLargeCommunity,
  parseCommunity,
  parseExtendedCommunity,
  parseLargeCommunity,
} from './attributes/communities.ts';
export { decodeAttributes, encodeAttribute, encodeAttributes, formatAttributes } from './attributes/list.ts';
export type * from './attributes/value.ts';
export { readU16, readU32 } from './bytes.ts';
export type { Capability, FamilyNumbers } from './capabilities.ts';
export { type DecodeContext, initialContext, type RouteFamily } from './context.ts';
export { type AttributeFault, type SessionReset, sessionReset } from './errors.ts';
export { formatMessage } from './format.ts';
export { createFramer, type Framer } from './framer.ts';
export * from './iana.ts';
export * from './message.ts';
export * from './mrt/index.ts';
export * from './nlri.ts';
export { encodeShutdownCommunication, formatNotification, type Notification } from './notification.ts';
export { asNumberOf, type Open } from './open.ts';
export { twoOctetAs } from './two-octet-as.ts';
export { encodeUpdateBody, type Update } from './update.ts';
