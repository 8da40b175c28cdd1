export { createWiring, type Wiring } from './client.ts';
export { hostInterfaceName, hostInterfacePrefix } from './interface-name.ts';
export type {
  Inspection,
  InspectRequest,
  OwnInterface,
  Wired,
  WireRequest,
  WiringFailure,
  WiringFailureReason,
  WiringOutcome,
} from './types.ts';
