import { existsSync } from 'node:fs';
import type { NodeIpam } from '@caracal/ipam';
import type { Logger } from 'pino';
import type { Reporter } from '../report/reporter.ts';
import type { Wiring } from '../wiring/index.ts';
import { endpointId, recordOf } from './endpoint-record.ts';
import { type PlainRecord, plainRecordOf } from './plain-addresses.ts';

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
  const refused: Kept[] = [];
  const found = await wiring.listOwnInterfaces();
  for (const address of addresses) {
    const holder = [...ipam.assignments()].find((assignment) => assignment.addresses.includes(address));
    if (!holder) {
      reporter.full(); // the hub believes something that is not so
      continue;
    }
    const record = recordOf(holder);
    const plain = plainRecordOf(holder);
    const kept = plain && whyKept(plain);
    if (kept) {
      refused.push({ address, reason: kept });
      continue;
    }
    const user = found.ok
      ? found.interfaces.find((each) => each.name === record?.hostInterface || each.addresses.includes(address))
      : undefined;
    if (!found.ok || user) {
      const reason = found.ok ? `interface ${user?.name} uses it` : `the interfaces cannot be listed: ${found.message}`;
      refused.push({ address, reason });
      continue;
    }
    await ipam.release(holder.handle);
    const attachment = record ?? (plain?.kind === 'addresses' ? plain : undefined);
    if (attachment) reporter.removed(endpointId(attachment), attachment.containerId, attachment.ifname);
    logger.warn({ address, handle: holder.handle }, 'an address was asked back, and nothing used it: released');
  }
  return refused;
}

/** The interfaces of other plugins are in containers, where we do not look: such an address is used while its container is there. */
function whyKept(record: PlainRecord): string | undefined {
  if (record.kind === 'gateway') return `it is the gateway of network ${record.network} in block ${record.block}`;
  if (record.netns !== undefined && !existsSync(record.netns)) return undefined;
  return `network ${record.network} gave it to interface ${record.ifname} of container ${record.containerId}, which is still there`;
}
