import type { Assignment } from '@caracal/ipam';
import { type CheckRequest, type CniFailure, cniErrorCodes } from '../cni/pod-network.ts';
import { hostInterfaceName, type Wiring } from '../wiring/index.ts';
import { recordOf } from './endpoint-record.ts';
import { codeOf, failure, wiringFailed } from './refusals.ts';

export interface CheckParts {
  readonly wiring: Wiring;
  /** What packets of the interface meet in the kernel that is not as policy and host ports want it. */
  inspectRules(hostInterface: string): Promise<readonly string[]>;
}

/** CHECK of an attachment that holds this assignment: its addresses, its interface, and the rules and sets that its packets meet. Changes nothing. */
export async function checkPod(
  request: CheckRequest,
  assignment: Assignment | undefined,
  { wiring, inspectRules }: CheckParts,
): Promise<{ readonly ok: true } | CniFailure> {
  if (!assignment)
    return failure(cniErrorCodes.containerUnknown, 'no address is assigned to this container and interface');
  const { expected } = request;
  const missing = expected.addresses.filter((address) => !assignment.addresses.includes(address));
  if (missing.length > 0) {
    return failure(wiringFailed, `the journal has ${assignment.addresses.join(', ')}, not ${missing.join(', ')}`);
  }
  const hostInterface = hostInterfaceName(request.containerId, request.ifname);
  const rules = inspectRules(hostInterface);
  const [inspection, inspectedRules] = await Promise.allSettled([
    wiring.inspect({
      netnsPath: request.netns,
      hostInterface,
      podInterface: request.ifname,
      ...expected,
      addresses: assignment.addresses,
      bandwidth: recordOf(assignment)?.bandwidth,
    }),
    rules,
  ]);
  if (inspection.status === 'rejected') throw inspection.reason;
  if (!inspection.value.ok) return failure(codeOf(inspection.value), inspection.value.message);
  if (inspectedRules.status === 'rejected') {
    return failure(
      cniErrorCodes.tryAgainLater,
      'the rules in the kernel cannot be read',
      String(inspectedRules.reason),
    );
  }
  const problems = [...inspection.value.problems, ...inspectedRules.value];
  return problems.length === 0 ? { ok: true } : failure(wiringFailed, problems.join('; '));
}
