import type { NodeIpam } from '@caracal/ipam';
import type { Logger } from 'pino';
import type { Reporter } from '../report/reporter.ts';
import type { Wiring } from '../wiring/index.ts';
import { endpointId, recordOf } from './endpoint-record.ts';

interface Kept {
  readonly address: string;
  readonly reason: string;
}

/** Takes back addresses that an administrator takes for leaked. What still has an interface is none, and stays. */
export async function takeAskedBack(
  parts: { readonly ipam: NodeIpam; readonly wiring: Wiring; readonly reporter: Reporter; readonly logger: Logger },
  addresses: readonly string[],
): Promise<Kept[]> {
  const { ipam, wiring, reporter, logger } = parts;
  const kept: Kept[] = [];
  const found = await wiring.listOwnInterfaces();
  for (const address of addresses) {
    const holder = [...ipam.assignments()].find((assignment) => assignment.addresses.includes(address));
    if (!holder) {
      reporter.full(); // the hub believes something that is not so
      continue;
    }
    const record = recordOf(holder);
    const user = found.ok
      ? found.interfaces.find((each) => each.name === record?.hostInterface || each.addresses.includes(address))
      : undefined;
    if (!found.ok || user) {
      const reason = found.ok ? `interface ${user?.name} uses it` : `the interfaces cannot be listed: ${found.message}`;
      kept.push({ address, reason });
      continue;
    }
    await ipam.release(holder.handle);
    if (record) reporter.removed(endpointId(record), record.containerId, record.ifname);
    logger.warn({ address, handle: holder.handle }, 'an address was asked back, and nothing used it: released');
  }
  return kept;
}
