import type { SpeakerConfig } from '@caracal/bgp-speaker';
import { parseAddress, parsePrefix } from '@caracal/net';
import { routeProtocols } from '@caracal/netlink';
import { parseCommunity, parseLargeCommunity } from 'bgp-parser';
import { z } from 'zod';

const address = z.string().refine((text) => parseAddress(text) !== undefined, 'is no IPv4 or IPv6 address');
const prefix = z
  .string()
  .refine((text) => parsePrefix(text) !== undefined, 'is no prefix such as 10.0.0.0/24 (no bits beyond its length)');
const asNumber = z.int().min(1).max(0xffffffff);
const oneAction = z.enum(['Accept', 'Reject']);
const asNumbers = z.array(asNumber);
const community = z
  .string()
  .refine((text) => /^[a-z-]+$/.test(text) || text.includes(':') || text.startsWith('0x'), 'is no community');
const operation = z.strictObject({
  addCommunity: z.strictObject({ value: community }).optional(),
  removeCommunity: z.strictObject({ value: community }).optional(),
  setCommunities: z.strictObject({ values: z.array(community) }).optional(),
  prependASPath: z.strictObject({ prefix: asNumbers }).optional(),
  setOrigin: z.enum(['IGP', 'EGP', 'Incomplete']).optional(),
  setMED: z.int().min(0).max(0xffffffff).optional(),
  setLocalPref: z.int().min(0).max(0xffffffff).optional(),
});
const filter = z.strictObject({
  otherwise: oneAction,
  rules: z.array(
    z.strictObject({
      action: oneAction,
      cidr: prefix.optional(),
      matchOperator: z.enum(['In', 'NotIn', 'Equal', 'NotEqual']).optional(),
      prefixLength: z.strictObject({ min: z.int().optional(), max: z.int().optional() }).optional(),
      source: z.enum(['RemotePeers']).optional(),
      communities: z.strictObject({ values: z.array(community) }).optional(),
      asPathPrefix: asNumbers.optional(),
      asPathContains: asNumbers.optional(),
      asPathOrigin: asNumbers.optional(),
      nextHop: prefix.optional(),
      operations: z.array(operation).optional(),
    }),
  ),
});
const familyPolicy = z.union([oneAction, filter]);
const action = z.union([oneAction, z.strictObject({ ipv4Unicast: familyPolicy, ipv6Unicast: familyPolicy })]);
const holdTime = z
  .int()
  .max(65535)
  .refine((seconds) => seconds === 0 || seconds >= 3, 'is neither 0 nor from 3 to 65535');

const isCommunity = (text: string) => parseCommunity(text) !== undefined || parseLargeCommunity(text) !== undefined;

const ownCommunities = z
  .array(z.string().refine(isCommunity, 'is no community such as 65001:100 or 65001:1:2'))
  .optional();

const gracefulRestart = z.strictObject({
  mode: z.enum(['Restart', 'Helper', 'Off']),
  restartTimeSeconds: z.int().min(1).max(4095).default(120),
  notification: z.boolean().optional(),
});

/** No faster than a busy machine keeps up with. */
const bfd = z.strictObject({
  sendMs: z.int().min(300).max(60_000).default(300),
  receiveMs: z.int().min(300).max(60_000).default(300),
  multiplier: z.int().min(3).max(255).default(3),
});

const peer = z.strictObject({
  name: z.string().min(1),
  peerAddress: address.optional(),
  interface: z.string().min(1).max(15).optional(),
  peerPrefix: prefix.optional(),
  sessionLimit: z.int().min(1).max(10_000).optional(),
  peerPort: z.int().min(1).max(65535).optional(),
  peerAs: z.union([asNumber, z.literal('External'), z.strictObject({ min: asNumber, max: asNumber })]),
  localAddress: address.optional(),
  holdTimeSeconds: holdTime.default(90),
  connectRetrySeconds: z.number().min(0.1).max(3600).default(5),
  passive: z.boolean().default(false),
  families: z
    .array(z.enum(['ipv4Unicast', 'ipv6Unicast']))
    .min(1)
    .default(['ipv4Unicast', 'ipv6Unicast']),
  importAction: action.default('Accept'),
  exportAction: action.default('Accept'),
  gracefulRestart: gracefulRestart.optional(),
  bfd: bfd.optional(),
  extendedNextHop: z.boolean().optional(),
  addPaths: z
    .strictObject({
      receive: z.boolean().default(false),
      send: z.enum(['None', 'All', 'Best']).default('None'),
      bestPaths: z.int().min(2).max(64).default(2),
    })
    .optional(),
  extendedMessages: z.boolean().optional(),
  passwordFile: z.string().min(1).optional(),
  ttlSecurityHops: z.int().min(1).max(254).optional(),
  shutdown: z.strictObject({ message: z.string().optional() }).optional(),
  prefixLimit: z
    .strictObject({
      maximum: z.int().min(1),
      warnPercent: z.int().min(1).max(100).optional(),
      restartSeconds: z.int().min(1).optional(),
    })
    .optional(),
  allowOwnAs: z.int().min(0).max(10).optional(),
  asOverride: z.boolean().optional(),
  removePrivateAs: z.boolean().optional(),
  nextHopMode: z.enum(['Auto', 'Self', 'Keep']).optional(),
  defaultOriginate: z.boolean().optional(),
  reflectorClient: z.boolean().optional(),
});

const schema = z
  .strictObject({
    localAs: asNumber,
    routerId: address.refine((text) => parseAddress(text)?.family === 4, 'is no dotted quad'),
    clusterId: address.refine((text) => parseAddress(text)?.family === 4, 'is no dotted quad').optional(),
    listenPort: z.int().min(1).max(65535).default(179),
    listenAddresses: z.array(address).optional(),
    originate: z.array(z.strictObject({ prefix, communities: ownCommunities })).default([]),
    aggregates: z
      .array(z.strictObject({ prefix, communities: ownCommunities, summaryOnly: z.boolean().optional() }))
      .optional(),
    peers: z.array(peer).default([]),
    kernel: z
      .strictObject({
        enabled: z.boolean().default(true),
        protocol: z.int().min(5).max(255).default(routeProtocols.bgp),
        importCidrs: z.array(prefix).optional(),
      })
      .default({ enabled: true, protocol: routeProtocols.bgp }),
  })
  .check((context) => {
    const seen = new Set<string>();
    for (const [index, { name, peerAddress, peerPrefix, interface: link, peerAs }] of context.value.peers.entries()) {
      if ([peerAddress, peerPrefix, link].filter((place) => place !== undefined).length !== 1) {
        const message = 'needs one of an address, a prefix and an interface';
        context.issues.push({ code: 'custom', input: name, path: ['peers', index, 'peerAddress'], message });
      }
      if (typeof peerAs === 'object' && peerPrefix === undefined) {
        const message = 'is a range, which only a peer by prefix may have';
        context.issues.push({ code: 'custom', input: name, path: ['peers', index, 'peerAs'], message });
      }
      if (seen.has(name)) {
        const message = `${name} is the name of two peers`;
        context.issues.push({ code: 'custom', input: name, path: ['peers', index, 'name'], message });
      }
      seen.add(name);
    }
  });

export type ParsedConfig = { ok: true; config: SpeakerConfig } | { ok: false; message: string };

/** Validates a SpeakerConfig that came as JSON and fills in defaults; the message names every wrong field. */
export function parseConfig(value: unknown): ParsedConfig {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, config: parsed.data };
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'configuration'}: ${issue.message}`);
  return { ok: false, message: problems.join('; ') };
}
