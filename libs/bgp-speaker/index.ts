export type { AttributeView } from './attribute-views.ts';
export type {
  FilterRule,
  KernelConfig,
  OriginatedRoute,
  PeerConfig,
  Policy,
  PolicyAction,
  SpeakerConfig,
} from './config.ts';
export { policyOfRules } from './config.ts';
export type {
  Bfd,
  BfdListener,
  BfdState,
  BfdTarget,
  BfdTimes,
  Clock,
  Connection,
  ConnectionListener,
  LocalAddresses,
  NextHop,
  RouteSink,
  SpeakerEnvironment,
  Timer,
  Transport,
} from './environment.ts';
export type { MemoryRow } from './memory.ts';
export { peerOptions } from './peer-options.ts';
export type { PlanRow } from './plan/plan.ts';
export { Speaker } from './speaker.ts';
export type { PeerRangeStatus, PeerStatus, RouteView } from './views.ts';
