import type { AddPathsConfig, GracefulRestartConfig, PeerConfig, PrefixLimit } from './config.ts';

/** The settings of a session under the names that a BGPPeer gives them. */
interface NamedOptions {
  readonly peerPrefix?: string;
  readonly sessionLimit?: number;
  readonly extendedNextHop?: boolean;
  readonly addPaths?: AddPathsConfig;
  readonly extendedMessages?: boolean;
  readonly passwordFile?: string;
  readonly ttlSecurity?: number;
  readonly shutdown?: { readonly message?: string };
  readonly prefixLimit?: PrefixLimit;
  readonly numAllowedLocalASNumbers?: number;
  readonly asOverride?: boolean;
  readonly removePrivateAS?: boolean;
  readonly nextHopMode?: 'Auto' | 'Self' | 'Keep';
  readonly keepOriginalNextHop?: boolean;
  readonly defaultOriginate?: boolean;
  readonly routeReflectorClient?: boolean;
  readonly gracefulRestart?: GracefulRestartConfig;
  readonly bfd?: {
    readonly minimumSendMilliseconds: number;
    readonly minimumReceiveMilliseconds: number;
    readonly multiplier: number;
  };
}

/** What of a session's configuration is the same wherever it comes from; settings that are not made are left out. */
export function peerOptions(spec: NamedOptions): Partial<PeerConfig> {
  const options: Partial<PeerConfig> = {
    peerPrefix: spec.peerPrefix,
    sessionLimit: spec.sessionLimit,
    extendedNextHop: spec.extendedNextHop,
    addPaths: spec.addPaths,
    extendedMessages: spec.extendedMessages,
    passwordFile: spec.passwordFile,
    ttlSecurityHops: spec.ttlSecurity,
    shutdown: spec.shutdown,
    prefixLimit: spec.prefixLimit,
    allowOwnAs: spec.numAllowedLocalASNumbers,
    asOverride: spec.asOverride,
    removePrivateAs: spec.removePrivateAS,
    nextHopMode: spec.nextHopMode ?? (spec.keepOriginalNextHop ? 'Keep' : undefined),
    defaultOriginate: spec.defaultOriginate,
    reflectorClient: spec.routeReflectorClient,
    gracefulRestart: spec.gracefulRestart,
    bfd: spec.bfd && {
      sendMs: spec.bfd.minimumSendMilliseconds,
      receiveMs: spec.bfd.minimumReceiveMilliseconds,
      multiplier: spec.bfd.multiplier,
    },
  };
  // The values keep their types; only those that are undefined go.
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<PeerConfig>;
}
