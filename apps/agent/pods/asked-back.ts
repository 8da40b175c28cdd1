import { existsSync } from 'node:fs';
import type { Assignment, NodeIpam } from '@caracal/ipam';
import type { Logger } from 'pino';
import type { Reporter } from '../report/reporter.ts';
import type { Wiring } from '../wiring/index.ts';
import { endpointId, recordOf } from './endpoint-record.ts';
import type { InOrder } from './in-order.ts';
import { type PlainRecord, plainRecordOf } from './plain-addresses.ts';

export interface AskedBackParts {
  readonly ipam: NodeIpam;
  readonly wiring: Pick<Wiring, 'listOwnInterfaces'>;
  readonly reporter: Pick<Reporter, 'full' | 'removed'>;
  readonly inOrder: InOrder;
  readonly logger: Logger;
}

interface Kept {
  readonly address: string;
  readonly reason: string;
}

/**
 * Takes back addresses that an administrator takes for leaked. What still has an interface is none, and stays; so does what a pod has got that
 * starts just now.
 */
export async function takeAskedBack(parts: AskedBackParts, addresses: readonly string[]): Promise<Kept[]> {
  const { ipam, reporter, inOrder } = parts;
  const refused: Kept[] = [];
  for (const address of addresses) {
    const holder = holderOf(ipam, address);
    if (!holder) {
      reporter.full(); // the hub believes something that is not so
      continue;
    }
    const attachment = recordOf(holder) ?? plainAttachmentOf(holder);
    const reason = attachment
      ? await inOrder(endpointId(attachment), () => takeBack(parts, address))
      : await takeBack(parts, address);
    if (reason !== undefined) refused.push({ address, reason });
  }
  return refused;
}

/** Answers with why it stays. */
async function takeBack(
  { ipam, wiring, reporter, logger }: AskedBackParts,
  address: string,
): Promise<string | undefined> {
  const holder = holderOf(ipam, address);
  if (!holder) return undefined;
  const record = recordOf(holder);
  const plain = plainRecordOf(holder);
  const kept = plain && whyKept(plain);
  if (kept) return kept;
  const found = await wiring.listOwnInterfaces();
  if (!found.ok) return `the interfaces cannot be listed: ${found.message}`;
  const user = found.interfaces.find((each) => each.name === record?.hostInterface || each.addresses.includes(address));
  if (user) return `interface ${user.name} uses it`;
  await ipam.release(holder.handle);
  const attachment = record ?? plainAttachmentOf(holder);
  if (attachment) reporter.removed(endpointId(attachment), attachment.containerId, attachment.ifname);
  logger.warn({ address, handle: holder.handle }, 'an address was asked back, and nothing used it: released');
  return undefined;
}

function holderOf(ipam: NodeIpam, address: string): Assignment | undefined {
  return [...ipam.assignments()].find((assignment) => assignment.addresses.includes(address));
}

function plainAttachmentOf(assignment: Assignment) {
  const plain = plainRecordOf(assignment);
  return plain?.kind === 'addresses' ? plain : undefined;
}

/** The interfaces of other plugins are in containers, where we do not look: such an address is used while its container is there. */
function whyKept(record: PlainRecord): string | undefined {
  if (record.kind === 'gateway') return `it is the gateway of network ${record.network} in block ${record.block}`;
  if (record.netns !== undefined && !existsSync(record.netns)) return undefined;
  return `network ${record.network} gave it to interface ${record.ifname} of container ${record.containerId}, which is still there`;
}
