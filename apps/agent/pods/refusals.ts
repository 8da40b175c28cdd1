import { brokenOff } from '../cni/broken-off.ts';
import { type CniFailure, cniErrorCodes } from '../cni/pod-network.ts';
import type { Wired, WiringFailure } from '../wiring/index.ts';

/** Our own error code; the specification leaves 100 and above to plugins. */
export const wiringFailed = 101;

/** Why an ADD fails, the first of what went wrong; undefined when all is well. */
export function firstRefusal(
  journalled: PromiseSettledResult<unknown>,
  wired: PromiseSettledResult<Wired | WiringFailure>,
  enforced: PromiseSettledResult<unknown>,
  translated: PromiseSettledResult<string | undefined>,
  signal: AbortSignal,
): CniFailure | undefined {
  if (journalled.status === 'rejected') {
    return failure(cniErrorCodes.ioFailure, 'the journal could not be written', String(journalled.reason));
  }
  if (wired.status === 'rejected')
    return failure(wiringFailed, 'the interface could not be made', String(wired.reason));
  if (!wired.value.ok) return failure(codeOf(wired.value), nameVariable(wired.value));
  if (enforced.status === 'rejected') {
    return failure(cniErrorCodes.tryAgainLater, 'the policy of the pod is not in the kernel', String(enforced.reason));
  }
  if (translated.status === 'rejected') {
    return failure(
      cniErrorCodes.tryAgainLater,
      'the ports of the node do not lead to the pod',
      String(translated.reason),
    );
  }
  const problem = translated.value;
  if (problem) return failure(wiringFailed, 'runtimeConfig.portMappings: the kernel does not take them', problem);
  return brokenOff(signal);
}

/** Section 5, code 4: "The error message must contain the names of invalid variables". */
function nameVariable(failed: WiringFailure): string {
  if (codeOf(failed) === cniErrorCodes.invalidEnvironment) return `CNI_NETNS: ${failed.message}`;
  return failed.reason === 'podInterfaceExists' ? `CNI_IFNAME: ${failed.message}` : failed.message;
}

export function codeOf({ reason }: WiringFailure): number {
  switch (reason) {
    case 'netnsMissing':
    case 'notNetns':
    case 'hostNetns':
      return cniErrorCodes.invalidEnvironment;
    default:
      return wiringFailed;
  }
}

export function failure(code: number, message: string, details?: string): CniFailure {
  return { ok: false, code, message, ...(details === undefined ? {} : { details }) };
}
