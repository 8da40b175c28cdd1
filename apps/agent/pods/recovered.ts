import type { Assignment } from '@caracal/ipam';
import { addressFromBytes, formatAddress } from '@caracal/net';
import type { ReportedEndpoint } from '@caracal/protocol';
import { hostInterfaceName } from '../wiring/index.ts';
import { handleOf, recordOf, recoveredRecord } from './endpoint-record.ts';
import { plainHandle } from './plain-addresses.ts';

/**
 * What a hub tells of an endpoint that we reported, as the journal had it; undefined when it has no record of ours, or one that we
 * cannot read. Labels and ports of the pod are those of now.
 */
export function recoveredAssignment(reported: ReportedEndpoint): Assignment | undefined {
  const { containerId = '', interface: ifname = '', addresses: bytes = [] } = reported.endpoint ?? {};
  if (bytes.length === 0 || bytes.some(({ length }) => length !== 4 && length !== 16)) return undefined;
  const addresses = bytes.map((each) => formatAddress(addressFromBytes(each)));
  const kept = parse(reported.record);
  const plain = plainHandle(kept);
  if (plain) return { handle: plain, addresses, endpoint: kept };
  const endpoint = { ...recoveredRecord(reported, hostInterfaceName(containerId, ifname)), ...kept };
  const record = recordOf({ handle: '', addresses, endpoint });
  return record?.network ? { handle: handleOf(record), addresses, endpoint } : undefined;
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value ? { ...value } : {};
  } catch {
    return {};
  }
}
