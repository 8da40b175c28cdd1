export { createHubTransport, type HubTransport, type HubTransportOptions, hubServerName } from './client.ts';
export { decodeEnrolmentToken, type EnrolmentClaims, encodeEnrolmentToken } from './enrolment-token.ts';
export * from './gen/caracal/v1/hub_pb.ts';
export { type EndpointRow, PackedPodsCheck, PodPacker, type PodRow, PodUnpacker, podRow } from './packed-pods.ts';

/** The version of the protocol that this tree speaks; a hub also accepts the one before it. */
export const protocolVersion = 2;
