import type { NodeIpam } from '@caracal/ipam';
import type { BgpLink } from '../bgp/link.ts';
import type { AgentConfig } from '../config.ts';
import type { NodeView } from '../node-view.ts';
import { recordOf, reportOf } from '../pods/endpoint-record.ts';
import type { LeakCheck } from '../pods/leaks.ts';
import { plainRecordOf, plainReportOf } from '../pods/plain-addresses.ts';
import type { Enforcement } from '../policy/enforcement.ts';
import type { EndpointReport, StatusReport } from './reporter.ts';

/** The endpoints of the node, as its journal has them. */
export function* endpointReports(ipam: NodeIpam): Generator<EndpointReport> {
  for (const assignment of ipam.assignments()) {
    const record = recordOf(assignment);
    const plain = record ? undefined : plainRecordOf(assignment);
    if (record) yield reportOf(record, assignment.addresses);
    else if (plain) yield plainReportOf(plain, assignment.addresses);
  }
}

interface StatusParts {
  readonly config: AgentConfig;
  readonly ipam: NodeIpam;
  readonly enforcement: Enforcement;
  readonly speaker: BgpLink;
  readonly view: NodeView;
  readonly leakCheck: Pick<LeakCheck, 'leaks'>;
}

export function nodeStatus({ config, ipam, enforcement, speaker, view, leakCheck }: StatusParts): StatusReport {
  return {
    addressV4: config.nodeAddress,
    addressV6: config.nodeAddressV6 ?? '',
    asNumber: view.asNumber(),
    enforcedRevision: enforcement.enforcedRevision,
    bgpPeers: speaker.peers.map((peer) => ({
      name: peer.name,
      address: peer.address,
      asNumber: peer.asNumber,
      state: peer.state,
      sinceMs: BigInt(Math.round(peer.sinceMs)),
      received: peer.received,
      advertised: peer.advertised,
      lastError: peer.lastError ?? '',
    })),
    version: '0.1.0',
    incarnation: ipam.incarnation,
    blocks: ipam.blocks().map(({ cidr, used }) => ({ cidr, used })),
    leaked: leakCheck.leaks.map(({ address, reason }) => ({ address, reason })),
  };
}
