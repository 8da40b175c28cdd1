import type { Assignment, NodeIpam, WishesResult } from '@caracal/ipam';
import { addOffset, formatAddress, parseAddress, parsePrefix, prefixContains } from '@caracal/net';
import { z } from 'zod';
import {
  type AddressPlugin,
  type AddressRequest,
  type Attachment,
  type CniFailure,
  cniErrorCodes,
  type PlainAddress,
  type WantedAddresses,
} from '../cni/pod-network.ts';
import type { EndpointReport, Reporter } from '../report/reporter.ts';
import { addressesAsBytes } from './address-bytes.ts';
import { endpointId } from './endpoint-record.ts';
import type { InOrder } from './in-order.ts';
import { noAddress } from './no-address.ts';

/** How far into a block we look for an address that can be its gateway. */
const gatewayCandidates = 16;

/** What the journal keeps of addresses whose interface is another plugin's. */
const addressesSchema = z.object({
  kind: z.literal('addresses'),
  network: z.string(),
  containerId: z.string(),
  ifname: z.string(),
  /** Of the container: where it is gone, nothing uses the addresses. */
  netns: z.string().optional(),
  namespace: z.string().optional(),
  name: z.string().optional(),
});

/** And of the gateway that a network has in a block. */
const schema = z.discriminatedUnion('kind', [
  addressesSchema,
  z.object({ kind: z.literal('gateway'), network: z.string(), block: z.string() }),
]);

export type PlainRecord = z.infer<typeof schema>;

/** The record of an assignment that no interface of ours belongs to; undefined when it is a pod's. */
export function plainRecordOf({ endpoint }: Assignment): PlainRecord | undefined {
  return schema.safeParse(endpoint).data;
}

/** The handle of such a record; undefined when it is none. */
export function plainHandle(endpoint: Readonly<Record<string, unknown>>): string | undefined {
  const record = schema.safeParse(endpoint).data;
  if (!record) return undefined;
  return record.kind === 'gateway' ? gatewayHandle(record.network, record.block) : handleOf(record);
}

/**
 * Told to the hub so that it knows who has an address; without the pod's uid, as no policy is enforced there. A gateway is nobody's
 * interface: its id has slashes, which no container's has.
 */
export function plainReportOf(record: PlainRecord, addresses: readonly string[]): EndpointReport {
  const endpoint =
    record.kind === 'gateway'
      ? { containerId: gatewayHandle(record.network, record.block), interface: 'gateway' }
      : {
          containerId: record.containerId,
          interface: record.ifname,
          ...(record.name && { podNamespace: record.namespace, podName: record.name }),
        };
  return { endpoint: { ...endpoint, addresses: addressesAsBytes(addresses) }, record: JSON.stringify(record) };
}

export interface PlainAddressOptions {
  readonly ipam: NodeIpam;
  readonly reporter: Pick<Reporter, 'added' | 'removed'>;
  wishes(namespace: string, wanted: WantedAddresses): WishesResult;
  readonly inOrder: InOrder;
  status: AddressPlugin['status'];
}

/**
 * Our IPAM under another interface plugin (`bridge`, `ptp`, `macvlan`, …). The block is the subnet that such a plugin wants, and each
 * network has an address of it as its gateway, for good: the plugin gives it to an interface of the host, and never takes it away.
 */
export function createPlainAddresses({ ipam, reporter, wishes, inOrder, status }: PlainAddressOptions): AddressPlugin {
  async function assign(
    request: AddressRequest,
    signal: AbortSignal,
  ): Promise<{ ok: true; addresses: PlainAddress[] } | CniFailure> {
    const wished = wishes(request.namespace, request.wanted ?? {});
    const { network, containerId, ifname, netns, namespace, name } = request;
    const endpoint: PlainRecord = { kind: 'addresses', network, containerId, ifname, netns, namespace, name };
    const assigned = wished.ok
      ? await ipam.assign(handleOf(request), wished.wishes, () => ({ ...endpoint }))
      : { ...wished, reason: 'noPool' as const };
    if (!assigned.ok) return noAddress(assigned);
    const addresses: PlainAddress[] = [];
    try {
      await assigned.durable;
      for (const address of assigned.assignment.addresses) addresses.push(await describe(network, address));
    } catch (error) {
      await ipam.release(handleOf(request)).catch(() => {});
      return {
        ok: false,
        code: cniErrorCodes.ioFailure,
        message: 'the journal could not be written',
        details: String(error),
      };
    }
    if (signal.aborted) {
      await ipam.release(handleOf(request)).catch(() => {});
      return { ok: false, code: cniErrorCodes.tryAgainLater, message: 'the caller hung up' };
    }
    reporter.added(endpointId(request), plainReportOf(endpoint, assigned.assignment.addresses));
    return { ok: true, addresses };
  }

  /** With the block's length, and the gateway of the network in this block. */
  async function describe(network: string, address: string): Promise<PlainAddress> {
    const parsed = parseAddress(address);
    const block = ipam.blocks().find(({ cidr }) => {
      const prefix = parsePrefix(cidr);
      return prefix && parsed && prefixContains(prefix, parsed);
    });
    const prefix = block && parsePrefix(block.cidr);
    if (!prefix) return { address, prefixLength: address.includes(':') ? 128 : 32 };
    const handle = gatewayHandle(network, block.cidr);
    const endpoint: PlainRecord = { kind: 'gateway', network, block: block.cidr };
    const known = ipam.assignment(handle)?.addresses[0];
    let gateway = known;
    for (let offset = 0; !gateway && offset < gatewayCandidates; offset++) {
      const candidate = addOffset(prefix.address, offset);
      if (!candidate) break;
      const wish = { pools: [block.pool], address: formatAddress(candidate) };
      const taken = await ipam.assign(handle, [wish], () => ({ ...endpoint }));
      if (!taken.ok) continue;
      await taken.durable;
      gateway = taken.assignment.addresses[0];
      reporter.added(handle, plainReportOf(endpoint, taken.assignment.addresses));
    }
    return { address, prefixLength: prefix.length, gateway };
  }

  async function collectGarbage(network: string, valid: readonly Omit<Attachment, 'network'>[]) {
    const keep = new Set(valid.map((attachment) => handleOf({ ...attachment, network })));
    for (const { handle, endpoint } of [...ipam.assignments()]) {
      const record = addressesSchema.safeParse(endpoint).data;
      if (record?.network === network && !keep.has(handle)) await inOrder(endpointId(record), () => release(record));
    }
    return { ok: true } as const;
  }

  async function release(attachment: Attachment) {
    const known = ipam.assignment(handleOf(attachment));
    await ipam.release(handleOf(attachment));
    if (known) reporter.removed(endpointId(attachment), attachment.containerId, attachment.ifname);
    return { ok: true } as const;
  }

  return {
    // A DEL must not overtake the ADD that it ends.
    assign: (request, signal) => inOrder(endpointId(request), () => assign(request, signal)),
    status,
    collectGarbage,
    release: (attachment) => inOrder(endpointId(attachment), () => release(attachment)),
    check: (attachment) => {
      if (ipam.assignment(handleOf(attachment))) return { ok: true };
      return { ok: false, code: cniErrorCodes.containerUnknown, message: 'no address is assigned to this attachment' };
    },
  };
}

function gatewayHandle(network: string, block: string): string {
  return `gateway/${network}/${block}`;
}

function handleOf({ network, containerId, ifname }: Attachment): string {
  return `addresses/${network}/${containerId}/${ifname}`;
}
