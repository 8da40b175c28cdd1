import { formatAddress, ipv4FromNumber } from '@caracal/net';
import { formatAttributes } from './attributes/list.ts';
import { formatHex } from './bytes.ts';
import type { Capability, FamilyNumbers } from './capabilities.ts';
import { afi, safi } from './iana.ts';
import type { Message } from './message.ts';
import { formatNlri } from './nlri.ts';
import { formatNotification } from './notification.ts';
import { asNumberOf, type Open } from './open.ts';

/** A message as a router's debug shows it: what it is, and a line for each part with its name. */
export interface FormattedMessage {
  readonly title: string;
  readonly lines: readonly { readonly name: string; readonly text: string }[];
}

const afiNames: Readonly<Record<number, string>> = {
  [afi.ipv4]: 'IPv4',
  [afi.ipv6]: 'IPv6',
  25: 'L2VPN',
  16388: 'BGP-LS',
};
const safiNames: Readonly<Record<number, string>> = {
  [safi.unicast]: 'unicast',
  [safi.multicast]: 'multicast',
  [safi.labelled]: 'labelled unicast',
  [safi.vpn]: 'VPN',
  70: 'EVPN',
  133: 'flow specification',
};

/** `IPv4 unicast`; numbers for what has no name here. */
function formatFamily({ afi: family, safi: subsequent }: FamilyNumbers): string {
  return `${afiNames[family] ?? `AFI ${family}`} ${safiNames[subsequent] ?? `SAFI ${subsequent}`}`;
}

export function formatMessage(message: Message): FormattedMessage {
  switch (message.type) {
    case 'open':
      return formatOpen(message);
    case 'keepalive':
      return { title: 'KEEPALIVE', lines: [] };
    case 'notification':
      return { title: `NOTIFICATION ${message.code}/${message.subcode}: ${formatNotification(message)}`, lines: [] };
    case 'routeRefresh': {
      const subtype = ['request', 'begins', 'ends'][message.subtype] ?? `subtype ${message.subtype}`;
      return { title: `ROUTE-REFRESH ${formatFamily(message)} (${subtype})`, lines: [] };
    }
    case 'update': {
      const { withdrawn, attributes, announced } = message;
      const list = (name: string, nlri: typeof announced) =>
        nlri.length > 0 ? [{ name, text: nlri.map(formatNlri).join(' ') }] : [];
      const shown = formatAttributes(attributes);
      const lines = [...list('withdrawn', withdrawn), ...shown, ...list('announced', announced)];
      if (lines.length === 0) return { title: 'UPDATE (End-of-RIB, IPv4 unicast)', lines };
      const { mpUnreach } = attributes;
      const ends = shown.length === 1 && lines.length === 1 && mpUnreach && mpUnreach.nlri.length === 0;
      if (!ends) return { title: 'UPDATE', lines };
      const family =
        mpUnreach.family === 'other' ? mpUnreach : { afi: mpUnreach.family === 'ipv4Unicast' ? 1 : 2, safi: 1 };
      return { title: `UPDATE (End-of-RIB, ${formatFamily(family)})`, lines: [] };
    }
  }
}

function formatOpen(open: Open): FormattedMessage {
  const identifier = formatAddress(ipv4FromNumber(open.bgpIdentifier));
  return {
    title: `OPEN AS ${asNumberOf(open)}, hold time ${open.holdTimeSeconds} s, identifier ${identifier}`,
    lines: open.capabilities.map((capability) => ({
      name: capabilityNames[capability.name],
      text: formatCapability(capability),
    })),
  };
}

const capabilityNames: Readonly<Record<Capability['name'], string>> = {
  multiprotocol: 'multiprotocol',
  routeRefresh: 'route refresh',
  extendedNextHop: 'extended next hop',
  extendedMessage: 'extended message',
  bgpRole: 'BGP role',
  gracefulRestart: 'graceful restart',
  fourOctetAs: 'four-octet AS',
  addPath: 'add-path',
  enhancedRouteRefresh: 'enhanced route refresh',
  longLivedGracefulRestart: 'long-lived graceful restart',
  unknown: 'unknown',
};

/** RFC 9234 section 4.1. */
const roles = ['provider', 'route server', 'route server client', 'customer', 'peer'];
const addPathModes = ['', 'receive', 'send', 'send and receive'];

/** What a capability says; empty when its being there is all. */
function formatCapability(capability: Capability): string {
  switch (capability.name) {
    case 'routeRefresh':
    case 'extendedMessage':
    case 'enhancedRouteRefresh':
      return '';
    case 'multiprotocol':
      return formatFamily(capability);
    case 'extendedNextHop':
      return capability.entries
        .map((entry) => `${formatFamily(entry)} via ${afiNames[entry.nextHopAfi] ?? `AFI ${entry.nextHopAfi}`}`)
        .join(', ');
    case 'bgpRole':
      return roles[capability.role] ?? String(capability.role);
    case 'fourOctetAs':
      return String(capability.asNumber);
    case 'addPath':
      return capability.families
        .map((family) => `${formatFamily(family)} ${addPathModes[family.mode] ?? `mode ${family.mode}`}`.trim())
        .join(', ');
    case 'gracefulRestart': {
      const flags = [capability.restarting && 'restarting', capability.notification && 'notification'].filter(Boolean);
      const families = capability.families.map((f) => formatFamily(f) + (f.forwardingKept ? ' (forwarding kept)' : ''));
      return [`${capability.restartTimeSeconds} s`, ...flags, ...families].join(', ');
    }
    case 'longLivedGracefulRestart':
      return capability.families
        .map((f) => `${formatFamily(f)} ${f.staleTimeSeconds} s${f.forwardingKept ? ' (forwarding kept)' : ''}`)
        .join(', ');
    case 'unknown':
      return `code ${capability.code}${capability.value.length > 0 ? `: ${formatHex(capability.value)}` : ''}`;
  }
}
