import { type CniFailure, cniErrorCodes } from '../cni/pod-network.ts';

/** Our own error code; the specification leaves 100 and above to plugins. */
const addressesExhausted = 100;

/** Why an ADD gets no address, as a runtime reads it: what may be otherwise soon is to be tried again (section 5, code 11). */
export function noAddress({ reason, message }: { readonly reason: string; readonly message: string }): CniFailure {
  const code = reason === 'unavailable' ? cniErrorCodes.tryAgainLater : addressesExhausted;
  return { ok: false, code, message: 'no address can be assigned', details: message };
}
