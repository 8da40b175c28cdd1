import { type CniFailure, cniErrorCodes } from './pod-network.ts';

/** Why a request is broken off: the reason of its AbortSignal. */
export const hungUp = new Error('the caller hung up');
export const stopping = new Error('the agent is stopping');

/** The refusal of a request that is broken off (code 11, "try again later"); undefined while it is not. */
export function brokenOff(signal: AbortSignal): CniFailure | undefined {
  if (!signal.aborted) return undefined;
  const { message } = signal.reason instanceof Error ? signal.reason : hungUp;
  return { ok: false, code: cniErrorCodes.tryAgainLater, message };
}
