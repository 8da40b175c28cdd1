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
import { noAddress } from './no-address.ts';

/** How far into a block we look for an address that can be its gateway. */
const gatewayCandidates = 16;

/** What the journal keeps of addresses whose interface is another plugin's. */
const schema = z.object({
  kind: z.literal('addresses'),
  network: z.string(),
  containerId: z.string(),
  ifname: z.string(),
});

/** Whether an assignment is such, or a gateway of one: no interface of ours belongs to it. */
export function isPlainAddress({ endpoint }: Assignment): boolean {
  return endpoint.kind === 'addresses' || endpoint.kind === 'gateway';
}

export interface PlainAddressOptions {
  readonly ipam: NodeIpam;
  wishes(namespace: string, wanted: WantedAddresses): WishesResult;
  status: AddressPlugin['status'];
}

/**
 * Our IPAM under another interface plugin (`bridge`, `ptp`, `macvlan`, …). The block is the subnet that such a plugin wants, and each
 * network has an address of it as its gateway, for good: the plugin gives it to an interface of the host, and never takes it away.
 */
export function createPlainAddresses({ ipam, wishes, status }: PlainAddressOptions): AddressPlugin {
  async function assign(request: AddressRequest): Promise<{ ok: true; addresses: PlainAddress[] } | CniFailure> {
    const wished = wishes(request.namespace, request.wanted ?? {});
    const { network, containerId, ifname } = request;
    const endpoint = { kind: 'addresses', network, containerId, ifname };
    const assigned = wished.ok
      ? await ipam.assign(handleOf(request), wished.wishes, () => endpoint)
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
    const handle = `gateway/${network}/${block.cidr}`;
    const known = ipam.assignment(handle)?.addresses[0];
    let gateway = known;
    for (let offset = 0; !gateway && offset < gatewayCandidates; offset++) {
      const candidate = addOffset(prefix.address, offset);
      if (!candidate) break;
      const wish = { pools: [block.pool], address: formatAddress(candidate) };
      const taken = await ipam.assign(handle, [wish], () => ({ kind: 'gateway', network }));
      if (!taken.ok) continue;
      await taken.durable;
      gateway = taken.assignment.addresses[0];
    }
    return { address, prefixLength: prefix.length, gateway };
  }

  async function collectGarbage(network: string, valid: readonly Omit<Attachment, 'network'>[]) {
    const keep = new Set(valid.map((attachment) => handleOf({ ...attachment, network })));
    for (const { handle, endpoint } of [...ipam.assignments()]) {
      const record = schema.safeParse(endpoint);
      if (record.success && record.data.network === network && !keep.has(handle)) await ipam.release(handle);
    }
    return { ok: true } as const;
  }

  return {
    assign,
    status,
    collectGarbage,
    release: async (attachment) => {
      await ipam.release(handleOf(attachment));
      return { ok: true };
    },
    check: (attachment) => {
      if (ipam.assignment(handleOf(attachment))) return { ok: true };
      return { ok: false, code: cniErrorCodes.containerUnknown, message: 'no address is assigned to this attachment' };
    },
  };
}

function handleOf({ network, containerId, ifname }: Attachment): string {
  return `addresses/${network}/${containerId}/${ifname}`;
}
