import { formatAddress, parseAddress, parsePrefix } from '@caracal/net';
import * as z from 'zod';
import { gracefulRestart } from '../fields/graceful-restart.ts';
import { asNumber, integer } from '../fields/number.ts';
import { objectNameField, selector } from '../fields/text.ts';

const peerIP = z
  .string()
  .superRefine((text, context) => {
    if (splitPeerIP(text)) return;
    const message = `${JSON.stringify(text)} is no address of a peer: use 192.0.2.1, 192.0.2.1:1179, 2001:db8::1 or [2001:db8::1]:1179`;
    context.addIssue({ code: 'custom', message });
  })
  .meta({ description: 'The address of the peer, with a port when it is not 179: ADDRESS, IPV4:PORT or [IPV6]:PORT.' });

const peerPrefix = z
  .string()
  .superRefine((text, context) => {
    const prefix = parsePrefix(text);
    const wrong = (message: string) => context.addIssue({ code: 'custom', message });
    if (!prefix) wrong(`${JSON.stringify(text)} is no prefix such as 192.0.2.0/24 (no bits beyond its length)`);
    else if (/^fe[89ab]/.test(formatAddress(prefix.address))) {
      wrong(`${JSON.stringify(text)} is of link-local addresses: use spec.interface for the peer on a link`);
    }
  })
  .meta({
    format: 'cidr',
    maxLength: 49,
    description:
      "Every router that connects from an address within this prefix is a peer, in place of peerIP: the node waits for them, gives each a session of its own under the name PEER/ADDRESS, and forgets those that are gone. Of several prefixes the most specific one counts, and a peerIP before all. Not among Calico's fields.",
  });

/** A router, or other nodes, that some nodes peer with. */
export const bgpPeerSpec = z
  .strictObject({
    node: objectNameField('The one node that peers. Absent together with nodeSelector: all nodes.').optional(),
    nodeSelector: selector('The nodes that peer.').optional(),
    peerIP: peerIP.optional(),
    asNumber: asNumber('The AS number that the peer must have.').optional(),
    peerPrefix: peerPrefix.optional(),
    sessionLimit: integer(
      1,
      10_000,
      "How many peers by peerPrefix may have a session at once; 100 when absent. Not among Calico's fields.",
    ).optional(),
    asNumbers: z
      .strictObject({
        min: asNumber('The lowest one.').default(1),
        max: asNumber('The highest one.').default(4294967295),
      })
      .meta({
        description:
          "The AS numbers that peers by peerPrefix may have, in place of asNumber; `asNumbers: {}` for any. Not among Calico's fields.",
      })
      .optional(),
    interface: z
      .string()
      .regex(/^[^\s/]{1,15}$/, { error: 'is no name of an interface' })
      .meta({
        description:
          "The peer is the one router at the other end of this interface, in place of peerIP: the session runs between the link-local addresses, which both sides learn from Router Advertisements (an unnumbered peer). Not among Calico's fields.",
      })
      .optional(),
    remoteAS: z
      .enum(['External'])
      .meta({
        description: "External: any AS but the node's own, in place of asNumber. Not among Calico's fields.",
      })
      .optional(),
    peerSelector: selector('Peer with the nodes that this selects, in place of peerIP and asNumber.').optional(),
    filters: z
      .array(objectNameField('The name of a BGPFilter.'))
      .default([])
      .meta({ description: 'BGPFilters, tried in order; what no rule of theirs matches is accepted.' }),
    sourceAddress: z
      .enum(['UseNodeIP', 'None'])
      .default('UseNodeIP')
      .meta({ description: "The session's local address: the node's own, or None to leave the choice to the kernel." }),
    keepOriginalNextHop: z.boolean().default(false).meta({
      description:
        'Whether routes are passed on to the peer with the next hop that they came with; as nextHopMode Keep.',
    }),
    nextHopMode: z
      .enum(['Auto', 'Self', 'Keep'])
      .meta({
        description:
          'The next hop of routes that are passed on. Auto: the node for external peers, the one that they came with for internal peers. Self: the node. Keep: the one that they came with.',
      })
      .optional(),
    numAllowedLocalASNumbers: integer(
      0,
      10,
      "How often the node's own AS number may be in the path of a route that is used.",
    ).optional(),
    ttlSecurity: integer(
      1,
      254,
      'How many hops away the peer is at most: what comes from further away is dropped (RFC 5082).',
    ).optional(),
    passwordFile: z
      .string()
      .min(1)
      .max(4096)
      .meta({
        description:
          "A file on the node whose first line is the password of the TCP connection (RFC 2385). Not among Calico's fields.",
      })
      .optional(),
    extendedNextHop: z.boolean().default(false).meta({
      description:
        "IPv4 routes with IPv6 next hops in both directions, if the peer agrees (RFC 8950): over an IPv6 session no IPv4 address is needed. Always so with an interface. Not among Calico's fields.",
    }),
    addPaths: z
      .strictObject({
        receive: z.boolean().default(false).meta({
          description: 'Whether the peer may announce several paths to a prefix; equally good ones share the traffic.',
        }),
        send: z.enum(['None', 'All', 'Best']).default('None').meta({
          description:
            'Which paths to a prefix the peer is told. None: the best one alone. All: every one that is used. Best: the best bestPaths of them.',
        }),
        bestPaths: integer(2, 64, 'How many paths are told when send is Best.').default(2),
      })
      .meta({
        description:
          "Several paths to one prefix, if the peer agrees (RFC 7911); another value is a new session, as the OPEN says it. Not among Calico's fields.",
      })
      .optional(),
    extendedMessages: z.boolean().default(false).meta({
      description: "Messages of up to 65535 octets, if the peer agrees (RFC 8654). Not among Calico's fields.",
    }),
    asOverride: z.boolean().default(false).meta({
      description:
        "Whether the peer's AS number in a path becomes the node's, so that the peer takes the route. Not among Calico's fields.",
    }),
    removePrivateAS: z
      .boolean()
      .default(false)
      .meta({ description: "Whether private AS numbers are taken out of paths. Not among Calico's fields." }),
    defaultOriginate: z
      .boolean()
      .meta({
        description:
          "Whether the peer is told a default route to the node for every family, whatever the filters say and in place of any default route that the node has learned. Not among Calico's fields.",
      })
      .optional(),
    routeReflectorClient: z
      .boolean()
      .meta({
        description:
          "Whether routes of other internal peers are reflected to it (RFC 4456). Not among Calico's fields.",
      })
      .optional(),
    prefixLimit: z
      .strictObject({
        maximum: integer(1, 0xffffffff, 'How many prefixes of a family the peer may announce.'),
        warnPercent: integer(1, 100, 'From this part of the maximum on a warning is logged.').default(75),
        restartSeconds: integer(
          1,
          86_400,
          'After the session was ended for it, the next one begins so much later; without it, never.',
        ).optional(),
      })
      .meta({
        description: "The session of a peer that announces more is ended (RFC 4486). Not among Calico's fields.",
      })
      .optional(),
    shutdown: z
      .strictObject({
        message: z.string().max(255).meta({ description: 'What the peer is told (RFC 9003).' }).optional(),
      })
      .meta({ description: "There: no session is made, a running one is ended. Not among Calico's fields." })
      .optional(),
    passive: z
      .boolean()
      .default(false)
      .meta({ description: "Whether the node only waits for the peer to connect. Not among Calico's fields." }),
    families: z
      .array(z.enum(['ipv4Unicast', 'ipv6Unicast']))
      .min(1, { error: 'is empty: name at least one of ipv4Unicast, ipv6Unicast' })
      .default(['ipv4Unicast', 'ipv6Unicast'])
      .meta({ description: "Address families that are offered to the peer. Not among Calico's fields." }),
    holdTimeSeconds: z
      .union([z.literal(0), integer(3, 65535, '')])
      .default(90)
      .meta({
        description:
          "Hold time offered to the peer: 3 to 65535, or 0 for none (RFC 4271 4.2). Not among Calico's fields.",
      }),
    connectRetrySeconds: integer(
      1,
      3600,
      "Longest wait between attempts to connect. Not among Calico's fields.",
    ).optional(),
    bfd: z
      .strictObject({
        minimumSendMilliseconds: integer(300, 60_000, 'The least time between two packets that are sent.').default(300),
        minimumReceiveMilliseconds: integer(
          300,
          60_000,
          'The least time between two packets that the peer may send.',
        ).default(300),
        multiplier: integer(
          3,
          255,
          'How many packets in a row are missing when the path counts as dead; the peer is told.',
        ).default(3),
      })
      .meta({
        description:
          "BFD watches the path to a peer on the same link (RFC 5881), and the session is ended when the path is dead; `bfd: {}` for the usual times. Not among Calico's fields.",
      })
      .optional(),
    gracefulRestart: gracefulRestart(
      "Graceful restart with the peer (RFC 4724); that of the BGPConfiguration when absent. Not among Calico's fields.",
    ).optional(),
  })
  .superRefine((spec, context) => {
    const wrong = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message });
    if (spec.node !== undefined && spec.nodeSelector !== undefined) {
      wrong('nodeSelector', 'stands beside spec.node: a peer has one of them, or neither for all nodes');
    }
    const onlyWithAddress = ['passwordFile', 'ttlSecurity'] as const;
    if (spec.interface !== undefined) {
      if (spec.peerIP !== undefined) wrong('peerIP', 'stands beside spec.interface: a peer has one of them');
      for (const field of onlyWithAddress) {
        if (spec[field] !== undefined) wrong(field, 'needs the address of the peer, which spec.interface does not say');
      }
    }
    if (spec.peerPrefix !== undefined) {
      for (const field of ['peerIP', 'interface', 'peerSelector'] as const) {
        if (spec[field] !== undefined) wrong('peerPrefix', `stands beside spec.${field}: a peer has one of them`);
      }
      for (const field of ['asNumber', 'remoteAS'] as const) {
        if (spec[field] !== undefined && spec.asNumbers !== undefined)
          wrong('asNumbers', `stands beside spec.${field}: a peer has one of them`);
      }
      if (spec.asNumbers && spec.asNumbers.min > spec.asNumbers.max)
        wrong('asNumbers', `${spec.asNumbers.min} to ${spec.asNumbers.max} is empty: min is above max`);
    }
    for (const field of ['sessionLimit', 'asNumbers'] as const) {
      if (spec[field] !== undefined && spec.peerPrefix === undefined)
        wrong(field, 'needs spec.peerPrefix: it is for peers that are known by a prefix');
    }
    if (spec.asNumber !== undefined && spec.remoteAS !== undefined)
      wrong('remoteAS', 'stands beside spec.asNumber: a peer has one of them');
    if (spec.peerSelector !== undefined) {
      if (spec.interface !== undefined) wrong('interface', 'stands beside spec.peerSelector: a peer has one of them');
      if (spec.remoteAS !== undefined) wrong('remoteAS', 'stands beside spec.peerSelector: nodes have AS numbers');
      if (spec.peerIP !== undefined) wrong('peerIP', 'stands beside spec.peerSelector: a peer has one of them');
      if (spec.asNumber !== undefined) {
        wrong(
          'asNumber',
          "stands beside spec.peerSelector: the AS number is then that of the selected nodes' configuration",
        );
      }
      return;
    }
    if (spec.peerIP === undefined && spec.interface === undefined && spec.peerPrefix === undefined)
      wrong('peerIP', 'is missing: the address of the peer (or spec.peerSelector to peer with nodes)');
    if (spec.asNumber === undefined && spec.remoteAS === undefined && spec.asNumbers === undefined)
      wrong('asNumber', 'is missing: the AS number of the peer');
  });

export type BGPPeerSpec = z.output<typeof bgpPeerSpec>;

/** Takes the `peerIP` of a BGPPeer apart: its address, and its port (179 unless written). Undefined when it is neither form. */
export function splitPeerIP(text: string): { address: string; port: number } | undefined {
  if (parseAddress(text)) return { address: text, port: 179 };
  const parts = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (!parts) return undefined;
  const address = parts[1] ?? parts[2];
  const port = Number(parts[3]);
  const family = parts[1] ? 6 : 4;
  return parseAddress(address)?.family === family && port >= 1 && port <= 65535 ? { address, port } : undefined;
}
