import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { parse } from 'yaml';
import { z } from 'zod';

const absolutePath = z.string().regex(/^\//, 'must be an absolute path');

const schema = z.strictObject({
  /** The node's name; it must be the one in the node's certificate. */
  nodeName: z
    .string()
    .min(1)
    .default(() => hostname()),
  /** The node's own addresses on the underlay: BGP speaks from them. */
  nodeAddress: z.ipv4(),
  nodeAddressV6: z.ipv6().optional(),
  /** Journal and last good state; must survive a reboot. */
  stateDirectory: absolutePath.default('/var/lib/caracal'),
  /** Sockets and the spool of the CNI executable; must not survive a reboot. */
  runDirectory: absolutePath.default('/run/caracal'),
  hub: z.strictObject({
    /** `host:port`, tried in turn. */
    addresses: z.array(z.string()).min(1),
    ca: absolutePath,
    cert: absolutePath,
    key: absolutePath,
  }),
  /** The socket of `caracal-bgp`; `bgp.sock` in the run directory when absent. */
  bgpSocket: absolutePath.optional(),
  /** MTU of pod interfaces. */
  mtu: z.number().int().min(1280).max(65535).default(1500),
  ipam: z
    .strictObject({
      restSeconds: z.number().min(0).default(30),
      claimAheadBelow: z.number().int().min(0).default(8),
    })
    .prefault({}),
  /** How often rules and sets are compared with the kernel: half a second of work at 20,000 rules. */
  resyncSeconds: z.number().min(1).default(90),
  /** Where metrics and health are served: a TCP port on the loopback address, or a unix socket. */
  metrics: z.union([z.strictObject({ port: z.number().int() }), z.strictObject({ socket: absolutePath })]).optional(),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
});

export type AgentConfig = z.infer<typeof schema>;

/** Reads the agent's YAML configuration; throws an Error that names the file and the field that is wrong. */
export function readAgentConfig(path: string): AgentConfig {
  const result = schema.safeParse(parse(readFileSync(path, 'utf8')) ?? {});
  if (result.success) return result.data;
  throw new Error(`${path} is no agent configuration:\n${z.prettifyError(result.error)}`);
}
